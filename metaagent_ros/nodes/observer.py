"""Watches a live graph and publishes nothing: what ``metaagent preflight`` judges."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.exceptions import NameValidationException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Bool, Float64

from metaagent_interfaces.msg import ObjectStates
from metaagent_ros.control.pacing import NS
from metaagent_ros.nodes import graph_view, samples, transport
from metaagent_ros.nodes.conversions import nanoseconds
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.frames import Transform, position_in
from metaagent_ros.preflight.graph_checks import SETTINGS
from metaagent_ros.preflight.observation import Arrival, Observation, ToolPose

ANY = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Hears publishers of every QoS, also those that our nodes do not."""
KEPT = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Hears what was said before, where it is kept."""
TF = "tf"
_LOOK = 0.1  # [s] between two looks at who is there


class ObserverError(ValueError):
    """What cannot be watched here, and why."""


class Observer:
    """A node of its own context on the robot's graph; close it after use.

    ``tool_pose`` is a topic of ``geometry_msgs/PoseStamped``, ``tf``, or empty. Raises
    :class:`ObserverError` for names that are none, and for tf where ``tf2_msgs`` is not installed.
    """

    def __init__(self, wanted: Expectation, tool_pose: str = "") -> None:
        self._wanted, self._tool_pose = wanted, tool_pose
        self._context = Context()
        transport.prepare()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._clock: float | None = None
        self._latest: dict[str, Any] = {}
        self._frames: dict[str, Transform] = {}
        self._forget()
        try:
            self._join()
        except (NameValidationException, ObserverError) as error:
            self.close()
            raise ObserverError(" ".join(str(error).split())) from None

    def _forget(self) -> None:
        """What is counted is counted from now on."""
        self._heard: dict[str, list[Any]] = {"joints": [], "odometry": [], "scans": [], "commands": []}
        self._faults: list[str] = []

    def _join(self) -> None:
        name, space = f"metaagent_preflight_{os.getpid()}", self._wanted.namespace.strip("/")
        self._node = Node(name, context=self._context, namespace=space, enable_rosout=False)
        self._executor.add_node(self._node)
        self._listen()

    def _listen(self) -> None:
        wanted, said = self._wanted, self._wanted.deployment
        self._hear(Clock, "clock", self._on_clock)
        if wanted.arm:
            self._hear(JointState, said.state_topic, self._sampler("joints", samples.joint_sample))
        else:
            self._hear(Odometry, said.state_topic, self._sampler("odometry", samples.base_sample))
            self._hear(LaserScan, said.scan_topic, self._sampler("scans", samples.scan_sample))
        kind, read = samples.command_reader(said.command, wanted.profile.joints if wanted.arm else ())
        self._hear(kind, wanted.shadow_topic, lambda m: self._heard["commands"].append(read(m)))
        self._hear(Float64, said.speed_scaling_topic, self._keeper("speed", lambda m: float(m.data)))
        running = self._keeper("program", lambda m: bool(m.data))
        for qos in (ANY, KEPT):
            self._hear(Bool, said.program_running_topic, running, qos)
        self._hear(ObjectStates, "object_states", self._keeper("scene", lambda m: m.header.frame_id))
        if self._tool_pose == TF:
            self._listen_to_tf()
        else:
            pose = self._keeper("tool", lambda m: samples.tool_pose(m, self._tool_pose))
            self._hear(PoseStamped, self._tool_pose, pose)

    def _hear(self, kind: type, topic: str, take: Callable[..., None], qos: QoSProfile = ANY) -> None:
        if topic:
            self._node.create_subscription(kind, topic, take, qos)

    def _listen_to_tf(self) -> None:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            raise ObserverError(
                "tf2_msgs is not installed (with an apt ROS: ros-jazzy-tf2-msgs); give --tool-pose a topic of"
                " geometry_msgs/PoseStamped instead"
            ) from None
        self._hear(TFMessage, "/tf", self.on_tf)
        self._hear(TFMessage, "/tf_static", self.on_tf, KEPT)

    def _keeper(self, key: str, value: Callable[[Any], Any]) -> Callable[[Any], None]:
        """Keeps the last."""

        def take(message: Any) -> None:
            self._latest[key] = value(message)

        return take

    def _sampler(
        self, key: str, sample: Callable[[Any, Arrival], Any]
    ) -> Callable[[Any, dict[str, Any]], None]:
        """Keeps all, with their arrivals; what cannot be read is a fault."""

        def take(message: Any, info: dict[str, Any]) -> None:
            try:
                self._heard[key].append(sample(message, samples.arrival(message, info, self._clock)))
            except ValueError as error:
                self._faults.append(str(error))

        return take

    def _on_clock(self, message: Clock) -> None:
        self._clock = nanoseconds(message.clock) / NS

    def on_tf(self, message: Any) -> None:
        """Transforms, of either topic."""
        self._frames.update(samples.transforms(message))

    def watch(self, seconds: float, patience: float) -> Observation:
        """Wait until the robot speaks, at most ``patience`` [s], then watch it for ``seconds`` [s]."""
        limit = time.monotonic() + patience
        while time.monotonic() < limit and not self._there():
            self._spin(_LOOK)
        self._forget()
        self._spin(seconds)
        return self._observation(seconds)

    def _spin(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def _there(self) -> bool:
        """Whether states flow and something is there for each endpoint of ours."""
        if not self._heard["joints"] and not self._heard["odometry"]:
            return False
        count = self._node.count_publishers, self._node.count_subscribers
        return all(count[need.role == "publisher"](need.topic) for need in self._wanted.needs())

    def _observation(self, seconds: float) -> Observation:
        topics, heard = graph_view.topics(self._node), self._heard
        return Observation(
            seconds=seconds,
            environment=transport.asked(SETTINGS),
            nodes=graph_view.nodes(self._node),
            topics=topics,
            actions=graph_view.actions(self._node),
            joints=tuple(heard["joints"]),
            odometry=tuple(heard["odometry"]),
            scans=tuple(heard["scans"]),
            commands=tuple(heard["commands"]),
            faults=tuple(self._faults),
            sim_time=any(topic.name == self._wanted.clock and topic.publishers for topic in topics),
            speed_scaling=self._latest.get("speed"),
            program_running=self._latest.get("program"),
            tool_source=self._tool_pose,
            tool=self._tool(),
            scene_frame=self._latest.get("scene"),
        )

    def _tool(self) -> ToolPose | None:
        said = self._wanted.deployment
        if self._tool_pose != TF:
            return self._latest.get("tool")
        found = position_in(self._frames, said.base_frame, said.tool_frame)
        return found and ToolPose(f"{TF} {said.tool_frame}", found, said.base_frame)

    def close(self) -> None:
        """Leave the graph; twice is fine."""
        if self._context.ok():
            for node in self._executor.get_nodes():
                node.destroy_node()
            self._executor.shutdown(timeout_sec=0.5)
            self._context.try_shutdown()


def observe(wanted: Expectation, seconds: float, patience: float, tool_pose: str = "") -> Observation:
    """Watch once and leave; see :class:`Observer`."""
    observer = Observer(wanted, tool_pose)
    try:
        return observer.watch(seconds, patience)
    finally:
        observer.close()
