"""The families of scenes that tasks are drawn in: each is made once, and has a number and a place of its own.

A world puts a scene up at the place of its number and leaves it there, so that a reset creates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from sim_envs.house import house
from sim_envs.paths import Grid, Mask
from sim_envs.rooms import circle, room
from sim_envs.spec import Scene, Vec3

ROOMS_PER_WORLD = 64
HOUSES_PER_WORLD = 32
BATCH = 8  # scenes that are put up together, as one body
SPACING = 32.0  # [m] between the middles of two places
_SEED = 20_011
Circles: TypeAlias = tuple[Vec3, ...]


@dataclass(frozen=True, slots=True)
class DrawnScene(Scene):
    """A scene of a family; ``place`` is its number there."""

    place: int = -1


@dataclass(frozen=True, slots=True)
class Room:
    """A furnished room and where a base of that radius [m], that starts at the origin, can drive in it."""

    scene: DrawnScene
    grid: Grid
    free: Mask
    radius: float
    cells: Sequence[tuple[float, float]]
    _open: dict[tuple[str, ...], tuple[Circles, Mask | None]] = field(default_factory=dict)

    def around(self, kinds: tuple[str, ...], margin: float) -> tuple[Circles, Mask | None]:
        """The circles to stay out of, and the cells that are left; None where the start is in one."""
        if kinds not in self._open:
            items = [i for i in self.scene.items if any(kind in i.name.split("_") for kind in kinds)]
            circles = tuple(circle(i, self.radius) for i in items)
            outside = self.free & self.grid.outside(circles, margin)
            start = self.grid.index(0.0, 0.0)
            left = self.grid.reachable(outside, start) if outside[start] else None
            self._open[kinds] = circles, left
        return self._open[kinds]


@lru_cache(maxsize=4 * ROOMS_PER_WORLD)
def drawn_room(number: int, radius: float) -> Room:
    """Furnished room number 0 to ``ROOMS_PER_WORLD - 1`` for a base of that radius [m]."""
    scene, grid, free = room(np.random.default_rng((_SEED, number)), radius)
    x, y = grid.middles()
    far = np.flatnonzero(free)
    cells = [(round(float(x[i]), 1), round(float(y[i]), 1)) for i in far]
    return Room(DrawnScene(scene.items, place=number), grid, free, radius, cells)


@lru_cache(maxsize=4 * HOUSES_PER_WORLD)
def drawn_house(number: int, radius: float) -> DrawnScene:
    """House number 0 to ``HOUSES_PER_WORLD - 1`` for a base of that radius [m]."""
    made = house(np.random.default_rng((_SEED, ROOMS_PER_WORLD + number)), radius)
    return DrawnScene(made.items, place=ROOMS_PER_WORLD + number)


def drawn_scene(place: int, radius: float) -> DrawnScene:
    """The scene of a place's number."""
    if place < ROOMS_PER_WORLD:
        return drawn_room(place, radius).scene
    return drawn_house(place - ROOMS_PER_WORLD, radius)


def place_of(scene: Scene, radius: float) -> int:
    """The place of a scene of a family; -1 for any other scene."""
    place = scene.place if isinstance(scene, DrawnScene) else -1
    if 0 <= place < ROOMS_PER_WORLD + HOUSES_PER_WORLD:
        return place if drawn_scene(place, radius).items == scene.items else -1
    return -1


def origin(place: int) -> tuple[float, float]:
    """Where in a world the origin of a place's scene is [m]; scenes of no family stand at (0, 0)."""
    if place < 0:
        return (0.0, 0.0)
    return (SPACING * (1 + place % BATCH), SPACING * (place // BATCH))
