"""What tasks of an arm share: what is truly there, how tables are laid, motions of the scripted experts."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from sim_envs.core import Situation, TaskDefinition
from sim_envs.physics import AnyArmWorld
from sim_envs.spec import (
    COLORS,
    FORCES,
    SHAPES,
    SIZES,
    SPEEDS,
    GroundedTask,
    ObjectRef,
    Scene,
    SceneItem,
    Vec3,
)
from sim_envs.world import BIN_HALF, BIN_HEIGHT, BIN_PLACES, HALF_SIZE

Action: TypeAlias = tuple[float, float, float, float]
AREA = ((0.38, 0.60), (-0.125, 0.125))  # [m] x and y of objects on the table
GAP = 0.05  # [m] between two objects, at least
TRAVEL = 0.13  # [m] height of the tool on its way over things
REACH = 0.02  # [m] that an action of 1 moves the tool
AVOID_RADIUS = 0.05  # [m] around a thing to be avoided
AVOID_SHARE = 0.3  # of the cluttered tasks name a thing to be avoided
_NEAR = 0.07**2  # [m^2]: what is farther from the tool is not between the fingers
_TRIES = 60


class ArmView:
    """What is truly there. ``thing`` [m] is the object to act on, the tool where none is named."""

    __slots__ = ("goal", "held", "item", "names", "phase", "start", "state", "task", "thing", "tool", "world")

    def __init__(self, world: AnyArmWorld, situation: Situation) -> None:
        self.world, self.task = world, situation.task
        name = situation.task.object_name
        self.item = situation.scene.item(name) if name else None
        self.goal: Vec3 = situation.task.goal
        self.names = [i.name for i in situation.scene.items if i.kind == "object" and i.name != name]
        self.start = {i.name: i.position for i in situation.scene.items if i.kind == "object"}
        self.phase = 0  # the expert's, where it has to remember something
        self.update()

    def update(self) -> None:
        """Read it all again."""
        self.state = self.world.arm.read()
        self.tool: Vec3 = self.state.tool
        if self.item is None:
            self.thing, self.held = self.tool, False
        else:
            self.thing = thing = self.world.where(self.item.name)
            (x, y, z), (a, b, c) = self.tool, thing
            near = (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 < _NEAR  # spares two questions about contacts
            self.held = near and self.world.held(self.item.name)

    @property
    def half(self) -> float:
        """Half the object's size [m]."""
        return self.item.extent[2] if self.item else 0.0

    @property
    def width(self) -> float:
        """Between the fingers [m]."""
        return self.state.positions[-2] + self.state.positions[-1]

    def where(self, name: str) -> Vec3:
        """True position [m] of an object."""
        return self.world.where(name)

    def lost(self) -> bool:
        """Whether the object is off the table, or a thing to be avoided has been moved."""
        if self.thing[2] < -0.05:
            return True
        return any(self._moved(circle) for circle in self.task.avoid)

    def _moved(self, circle: Vec3) -> bool:
        for name in self.names:
            x, y, _ = self.start[name]
            if math.hypot(x - circle[0], y - circle[1]) < 0.01:
                return flat(self.where(name), (x, y, 0.0)) > 0.015
        return False


class ArmTask(TaskDefinition[ArmView]):
    """A task of an arm."""

    family = "arm"

    @abstractmethod
    def potential(self, view: ArmView) -> float:
        """How far along it is, in [0, 1)."""

    @abstractmethod
    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """Success as a camera and the gripper [m] measure it."""

    @abstractmethod
    def expert(self, view: ArmView) -> Action:
        """Tool motion and gripper, each entry clipped to [-1, 1] by the caller."""


def flat(a: Sequence[float], b: Sequence[float]) -> float:
    """Horizontal distance [m]."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def approach_potential(view: ArmView) -> float:
    """``0.15 (1 - tanh 15 d_xy) + 0.1 (1 - tanh 10 d_z)`` of the tool from the object [m]."""
    up = abs(view.tool[2] - view.thing[2])
    return 0.15 * (1.0 - math.tanh(15.0 * flat(view.tool, view.thing))) + 0.1 * (1.0 - math.tanh(10.0 * up))


def carry_potential(view: ArmView) -> float:
    """``0.35 + 0.4 (1 - tanh 4 d)``, ``d`` [m] from the object to the goal."""
    return 0.35 + 0.4 * (1.0 - math.tanh(4.0 * math.dist(view.thing, view.goal)))


def toward(view: ArmView, aim: Sequence[float], grip: float) -> Action:
    """The action that moves the tool to ``aim`` [m]."""
    x, y, z = view.tool
    return ((aim[0] - x) / REACH, (aim[1] - y) / REACH, (aim[2] - z) / REACH, grip)


def over(view: ArmView, aim: Sequence[float], height: float, grip: float) -> Action:
    """The action that brings the tool above ``aim``, at ``height`` [m] or, while still away, at least so."""
    away = flat(view.tool, aim) > 0.03
    z = max(height, TRAVEL) if away else height
    low = away and view.tool[2] < TRAVEL - 0.03
    x, y = (view.tool[0], view.tool[1]) if low else (aim[0], aim[1])
    return toward(view, (x, y, z), grip)


def pick(view: ArmView) -> Action:
    """The action toward having the object between closed fingers."""
    thing = view.thing
    if flat(view.tool, thing) > 0.012:
        return over(view, thing, max(TRAVEL, thing[2] + 0.08), 1.0)
    return toward(view, thing, -1.0 if view.tool[2] - thing[2] < 0.01 else 1.0)


class Table:
    """Lays a table from a generator: colours differ, nothing touches."""

    def __init__(self, rng: np.random.Generator, area: tuple[tuple[float, float], ...] = AREA) -> None:
        self._random, self._area = rng.random, area
        self.items: list[SceneItem] = []

    def between(self, low: float, high: float) -> float:
        """A number of that range."""
        return float(low + (high - low) * self._random())

    def pick(self, values: Sequence[str]) -> str:
        """One of these."""
        return values[int(self._random() * len(values))]

    def manner(self) -> tuple[str, str]:
        """Speed and force of a task."""
        return self.pick(SPEEDS), self.pick(FORCES)

    def add(
        self, shapes: Sequence[str] = SHAPES, sizes: Sequence[str] = SIZES, clear: Sequence[Vec3] = ()
    ) -> SceneItem | None:
        """Another object; None where no place was found. ``clear`` are circles that stay empty."""
        size, shape = self.pick(sizes), self.pick(shapes)
        half = HALF_SIZE[size]
        taken = {item.color for item in self.items}
        color = self.pick([c for c in COLORS if c not in taken])
        place = self._place(half, clear)
        if place is None:
            return None
        yaw = self.between(-0.3, 0.3)
        item = SceneItem(f"{color}_{shape}", "object", place, (half,) * 3, yaw, color, shape, size)
        self.items.append(item)
        return item

    def first(self, shapes: Sequence[str] = SHAPES) -> SceneItem:
        """The object of the task: the table is still empty, so there is a place."""
        item = self.add(shapes)
        assert item is not None
        return item

    def finish(self, task: GroundedTask, clutter: int, clear: Sequence[Vec3] = ()) -> Situation:
        """The situation, with ``clutter`` more objects; one of them may be a thing to avoid."""
        first = len(self.items)
        for _ in range(clutter):
            self.add(clear=(*clear, (*task.goal[:2], 0.04)))
        if len(self.items) > first and self._random() < AVOID_SHARE:
            other = self.items[first]
            spec = replace(task.spec, avoid=(str(reference(other)),))
            task = replace(task, spec=spec, avoid=((*other.position[:2], AVOID_RADIUS),))
        return Situation(Scene((*self.items, *bins())), task)

    def _place(self, half: float, clear: Sequence[Vec3]) -> Vec3 | None:
        (x0, x1), (y0, y1) = self._area
        for _ in range(_TRIES):
            x, y = self.between(x0, x1), self.between(y0, y1)
            gaps = [flat((x, y), i.position) - i.extent[0] * 1.42 for i in self.items]
            gaps += [flat((x, y), c) - c[2] for c in clear]
            if all([gap > half * 1.42 + GAP for gap in gaps]):
                return (x, y, half)
        return None


def bins() -> tuple[SceneItem, ...]:
    """The two bins at their true places."""
    half = (BIN_HALF, BIN_HALF, BIN_HEIGHT / 2)
    return tuple(
        [SceneItem(name, "bin", (x, y, BIN_HEIGHT / 2), half) for name, (x, y, _) in BIN_PLACES.items()]
    )


def reference(item: SceneItem) -> ObjectRef:
    """How a sentence names that object."""
    return ObjectRef(item.color, item.shape, item.size)
