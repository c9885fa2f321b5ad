"""A floor, the things of a scene and a mobile base, in a Bullet client of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs import looks
from sim_envs.bullet import connect
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.robots.mobile_base import MobileBase
from sim_envs.rooms import FLAT
from sim_envs.spec import Hidden, SceneItem

SUBSTEPS = 10
SOLVER_ITERATIONS = 12  # with 6 a standing base creeps by 0.7 mm a second, with 12 by 0.3
_FAR = 100.0  # [m] where the base waits while things are put up


class BaseWorld:
    """The base among boxes and cylinders that do not move; ``odom`` is the world frame. Close it after use.

    ``visible`` adds what is only for the eye; physics and lidar are the same without it.
    """

    def __init__(self, profile: BaseProfile, visible: bool = False) -> None:
        self.client: Any = connect()
        self.substep = profile.control_period / SUBSTEPS
        self.client.setGravity(0.0, 0.0, -9.81)
        self.client.setPhysicsEngineParameter(
            fixedTimeStep=self.substep, numSolverIterations=SOLVER_ITERATIONS, deterministicOverlappingPairs=1
        )
        plane = self.client.createCollisionShape(self.client.GEOM_PLANE)
        self._floor = self.client.createMultiBody(0, plane, looks.ground(self.client) if visible else -1)
        self.base = MobileBase(self.client, profile)
        self.visible = visible
        self._bodies: list[int] = []
        self._items: tuple[SceneItem, ...] = ()
        self._closed = False

    def reset(
        self, items: Sequence[SceneItem], hidden: Hidden, pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> None:
        """Put up the items, and the base at rest at a true pose (x, y [m], yaw [rad])."""
        for body in self._bodies:
            self.client.removeBody(body)
        self.base.place(_FAR, _FAR, 0.0)
        self.client.performCollisionDetection()  # forget the old contacts: they would warm-start the solver
        self._items = tuple(item for item in items if item.kind not in ("robot", "room"))
        self._bodies = [body for item in self._items if (body := self._put(item)) >= 0]
        if self.visible:
            self._bodies += looks.floor(self.client, self._items)
        self.base.reset(*pose, hidden)

    def step(self, substeps: int = SUBSTEPS) -> None:
        """Advance; one control period unless told otherwise."""
        for _ in range(substeps):
            self.base.drive(self.substep)
            self.client.stepSimulation()

    def touched(self) -> bool:
        """Whether the base touches anything but the floor."""
        return self.base.touches(self._floor)

    def render(self, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
        """An image (height, width, 3) of the room from above and behind, by the CPU renderer."""
        if not self.visible:
            raise RuntimeError("this world was made without what is only for the eye")
        return looks.picture(self.client, self._items, width, height)

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()

    def _put(self, item: SceneItem) -> int:
        """The body of an item; -1 for one that is neither solid nor to be seen."""
        client, half, solid = self.client, item.extent, item.name not in FLAT and min(item.extent) > 0.0
        shape = visual = -1
        if solid and item.shape == "cylinder":
            shape = client.createCollisionShape(client.GEOM_CYLINDER, radius=half[0], height=2 * half[2])
        elif solid:
            shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=half)
        if self.visible:
            visual = looks.visual(client, item)
        if shape < 0 and visual < 0:
            return -1
        turn = (0.0, 0.0, math.sin(item.yaw / 2), math.cos(item.yaw / 2))
        body: int = client.createMultiBody(0, shape, visual, item.position, turn)
        return body
