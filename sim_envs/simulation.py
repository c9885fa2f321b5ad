"""The core of the simulator node: a world that is commanded and measured the way a robot is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim_envs.arm_env import shifted
from sim_envs.physics import arm_world
from sim_envs.robots import ArmProfile, load_profile
from sim_envs.spec import Hidden, Scene, SceneItem, Vec3
from sim_envs.tasks import family
from sim_envs.tasks.arm import bins
from sim_envs.world import HALF_SIZE

if TYPE_CHECKING:
    from sim_envs.base_simulation import BaseSimulation

Array = NDArray[np.float64]
ON_THE_TABLE = (
    ("red", "cube", "medium"), ("blue", "sphere", "medium"), ("green", "cylinder", "medium"),
    ("yellow", "cube", "small"), ("purple", "cylinder", "large"), ("orange", "sphere", "large"),
)  # fmt: skip
_CELLS = tuple((x, y) for x in (0.38, 0.48, 0.58) for y in (-0.095, 0.095))
_JITTER = 0.012
_PUT_BACK = 0.01  # [m] by which a person misses the old place of an object, each of x and y


def table_scene(seed: int) -> Scene:
    """Six objects, one in each cell of a grid on the table, and the bins; true places."""
    rng = np.random.default_rng(seed)
    items = []
    for (color, shape, size), cell in zip(ON_THE_TABLE, rng.permutation(len(_CELLS)), strict=True):
        x, y = _CELLS[cell] + rng.uniform(-_JITTER, _JITTER, 2)
        half, yaw = HALF_SIZE[size], float(rng.uniform(-0.3, 0.3))
        place = (float(x), float(y), half)
        items.append(SceneItem(f"{color}_{shape}", "object", place, (half,) * 3, yaw, color, shape, size))
    return Scene((*items, *bins()))


def put_back(scene: Scene, seed: int, number: int) -> Scene:
    """The scene as it was at the start; with a ``number`` above 0 each object within 1 cm of there."""
    if number == 0:
        return scene
    rng = np.random.default_rng((seed, number))
    return dataclasses.replace(scene, items=tuple([_missed(i, rng) for i in scene.items]))


def _missed(item: SceneItem, rng: np.random.Generator) -> SceneItem:
    if item.kind != "object":
        return item
    (dx, dy), (x, y, z) = rng.uniform(-_PUT_BACK, _PUT_BACK, 2).tolist(), item.position
    return dataclasses.replace(item, position=(x + dx, y + dy, z))


class ArmSimulation:
    """An arm at a table with six objects and two bins, commanded by joint targets.

    Joint targets are taken at once, as a trajectory controller does with a trajectory of one point;
    they hold until the next. Positions [m, rad] in the base frame, z = 0 is the table top. ``physics`` is one
    of :data:`sim_envs.physics.PHYSICS`.
    """

    def __init__(self, profile: ArmProfile, scene_seed: int, hidden: Hidden, physics: str = "bullet") -> None:
        self.profile, self.hidden = profile, hidden
        self._scene_seed = scene_seed
        self._items: tuple[SceneItem, ...] = ()
        self._world = arm_world(profile, physics, visible=True)
        self.substep = profile.control_period / self._world.substeps
        self._count, self._random = 0, np.random.default_rng(scene_seed)
        self.reset()

    def reset(self, number: int = 0) -> None:
        """Robot home, hand open, objects as :func:`put_back` lays them; time and hidden part go on."""
        start = table_scene(self._scene_seed)
        self._items = put_back(start, self._scene_seed, number).items
        self._world.reset(self._items, self.hidden)
        self.command_joints(self.profile.joints, self.profile.home)
        self.command_gripper(self.profile.gripper_max_width, self.profile.gripper_max_force)

    @property
    def time(self) -> float:
        """Simulated time [s] since the start."""
        return self._count * self.substep

    def advance(self) -> None:
        """One substep of physics."""
        self._world.substep()
        self._count += 1

    def truth(self) -> Scene:
        """Where everything is."""
        return Scene(tuple(self._now(i) if i.kind == "object" else i for i in self._items))

    def scene(self) -> Scene:
        """Where the camera sees everything: the hidden offset is in it, and its noise on the objects."""
        return Scene(tuple(self._seen(shifted(item, self.hidden)) for item in self.truth().items))

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, positions [rad, fingers m] and velocities of the joints, then of the fingers."""
        return (self.profile.joints + self.profile.gripper_joints, *self._world.arm.joint_state())

    def command_joints(self, names: Sequence[str], positions: Sequence[float]) -> None:
        """Joint targets [rad] in any order; raises ``ValueError`` before anything moves."""
        if sorted(names) != sorted(self.profile.joints) or len(positions) != len(names):
            raise ValueError(f"joints are {list(names)}; allowed: {', '.join(self.profile.joints)}")
        by_name = dict(zip(names, map(float, positions), strict=True))
        target = np.array([by_name[name] for name in self.profile.joints])
        if not np.isfinite(target).all():
            raise ValueError(f"joint targets are {list(positions)}; they must be finite")
        self._world.arm.drive(target, self.hidden)

    def command_gripper(self, width: float, force: float) -> None:
        """Gripper width [m] and largest force [N]; raises ``ValueError`` before anything moves."""
        values = np.array([width, force], dtype=float)
        if not np.isfinite(values).all() or values.min() < 0.0:
            raise ValueError(
                f"gripper command is {width!r} m, {force!r} N; both must be finite, not negative"
            )
        self._world.arm.grip(float(width), float(force) * self.hidden.gripper_gain)

    def state(self) -> dict[str, Any]:
        """All that a picture shows, as JSON-able values: joints [rad, m], objects (x, y, z, quaternion)."""
        names, positions, _ = self.joint_state()
        joints = dict(zip(names, map(float, positions), strict=True))
        return {"time": self.time, "joints": joints, "objects": self._world.poses()}

    def show(self, state: dict[str, Any]) -> None:
        """Take on a :meth:`state`, to draw it; nothing is simulated."""
        names, _, velocities = self.joint_state()
        positions = np.array([state["joints"][name] for name in names])
        self._world.arm.set_state(positions, np.zeros_like(velocities))
        self._world.place(state["objects"])

    def render(self, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
        """An image (height, width, 3)."""
        return self._world.render(width, height)

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self._world.close()

    def _seen(self, item: SceneItem) -> SceneItem:
        if item.kind != "object" or self.hidden.noise <= 0.0:
            return item
        x, y, z = (item.position + self.hidden.noise * self._random.standard_normal(3)).tolist()
        return dataclasses.replace(item, position=(x, y, z))

    def _now(self, item: SceneItem) -> SceneItem:
        x, y, z = self._world.position(item.name).tolist()
        place: Vec3 = (x, y, z)
        return dataclasses.replace(item, position=place, yaw=self._world.yaw(item.name))


Simulation: TypeAlias = "ArmSimulation | BaseSimulation"


def hidden_from_seed(robot: str, seed: int) -> Hidden:
    """The hidden part that a seed stands for."""
    return family(robot).sample_hidden(np.random.default_rng(seed))


def make_simulation(robot: str, scene_seed: int, hidden_seed: int, physics: str = "bullet") -> Any:
    """The simulation of that robot; an unknown name raises ``SpecError`` with the nearest match.

    ``physics`` is one of :data:`sim_envs.physics.PHYSICS`; a base with four wheels has Bullet's only.
    """
    profile, hidden = load_profile(robot), hidden_from_seed(robot, hidden_seed)
    if isinstance(profile, ArmProfile):
        return ArmSimulation(profile, scene_seed, hidden, physics)
    from sim_envs.base_simulation import BaseSimulation

    return BaseSimulation(profile, scene_seed, hidden, physics)
