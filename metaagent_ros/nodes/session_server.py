"""The action ``adapt_on_robot``: a sentence becomes a budgeted session on the robot."""

from __future__ import annotations

import traceback
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from metaagent_interfaces.action import AdaptOnRobot
from metaagent_interfaces.msg import SessionTrial
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.session import Attempt, Session, SessionBudget, SessionResult
from metaagent_ros.control.telling import RESTORERS, require_judge
from metaagent_ros.control.worker import Worker
from metaagent_ros.nodes.goals import Goals
from metaagent_ros.nodes.peers import STATUS, Peers
from metaagent_ros.nodes.session_messages import attempt_message, session_feedback, session_message
from metaagent_ros.nodes.session_robot import GraphRobot, Surroundings
from metaagent_ros.policies.files import PolicyFile
from sim_envs.spec import SpecError, TaskSpec, require

TRIALS, EVENTS = "adaptation/trial", QoSProfile(depth=10)


class SessionServer:
    """Shares the worker, so that nothing else is carried out during a session; ``start`` is never changed.

    ``trials`` tells whoever only listens, such as a recorder, of each trial.
    """

    def __init__(self, node: Node, robot: str, worker: Worker, peers: Peers, start: PolicyFile) -> None:
        self._node, self._robot, self._worker, self._start = node, robot, worker, start
        self._peers = peers
        from metaagent_ros.control.inferring import BlindAdapter  # brings torch: seconds, before any goal

        self._adapter = BlindAdapter
        self._around = Surroundings(node, robot, peers)
        self.trials, self._told = node.create_publisher(SessionTrial, TRIALS, EVENTS), 0
        self._goals = Goals(node, AdaptOnRobot, "adapt_on_robot", worker, self._serve)

    def _serve(self, goal: Any) -> tuple[str, AdaptOnRobot.Result]:
        """In the worker's thread: never raises."""

        def tell(stage: str, message: str, last: Attempt) -> None:
            self._node.get_logger().info(f"session: {stage}: {message}")
            goal.publish_feedback(session_feedback(stage, message, last))
            if last.number != self._told:
                self.trials.publish(attempt_message(last))
            self._told = last.number

        try:
            result = self._session(goal.request, tell)
        except Stopped as stop:
            result = SessionResult(stop.status, str(stop), self._start)
        except (SpecError, ValueError) as error:
            result = SessionResult("refused", str(error), self._start)
        except Exception as error:  # the node outlives whatever a session raises
            self._node.get_logger().error(traceback.format_exc())
            result = SessionResult("failed", f"{type(error).__name__}: {error}", self._start)
        if result.status == "cancelled":
            self._peers.halt("the session is cancelled")
        self._node.get_logger().info(f"session: {result.status}: {result.message}")
        return result.status, session_message(result)

    def _session(self, request: Any, tell: Any) -> SessionResult:
        budget = SessionBudget(int(request.max_trials), float(request.max_seconds), int(request.confirm))
        require("robot of this graph", request.robot, (self._robot,))
        require("reset", request.reset, RESTORERS)
        adapter = self._adapter(self._start)
        tell("parse", request.instruction, Attempt())
        step = self._step(request.instruction)
        require_judge(self._robot, step.skill, request.success)
        robot = GraphRobot(self._around, step, request.success, request.reset)
        return Session(robot, adapter, self._start, budget, tell, self._worker.cancelled).run()

    def _step(self, text: str) -> TaskSpec:
        """The one step of the sentence."""
        plan = self._peers.parse(text)
        if plan.status != "ok":
            raise Stopped(STATUS.get(plan.status, "refused"), plan.message)
        if len(plan.steps) != 1:
            raise Stopped("refused", f"a session takes one step; the sentence has {len(plan.steps)}")
        return plan.steps[0]
