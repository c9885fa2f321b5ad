"""The command line's side of a session on the robot: the goal, the curve as it grows, a person's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from std_msgs.msg import Bool

from metaagent_interfaces.action import AdaptOnRobot
from metaagent_ros.control.session import Attempt, SessionResult, Wanted
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.asking import Errand, ErrandError
from metaagent_ros.nodes.client import Client
from metaagent_ros.nodes.session_messages import attempt_value, session_value

_TOPICS = ("object_states", "policy/status", "guard/status")


class SessionError(RuntimeError):
    """A session that gave no result; the message says why."""


class SessionClient(Client):
    """A :class:`Client` that can also ask for a session; use as a context manager."""

    def _connect(self) -> None:
        super()._connect()
        node = self._node
        self._session = Errand(node, self._executor, AdaptOnRobot, "adapt_on_robot")
        self._success = node.create_publisher(Bool, "session/success", dialect.LATEST)
        self._ready = node.create_publisher(Bool, "session/ready", dialect.LATEST)

    def _let_go(self) -> None:
        super()._let_go()
        self._session.close()

    def missing(self) -> tuple[str, ...]:
        """What a session needs of the graph and has not shown up yet, in words."""
        lacking = [] if self._session.ready() else ["action adapt_on_robot"]
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

        def tell(feedback: Any) -> None:
            on_feedback(feedback.stage, feedback.message, attempt_value(feedback.last))

        try:
            result = self._session.run(goal, tell, each)
        except ErrandError as error:
            raise SessionError(str(error)) from error
        if result is None:
            raise SessionError("the meta_rl node is busy with something else")
        return session_value(result)

    def restorer(self) -> str:
        """The simulator where it is there to put things back, else a person."""
        names = [name for name, _ in self._node.get_service_names_and_types()]
        mine = self._node.get_namespace().rstrip("/")
        return "simulator" if f"{mine}/simulator/reset" in names else "person"
