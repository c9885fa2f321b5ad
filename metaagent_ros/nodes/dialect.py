"""What a robot speaks: the messages of ros2_control and REP 105, to and from our values."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_interfaces.msg import ArmCommand
from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_ros.control.robot_side import Waypoint
from metaagent_ros.control.scans import ScanLayout, resampled
from metaagent_ros.control.state import ArmState, BaseState, arm_state, base_state
from metaagent_ros.nodes.conversions import finite, heading, nanoseconds, quaternion, time_message
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import BaseCommand, JointCommand

Array = NDArray[np.float64]
LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""States and commands: the newest counts, and subscribers of either reliability hear it."""
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""To hear sensors: drivers of lidars publish best effort, which a reliable subscriber does not hear."""
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""For what a node that starts later must still hear."""


def joint_state_message(
    names: tuple[str, ...], positions: Array, velocities: Array, stamp_ns: int
) -> JointState:
    """Measured joints [rad, m] in the order of ``names``."""
    out = JointState(name=list(names))
    out.position = [float(p) for p in positions]
    out.velocity = [float(v) for v in velocities]
    out.header.stamp = time_message(stamp_ns)
    return out


def arm_state_value(m: JointState, required: tuple[str, ...]) -> ArmState:
    """The required joints by name; raises ``StateError`` where one is missing or not finite."""
    return arm_state(m.name, m.position, m.velocity, required)


def odometry_message(state: BaseState, stamp_ns: int) -> Odometry:
    """A measured base in ``odom``."""
    out = Odometry(child_frame_id="base_link")
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "odom"
    out.pose.pose.position.x, out.pose.pose.position.y = float(state.x), float(state.y)
    out.pose.pose.orientation = quaternion(state.yaw)
    out.twist.twist.linear.x, out.twist.twist.angular.z = float(state.linear), float(state.angular)
    return out


def base_state_value(m: Odometry, ranges: Array | None = None) -> BaseState:
    """The inverse of :func:`odometry_message`; raises ``ValueError`` for what is not finite."""
    pose, twist = m.pose.pose, m.twist.twist
    yaw = heading(pose.orientation)
    state = base_state(pose.position.x, pose.position.y, yaw, twist.linear.x, twist.angular.z)
    return dataclasses.replace(state, ranges=ranges)


def scan_message(ranges: Array, profile: BaseProfile, stamp_ns: int) -> LaserScan:
    """Lidar ranges (any number of beams) [m] over 360 degrees, the first forward, counter-clockwise.

    Nothing in reach is inf (REP 117).
    """
    step = 2 * math.pi / len(ranges)
    out = LaserScan(angle_min=0.0, angle_max=step * (len(ranges) - 1), angle_increment=step)
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "laser"
    out.range_min, out.range_max = 0.0, float(profile.range)
    out.ranges = [float(r) if r < profile.range else math.inf for r in ranges]
    return out


def scan_value(m: LaserScan, profile: BaseProfile) -> Array:
    """Ranges (beams,) [m] on the profile's beams, at most its reach, from a scan of any layout.

    Raises ``ValueError`` where that cannot be; see :func:`metaagent_ros.control.scans.resampled`.
    """
    layout = ScanLayout(m.angle_min, m.angle_increment, m.range_min, m.range_max)
    return resampled(np.array(m.ranges, dtype=np.float64), layout, profile.beams, profile.range)


def arm_command_message(
    command: JointCommand, stamp_ns: int, commander: str = "", scene_ns: int = 0
) -> ArmCommand:
    """What ``commander`` wants; the stamps are those of the state and the scene it was decided on."""
    out = ArmCommand(
        commander=commander,
        names=list(command.names),
        positions=[float(p) for p in command.positions],
        gripper_width=float(command.gripper_width),
        gripper_force=float(command.gripper_force),
        duration=float(command.duration),
    )
    out.header.stamp, out.scene = time_message(stamp_ns), time_message(scene_ns)
    return out


def arm_command_value(m: ArmCommand) -> JointCommand:
    """As it came: the limiter is the one that judges it."""
    return JointCommand(
        tuple(m.names),
        tuple(map(float, m.positions)),
        float(m.gripper_width),
        float(m.gripper_force),
        float(m.duration),
    )


def base_command_message(
    command: BaseCommand, stamp_ns: int, commander: str = "", scene_ns: int = 0, scan_ns: int = 0
) -> BaseCommandMessage:
    """What ``commander`` wants; the stamps are those of the state, scene and scan it was decided on."""
    out = BaseCommandMessage(
        commander=commander, linear=float(command.linear), angular=float(command.angular)
    )
    out.scene, out.scan = time_message(scene_ns), time_message(scan_ns)
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "base_link"
    return out


def base_command_value(m: BaseCommandMessage) -> BaseCommand:
    """As it came: the limiter is the one that judges it."""
    return BaseCommand(float(m.linear), float(m.angular))


def command_value(m: ArmCommand | BaseCommandMessage) -> JointCommand | BaseCommand:
    """What a commander wants, for an arm or a base."""
    return arm_command_value(m) if isinstance(m, ArmCommand) else base_command_value(m)


def twist_message(command: BaseCommand, stamp_ns: int) -> TwistStamped:
    """Velocities of a base."""
    out = TwistStamped()
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "base_link"
    out.twist.linear.x, out.twist.angular.z = float(command.linear), float(command.angular)
    return out


def twist_value(m: TwistStamped) -> BaseCommand:
    """As it came: the limiter is the one that judges it."""
    return BaseCommand(float(m.twist.linear.x), float(m.twist.angular.z))


def plain_twist_message(command: BaseCommand) -> Twist:
    """Velocities of a base whose driver takes no stamp."""
    out = Twist()
    out.linear.x, out.angular.z = float(command.linear), float(command.angular)
    return out


def plain_twist_value(m: Twist) -> BaseCommand:
    """The inverse of :func:`plain_twist_message`, as it came."""
    return BaseCommand(float(m.linear.x), float(m.angular.z))


def values_message(values: Iterable[float]) -> Float64MultiArray:
    """What a forward command controller takes, in the order of its own joints."""
    return Float64MultiArray(data=[float(v) for v in values])


def positions_message(command: JointCommand, joints: tuple[str, ...]) -> Float64MultiArray:
    """The positions [rad] of a command in the order of ``joints``."""
    by_name = dict(zip(command.names, command.positions, strict=True))
    return values_message(by_name[name] for name in joints)


def trajectory_message(command: JointCommand) -> JointTrajectory:
    """One point; a zero stamp means: start now."""
    point = JointTrajectoryPoint(positions=[float(p) for p in command.positions])
    point.time_from_start.nanosec = round(float(command.duration) * 1e9)
    return JointTrajectory(joint_names=list(command.names), points=[point])


def trajectory_value(m: JointTrajectory) -> tuple[tuple[str, ...], tuple[Waypoint, ...]]:
    """Joint names and points as they came: the controller judges them."""
    points = []
    for point in m.points:
        time = nanoseconds(point.time_from_start) / 1e9
        positions, velocities = tuple(map(float, point.positions)), tuple(map(float, point.velocities))
        points.append(Waypoint(time, positions, velocities))
    return tuple(m.joint_names), tuple(points)


def gripper_message(command: JointCommand) -> Float64MultiArray:
    """Width [m] and force [N]."""
    return Float64MultiArray(data=[float(command.gripper_width), float(command.gripper_force)])


def gripper_value(m: Float64MultiArray) -> tuple[float, float]:
    """Width [m] and force [N]; raises ``ValueError`` for anything else."""
    if len(m.data) != 2:
        raise ValueError(f"gripper command has {len(m.data)} values; allowed: 2 (width m, force N)")
    width, force = finite("gripper command", m.data)
    return width, force


class MissingInterface(ValueError):
    """An action that a robot's dialect needs and that is not installed."""


def control_action(name: str) -> Any:
    """An action of ``control_msgs``, which does not come with the ROS wheels of PyPI."""
    try:
        return getattr(importlib.import_module("control_msgs.action"), name)
    except ImportError:
        raise MissingInterface(
            f"this robot takes the action control_msgs/{name}, and control_msgs is not installed:"
            " sudo apt install ros-jazzy-control-msgs, or choose another dialect with command:= or gripper:="
        ) from None


def gripper_goal(command: JointCommand, kind: Any, scale: float) -> Any:
    """A goal of the action GripperCommand; ``scale`` is the position [m] for each metre of width."""
    goal = kind.Goal()
    goal.command.position = float(command.gripper_width * scale)
    goal.command.max_effort = float(command.gripper_force)
    return goal


def stamp_of(m: object) -> int:
    """The header stamp [ns] of any stamped message."""
    return nanoseconds(m.header.stamp)  # type: ignore[attr-defined]
