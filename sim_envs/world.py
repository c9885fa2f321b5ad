"""A table with an arm, two bins and objects, in a Bullet client of its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim_envs.bullet import connect
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import TOUCHING, Arm, Array
from sim_envs.spec import NOMINAL, SHAPES, Hidden, SceneItem, Vec3

SUBSTEPS = 8
SOLVER_ITERATIONS = 20
TABLE_MIDDLE, TABLE_HALF = (0.5, 0.0, -0.02), (0.4, 0.6, 0.02)
BIN_HALF, BIN_WALL, BIN_HEIGHT = 0.09, 0.004, 0.06
BIN_PLACES: dict[str, Vec3] = {"left_bin": (0.5, 0.30, 0.0), "right_bin": (0.5, -0.30, 0.0)}
HALF_SIZE = {"small": 0.018, "medium": 0.022, "large": 0.028}
RGBA = {
    "red": (0.85, 0.1, 0.1, 1), "blue": (0.1, 0.25, 0.85, 1), "green": (0.1, 0.65, 0.2, 1),
    "yellow": (0.95, 0.85, 0.1, 1), "orange": (0.95, 0.5, 0.1, 1), "purple": (0.5, 0.15, 0.6, 1),
    "black": (0.08, 0.08, 0.08, 1), "white": (0.95, 0.95, 0.95, 1),
}  # fmt: skip
SPARES = 2  # bodies of each shape and size that wait for a scene that needs them
_ASIDE = 5.0  # [m] above the table, where nothing is touched
_NO_TURN = (0.0, 0.0, 0.0, 1.0)


class ArmWorld:
    """Bodies by name; z = 0 is the table top. Close it after use.

    Objects are made once and wait far away, without mass, until a scene needs them: a reset moves bodies
    and makes none. ``visible`` loads what is only for the eye; physics is the same without it.
    """

    def __init__(self, profile: ArmProfile, visible: bool = False, substeps: int = SUBSTEPS) -> None:
        self.client: Any = connect()
        self.visible, self.substeps = visible, substeps
        self.client.setGravity(0.0, 0.0, -9.81)
        self.client.setPhysicsEngineParameter(
            fixedTimeStep=profile.control_period / substeps,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
        )
        self._box(TABLE_MIDDLE, TABLE_HALF, (0.75, 0.7, 0.62, 1))
        for place in BIN_PLACES.values():
            self._bin(place)
        self.arm = Arm(self.client, profile, visible, profile.control_period / substeps)
        self._extra: list[int] = []
        self._pool = {
            key: [self._object(*key) for _ in range(SPARES)] for key in itertools.product(SHAPES, HALF_SIZE)
        }
        self.bodies: dict[str, int] = {}
        self._pose, self._contacts = self.client.getBasePositionAndOrientation, self.client.getContactPoints
        self._simulate = self.client.stepSimulation
        self._closed = False

    def reset(self, items: Sequence[SceneItem], hidden: Hidden = NOMINAL) -> None:
        """Home the arm and lay out the objects, all with the hidden mass, friction and restitution."""
        client = self.client
        for body in self.bodies.values():
            self._park(body)
        for body in self._extra:
            client.removeBody(body)
        self._extra, self.bodies = [], {}
        used: dict[tuple[str, str], int] = {}
        for item in items:
            if item.kind == "object":
                body = self.bodies[item.name] = self._take(item, used)
                client.changeDynamics(body, -1, mass=hidden.mass, lateralFriction=hidden.friction)
                client.changeDynamics(body, -1, restitution=hidden.restitution)
                self._put(item, _ASIDE)
                client.setCollisionFilterGroupMask(body, -1, *TOUCHING)
        # Bullet turns a body's inertia with it only in a step, and forgets old contacts only there
        self._simulate()
        self.arm.reset(hidden)
        for item in items:
            if item.kind == "object":
                self._put(item, 0.0)

    def step(self) -> None:
        """Advance by one control period."""
        simulate = self._simulate
        for _ in range(self.substeps):
            simulate()

    def substep(self) -> None:
        """Advance by one step of physics."""
        self._simulate()

    def where(self, name: str) -> Vec3:
        """True position [m] of an object."""
        place: Vec3 = self._pose(self.bodies[name])[0]
        return place

    def position(self, name: str) -> Array:
        """True position (3,) [m] of an object."""
        return np.array(self.where(name))

    def speed(self, name: str) -> float:
        """True speed [m/s] of an object."""
        return math.hypot(*self.client.getBaseVelocity(self.bodies[name])[0])

    def yaw(self, name: str) -> float:
        """True heading [rad] of an object."""
        turn = self._pose(self.bodies[name])[1]
        return float(self.client.getEulerFromQuaternion(turn)[2])

    def poses(self) -> dict[str, list[float]]:
        """Where every object is: x, y, z [m] and its quaternion, by name."""
        pairs = ((n, self._pose(b)) for n, b in self.bodies.items())
        return {name: [*position, *turn] for name, (position, turn) in pairs}

    def place(self, poses: dict[str, list[float]]) -> None:
        """Put objects where :meth:`poses` says."""
        for name, pose in poses.items():
            self.client.resetBasePositionAndOrientation(self.bodies[name], pose[:3], pose[3:])

    def held(self, name: str) -> bool:
        """Whether both fingers touch the object."""
        body, arm, contacts = self.bodies[name], self.arm, self._contacts
        left, right = arm.fingers
        return bool(contacts(arm.body, body, left, -1) and contacts(arm.body, body, right, -1))

    def render(self, width: int = 480, height: int = 360) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """An image (height, width, 3) by the CPU renderer."""
        if not self.visible:
            raise RuntimeError("this world was made without what is only for the eye")
        client = self.client
        view = client.computeViewMatrix((-0.35, -0.85, 0.75), (0.42, 0.05, 0.08), (0, 0, 1))
        lens = client.computeProjectionMatrixFOV(50, width / height, 0.1, 4.0)
        pixels = client.getCameraImage(
            width, height, view, lens, shadow=0, renderer=client.ER_TINY_RENDERER, flags=4
        )[2]
        return np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()

    def _put(self, item: SceneItem, higher: float) -> None:
        """Place an object at rest, so much [m] above its place."""
        x, y, z = item.position
        turn = (0.0, 0.0, math.sin(item.yaw / 2), math.cos(item.yaw / 2))
        body = self.bodies[item.name]
        self.client.resetBasePositionAndOrientation(body, (x, y, z + higher), turn)
        if self.visible:
            self.client.changeVisualShape(body, -1, rgbaColor=RGBA[str(item.color)])

    def _take(self, item: SceneItem, used: dict[tuple[str, str], int]) -> int:
        """A waiting body of that shape and size; one made for this scene where there is none left."""
        key = str(item.shape), str(item.size)
        number = used[key] = used.get(key, -1) + 1
        waiting = self._pool.get(key, [])
        if number < len(waiting) and item.extent[0] == HALF_SIZE.get(key[1]):
            return waiting[number]
        self._extra.append(self._object(key[0], float(item.extent[0])))
        return self._extra[-1]

    def _park(self, body: int) -> None:
        if body not in self._extra:
            self.client.changeDynamics(body, -1, mass=0.0)
            self.client.resetBasePositionAndOrientation(body, (0.0, 0.0, -5.0 - body), _NO_TURN)

    def _box(self, position: Vec3, half: Vec3, colour: tuple[float, ...]) -> None:
        shape, visual = self.client.createCollisionShape(self.client.GEOM_BOX, halfExtents=half), -1
        if self.visible:
            visual = self.client.createVisualShape(self.client.GEOM_BOX, halfExtents=half, rgbaColor=colour)
        body = self.client.createMultiBody(0, shape, visual, position)
        self.client.changeDynamics(body, -1, restitution=1.0)  # Bullet multiplies: the object's own counts

    def _bin(self, place: Vec3) -> None:
        x, y, _ = place
        middle, colour = BIN_HEIGHT / 2, (0.45, 0.45, 0.5, 1)
        for sign in (-1, 1):
            along = (BIN_WALL, BIN_HALF, middle)
            self._box((x + sign * BIN_HALF, y, middle), along, colour)
            self._box((x, y + sign * BIN_HALF, middle), (along[1], along[0], middle), colour)

    def _object(self, form: str, size: str | float) -> int:
        """A body of that shape; ``size`` is a word or the half size [m]."""
        client, half = self.client, HALF_SIZE[size] if isinstance(size, str) else size
        shapes: dict[str, tuple[int, dict[str, Any]]] = {
            "cube": (client.GEOM_BOX, {"halfExtents": (half,) * 3}),
            "sphere": (client.GEOM_SPHERE, {"radius": half}),
            "cylinder": (client.GEOM_CYLINDER, {"radius": half, "height": 2 * half}),
        }
        kind, measures = shapes[form]
        look = {"length" if k == "height" else k: v for k, v in measures.items()}
        shape = client.createCollisionShape(kind, **measures)
        visual = client.createVisualShape(kind, **look) if self.visible else -1
        body: int = client.createMultiBody(0.1, shape, visual, (0.0, 0.0, -5.0), useMaximalCoordinates=True)
        if form == "sphere":  # rows of the solver that would cost every box and cylinder 15 us a step
            client.changeDynamics(body, -1, rollingFriction=0.002, spinningFriction=0.002)
        client.changeDynamics(body, -1, linearDamping=0.0, angularDamping=0.05)
        if isinstance(size, str):
            self._park(body)
        return body
