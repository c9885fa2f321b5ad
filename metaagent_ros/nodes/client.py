"""The command line's side of the graph: blocking calls and plain values, no message types."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from metaagent_interfaces.action import ExecuteInstruction
from metaagent_interfaces.msg import GuardStatus, ObjectStates, PolicyStatus
from metaagent_interfaces.srv import AbortRun, ParseInstruction
from metaagent_ros.control.execution import Outcome, Progress
from metaagent_ros.control.reports import GuardReport, PolicyReport
from metaagent_ros.graph import ACTING, SIMULATOR
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.nodes import dialect, transport
from metaagent_ros.nodes.asking import CALL_S, DiscoveryError, Errand, ErrandError, Greetings, wait_for
from metaagent_ros.nodes.conversions import plan_value, scene_value
from metaagent_ros.nodes.feedback import guard_report, outcome_value, policy_report, progress_value
from sim_envs.spec import Scene

TOPICS: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
    ("object_states", ObjectStates, scene_value),
    ("simulator/ground_truth", ObjectStates, scene_value),
    ("policy/status", PolicyStatus, policy_report),
    ("guard/status", GuardStatus, guard_report),
)


class Client:
    """A node of its own context, spun in a thread; use as a context manager.

    ``environment`` (a stack's) names the ROS domain to join; without it this process's own counts. Only a
    ``simulated`` robot has a ground truth to wait for.
    Methods block and may be called from any one thread.
    """

    def __init__(
        self, namespace: str = "", environment: Mapping[str, str] | None = None, simulated: bool = True
    ) -> None:
        self._nodes = (SIMULATOR, *ACTING) if simulated else ACTING
        self._topics = [topic for topic, _, _ in TOPICS if simulated or not topic.startswith(SIMULATOR)]
        there = environment or os.environ
        if transport.RANGE in there:
            os.environ[transport.RANGE] = there[transport.RANGE]  # the middleware reads it from nowhere else
        transport.prepare()
        domain = int(there["ROS_DOMAIN_ID"]) if there.get("ROS_DOMAIN_ID") else None
        self._latest: dict[str, Any] = {}
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node(
            f"metaagent_client_{os.getpid()}", context=self._context, namespace=namespace.strip("/")
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._connect()
        self._greetings = Greetings(self._node, (SIMULATOR, *ACTING))
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="client", daemon=True)
        self._thread.start()

    def _connect(self) -> None:
        node = self._node
        for topic, kind, convert in TOPICS:
            take = self._taker(topic, convert)
            node.create_subscription(kind, topic, take, dialect.LATEST)
        self._parser = node.create_client(ParseInstruction, "parse_instruction")
        self._aborter = node.create_client(AbortRun, "guard/abort")
        self._errand = Errand(node, self._executor, ExecuteInstruction, "execute_instruction")

    def _taker(self, topic: str, convert: Callable[[Any], Any]) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            try:
                self._latest[topic] = convert(message)
            except ValueError as error:
                self._node.get_logger().warning(f"{topic}: {error}", throttle_duration_sec=1.0)

        return take

    def _spin(self) -> None:
        try:
            while self._context.ok():
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass

    def close(self) -> None:
        """Leave the graph; twice is fine."""
        if self._context.ok():
            self._context.try_shutdown()
            self._thread.join(2.0)
            self._executor.shutdown(timeout_sec=0.5)
            self._let_go()
            self._node.destroy_node()

    def _let_go(self) -> None:
        self._errand.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def missing(self) -> tuple[str, ...]:
        """What of the graph has not shown up yet, in words."""
        there = self._node.get_node_names()
        lacking = [f"node {name}" for name in self._nodes if name not in there]
        services = (("parse_instruction", self._parser), ("guard/abort", self._aborter))
        lacking += [f"service {name}" for name, client in services if not client.service_is_ready()]
        if not self._errand.ready():
            lacking.append("action execute_instruction")
        return (*lacking, *(f"messages on {topic}" for topic in self._topics if topic not in self._latest))

    def wait_ready(
        self, timeout: float = 30.0, on_wait: Callable[[tuple[str, ...]], None] | None = None
    ) -> None:
        """Wait until the whole graph is up, its states flow and it knows us; raises :class:`DiscoveryError`.

        ``on_wait`` gets what is missing at every look, several times a second; it may raise to give up.
        """
        start = time.monotonic()
        while lacking := self.missing():
            if on_wait is not None:
                on_wait(lacking)
            if time.monotonic() - start > timeout:
                raise DiscoveryError(lacking, timeout)
            time.sleep(0.1)
        there = self._node.get_node_names()
        left = max(CALL_S, timeout - (time.monotonic() - start))  # a node may still be loading its model
        self._greetings.exchange([name for name in (SIMULATOR, *ACTING) if name in there], left)

    def parse(self, text: str, timeout: float = 10.0) -> Plan:
        """What the instruction node makes of a sentence."""
        request = ParseInstruction.Request(instruction=text)
        return plan_value(self._call(self._parser, request, "service parse_instruction", timeout).plan)

    def abort(self, reason: str, timeout: float = 5.0) -> bool:
        """Stop the robot now; the guard lets nothing through until another run begins."""
        request = AbortRun.Request(reason=reason)
        return bool(self._call(self._aborter, request, "service guard/abort", timeout).accepted)

    def execute(
        self,
        instruction: str,
        max_trials: int = 8,
        max_seconds: float = 60.0,
        on_feedback: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Carry a sentence out and wait for the end; trials 0: without adaptation.

        ``on_feedback`` is called in the client's thread. ``cancelled`` is asked some fifty times a second;
        an exception in the calling thread (Ctrl-C) cancels too, and goes on.
        """
        goal = ExecuteInstruction.Goal(
            instruction=instruction, max_trials=int(max_trials), max_seconds=float(max_seconds)
        )

        def tell(feedback: Any) -> None:
            if on_feedback is not None:
                on_feedback(progress_value(feedback))

        try:
            result = self._errand.run(goal, tell, cancelled or (lambda: False))
        except ErrandError as error:
            return Outcome("failed", str(error))
        if result is None:
            return Outcome("failed", "the meta_rl node is busy with another instruction")
        return outcome_value(result)

    def truth(self) -> Scene:
        """The scene as it is (for measurement only); raises :class:`DiscoveryError` before the first."""
        return self._value("simulator/ground_truth")

    def scene(self) -> Scene:
        """The scene as the camera sees it."""
        return self._value("object_states")

    def policy(self) -> PolicyReport:
        """What the policy node last said."""
        return self._value("policy/status")

    def guard(self) -> GuardReport:
        """What the guard last said."""
        return self._value("guard/status")

    def _value(self, topic: str) -> Any:
        if topic not in self._latest:
            raise DiscoveryError((f"messages on {topic}",), 0.0)
        return self._latest[topic]

    def _call(self, client: Any, request: Any, what: str, timeout: float) -> Any:
        if not client.wait_for_service(timeout_sec=timeout):
            raise DiscoveryError((what,), timeout)
        return wait_for(client.call_async(request), what, timeout)
