"""A base in a furnished room, commanded by velocities and measured the way a robot is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.physics import base_world
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.rooms import room_scene
from sim_envs.spec import BaseState, Hidden, Scene, SceneItem, Vec3

Array = NDArray[np.float64]
COMMAND_TIMEOUT = 0.5  # [s] of simulated time, that of diff_drive_controller
ROBOT = "robot"
_PUT_BACK = np.array([0.02, 0.02, 0.1])  # [m, m, rad] by which a person misses the old place


class BaseSimulation:
    """The core of the simulator node for a base; poses [m, rad] in ``odom``, which starts at the base.

    The room is as large as the base needs. A velocity holds until the next one, at most
    ``COMMAND_TIMEOUT``; then the base stops. ``physics`` is one of :data:`sim_envs.physics.PHYSICS`.
    """

    def __init__(
        self, profile: BaseProfile, scene_seed: int, hidden: Hidden, physics: str = "bullet"
    ) -> None:
        self.profile, self.hidden = profile, hidden
        self._room, self._scene_seed = room_scene(scene_seed, profile.radius), scene_seed
        self._items = self._room.items
        self._noise = np.random.default_rng(scene_seed)
        self._world = base_world(profile, physics, visible=True)
        self._world.reset(self._room, hidden)
        self.substep = self._world.substep
        self._count = 0
        self._until = 0  # the substep at which the last command ends
        self._hold = round(COMMAND_TIMEOUT / self.substep)

    def reset(self, number: int = 0) -> None:
        """The base at rest at its start, with a ``number`` above 0 within 2 cm and 0.1 rad; time goes on."""
        x, y, z = self._room.robot_position
        rng = np.random.default_rng((self._scene_seed, number))
        dx, dy, turn = (rng.uniform(-1.0, 1.0, 3) * _PUT_BACK * (number > 0)).tolist()
        place: Vec3 = (x + dx, y + dy, z)
        start = replace(self._room, robot_position=place, robot_yaw=self._room.robot_yaw + turn)
        self._world.reset(start, self.hidden)
        self._until = self._count

    @property
    def time(self) -> float:
        """Simulated time [s] since the start."""
        return self._count * self.substep

    def advance(self) -> None:
        """One substep of physics."""
        if self._count >= self._until:
            self._world.base.command(0.0, 0.0)
        self._world.step(1)
        self._count += 1

    def command_velocity(self, linear: float, angular: float) -> None:
        """Forward [m/s] and turning [rad/s] velocity; raises ``ValueError`` before anything moves."""
        self._world.base.command(float(linear), float(angular))
        self._until = self._count + self._hold

    def pose(self) -> BaseState:
        """The measured pose and velocities, without a scan; each call draws its own noise."""
        noise = None
        if self.hidden.noise > 0.0:
            x, y, yaw = (self.hidden.noise * self._noise.standard_normal(3)).tolist()
            noise = (x, y, yaw)
        return self._world.base.measured(None, noise)

    def scan(self) -> Array:
        """Lidar ranges (beams,) [m] from the middle of the base, from straight ahead counter-clockwise."""
        return self._world.scan()

    def truth(self) -> Scene:
        """Where everything is; the base is an item too."""
        x, y, yaw = self._world.base.pose()
        place: Vec3 = (x, y, 0.0)
        return Scene((*self._items, SceneItem(ROBOT, ROBOT, place, yaw=yaw)), place, yaw)

    def scene(self) -> Scene:
        """What a camera in the room sees: all of the truth. The hidden part of a base is in :meth:`pose`."""
        x, y, yaw = self._world.base.pose()
        return Scene(self._items, (x, y, 0.0), yaw)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, angles [rad] and velocities [rad/s] of the wheels."""
        return self._world.base.joint_state()

    def state(self) -> dict[str, Any]:
        """All that a picture shows, as JSON-able values: joints [rad], true pose (x, y [m], yaw [rad])."""
        names, positions, _ = self.joint_state()
        joints = dict(zip(names, map(float, positions), strict=True))
        return {"time": self.time, "joints": joints, "pose": list(self._world.base.pose())}

    def show(self, state: dict[str, Any]) -> None:
        """Take on a :meth:`state`, to draw it; nothing is simulated."""
        x, y, yaw = map(float, state["pose"])
        base, joints = self._world.base, state.get("joints", {})
        base.place(x, y, yaw)
        names = self.profile.wheel_joints
        left, right = (float(joints.get(names[k], 0.0)) for k in (0, len(names) // 2))
        base.turn_wheels(left * self.profile.wheel_radius, right * self.profile.wheel_radius)

    def render(self, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
        """An image (height, width, 3) of the whole room, from above and behind."""
        return self._world.render(width, height)

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self._world.close()
