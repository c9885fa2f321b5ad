"""Messages of a robot as the samples that :mod:`metaagent_ros.preflight` judges, as they came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_ros.control.pacing import NS
from metaagent_ros.nodes import dialect
from metaagent_ros.preflight.frames import Transform
from metaagent_ros.preflight.observation import (
    Arrival,
    BaseSample,
    CommandSample,
    JointSample,
    ScanSample,
    ToolPose,
)
from metaagent_ros.preflight.shadow_checks import BASE_AXES


def arrival(message: Any, info: dict[str, Any], clock: float | None) -> Arrival:
    """When the middleware had the message: the time that Python then takes is not the robot's.

    ``clock`` is simulated time [s], None where the stamps are of wall time.
    """
    received, stamp = info["received_timestamp"] / NS, dialect.stamp_of(message) / NS
    return Arrival(received, stamp, (received if clock is None else clock) - stamp)


def joint_sample(m: JointState, at: Arrival) -> JointSample:
    """Names, positions and velocities in their own order; nothing is checked."""
    return JointSample(at, tuple(m.name), tuple(m.position), tuple(m.velocity))


def base_sample(m: Odometry, at: Arrival) -> BaseSample:
    """Odometry with its frames; raises ``ValueError`` for what is not finite."""
    return BaseSample(at, dialect.base_state_value(m), m.header.frame_id, m.child_frame_id)


def scan_sample(m: LaserScan, at: Arrival) -> ScanSample:
    """A scan with its own layout."""
    layout = float(m.angle_min), float(m.angle_increment)
    return ScanSample(at, tuple(m.ranges), *layout, float(m.range_min), float(m.range_max), m.header.frame_id)


def tool_pose(m: PoseStamped, source: str) -> ToolPose:
    """Where the robot says that its tool is [m]."""
    place = m.pose.position
    return ToolPose(source, (float(place.x), float(place.y), float(place.z)), str(m.header.frame_id))


def transforms(message: Any) -> Iterator[tuple[str, Transform]]:
    """The frames of a ``tf2_msgs/TFMessage``, by name."""
    for it in message.transforms:
        shift, turn = it.transform.translation, it.transform.rotation
        place, rotation = (shift.x, shift.y, shift.z), (turn.x, turn.y, turn.z, turn.w)
        yield it.child_frame_id, Transform(it.header.frame_id, place, rotation)


def command_reader(command: str, joints: tuple[str, ...]) -> tuple[type, Callable[[Any], CommandSample]]:
    """Message type of a dialect's shadow, and its reader; an action's shadow is a trajectory."""
    readers: dict[str, tuple[type, Callable[[Any], CommandSample]]] = {
        "forward_position": (Float64MultiArray, lambda m: CommandSample(joints, tuple(m.data))),
        "forward_velocity": (Float64MultiArray, lambda m: CommandSample(joints, (), tuple(m.data))),
        "twist": (Twist, _twist),
        "twist_stamped": (TwistStamped, lambda m: _twist(m.twist)),
    }
    return readers.get(command, (JointTrajectory, _trajectory))


def _trajectory(m: JointTrajectory) -> CommandSample:
    names, points = dialect.trajectory_value(m)
    return CommandSample(names, points[-1].positions, (), points[-1].time) if points else CommandSample(names)


def _twist(m: Twist) -> CommandSample:
    return CommandSample(BASE_AXES, (), (float(m.linear.x), float(m.angular.z)))
