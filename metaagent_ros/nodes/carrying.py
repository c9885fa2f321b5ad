"""The work of the meta_rl node: sentences and tasks carried out in its worker thread."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from metaagent_interfaces.action import Adapt, ExecuteInstruction
from metaagent_interfaces.msg import InstructionOutcome, SessionTrial
from metaagent_ros.control.execution import Execution, Outcome, Progress, Stages, Stopped
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.feedback import adapt_message, outcome_message, progress_message, trial_message
from metaagent_ros.nodes.goals import Goals

LOGGED = 200  # characters of what someone said


class Carrying:
    """The actions ``execute_instruction`` and ``adapt`` of the ``node``, and sentences from a topic."""

    def __init__(self, node: Any) -> None:
        self._node, worker = node, node.worker
        self._servers = [
            Goals(node, ExecuteInstruction, "execute_instruction", worker, self._execute_goal),
            Goals(node, Adapt, "adapt", worker, self._adapt_goal),
        ]
        self._outcomes = node.create_publisher(InstructionOutcome, "instruction/outcome", dialect.LATCHED)

    def sentence(self, text: str) -> None:
        """Carry out what someone said, and publish how it ended."""
        outcome = self._execute(text, self._node.most, self._log)
        out = InstructionOutcome(instruction=text, status=outcome.status, message=outcome.message)
        out.header.stamp = self._node.get_clock().now().to_msg()
        self._outcomes.publish(out)

    def _log(self, progress: Progress) -> None:
        self._node.get_logger().info(f"{progress.stage}: {progress.message[:LOGGED]}")
        if progress.trial is not None and progress.success_rate is not None:
            rate = float(progress.success_rate)
            self._node.session.trials.publish(SessionTrial(number=int(progress.trial), success_rate=rate))

    def _execute_goal(self, goal: Any) -> tuple[str, ExecuteInstruction.Result]:
        text = goal.request.instruction

        def tell(progress: Progress) -> None:
            self._log(progress)
            goal.publish_feedback(progress_message(progress, text))

        outcome = self._execute(text, self._budget(goal.request), tell)
        return outcome.status, outcome_message(outcome, text)

    def _execute(self, text: str, budget: tuple[int, float], tell: Callable[[Progress], None]) -> Outcome:
        """Never raises."""
        peers, learner, cancelled = self._node.peers, self._node.learner, self._node.worker.cancelled
        stages = Stages(
            peers.parse,
            peers.scene,
            peers.ground,
            lambda task, scene, on_trial: learner.adapt(task, scene, *budget, on_trial, cancelled),
            peers.run,
        )
        try:
            outcome = Execution(stages, tell, cancelled).execute(text)
        except Exception as error:  # the node outlives whatever learning raises
            self._node.get_logger().error(traceback.format_exc())
            outcome = Outcome("failed", f"{type(error).__name__}: {error}")
        if outcome.status == "cancelled":
            peers.halt("cancelled")
        self._node.get_logger().info(f"{outcome.status}: {outcome.message}")
        return outcome

    def _adapt_goal(self, goal: Any) -> tuple[str, Adapt.Result]:
        node = self._node

        def tell(trial: Any) -> None:
            goal.publish_feedback(trial_message(trial.number, trial.success_rate, trial.mean_return))

        try:
            task, scene, budget = (
                node.peers.task(goal.request.task),
                node.peers.scene(),
                self._budget(goal.request),
            )
            adapted = node.learner.adapt(task, scene, *budget, tell, node.worker.cancelled)
            rates = tuple(float(trial.success_rate) for trial in adapted.curve)
            return "done", adapt_message(adapted.policy, rates, adapted.rolled_back)
        except Stopped as stop:
            return stop.status, Adapt.Result(message=str(stop))
        except Exception as error:  # as above
            node.get_logger().error(traceback.format_exc())
            return "failed", Adapt.Result(message=f"{type(error).__name__}: {error}")

    def _budget(self, request: Any) -> tuple[int, float]:
        """What was asked for, at most what the graph allows; no time given: all of it."""
        trials, seconds = self._node.most
        asked = float(request.max_seconds)
        return min(int(request.max_trials), trials), min(asked, seconds) if asked > 0.0 else seconds
