"""A table with an arm, two bins and objects, in a Bullet client of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim_envs.bullet import connect
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Arm, Array
from sim_envs.spec import Hidden, SceneItem, Vec3

SUBSTEPS = 10
SOLVER_ITERATIONS = 20
BIN_HALF, BIN_WALL, BIN_HEIGHT = 0.09, 0.004, 0.06
BIN_PLACES: dict[str, Vec3] = {"left_bin": (0.5, 0.28, 0.0), "right_bin": (0.5, -0.28, 0.0)}
HALF_SIZE = {"small": 0.018, "medium": 0.022, "large": 0.028}
RGBA = {
    "red": (0.85, 0.1, 0.1, 1), "blue": (0.1, 0.25, 0.85, 1), "green": (0.1, 0.65, 0.2, 1),
    "yellow": (0.95, 0.85, 0.1, 1), "orange": (0.95, 0.5, 0.1, 1), "purple": (0.5, 0.15, 0.6, 1),
    "black": (0.08, 0.08, 0.08, 1), "white": (0.95, 0.95, 0.95, 1),
}  # fmt: skip


class ArmWorld:
    """Bodies by name; z = 0 is the table top. Close it after use."""

    def __init__(self, profile: ArmProfile) -> None:
        self.client: Any = connect()
        self.client.setGravity(0.0, 0.0, -9.81)
        self.client.setPhysicsEngineParameter(
            fixedTimeStep=profile.control_period / SUBSTEPS,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
        )
        self._box((0.5, 0.0, -0.02), (0.4, 0.6, 0.02), (0.75, 0.7, 0.62, 1))
        for place in BIN_PLACES.values():
            self._bin(place)
        self.arm = Arm(self.client, profile)
        self.bodies: dict[str, int] = {}
        self._closed = False

    def reset(self, items: tuple[SceneItem, ...], hidden: Hidden) -> None:
        """Home the arm and lay out the objects, all with the hidden mass and friction."""
        for body in self.bodies.values():
            self.client.removeBody(body)
        self.bodies = {}
        self.arm.reset()
        for item in items:
            if item.kind == "object":
                body = self.bodies[item.name] = self._object(item)
                self.client.changeDynamics(body, -1, mass=hidden.mass, lateralFriction=hidden.friction)

    def step(self, substeps: int = SUBSTEPS) -> None:
        """Advance; one control period unless told otherwise."""
        for _ in range(substeps):
            self.client.stepSimulation()

    def position(self, name: str) -> Array:
        """True position (3,) [m] of an object."""
        return np.array(self.client.getBasePositionAndOrientation(self.bodies[name])[0])

    def yaw(self, name: str) -> float:
        """True heading [rad] of an object."""
        turn = self.client.getBasePositionAndOrientation(self.bodies[name])[1]
        return float(self.client.getEulerFromQuaternion(turn)[2])

    def poses(self) -> dict[str, list[float]]:
        """Where every object is: x, y, z [m] and its quaternion, by name."""
        pairs = ((n, self.client.getBasePositionAndOrientation(b)) for n, b in self.bodies.items())
        return {name: [*position, *turn] for name, (position, turn) in pairs}

    def place(self, poses: dict[str, list[float]]) -> None:
        """Put objects where :meth:`poses` says."""
        for name, pose in poses.items():
            self.client.resetBasePositionAndOrientation(self.bodies[name], pose[:3], pose[3:])

    def held(self, name: str) -> bool:
        """Whether both fingers touch the object."""
        body = self.bodies[name]
        return all(
            self.client.getContactPoints(self.arm.body, body, finger, -1) for finger in self.arm.fingers
        )

    def render(self, width: int = 480, height: int = 360) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """An image (height, width, 3) by the CPU renderer."""
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

    def _box(self, position: Vec3, half: Vec3, colour: tuple[float, ...]) -> None:
        shape = self.client.createCollisionShape(self.client.GEOM_BOX, halfExtents=half)
        visual = self.client.createVisualShape(self.client.GEOM_BOX, halfExtents=half, rgbaColor=colour)
        self.client.createMultiBody(0, shape, visual, position)

    def _bin(self, place: Vec3) -> None:
        x, y, _ = place
        middle, colour = BIN_HEIGHT / 2, (0.45, 0.45, 0.5, 1)
        for sign in (-1, 1):
            along = (BIN_WALL, BIN_HALF, middle)
            self._box((x + sign * BIN_HALF, y, middle), along, colour)
            self._box((x, y + sign * BIN_HALF, middle), (along[1], along[0], middle), colour)

    def _object(self, item: SceneItem) -> int:
        client, half = self.client, item.extent[0]
        shapes: dict[str, tuple[int, dict[str, Any]]] = {
            "cube": (client.GEOM_BOX, {"halfExtents": (half,) * 3}),
            "sphere": (client.GEOM_SPHERE, {"radius": half}),
            "cylinder": (client.GEOM_CYLINDER, {"radius": half, "height": 2 * half}),
        }
        kind, size = shapes[str(item.shape)]
        look = {"length" if k == "height" else k: v for k, v in size.items()}
        shape = client.createCollisionShape(kind, **size)
        visual = client.createVisualShape(kind, rgbaColor=RGBA[str(item.color)], **look)
        turn = client.getQuaternionFromEuler((0, 0, item.yaw))
        body: int = client.createMultiBody(0.1, shape, visual, item.position, turn)
        client.changeDynamics(body, -1, rollingFriction=0.002, spinningFriction=0.002)
        return body
