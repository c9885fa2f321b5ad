"""What the policy listens to, the scene and the scan that it last saw, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState, LaserScan

from metaagent_interfaces.msg import ArmCommand, GuardStatus, ObjectStates, PolicyAssignment, PolicyEpisode
from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_value
from metaagent_ros.nodes.offered import Mismatches, identity, unheard
from metaagent_ros.nodes.running import THROTTLE
from metaagent_ros.nodes.session_messages import episode_message
from sim_envs.spec import BaseCommand, JointCommand, Scene


class PolicyTopics:
    """The endpoints of the policy ``node``, whose ``tick(stamp_ns, state)`` gets every measured state."""

    def __init__(self, node: Any) -> None:
        self._node, self.commander, self.mismatches = node, identity(node), Mismatches(node)
        self.episodes = node.create_publisher(PolicyEpisode, "policy/episode", dialect.LATCHED)
        self.clear()
        self._hear(PolicyAssignment, "policy/assignment", node.assignments.on_message, dialect.LATCHED)
        self._hear(ObjectStates, "object_states", self._on_scene)
        self._hear(GuardStatus, "guard/status", self._on_guard)
        family, deployment = node.profile.family, node.deployment
        kind: type = ArmCommand if family == "arm" else BaseCommandMessage
        events = self.mismatches.speaking(f"policy/{family}_command", dialect.LATEST)
        self._command = node.create_publisher(
            kind, f"policy/{family}_command", dialect.LATEST, event_callbacks=events
        )
        if family == "arm":
            self._hear(JointState, deployment.state_topic, self._on_joints)
        else:
            self._hear(LaserScan, deployment.scan_topic, self._on_scan, dialect.SENSOR)
            self._hear(Odometry, deployment.state_topic, self._on_odometry)

    def clear(self) -> None:
        """Nothing seen or heard yet."""
        self.scene: Scene | None = None
        self.ranges: Any = None
        self.seen_ns = self.scanned_ns = 0
        self.paused = self.heard = False
        self.wrong = "no measured state yet."
        self._measured: Callable[[], Any] = lambda: None

    def lacking(self) -> str:
        """A usable measured state; for a base a scan too. Empty: nothing."""
        node, deployment = self._node, self._node.deployment
        if self.wrong:
            silent = self.mismatches.text() or unheard(node, deployment.state_topic)
            return self.wrong if self.heard else silent
        if deployment.scan_topic and self.ranges is None:
            return f"no usable scan yet: {unheard(node, deployment.scan_topic)}"
        return ""

    def send(self, command: JointCommand | BaseCommand | None, stamp_ns: int) -> None:
        """To the guard, with the stamps of what it was decided on."""
        if command is not None:
            self._command.publish(self._message(command, stamp_ns))

    def rehearse(self, command: JointCommand | BaseCommand | None) -> None:
        """What :meth:`send` does before it sends, and what is done with a state that has come."""
        self._measured()
        if command is not None:
            self._message(command, 0)

    def _message(self, command: JointCommand | BaseCommand, stamp_ns: int) -> Any:
        if isinstance(command, JointCommand):
            return dialect.arm_command_message(command, stamp_ns, self.commander, self.seen_ns)
        sources = self.seen_ns, self.scanned_ns
        return dialect.base_command_message(command, stamp_ns, self.commander, *sources)

    def tell_episode(self, episode: Any) -> None:
        """What a run that has ended saw and did."""
        if episode is not None:
            self.episodes.publish(episode_message(episode))

    def _hear(self, kind: type, topic: str, callback: Any, qos: Any = dialect.LATEST) -> None:
        events = self.mismatches.hearing(topic, qos)
        self._node.create_subscription(kind, topic, callback, qos, event_callbacks=events)

    def _on_guard(self, message: GuardStatus) -> None:
        """While the robot's own program stands, the run stands too."""
        self.paused = message.state == "paused"

    def _on_scene(self, message: ObjectStates) -> None:
        try:
            self.scene, self.seen_ns = scene_value(message), dialect.stamp_of(message)
        except ValueError as error:
            self._warn(f"scene ignored: {error}")

    def _on_scan(self, message: LaserScan) -> None:
        try:
            self.ranges = dialect.scan_value(message, self._node.profile)
            self.scanned_ns = dialect.stamp_of(message)
        except ValueError as error:
            self._warn(f"scan ignored: {error}")

    def _on_joints(self, message: JointState) -> None:
        profile = self._node.profile
        names = profile.joints + profile.gripper_joints
        self._feed(message, lambda: dialect.arm_state_value(message, names))

    def _on_odometry(self, message: Odometry) -> None:
        self._feed(message, lambda: dialect.base_state_value(message, self.ranges))

    def _feed(self, message: Any, convert: Callable[[], Any]) -> None:
        self.heard, stamp = True, dialect.stamp_of(message)
        if not self._node.wants(stamp):
            return
        try:
            state = convert()
            self._measured = convert
        except ValueError as error:
            self.wrong = str(error)
            self._warn(f"state ignored: {error}")
            return
        self.wrong = ""
        self._node.tick(stamp, state)

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(text, throttle_duration_sec=THROTTLE)
