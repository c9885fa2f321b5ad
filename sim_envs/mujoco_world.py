"""A table with an arm, two bins and objects in MuJoCo: the peer of :class:`sim_envs.world.ArmWorld`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from sim_envs.mujoco_arm import MujocoArm
from sim_envs.mujoco_model import TIMESTEP, arm_model
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Array
from sim_envs.spec import NOMINAL, Hidden, SceneItem, Vec3, require
from sim_envs.world import ArmWorld


class MujocoWorld:
    """Bodies by name; z = 0 is the table top. Close it after use.

    Each reset compiles a model of its own (some milliseconds), so nothing of an episode is left in the
    next. Pictures are drawn by Bullet's CPU renderer, which needs no display; physics is MuJoCo's alone.
    """

    def __init__(self, profile: ArmProfile, visible: bool = False) -> None:
        self.profile, self.visible = profile, visible
        self.substeps = math.ceil(profile.control_period / TIMESTEP - 1e-9)
        self.arm = MujocoArm(profile)
        self._items: tuple[SceneItem, ...] = ()
        self._picture: ArmWorld | None = None
        self.reset(())

    def reset(self, items: Sequence[SceneItem], hidden: Hidden = NOMINAL) -> None:
        """Home the arm and lay out the objects, all with the hidden mass, friction and restitution."""
        step = self.profile.control_period / self.substeps
        self._items, self._drawn = tuple(items), False
        self.model: Any = arm_model(self.profile, items, hidden, step)
        self.data: Any = mujoco.MjData(self.model)
        self.bodies = {i.name: int(self.model.body(i.name).id) for i in items if i.kind == "object"}
        self.arm.bind(self.model, self.data, hidden)

    def step(self) -> None:
        """Advance by one control period."""
        mujoco.mj_step(self.model, self.data, self.substeps)

    def substep(self) -> None:
        """Advance by one step of physics."""
        mujoco.mj_step(self.model, self.data)

    def where(self, name: str) -> Vec3:
        """True position [m] of an object."""
        x, y, z = self._pose(name)[:3].tolist()
        return (x, y, z)

    def position(self, name: str) -> Array:
        """True position (3,) [m] of an object."""
        return self._pose(name)[:3].copy()

    def speed(self, name: str) -> float:
        """True speed [m/s] of an object."""
        first = self.model.body_dofadr[self.bodies[name]]
        return float(np.linalg.norm(self.data.qvel[first : first + 3]))

    def yaw(self, name: str) -> float:
        """True heading [rad] of an object."""
        w, x, y, z = self._pose(name)[3:].tolist()
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def poses(self) -> dict[str, list[float]]:
        """Where every object is: x, y, z [m] and its quaternion (x, y, z, w), by name."""
        rows = {name: self._pose(name).tolist() for name in self.bodies}
        return {name: [*row[:3], *row[4:], row[3]] for name, row in rows.items()}

    def place(self, poses: dict[str, list[float]]) -> None:
        """Put objects where :meth:`poses` says, at rest."""
        for name, (x, y, z, i, j, k, w) in poses.items():
            self._pose(name)[:] = (x, y, z, w, i, j, k)
            first = self.model.body_dofadr[self.bodies[name]]
            self.data.qvel[first : first + 6] = 0.0
        mujoco.mj_forward(self.model, self.data)

    def held(self, name: str) -> bool:
        """Whether both fingers touch the object."""
        pairs = self.model.geom_bodyid[self.data.contact.geom]
        body = self.bodies[name]
        touched = {int(b) for pair in pairs if body in pair for b in pair}
        return touched.issuperset(self.arm.fingers)

    def render(self, width: int = 480, height: int = 360) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """An image (height, width, 3) by the CPU renderer."""
        if not self.visible:
            raise RuntimeError("this world was made without what is only for the eye")
        picture = self._picture = self._picture or ArmWorld(self.profile, visible=True)
        if not self._drawn:
            picture.reset(self._items)
            self._drawn = True
        picture.arm.set_state(*self.arm.joint_state())
        picture.place(self.poses())
        return picture.render(width, height)

    def close(self) -> None:
        """Free what draws and reckons; twice is fine."""
        self.arm.close()
        if self._picture is not None:
            self._picture.close()
            self._picture = None

    def _pose(self, name: str) -> Array:
        """A view of an object's x, y, z [m] and quaternion (w, x, y, z)."""
        require("object", name, tuple(self.bodies))
        first = self.model.jnt_qposadr[self.model.body_jntadr[self.bodies[name]]]
        view: Array = self.data.qpos[first : first + 7]
        return view
