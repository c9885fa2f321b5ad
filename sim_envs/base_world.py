"""The things of a scene and a mobile base, in a Bullet client of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs import looks
from sim_envs.bullet import connect
from sim_envs.description import load
from sim_envs.lidar import Lidar
from sim_envs.paths import solid, standing
from sim_envs.places import (
    BATCH,
    HOUSES_PER_WORLD,
    ROOMS_PER_WORLD,
    drawn_scene,
    origin,
    place_of,
)
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.robots.mobile_base import BaseModel, MobileBase, Pose
from sim_envs.spec import Hidden, Scene, SceneItem

SUBSTEPS = 4
SOLVER_ITERATIONS = 10
_AWAY = -100.0  # [m] where the base waits until old contacts are forgotten
_PLACES = ROOMS_PER_WORLD + HOUSES_PER_WORLD


class BaseWorld:
    """The base among boxes and cylinders that do not move. Close it after use.

    Scenes of the drawn families (:mod:`sim_envs.places`) are put up once, each at a place of its own; a
    reset to one of them only moves the base. Any other scene is put up at the origin, and taken
    away at the next reset. All poses are in the scene's frame. ``visible`` adds what is only
    for the eye; physics and lidar are the same without it. There is no floor: the base keeps its height.
    """

    def __init__(self, profile: BaseProfile, visible: bool = False) -> None:
        self.client: Any = connect()
        self.profile, self.visible = profile, visible
        self.substep = profile.control_period / SUBSTEPS
        self.client.setGravity(0.0, 0.0, 0.0)
        self.client.setPhysicsEngineParameter(
            fixedTimeStep=self.substep, numSolverIterations=SOLVER_ITERATIONS, deterministicOverlappingPairs=1
        )
        unseen = looks.nothing(self.client) if visible else -1
        self.base = MobileBase(self.client, profile, unseen)
        self._model = BaseModel(self.client, profile) if visible else None
        self._simulate = self.client.stepSimulation
        self._forget = self.client.performCollisionDetection
        self._batches: set[int] = set()
        self._lidars: dict[int, Lidar] = {}
        self._extra: list[int] = []  # bodies of this scene only
        self._items: tuple[SceneItem, ...] = ()
        self._lidar = self._lidar_of(())
        self._closed = False

    def reset(self, scene: Scene, hidden: Hidden) -> None:
        """The scene, and in it the base at rest at its true pose."""
        for body in self._extra:
            self.client.removeBody(body)
        self._extra = []
        base, place = self.base, place_of(scene, self.profile.radius)
        base.place(_AWAY, _AWAY, 0.0)
        self._forget()  # old contacts would warm-start the solver
        base.origin = origin(place)
        if place >= 0:
            self._lidar = self._lidars.get(place) or self._put_up(place)
        else:
            self._lidar = self._lidar_of(scene.items)
            self._extra = self._solid([((0.0, 0.0), scene.items)])
        self._items = standing(scene.items)
        if self.visible:
            self._extra += self._looks()
        x, y, _ = scene.robot_position
        base.reset(x, y, scene.robot_yaw, hidden)

    def step(self, substeps: int = SUBSTEPS) -> Pose:
        """Advance, one control period unless told otherwise; the true pose then."""
        drive, simulate, period = self.base.drive, self._simulate, self.substep
        for _ in range(substeps):
            drive(period)
            simulate()
        return self.base.update()

    def scan(self) -> NDArray[np.float64]:
        """Lidar ranges (beams,) [m] from the middle of the base; nothing within reach reads ``range``."""
        return self._lidar.scan(*self.base.pose())

    def touched(self) -> bool:
        """Whether the base touches anything."""
        return self.base.touches()

    def render(self, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
        """An image (height, width, 3) of the scene from above and behind, by the CPU renderer."""
        if self._model is None:
            raise RuntimeError("this world was made without what is only for the eye")
        self._model.show(self.base)
        return looks.picture(self.client, self._items, width, height, self.base.origin)

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()

    def _lidar_of(self, items: Sequence[SceneItem]) -> Lidar:
        return Lidar(items, self.profile.beams, self.profile.range, self.profile.lidar_height)

    def _put_up(self, place: int) -> Lidar:
        """Put up a place with its neighbours, unless that has happened; its lidar."""
        batch = place // BATCH
        if batch not in self._batches:
            self._batches.add(batch)
            numbers = range(BATCH * batch, min(BATCH * (batch + 1), _PLACES))
            self._solid([(origin(k), drawn_scene(k, self.profile.radius).items) for k in numbers])
        lidar = self._lidars[place] = self._lidar_of(drawn_scene(place, self.profile.radius).items)
        return lidar

    def _solid(self, scenes: Sequence[tuple[tuple[float, float], Sequence[SceneItem]]]) -> list[int]:
        """One body of all solid items of scenes at their origins; a body each costs more in every step."""
        parts = [_part(item, at) for at, items in scenes for item in solid(items)]
        if not parts:
            return []
        unseen = looks.NOTHING if self.visible else ""  # without a visual, Bullet draws the collision shapes
        head = '<robot name="scene"><link name="things">'
        text = "\n".join([head, _NO_MASS, unseen, *parts, "</link></robot>"])
        flags = self.client.URDF_USE_IMPLICIT_CYLINDER
        return [load(self.client, text, useFixedBase=True, useMaximalCoordinates=True, flags=flags)]

    def _looks(self) -> list[int]:
        at, client = self.base.origin, self.client
        bodies = [looks.ground(client, at), *looks.floor(client, self._items, at)]
        for item in self._items:
            x, y, z = item.position
            turn = (0.0, 0.0, math.sin(item.yaw / 2), math.cos(item.yaw / 2))
            shape = looks.visual(client, item)
            bodies.append(client.createMultiBody(0, -1, shape, (x + at[0], y + at[1], z), turn))
        return bodies


_NO_MASS = '<inertial><mass value="0"/><inertia ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0"/></inertial>'


def _part(item: SceneItem, at: tuple[float, float]) -> str:
    """A solid item as an element of a link whose frame is the world's."""
    (x, y, z), (hx, hy, hz) = item.position, item.extent
    if item.shape == "cylinder":
        form = f'<cylinder radius="{hx!r}" length="{2 * hz!r}"/>'
    else:
        form = f'<box size="{2 * hx!r} {2 * hy!r} {2 * hz!r}"/>'
    place = f'<origin xyz="{x + at[0]!r} {y + at[1]!r} {z!r}" rpy="0 0 {item.yaw!r}"/>'
    return f"<collision>{place}<geometry>{form}</geometry></collision>"
