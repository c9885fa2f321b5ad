"""Which engine a world runs on: both offer the same methods; what differs stands in docs/mujoco.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sim_envs.robots import ArmProfile
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import SpecError, require

if TYPE_CHECKING:
    from sim_envs.base_world import BaseWorld
    from sim_envs.mujoco_base import MujocoBaseWorld
    from sim_envs.mujoco_world import MujocoWorld
    from sim_envs.world import ArmWorld

AnyArmWorld: TypeAlias = "ArmWorld | MujocoWorld"
AnyBaseWorld: TypeAlias = "BaseWorld | MujocoBaseWorld"
PHYSICS = ("bullet", "mujoco")


def arm_world(profile: ArmProfile, physics: str, visible: bool = False) -> AnyArmWorld:
    """The arm's table in that engine; an unknown one raises ``SpecError`` with the nearest match."""
    require("physics", physics, PHYSICS)
    if physics == "mujoco":
        from sim_envs.mujoco_world import MujocoWorld

        return MujocoWorld(profile, visible)
    from sim_envs.world import ArmWorld

    return ArmWorld(profile, visible)


def base_world(profile: BaseProfile, physics: str, visible: bool = False) -> AnyBaseWorld:
    """The base's room in that engine.

    An unknown engine raises ``SpecError``, and so does MuJoCo's for a base with more than two wheels: how
    fast it turns is a matter of how its wheels skid, which a profile does not say.
    """
    require("physics", physics, PHYSICS)
    if physics == "mujoco":
        if len(profile.wheel_joints) != 2:
            raise SpecError(
                f"physics is 'mujoco' and {profile.name} has {len(profile.wheel_joints)} wheels, which skid"
                " when it turns; allowed: bases with two wheels, or physics 'bullet'"
            )
        from sim_envs.mujoco_base import MujocoBaseWorld

        return MujocoBaseWorld(profile, visible)
    from sim_envs.base_world import BaseWorld

    return BaseWorld(profile, visible)
