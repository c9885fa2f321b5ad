"""Where a base can drive: what stands on the floor, and which places a way leads to from where it is.

All places [m] are in the frame of the scene (``odom``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from metaagent_ros.instructions.grounding.naming import Bound, is_wall
from metaagent_ros.instructions.grounding.space import EPS, Blocked, in_the_way
from sim_envs.paths import Grid, Mask, Point, distance, solid
from sim_envs.rooms import circle
from sim_envs.spec import Scene, SceneItem, Vec3

RIM = 0.02  # [m] between the rim of a base at its goal and any thing, at least
CELL = 0.1  # [m]
AROUND = 1.0  # [m] of floor that is looked at beyond the outermost thing, and a bit more
FAR = 60.0  # [m]: what is farther away is in nobody's way
MOST_CELLS = 400  # along one side: a wider scene has larger cells
_LEAVE = 0.6  # [m]: so far a base may have to move to get away from what it stands too near to


class Floor:
    """The floor of a scene for a base of that radius [m]; circles (x, y, radius) [m] are kept out of.

    A circle in which the base starts may be left, but no goal is in it.
    """

    def __init__(self, scene: Scene, radius: float, circles: Sequence[Vec3]) -> None:
        self.scene, self.radius, self.circles = scene, radius, tuple(circles)
        self.things = solid(scene.items)

    def problem(self, place: Point) -> Blocked | None:
        """Why a base cannot stand there; None: it can, and a way leads there."""
        x, y = place
        if found := in_the_way(self.things, x, y, self.radius + RIM):
            return found
        if any(math.hypot(x - cx, y - cy) < r - EPS for cx, cy, r in self.circles):
            return Blocked(words="it is too near to what is to be avoided")
        if self._leads_to(place):
            return None
        if self.circles and self._all_of_it.problem(place) is None:
            return Blocked(words="no way leads there that keeps away from what is to be avoided")
        return Blocked(words="no way leads there")

    @property
    def allowed(self) -> str:
        """Where a way leads, for a person: the range of free places [m]; "" where nothing bounds it."""
        seen = self._reached.reshape(self._grid.shape)
        if seen[1].any() or seen[-2].any() or seen[:, 1].any() or seen[:, -2].any():
            return ""
        x, y = (axis[self._reached] for axis in self._grid.middles())
        if not x.size:
            return " There is no free place around the robot."
        spans = f"x {x.min():.1f} to {x.max():.1f} m, y {y.min():.1f} to {y.max():.1f} m"
        return f" Allowed: {spans}, where nothing stands."

    def _leads_to(self, place: Point) -> bool:
        i, j = divmod(self._grid.index(*place), self._grid.shape[1])
        return bool(self._reached.reshape(self._grid.shape)[i - 1 : i + 2, j - 1 : j + 2].any())

    @cached_property
    def _all_of_it(self) -> Floor:
        """The same floor with nothing to be avoided."""
        return Floor(self.scene, self.radius, ())

    @cached_property
    def _grid(self) -> Grid:
        x, y, _ = self.scene.robot_position
        near = [i for i in self.things if distance([i], x, y) < FAR]
        spans = [(*i.position[:2], math.hypot(*i.extent[:2])) for i in near] + [(x, y, 0.0)]
        low = [min(s[axis] - s[2] for s in spans) for axis in (0, 1)]
        high = [max(s[axis] + s[2] for s in spans) for axis in (0, 1)]
        cell = max(CELL, max(high[0] - low[0], high[1] - low[1]) / MOST_CELLS)
        more = max(AROUND, 5 * cell)
        corners = ((low[0] - more, low[1] - more), (high[0] + more, high[1] + more))
        return Grid.over(near, cell, corners)

    @cached_property
    def _reached(self) -> Mask:
        """The cells to which a way leads."""
        grid, (x, y, _) = self._grid, self.scene.robot_position
        kept = [c for c in self.circles if math.hypot(x - c[0], y - c[1]) >= c[2]]
        free = (grid.gap >= self.radius) & grid.outside(kept, 0.0)
        cx, cy = grid.middles()
        off = np.where(free, np.hypot(cx - x, cy - y), np.inf)
        start = int(off.argmin())
        if not off[start] <= _LEAVE:
            return np.zeros(free.size, dtype=bool)
        return grid.reachable(free, start)


def circles_of(bound: Bound, radius: float) -> tuple[Vec3, ...]:
    """Circles to keep out of. None fits a wall (the lidar keeps a base off it) or a part of the floor."""
    return tuple(circle(item, radius) for item in bound.avoided if not _unbounded(item))


def _unbounded(item: SceneItem) -> bool:
    return item.kind == "room" or is_wall(item)
