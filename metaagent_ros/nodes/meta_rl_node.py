"""Carries out sentences: asks for the plan, grounds it, adapts in a worker thread, lets the policy run."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import String

from metaagent_interfaces.action import Adapt, ExecuteInstruction
from metaagent_interfaces.msg import GuardStatus, InstructionOutcome, ObjectStates, PolicyStatus, SessionTrial
from metaagent_ros.control.execution import Execution, Outcome, Progress, Stages, Stopped
from metaagent_ros.control.inbox import Inbox
from metaagent_ros.control.learning import Learner
from metaagent_ros.control.worker import Monitor, Worker
from metaagent_ros.instructions.guard import MAX_BYTES
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.feedback import (
    adapt_message,
    guard_report,
    outcome_message,
    policy_report,
    progress_message,
    trial_message,
)
from metaagent_ros.nodes.goals import Goals
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.peers import Peers
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from metaagent_ros.nodes.session_server import SessionServer

LOGGED = 200  # characters of what someone said
LOOK_S = 0.1  # [s] between two looks for a sentence
JOIN_S = 1.5  # [s] for the worker to end after it was asked to


class MetaRlNode(Node):
    """Three actions, one worker: a second goal is rejected while the first is carried out."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("meta_rl", context=context, **options)
        values = declare(self, "meta_rl")
        self.robot = str(values["robot"])
        self.most = int(values["max_trials"]), float(values["max_seconds"])
        self.learner = Learner(self.robot, int(values["hidden_seed"]), str(values["policy"]))
        self.worker, self.monitor = Worker(), Monitor()
        speed = float(values["speed"])
        self.peers = Peers(self, self.robot, self.monitor, self.worker.cancelled, speed)
        for kind, topic, take in (
            (ObjectStates, "object_states", self.peers.on_scene),
            (PolicyStatus, "policy/status", lambda m: self.monitor.feed_policy(policy_report(m))),
            (GuardStatus, "guard/status", lambda m: self.monitor.feed_guard(guard_report(m))),
            (String, "instruction", self.on_sentence),
        ):
            self.create_subscription(kind, topic, take, dialect.LATEST)
        self.servers = [
            Goals(self, ExecuteInstruction, "execute_instruction", self.worker, self._execute_goal),
            Goals(self, Adapt, "adapt", self.worker, self._adapt_goal),
        ]
        self.session = SessionServer(self, self.robot, self.worker, self.peers, self.learner.start)
        self.outcomes = self.create_publisher(InstructionOutcome, "instruction/outcome", dialect.LATCHED)
        self.inbox = Inbox(MAX_BYTES)
        if values["instruction"]:
            self.inbox.put(str(values["instruction"]))
        self.timer = wall_timer(self, LOOK_S, self._look)

    def on_sentence(self, message: String) -> None:
        """Someone speaks: the newest sentence is carried out as soon as nothing else is."""
        if not self.inbox.put(message.data):
            self.get_logger().warning("a sentence was empty or too long", throttle_duration_sec=THROTTLE)

    def _look(self) -> None:
        """Begin the sentence that waits, once everything is up."""
        if self.inbox.waiting and self.peers.ready() and self.worker.claim():
            text = self.inbox.take()
            self.worker.start(lambda: self._execute_sentence(text))

    def _execute_sentence(self, text: str) -> None:
        outcome = self._execute(text, self.most, self._log)
        out = InstructionOutcome(instruction=text, status=outcome.status, message=outcome.message)
        out.header.stamp = self.get_clock().now().to_msg()
        self.outcomes.publish(out)

    def _log(self, progress: Progress) -> None:
        self.get_logger().info(f"{progress.stage}: {progress.message[:LOGGED]}")
        if progress.trial is not None and progress.success_rate is not None:
            rate = float(progress.success_rate)
            self.session.trials.publish(SessionTrial(number=int(progress.trial), success_rate=rate))

    def _execute_goal(self, goal: Any) -> tuple[str, ExecuteInstruction.Result]:
        text = goal.request.instruction

        def tell(progress: Progress) -> None:
            self._log(progress)
            goal.publish_feedback(progress_message(progress, text))

        outcome = self._execute(text, self._budget(goal.request), tell)
        return outcome.status, outcome_message(outcome, text)

    def _execute(self, text: str, budget: tuple[int, float], tell: Callable[[Progress], None]) -> Outcome:
        """In the worker thread: never raises."""
        cancelled = self.worker.cancelled
        stages = Stages(
            self.peers.parse,
            self.peers.scene,
            self.peers.ground,
            lambda task, scene, on_trial: self.learner.adapt(task, scene, *budget, on_trial, cancelled),
            self.peers.run,
        )
        try:
            outcome = Execution(stages, tell, cancelled).execute(text)
        except Exception as error:  # the node outlives whatever learning raises
            self.get_logger().error(traceback.format_exc())
            outcome = Outcome("failed", f"{type(error).__name__}: {error}")
        if outcome.status == "cancelled":
            self.peers.halt("cancelled")
        self.get_logger().info(f"{outcome.status}: {outcome.message}")
        return outcome

    def _adapt_goal(self, goal: Any) -> tuple[str, Adapt.Result]:
        def tell(trial: Any) -> None:
            goal.publish_feedback(trial_message(trial.number, trial.success_rate, trial.mean_return))

        try:
            task, scene = self.peers.task(goal.request.task), self.peers.scene()
            adapted = self.learner.adapt(
                task, scene, *self._budget(goal.request), tell, self.worker.cancelled
            )
            rates = tuple(float(trial.success_rate) for trial in adapted.curve)
            result = adapt_message(adapted.policy, rates, adapted.rolled_back)
            status = "done"
        except Stopped as stop:
            result, status = Adapt.Result(message=str(stop)), stop.status
        except Exception as error:  # as above
            self.get_logger().error(traceback.format_exc())
            result, status = Adapt.Result(message=f"{type(error).__name__}: {error}"), "failed"
        return status, result

    def _budget(self, request: Any) -> tuple[int, float]:
        """What was asked for, at most what the graph allows; no time given: all of it."""
        trials, seconds = self.most
        asked = float(request.max_seconds)
        return min(int(request.max_trials), trials), min(asked, seconds) if asked > 0.0 else seconds

    def destroy_node(self) -> None:
        """End the worker first: it uses the node."""
        self.worker.cancel()
        self.worker.join(JOIN_S)
        super().destroy_node()


def main() -> None:
    """The process."""
    run(MetaRlNode, fast=False)


if __name__ == "__main__":
    main()
