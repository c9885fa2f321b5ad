"""What the guard listens to: the robot, who commands it, and who may stop it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Bool, Float64

from metaagent_interfaces.msg import ArmCommand, PolicyAssignment
from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_ros.control.clearance import SCAN_AGE_S
from metaagent_ros.control.pacing import NS
from metaagent_ros.control.state import name_difference
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.offered import Mismatches, unheard
from metaagent_ros.nodes.running import THROTTLE

ANY = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)
"""Hears publishers of every kind, but not what was said before."""
COMMANDS = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
"""So that a second commander's messages do not push out the first one's; the guard drops what is old."""
SILENCE_S = 2.0  # without a state, after which it is said why that may be


class GuardTopics:
    """The subscriptions of the guard ``node``; what is wrong with the states is in :attr:`wrong`."""

    def __init__(self, node: Any) -> None:
        self._node, self.wrong, self.mismatches = node, "", Mismatches(node)
        self.pressed = False
        self._ranges: Any = None
        self._scanned_ns = 0
        self._names: list[str] = []
        self._heard_at = time.monotonic()
        deployment, arm = node.deployment, node.profile.family == "arm"
        self._hear(PolicyAssignment, "policy/assignment", self._on_assignment, dialect.LATCHED)
        if arm:
            self._hear(JointState, deployment.state_topic, self._on_joints)
            self._hear(ArmCommand, "policy/arm_command", node.on_command, COMMANDS)
        else:
            if deployment.scan_topic:
                self._hear(LaserScan, deployment.scan_topic, self._on_scan, dialect.SENSOR)
            self._hear(Odometry, deployment.state_topic, self._on_odometry)
            self._hear(BaseCommandMessage, "policy/base_command", node.on_command, COMMANDS)
        self._hear_of_program(deployment)
        node.create_subscription(Bool, "estop", self._on_estop, ANY)
        node.create_subscription(Bool, "estop", self._on_estop, dialect.LATCHED)

    def silence(self) -> str:
        """Why no state may have come for a while; empty: one has, or it is too early to say."""
        if time.monotonic() - self._heard_at < SILENCE_S:
            return ""
        return self.mismatches.text() or unheard(self._node, self._node.deployment.state_topic)

    def _hear(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: Any = dialect.LATEST
    ) -> None:
        events = self.mismatches.hearing(topic, qos)
        self._node.create_subscription(kind, topic, callback, qos, event_callbacks=events)

    def _hear_of_program(self, deployment: Any) -> None:
        """A driver's own words on whether it moves; the second is latched by the drivers that have it."""
        if deployment.speed_scaling_topic:
            self._node.create_subscription(Float64, deployment.speed_scaling_topic, self._on_scaling, ANY)
        if deployment.program_running_topic:
            for qos in (ANY, dialect.LATCHED):
                self._node.create_subscription(Bool, deployment.program_running_topic, self._on_running, qos)

    def _on_assignment(self, message: PolicyAssignment) -> None:
        self._node.guard.new_run(message.run_id)

    def _on_joints(self, message: JointState) -> None:
        profile = self._node.profile
        if message.name != self._names:
            self._names, self.wrong = message.name, self._wrong(message.name)
        self._feed(message, lambda: dialect.arm_state_value(message, profile.joints))

    def _wrong(self, names: list[str]) -> str:
        profile = self._node.profile
        known = profile.joints + profile.gripper_joints
        extra = name_difference([n for n in names if n not in known], ())
        missing = name_difference([n for n in names if n in profile.joints], profile.joints)
        difference = "; ".join(part for part in (missing, extra) if part)
        return f"joint names of {self._node.deployment.state_topic}: {difference}." if difference else ""

    def _on_scan(self, message: LaserScan) -> None:
        try:
            self._ranges = dialect.scan_value(message, self._node.profile)
            self._scanned_ns = dialect.stamp_of(message)
        except ValueError as error:  # the last good one ages
            self._node.get_logger().warning(f"scan ignored: {error}", throttle_duration_sec=THROTTLE)

    def _on_odometry(self, message: Odometry) -> None:
        recent = abs(dialect.stamp_of(message) - self._scanned_ns) <= SCAN_AGE_S * NS
        self._feed(message, lambda: dialect.base_state_value(message, self._ranges if recent else None))

    def _feed(self, message: Any, convert: Callable[[], Any]) -> None:
        node, self._heard_at = self._node, time.monotonic()
        try:
            state = convert()
        except ValueError as error:
            node.guard.bad_state(str(error))
            node.get_logger().warning(f"state ignored: {error}", throttle_duration_sec=THROTTLE)
            return
        node.guard.feed_state(state, dialect.stamp_of(message), *node.now())

    def _on_scaling(self, message: Float64) -> None:
        self._node.program.scaling(float(message.data))
        self._follow_program()

    def _on_running(self, message: Bool) -> None:
        self._node.program.running(bool(message.data))
        self._follow_program()

    def _follow_program(self) -> None:
        """The robot's own program stands, or goes on."""
        guard = self._node.guard
        before, stands = guard.state, self._node.program.stands
        if stands:
            guard.pause(stands)
        else:
            guard.resume()
        self._node.reports.tell(before)

    def _on_estop(self, message: Bool) -> None:
        self.pressed = bool(message.data)
        if self.pressed:
            self._node.person.press("topic estop")
