"""A robot without physics that behaves as the real controllers do: to try a deployment before the robot.

Joints and wheels follow what is commanded with a first-order lag. Time [s] is that of one monotonic clock,
passed to :meth:`step`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.robot_side import RobotSide, Waypoint, check_trajectory, check_values
from metaagent_ros.deployment import Deployment
from sim_envs.lidar import Lidar
from sim_envs.robots import ArmProfile
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.rooms import room_scene
from sim_envs.simulation import table_scene
from sim_envs.spec import BaseState, Scene

Array = NDArray[np.float64]
JOINT_LAG, WHEEL_LAG = 0.02, 0.05  # [s]
GRIPPER_SPEED = 0.1  # [m/s] of width
READINGS = 360  # of the lidar of a mock base
_LONGEST = 0.1  # [s]: after a longer pause it goes on, it does not leap


@dataclass(frozen=True, slots=True)
class _Motion:
    """A trajectory under way: times (k,) [s] and positions (k, n) [rad], the first where it began."""

    times: Array
    positions: Array

    def at(self, time: float) -> Array:
        """Positions (n,) [rad]: linear between points, as the controller does without velocities."""
        return np.array([np.interp(time, self.times, column) for column in self.positions.T])


class MockArm(RobotSide):
    """An arm with a gripper behind joint_trajectory_controller and forward command controllers.

    ``paused``, the trajectory stands still and positions are held, as on a UR whose program is paused;
    ``speed`` is the speed scaling, 0 to 1. Joint states come shuffled: their order is not guaranteed on a
    robot either.
    """

    def __init__(self, profile: ArmProfile, deployment: Deployment, seed: int = 0) -> None:
        self.profile, self.deployment = profile, deployment
        self.speed, self.running = 1.0, True
        self.seen = table_scene(seed)
        count = len(profile.joints)
        self._at = np.array(profile.home)
        self._moving = np.zeros(count)
        self._wanted = self._at.copy()
        self._most = np.array(profile.max_velocity) * 2.0  # profiles keep to half of what a robot can
        self._rates: Array | None = None
        self._motion: _Motion | None = None
        self._since = 0.0  # [s] of the trajectory that are over
        self._width = self._to_width = profile.gripper_max_width
        self._last: float | None = None
        names = (*profile.joints, *profile.gripper_joints)
        self._order = np.random.default_rng(seed).permutation(len(names))
        self.names = tuple(names[i] for i in self._order)

    @property
    def scaling(self) -> float:
        """What the speed scaling topic says, in its own unit."""
        return (self.speed if self.running else 0.0) * self.deployment.speed_scaling_full

    def trajectory(self, names: Sequence[str], points: Sequence[Waypoint]) -> None:
        """See the base class; begins where the last one is."""
        check_trajectory(self.profile.joints, names, points)
        order = [list(names).index(name) for name in self.profile.joints]
        rows = [self._wanted, *(np.array(point.positions)[order] for point in points)]
        self._motion = _Motion(np.array([0.0, *(point.time for point in points)]), np.array(rows))
        self._since, self._rates = 0.0, None

    def positions(self, values: Sequence[float]) -> None:
        """See the base class; there is no time-out."""
        check_values("the position command", values, len(self.profile.joints))
        self._motion = self._rates = None
        self._wanted = np.array(values, dtype=float)

    def velocities(self, values: Sequence[float]) -> None:
        """See the base class; there is no time-out: they go on until others come."""
        check_values("the velocity command", values, len(self.profile.joints))
        self._motion, self._rates = None, np.array(values, dtype=float)

    def gripper(self, width: float, force: float) -> None:
        """See the base class."""
        check_values("the gripper command", (width, force))
        self._to_width = min(max(width, 0.0), self.profile.gripper_max_width)

    def step(self, now: float) -> None:
        """Go on to ``now``."""
        period = _period(self._last, now)
        self._last = now
        if period <= 0.0:
            return
        share = self.speed if self.running else 0.0
        if self._motion is not None:
            self._since += period * share
            self._wanted = self._motion.at(self._since)
        elif self._rates is not None:
            self._wanted = self._wanted + self._rates * period * share
        self._wanted = np.clip(self._wanted, self.profile.lower, self.profile.upper)
        most = self._most * period
        way = (self._wanted - self._at) * (1.0 - math.exp(-period / JOINT_LAG))
        way = np.clip(way, -most, most)
        self._at, self._moving = self._at + way, way / period
        step = GRIPPER_SPEED * period
        self._width += min(max(self._to_width - self._width, -step), step)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names in the order of this robot, positions [rad, fingers m] and velocities."""
        fingers = [self._width / 2] * len(self.profile.gripper_joints)
        positions = np.array([*self._at, *fingers])[self._order]
        velocities = np.array([*self._moving, *(0.0 for _ in fingers)])[self._order]
        return self.names, positions, velocities


class MockBase(RobotSide):
    """A differential drive behind diff_drive_controller, in a furnished room that it drives through."""

    def __init__(self, profile: BaseProfile, deployment: Deployment, seed: int = 0) -> None:
        self.profile, self.deployment = profile, deployment
        room = room_scene(seed, profile.radius)
        self._room = room.items
        self._lidar = Lidar(room.items, READINGS, profile.range, profile.lidar_height)
        self._pose = (0.0, 0.0, 0.0)
        self._moving = self._wanted = (0.0, 0.0)
        self._wheels = [0.0, 0.0]
        self._last: float | None = None
        self._ordered: float | None = None
        self._fresh = False

    def drive(self, linear: float, angular: float) -> None:
        """See the base class; holds for the controller's time-out."""
        check_values("the velocity command", (linear, angular))
        self._wanted, self._fresh = (linear, angular), True

    def step(self, now: float) -> None:
        """Go on to ``now``."""
        period = _period(self._last, now)
        self._last = now
        if self._fresh:
            self._ordered, self._fresh = now, False
        if self._ordered is None or now - self._ordered > self.deployment.controller_timeout:
            self._wanted = (0.0, 0.0)
        most = (self.profile.max_linear, self.profile.max_angular)
        rest = math.exp(-period / WHEEL_LAG)
        wanted = [_clip(value, limit) for value, limit in zip(self._wanted, most, strict=True)]
        linear, angular = (w + rest * (m - w) for w, m in zip(wanted, self._moving, strict=True))
        x, y, yaw = self._pose
        middle = yaw + angular * period / 2
        self._pose = (
            x + linear * period * math.cos(middle),
            y + linear * period * math.sin(middle),
            math.remainder(yaw + angular * period, math.tau),
        )
        self._moving = (linear, angular)
        half = angular * self.profile.wheel_separation / 2
        for side, speed in enumerate((linear - half, linear + half)):
            self._wheels[side] += speed * period / self.profile.wheel_radius

    def pose(self) -> BaseState:
        """Where it is [m, rad] and how fast [m/s, rad/s]."""
        return BaseState(*self._pose, *self._moving)

    def scan(self) -> Array:
        """Ranges (READINGS,) [m] from straight ahead counter-clockwise."""
        return self._lidar.scan(*self._pose)

    @property
    def seen(self) -> Scene:
        """The room and where the base is in it."""
        x, y, yaw = self._pose
        return Scene(self._room, (x, y, 0.0), yaw)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, angles [rad] and velocities [rad/s] of the wheels, in this robot's order."""
        names = self.profile.wheel_joints[::-1]
        each = len(names) // 2
        half = self._moving[1] * self.profile.wheel_separation / 2
        speeds = np.array([self._moving[0] + half, self._moving[0] - half]) / self.profile.wheel_radius
        return names, np.repeat(self._wheels[::-1], each), np.repeat(speeds, each)


def _period(last: float | None, now: float) -> float:
    """Time [s] since the last step, never negative nor too long."""
    return 0.0 if last is None else min(max(now - last, 0.0), _LONGEST)


def _clip(value: float, most: float) -> float:
    return min(max(value, -most), most)
