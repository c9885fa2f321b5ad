"""The limits that a robot's profile states, in the shape that the guard takes."""

from __future__ import annotations

from typing import Any

from metaagent_ros.control.guard import Guard
from metaagent_ros.control.limiter import ArmLimiter, ArmLimits, BaseLimiter, BaseLimits
from sim_envs.robots import load_profile


def arm_limits(profile: Any) -> ArmLimits:
    """Position, velocity and gripper limits of an ``ArmProfile``."""
    return ArmLimits(
        profile.joints,
        profile.lower,
        profile.upper,
        profile.max_velocity,
        (0.0, profile.gripper_max_width),
        profile.gripper_max_force,
    )


def base_limits(profile: Any) -> BaseLimits:
    """Velocity and acceleration limits of a ``BaseProfile``."""
    return BaseLimits(
        profile.max_linear,
        profile.max_angular,
        profile.max_linear_acceleration,
        profile.max_angular_acceleration,
    )


def guard_for(robot: str) -> Guard[Any]:
    """The guard of that robot; an unknown one raises ``SpecError``."""
    profile = load_profile(robot)
    if profile.family == "arm":
        return Guard(ArmLimiter(arm_limits(profile)))
    return Guard(BaseLimiter(base_limits(profile)))
