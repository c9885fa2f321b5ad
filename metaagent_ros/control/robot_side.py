"""What a robot's controllers take, whoever plays them: physics, the mock, or the rules that both keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metaagent_ros.control.state import finite, name_difference


@dataclass(frozen=True, slots=True)
class Waypoint:
    """One point of a trajectory: seconds from its start, positions (n,) [rad], velocities (n,) or none."""

    time: float
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()


class CommandError(ValueError):
    """A command that the controller rejects; the message names what is wrong."""


class RobotSide:
    """Where commands arrive. A kind that this robot does not take raises :class:`CommandError`, and so does
    one whose numbers are wrong, before anything moves.
    """

    def trajectory(self, names: Sequence[str], points: Sequence[Waypoint]) -> None:
        """A trajectory that replaces the last one and begins now."""
        raise CommandError(f"{type(self).__name__} takes no trajectories")

    def positions(self, values: Sequence[float]) -> None:
        """Joint positions (n_joints,) [rad] in the profile's order, taken at once."""
        raise CommandError(f"{type(self).__name__} takes no joint positions")

    def velocities(self, values: Sequence[float]) -> None:
        """Joint velocities (n_joints,) [rad/s] in the profile's order, until others come."""
        raise CommandError(f"{type(self).__name__} takes no joint velocities")

    def gripper(self, width: float, force: float) -> None:
        """Gripper width [m] and largest force [N]."""
        raise CommandError(f"{type(self).__name__} takes no gripper commands")

    def drive(self, linear: float, angular: float) -> None:
        """Velocities of a base [m/s, rad/s]."""
        raise CommandError(f"{type(self).__name__} does not drive")


def check_trajectory(joints: Sequence[str], names: Sequence[str], points: Sequence[Waypoint]) -> None:
    """What joint_trajectory_controller (Jazzy) rejects raises :class:`CommandError`.

    Joint names that are wrong, missing or unknown; no points; sizes that differ; times that do not increase;
    a last point with velocity. What is not finite is rejected too: the controller itself lets it through.
    """
    if difference := name_difference(names, joints):
        raise CommandError(f"joint names of the trajectory: {difference}")
    if not points:
        raise CommandError("the trajectory has no points")
    before = -math.inf
    for number, point in enumerate(points):
        sizes = {len(point.positions), len(point.velocities) or len(names)}
        if sizes != {len(names)}:
            counts = f"{len(point.positions)} positions and {len(point.velocities)} velocities"
            raise CommandError(f"point {number} has {counts} for {len(names)} joints")
        if not (math.isfinite(point.time) and point.time > before and point.time >= 0.0):
            raise CommandError(f"point {number} is at {point.time!r} s; times must increase from 0")
        before = point.time
        check_values(f"point {number}", (*point.positions, *point.velocities))
    if any(points[-1].velocities):
        raise CommandError(f"the last point has velocities {points[-1].velocities}; they must be 0")


def check_values(what: str, values: Sequence[float], count: int | None = None) -> None:
    """Another number of values than ``count``, or what is not finite, raises :class:`CommandError`."""
    if count is not None and len(values) != count:
        raise CommandError(f"{what} has {len(values)} values; allowed: {count}")
    if bad := [value for value in values if not finite(value)]:
        raise CommandError(f"{what} holds {bad[0]!r}; all must be finite")


class SimulatedSide(RobotSide):
    """A simulation (:mod:`sim_envs.simulation`) behind the controllers.

    It takes the last point of a trajectory at once, as it was trained with. There is no controller of
    velocities in it: ``hardware:=mock`` has one.
    """

    def __init__(self, simulation: Any) -> None:
        self._simulation = simulation

    def trajectory(self, names: Sequence[str], points: Sequence[Waypoint]) -> None:
        """See the base class."""
        check_trajectory(self._simulation.profile.joints, names, points)
        self._simulation.command_joints(list(names), list(points[-1].positions))

    def positions(self, values: Sequence[float]) -> None:
        """See the base class."""
        joints = self._simulation.profile.joints
        check_values("the position command", values, len(joints))
        self._simulation.command_joints(joints, list(values))

    def gripper(self, width: float, force: float) -> None:
        """See the base class."""
        self._simulation.command_gripper(width, force)

    def drive(self, linear: float, angular: float) -> None:
        """See the base class."""
        self._simulation.command_velocity(linear, angular)
