"""The other nodes, as blocking calls for the worker thread of the meta_rl node."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.node import Node

from metaagent_interfaces.msg import GroundedTask as GroundedTaskMessage
from metaagent_interfaces.msg import ObjectStates, PolicyAssignment
from metaagent_interfaces.srv import AbortRun, ParseInstruction
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.pacing import run_limit
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.worker import Monitor
from metaagent_ros.instructions.grounding import GroundingError, ground
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import plan_value, scene_value, task_message, task_value
from metaagent_ros.nodes.running import THROTTLE
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.learned import lacking
from sim_envs.robots import load_profile
from sim_envs.spec import GroundedTask, Scene, TaskSpec

CALL_S, SCENE_S = 10.0, 5.0  # [s] to wait for an answer, for a scene
AGAIN_S = 4.0  # [s] without an answer before a service is asked once more
STATUS = {"refuse": "refused", "clarify": "clarify"}


class Peers:
    """Every call may raise :class:`Stopped`, also because ``cancelled`` says so."""

    def __init__(
        self, node: Node, robot: str, monitor: Monitor, cancelled: Callable[[], bool], speed: float = 1.0
    ) -> None:
        self._node, self._robot, self._monitor, self._cancelled = node, robot, monitor, cancelled
        self._limit = run_limit(load_profile(robot), speed)
        self._seen: Scene | None = None
        self._seen_at = 0.0
        self._assignment = node.create_publisher(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        self._parser = node.create_client(ParseInstruction, "parse_instruction")
        self._abort = node.create_client(AbortRun, "guard/abort")

    @contextmanager
    def limited(self, over: Callable[[], bool]) -> Iterator[None]:
        """Within, every call ends as cancelled once ``over`` says so, not only when the goal is cancelled."""
        before, self._cancelled = self._cancelled, over
        try:
            yield
        finally:
            self._cancelled = before

    def rest(self, seconds: float) -> None:
        """Let the robot come to rest."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self._pause(began, 2.0 * seconds, "")

    def ready(self) -> bool:
        """Whether all of them are there and have spoken."""
        services = self._parser.service_is_ready() and self._abort.service_is_ready()
        return services and self._monitor.heard and self._seen is not None

    def on_scene(self, message: ObjectStates) -> None:
        """What the camera sees."""
        try:
            self._seen, self._seen_at = scene_value(message), time.monotonic()
        except ValueError as error:
            self._node.get_logger().warning(f"scene ignored: {error}", throttle_duration_sec=THROTTLE)

    def parse(self, text: str) -> Plan:
        """Ask the instruction node."""
        response = self.call(self._parser, ParseInstruction.Request(instruction=text), AGAIN_S)
        try:
            return plan_value(response.plan)
        except ValueError as error:
            raise Stopped("failed", f"the plan is broken: {error}") from error

    def scene(self) -> Scene:
        """What the camera sees from now on: an older picture may show what has moved since."""
        asked = time.monotonic()
        while self._seen is None or self._seen_at < asked:
            self._pause(asked, SCENE_S, "no object_states; is the simulator running?")
        return self._seen

    def ground(self, step: TaskSpec, scene: Scene) -> GroundedTask:
        """Bind a step that a policy has learned to the scene."""
        if why := lacking(step, self._robot):
            raise Stopped("refused", f"{why}.")
        try:
            return ground(step, scene, self._robot)
        except GroundingError as error:
            raise Stopped(STATUS[error.status], str(error)) from error

    def task(self, message: GroundedTaskMessage) -> GroundedTask:
        """A task that someone else has grounded."""
        try:
            return task_value(message)
        except ValueError as error:
            raise Stopped("refused", f"task: {error}") from error

    def run(self, task: GroundedTask, policy: PolicyFile) -> PolicyReport:
        """Hand the policy over and wait until the run ends."""
        data, run_id = policy.dumps(), uuid.uuid4().hex[:12]
        message = PolicyAssignment(run_id=run_id, task=task_message(task), time_limit=self._limit)
        message.parameters, message.sha256 = data, hashlib.sha256(data).hexdigest()
        self._assignment.publish(message)
        report = self._monitor.wait(run_id, 3.0 * self._limit + 10.0, self._cancelled)
        if report.state != "done":
            self._assignment.publish(PolicyAssignment())
        return report

    def halt(self, reason: str) -> None:
        """Hold: no policy runs, and the guard lets nothing through until the next run."""
        self._assignment.publish(PolicyAssignment())
        if self._abort.service_is_ready():
            self._abort.call_async(AbortRun.Request(reason=reason))

    def call(self, client: Any, request: Any, again: float = float("inf")) -> Any:
        """Ask a service, once its node is there; what has no answer after ``again`` [s] is asked again.

        Just after discovery an answer may have nowhere to go (:mod:`metaagent_ros.nodes.asking`).
        """
        begun, answered = time.monotonic(), threading.Event()
        while not client.service_is_ready():
            self._pause(begun, CALL_S, f"no service {client.srv_name}; is its node running?")
        futures: list[Any] = []
        asked = float("-inf")
        while not answered.is_set():
            if time.monotonic() - asked > again or not futures:
                futures.append(client.call_async(request))
                futures[-1].add_done_callback(lambda _: answered.set())
                asked = time.monotonic()
            if not answered.wait(0.02):
                self._pause(begun, CALL_S, f"no answer of {client.srv_name}")
        return next(future for future in futures if future.done()).result()

    def _pause(self, since: float, limit: float, complaint: str) -> None:
        """A moment; raises :class:`Stopped` when cancelled or after ``limit`` [s]."""
        if self._cancelled():
            raise Stopped("cancelled", "cancelled")
        if time.monotonic() - since > limit:
            raise Stopped("failed", complaint)
        time.sleep(0.02)
