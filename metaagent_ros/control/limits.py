"""The limits that a robot's profile and deployment state, in the shape that the guard takes."""

from __future__ import annotations

from typing import Any

from metaagent_ros.control.arm_limiter import ArmLimiter, ArmLimits
from metaagent_ros.control.clearance import ClearanceForecast
from metaagent_ros.control.collision import CollisionForecast
from metaagent_ros.control.counts import Timeouts
from metaagent_ros.control.guard import Guard
from metaagent_ros.control.limiter import BaseLimiter, BaseLimits
from metaagent_ros.deployment import Deployment, load_deployment
from sim_envs.robots import load_profile

SIMULATED_ACCELERATION = 60.0
"""[rad/s²] that a simulated arm may be asked for at least: it has no gears to hurt, training had no limit at
all, and 98 % of the shipped policy's commands stay below."""
MEASURED_BEYOND_RAD = 0.05  # a joint may rest that far beyond its soft limits
SHORTEST_S = 0.002


def arm_limits(profile: Any, deployment: Deployment, simulated: bool = False) -> ArmLimits:
    """Limits of an ``ArmProfile``: positions a margin inside the hard ones."""
    soft, least = deployment.soft_margin, SIMULATED_ACCELERATION if simulated else 0.0
    return ArmLimits(
        profile.joints,
        tuple(low + soft for low in profile.lower),
        tuple(high - soft for high in profile.upper),
        profile.max_velocity,
        (0.0, profile.gripper_max_width),
        profile.gripper_max_force,
        (SHORTEST_S, deployment.controller_timeout),
        tuple(max(a, least) for a in deployment.max_acceleration),
        soft + MEASURED_BEYOND_RAD,
    )


def base_limits(profile: Any) -> BaseLimits:
    """Velocity and acceleration limits of a ``BaseProfile``."""
    return BaseLimits(
        profile.max_linear,
        profile.max_angular,
        profile.max_linear_acceleration,
        profile.max_angular_acceleration,
    )


def guard_for(
    robot: str, deployment: Deployment | None = None, speed: float = 1.0, simulated: bool = False
) -> Guard[Any]:
    """The guard of that robot at a share ``speed`` of its velocity limits.

    ``simulated``: robot time may stand still or run slower than the wall clock, and an arm takes
    :data:`SIMULATED_ACCELERATION`. An unknown robot raises ``SpecError``, a bad speed ``ValueError``.
    """
    profile, deployment = load_profile(robot), deployment or load_deployment(robot)
    wall = 5.0 * deployment.state_timeout if simulated else deployment.state_timeout
    times = Timeouts(deployment.command_timeout, deployment.state_timeout, wall)
    if profile.family == "base":
        bounds = base_limits(profile)
        ahead = ClearanceForecast(profile, bounds, speed) if deployment.scan_topic else None
        return Guard(BaseLimiter(bounds, speed), times, ahead)
    limits = arm_limits(profile, deployment, simulated)
    return Guard(ArmLimiter(limits, speed), times, CollisionForecast(profile, limits.acceleration))
