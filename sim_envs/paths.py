"""Free space on a grid: how far things are, what can be reached, the shortest way (A*)."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_envs.spec import SceneItem, Vec3

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Point = tuple[float, float]
MARGIN = 0.3  # [m] that a grid goes on beyond the outermost item


FLAT = ("door", "window")
"""Places on walls: nothing to run into but the wall."""


def standing(items: Sequence[SceneItem]) -> tuple[SceneItem, ...]:
    """What takes up room: not the robot, and not places that are only a part of the floor."""
    return tuple(i for i in items if i.kind not in ("robot", "room") and min(i.extent) > 0.0)


def solid(items: Sequence[SceneItem]) -> tuple[SceneItem, ...]:
    """What one can run into."""
    return tuple(i for i in standing(items) if i.name not in FLAT)


def distances(items: Sequence[SceneItem], x: Array, y: Array) -> Array:
    """Distance [m] of points (n,) to the outline of the nearest item; negative inside."""
    out = np.full(x.shape, np.inf)
    for item in items:
        px, py, (hx, hy, _) = x - item.position[0], y - item.position[1], item.extent
        if item.shape == "cylinder":
            gap = np.hypot(px, py) - hx
        else:
            if item.yaw:
                c, s = math.cos(item.yaw), math.sin(item.yaw)
                px, py = c * px + s * py, c * py - s * px
            dx, dy = np.abs(px) - hx, np.abs(py) - hy
            gap = np.hypot(np.maximum(dx, 0.0), np.maximum(dy, 0.0)) + np.minimum(np.maximum(dx, dy), 0.0)
        np.minimum(out, gap, out=out)
    return out


def distance(items: Sequence[SceneItem], x: float, y: float) -> float:
    """Distance [m] of one point to the outline of the nearest item, as :func:`distances`."""
    nearest = math.inf
    for item in items:
        px, py, (hx, hy, _) = x - item.position[0], y - item.position[1], item.extent
        if item.shape == "cylinder":
            nearest = min(nearest, math.hypot(px, py) - hx)
            continue
        if item.yaw:
            c, s = math.cos(item.yaw), math.sin(item.yaw)
            px, py = c * px + s * py, c * py - s * px
        dx, dy = abs(px) - hx, abs(py) - hy
        nearest = min(nearest, math.hypot(max(dx, 0.0), max(dy, 0.0)) + min(max(dx, dy), 0.0))
    return nearest


def _half(item: SceneItem) -> Point:
    """Half sizes [m] of a box along the axes that holds the item."""
    if item.yaw:
        return (math.hypot(*item.extent[:2]),) * 2
    return item.extent[0], item.extent[1]


@dataclass(frozen=True, slots=True)
class Grid:
    """Square cells over a room, row-major in x; the cells of the rim count as taken.

    ``gap`` (n_x * n_y,) [m] is the distance from a cell's middle to the nearest item.
    """

    x0: float
    y0: float
    cell: float
    shape: tuple[int, int]
    gap: Array

    @classmethod
    def over(cls, items: Sequence[SceneItem], cell: float, points: Sequence[Point] = ()) -> Grid:
        """A grid over all items and points."""
        items = standing(items)
        spans = [(*item.position[:2], *_half(item)) for item in items]
        spans += [(x, y, 0.5, 0.5) for x, y in (*points, (0.0, 0.0))]
        low = [min(s[a] - s[a + 2] for s in spans) - MARGIN for a in (0, 1)]
        high = [max(s[a] + s[a + 2] for s in spans) + MARGIN for a in (0, 1)]
        shape = math.ceil((high[0] - low[0]) / cell), math.ceil((high[1] - low[1]) / cell)
        xs = low[0] + cell * (np.arange(shape[0]) + 0.5)
        ys = low[1] + cell * (np.arange(shape[1]) + 0.5)
        x, y = np.repeat(xs, shape[1]), np.tile(ys, shape[0])
        gap = distances(items, x, y).reshape(shape)
        gap[[0, -1], :] = gap[:, [0, -1]] = -np.inf
        return cls(low[0], low[1], cell, shape, gap.ravel())

    def index(self, x: float, y: float) -> int:
        """The cell of a point [m], or the nearest one inside the rim."""
        i = min(max(int((x - self.x0) / self.cell), 1), self.shape[0] - 2)
        j = min(max(int((y - self.y0) / self.cell), 1), self.shape[1] - 2)
        return i * self.shape[1] + j

    def point(self, index: int) -> Point:
        """The middle [m] of a cell."""
        i, j = divmod(index, self.shape[1])
        return self.x0 + self.cell * (i + 0.5), self.y0 + self.cell * (j + 0.5)

    def middles(self) -> tuple[Array, Array]:
        """x and y [m] of all cells' middles."""
        i, j = np.divmod(np.arange(self.gap.size), self.shape[1])
        return self.x0 + self.cell * (i + 0.5), self.y0 + self.cell * (j + 0.5)

    def outside(self, circles: Sequence[Vec3], margin: float) -> Mask:
        """Which cells are at least ``margin`` [m] outside of all circles (x, y, radius)."""
        x, y = self.middles()
        free = np.ones(x.shape, dtype=bool)
        for cx, cy, radius in circles:
            free &= (x - cx) ** 2 + (y - cy) ** 2 >= (radius + margin) ** 2
        return free

    def reachable(self, free: Mask, start: int) -> Mask:
        """Which free cells a way of free cells leads to."""
        open_cells: list[bool] = free.tolist()
        width, stack, found = self.shape[1], [start], []
        open_cells[start] = False
        while stack:
            here = stack.pop()
            found.append(here)
            for there in (here + 1, here - 1, here + width, here - width):
                if open_cells[there]:
                    open_cells[there] = False
                    stack.append(there)
        seen = np.zeros(free.size, dtype=bool)
        seen[found] = True
        return seen

    def shortest(self, cost: Sequence[float], start: int, goal: int) -> list[Point]:
        """The cheapest way by A* over the eight neighbours, middles of cells from start to goal.

        ``cost`` is a factor >= 1 a cell, inf for taken; empty where there is no way.
        """
        width = self.shape[1]
        d = math.sqrt(2.0)
        moves = [(1, 1.0), (-1, 1.0), (width, 1.0), (-width, 1.0)]
        moves += [(width + 1, d), (width - 1, d), (1 - width, d), (-1 - width, d)]
        gi, gj = divmod(goal, width)
        best, came, closed = {start: 0.0}, {start: start}, set[int]()
        queue = [(0.0, start)]
        while queue:
            _, here = heapq.heappop(queue)
            if here == goal:
                return self._way(came, goal)
            if here in closed:
                continue
            closed.add(here)
            so_far = best[here]
            for step, length in moves:
                there = here + step
                total = so_far + length * cost[there]
                if total < best.get(there, math.inf):
                    best[there], came[there] = total, here
                    i, j = divmod(there, width)
                    i, j = abs(i - gi), abs(j - gj)
                    heapq.heappush(queue, (total + max(i, j) + (d - 1.0) * min(i, j), there))
        return []

    def field(self, free: Mask, goal: int) -> list[float]:
        """Length [m] of the way over free cells (eight neighbours) from each cell to the goal; inf: none."""
        width, diagonal = self.shape[1], math.sqrt(2.0) * self.cell
        moves = [(step, self.cell) for step in (1, -1, width, -width)]
        moves += [(step, diagonal) for step in (width + 1, width - 1, 1 - width, -1 - width)]
        open_cells: list[bool] = free.tolist()
        lengths = [math.inf] * len(open_cells)
        lengths[goal] = 0.0
        queue = [(0.0, goal)]
        while queue:
            so_far, here = heapq.heappop(queue)
            if so_far > lengths[here]:
                continue
            for step, length in moves:
                there = here + step
                if open_cells[there] and so_far + length < lengths[there]:
                    lengths[there] = so_far + length
                    heapq.heappush(queue, (so_far + length, there))
        return lengths

    def _way(self, came: dict[int, int], goal: int) -> list[Point]:
        cells = [goal]
        while came[cells[-1]] != cells[-1]:
            cells.append(came[cells[-1]])
        return [self.point(cell) for cell in reversed(cells)]


class Field:
    """How far it is to a goal along the way around what stands there, for a base of that radius [m]."""

    def __init__(self, items: Sequence[SceneItem], goal: Point, radius: float, start: Point) -> None:
        self.goal = goal
        self.grid = grid = Grid.over(items, 0.2, (goal, start))
        self._lengths = grid.field(grid.gap > radius - 0.05, grid.index(*goal))

    def at(self, x: float, y: float) -> float:
        """The length [m] of the way from a point; the straight distance where there is none."""
        grid, lengths = self.grid, self._lengths
        cell, width = grid.cell, grid.shape[1]
        u, v = (x - grid.x0) / cell - 0.5, (y - grid.y0) / cell - 0.5
        i, j = math.floor(u), math.floor(v)
        if not (0 <= i < grid.shape[0] - 1 and 0 <= j < width - 1):
            return math.hypot(self.goal[0] - x, self.goal[1] - y)
        u, v, here = u - i, v - j, i * width + j
        found = min(
            lengths[here] + cell * math.hypot(u, v),
            lengths[here + 1] + cell * math.hypot(u, 1.0 - v),
            lengths[here + width] + cell * math.hypot(1.0 - u, v),
            lengths[here + width + 1] + cell * math.hypot(1.0 - u, 1.0 - v),
        )
        return found if found < math.inf else math.hypot(self.goal[0] - x, self.goal[1] - y)
