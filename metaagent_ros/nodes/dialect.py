"""What a robot speaks: the messages of ros2_control and REP 105, to and from our values."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_interfaces.msg import ArmCommand
from metaagent_ros.control.state import ArmState, BaseState, arm_state, base_state
from metaagent_ros.nodes.conversions import finite, heading, nanoseconds, quaternion, time_message
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import BaseCommand, JointCommand

Array = NDArray[np.float64]
LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""States and commands: the newest counts, and subscribers of either reliability hear it."""
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
    """Lidar ranges [m], the first beam forward, counter-clockwise; nothing in reach is inf (REP 117)."""
    step = 2 * math.pi / profile.beams
    out = LaserScan(angle_min=0.0, angle_max=step * (profile.beams - 1), angle_increment=step)
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "laser"
    out.range_min, out.range_max = 0.0, float(profile.range)
    out.ranges = [float(r) if r < profile.range else math.inf for r in ranges]
    return out


def scan_value(m: LaserScan, profile: BaseProfile) -> Array:
    """Ranges (beams,) [m], at most the profile's reach; raises ``ValueError`` for another layout or NaN."""
    step = 2 * math.pi / profile.beams
    if len(m.ranges) != profile.beams or abs(m.angle_increment - step) > 1e-3 or abs(m.angle_min) > 1e-3:
        raise ValueError(
            f"the scan has {len(m.ranges)} beams from {m.angle_min:g} by {m.angle_increment:g} rad;"
            f" allowed: {profile.beams} from 0 by {step:g}"
        )
    ranges = np.array(m.ranges, dtype=np.float64)
    if np.isnan(ranges).any():
        raise ValueError("the scan has ranges that are not numbers")
    return np.clip(ranges, 0.0, profile.range)


def arm_command_message(command: JointCommand, stamp_ns: int) -> ArmCommand:
    """What the policy wants; ``stamp_ns`` is that of the state it was decided on."""
    out = ArmCommand(
        names=list(command.names),
        positions=[float(p) for p in command.positions],
        gripper_width=float(command.gripper_width),
        gripper_force=float(command.gripper_force),
        duration=float(command.duration),
    )
    out.header.stamp = time_message(stamp_ns)
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


def twist_message(command: BaseCommand, stamp_ns: int) -> TwistStamped:
    """Velocities of a base."""
    out = TwistStamped()
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), "base_link"
    out.twist.linear.x, out.twist.angular.z = float(command.linear), float(command.angular)
    return out


def twist_value(m: TwistStamped) -> BaseCommand:
    """As it came: the limiter is the one that judges it."""
    return BaseCommand(float(m.twist.linear.x), float(m.twist.angular.z))


def trajectory_message(command: JointCommand) -> JointTrajectory:
    """One point; a zero stamp means: start now."""
    point = JointTrajectoryPoint(positions=[float(p) for p in command.positions])
    point.time_from_start.nanosec = round(float(command.duration) * 1e9)
    return JointTrajectory(joint_names=list(command.names), points=[point])


def trajectory_target(m: JointTrajectory) -> tuple[list[str], list[float]]:
    """Names and the last point's positions; raises ``ValueError`` for what a controller rejects."""
    names = list(m.joint_names)
    if not m.points:
        raise ValueError("the trajectory has no points")
    for point in m.points:
        if len(point.positions) != len(names):
            raise ValueError(f"{len(point.positions)} positions for {len(names)} joints")
        finite("joint positions", point.positions)
    return names, [float(p) for p in m.points[-1].positions]


def gripper_message(command: JointCommand) -> Float64MultiArray:
    """Width [m] and force [N]."""
    return Float64MultiArray(data=[float(command.gripper_width), float(command.gripper_force)])


def gripper_value(m: Float64MultiArray) -> tuple[float, float]:
    """Width [m] and force [N]; raises ``ValueError`` for anything else."""
    if len(m.data) != 2:
        raise ValueError(f"gripper command has {len(m.data)} values; allowed: 2 (width m, force N)")
    width, force = finite("gripper command", m.data)
    return width, force


def stamp_of(m: object) -> int:
    """The header stamp [ns] of any stamped message."""
    return nanoseconds(m.header.stamp)  # type: ignore[attr-defined]
