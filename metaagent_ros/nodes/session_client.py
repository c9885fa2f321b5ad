"""The command line's side of a session on the robot: the goal, the curve as it grows, a person's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.action import ActionClient
from std_msgs.msg import Bool

from metaagent_interfaces.action import AdaptOnRobot
from metaagent_ros.control.session import Attempt, SessionResult, Wanted
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.client import CANCEL_S, GONE_S, Client
from metaagent_ros.nodes.session_messages import attempt_value, session_value

_POLL_S = 0.02
_TOPICS = ("object_states", "policy/status", "guard/status")


class SessionError(RuntimeError):
    """A session that gave no result; the message says why."""


class SessionClient(Client):
    """A :class:`Client` that can also ask for a session; use as a context manager."""

    def __init__(self, namespace: str = "", environment: Mapping[str, str] | None = None) -> None:
        super().__init__(namespace, environment)
        node = self._node
        self._session = ActionClient(node, AdaptOnRobot, "adapt_on_robot")
        self._success = node.create_publisher(Bool, "session/success", dialect.LATEST)
        self._ready = node.create_publisher(Bool, "session/ready", dialect.LATEST)

    def missing(self) -> tuple[str, ...]:
        """What a session needs of the graph and has not shown up yet, in words."""
        lacking = [] if self._session.server_is_ready() else ["action adapt_on_robot"]
        return (*lacking, *(f"messages on {topic}" for topic in _TOPICS if topic not in self._latest))

    def answer(self, stage: str, answer: bool) -> None:
        """A person's answer: to stage "judge" whether it was a success, to "restore" whether all is ready."""
        (self._success if stage == "judge" else self._ready).publish(Bool(data=bool(answer)))

    def adapt(
        self,
        wanted: Wanted,
        on_feedback: Callable[[str, str, Attempt], None],
        each: Callable[[], bool] = lambda: False,
    ) -> SessionResult:
        """Hold the session and wait for its end; Ctrl-C cancels it and goes on as an exception.

        ``on_feedback`` gets stage, sentence and the last row of the curve, in the client's thread; ``each``
        is called some fifty times a second in this one and cancels by True. Raises :class:`SessionError`.
        """
        goal = AdaptOnRobot.Goal(
            robot=wanted.robot,
            instruction=wanted.instruction,
            max_trials=int(wanted.budget.trials),
            max_seconds=float(wanted.budget.seconds),
            confirm=int(wanted.budget.confirm),
            success=wanted.success,
            reset=wanted.reset,
        )

        def tell(message: Any) -> None:
            feedback = message.feedback
            on_feedback(feedback.stage, feedback.message, attempt_value(feedback.last))

        sent = self._in_spin(lambda: self._session.send_goal_async(goal, feedback_callback=tell))
        handle = self._wait(sent, "action adapt_on_robot", 10.0)
        if not handle.accepted:
            raise SessionError("the meta_rl node is busy with something else")
        try:
            return self._ended(handle, each)
        except BaseException:
            self._cancel(handle)
            raise

    def restorer(self) -> str:
        """The simulator where it is there to put things back, else a person."""
        names = [name for name, _ in self._node.get_service_names_and_types()]
        mine = self._node.get_namespace().rstrip("/")
        return "simulator" if f"{mine}/simulator/reset" in names else "person"

    def _ended(self, handle: Any, each: Callable[[], bool]) -> SessionResult:
        future = self._in_spin(handle.get_result_async)
        there, deadline = time.monotonic(), float("inf")
        while not future.done():
            now = time.monotonic()
            there = now if self._session.server_is_ready() else there
            if now - there > GONE_S:
                raise SessionError("the meta_rl node is gone; its log says why")
            if now > deadline:
                raise SessionError(f"no result within {CANCEL_S:g} s of cancelling")
            if deadline == float("inf") and each():
                self._in_spin(handle.cancel_goal_async)
                deadline = now + CANCEL_S
            time.sleep(_POLL_S)
        return session_value(future.result().result)
