"""Where the beams of a lidar end among boxes and cylinders: exact, all beams at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim_envs.paths import distance, solid
from sim_envs.spec import SceneItem, Vec3

Array = NDArray[np.float64]
TILE = 1.0  # [m] side of the squares that each keep what can be seen from them
_TINY = 1e-18  # keeps a beam along an axis from a division by zero


@dataclass(frozen=True, slots=True)
class _Near:
    """What is within reach of a tile: boxes along the axes, turned boxes, posts (cylinders).

    ``sides`` (2, 2n, 3): for x and y, the middle of each box, its half size (negative in the first n rows:
    where a beam enters; then where it leaves), and -1, as :meth:`Lidar._boxes` multiplies them with the
    beams. ``turned`` (k, 5): x, y, half x, half y [m], yaw [rad]; ``posts``: x, y, radius [m].
    """

    sides: Array
    turned: list[list[float]]
    posts: list[Vec3]

    @classmethod
    def of(cls, items: Sequence[SceneItem]) -> _Near:
        boxes = [i for i in items if i.shape != "cylinder"]
        straight = [i for i in boxes if not i.yaw]
        sides = np.empty((2, 2 * len(straight), 3))
        for axis in (0, 1):
            enter = [(i.position[axis], -i.extent[axis], -1.0) for i in straight]
            leave = [(i.position[axis], i.extent[axis], -1.0) for i in straight]
            sides[axis] = np.array(enter + leave).reshape(-1, 3)
        turned = [[*i.position[:2], *i.extent[:2], i.yaw] for i in boxes if i.yaw]
        posts: list[Vec3] = [
            (i.position[0], i.position[1], i.extent[0]) for i in items if i.shape == "cylinder"
        ]
        return cls(sides, turned, posts)


class Lidar:
    """A scanner with ``beams`` over 360 degrees that reaches ``reach`` [m], ``height`` [m] above the floor.

    What a beam meets is calculated from the items' outlines, not asked of the physics; a test holds the
    two against each other. A beam that starts inside of something ends at 0.
    """

    def __init__(self, items: Sequence[SceneItem], beams: int, reach: float, height: float) -> None:
        self.items = [i for i in solid(items) if abs(i.position[2] - height) <= i.extent[2]]
        self.beams, self.reach = beams, reach
        angles = 2 * np.pi * np.arange(beams) / beams
        self._beams = np.stack([np.cos(angles), np.sin(angles)])
        self._per = np.empty((3, 2, beams))
        self._by_axis = self._per.transpose(1, 0, 2)
        self._start = np.empty((2, 1))
        self._tiles: dict[tuple[int, int], _Near] = {}

    def scan(self, x: float, y: float, yaw: float) -> Array:
        """Ranges (beams,) [m] from a pose, from straight ahead counter-clockwise."""
        key = (math.floor(x / TILE), math.floor(y / TILE))
        near = self._tiles.get(key) or self._tile(key)
        c, s = math.cos(yaw), math.sin(yaw)
        ways = np.dot(((c, -s), (s, c)), self._beams)
        out = self._boxes(near, x, y, ways)
        for row in near.turned:
            np.minimum(out, _turned(row, x, y, ways), out=out)
        if near.posts:
            np.minimum(out, post_ranges(near.posts, x, y, ways, self.reach), out=out)
        return out

    def _tile(self, key: tuple[int, int]) -> _Near:
        x, y = (key[0] + 0.5) * TILE, (key[1] + 0.5) * TILE
        most = self.reach + TILE * math.sqrt(0.5)
        near = [item for item in self.items if distance([item], x, y) <= most]
        self._tiles[key] = made = _Near.of(near)
        return made

    def _boxes(self, near: _Near, x: float, y: float, ways: Array) -> Array:
        """The slab method: a beam is in a box where it is between both pairs of sides.

        Along an axis a beam reaches ``c ± h`` after ``((c - start) / way) ± h / |way|``: one product.
        """
        count = near.sides.shape[1] // 2
        if not count:
            return np.full(self.beams, self.reach)
        per, start = self._per, self._start
        start[0, 0], start[1, 0] = x, y
        np.reciprocal(ways + _TINY, out=per[0])
        np.abs(per[0], out=per[1])
        np.multiply(per[0], start, out=per[2])
        along_x, along_y = np.matmul(near.sides, self._by_axis)
        first: Array = np.maximum(along_x[:count], along_y[:count])
        np.maximum(first, 0.0, out=first)
        last = np.minimum(along_x[count:], along_y[count:])
        np.copyto(first, self.reach, where=last < first)
        out: Array = np.minimum.reduce(first, 0, initial=self.reach)
        return out


def _turned(row: Sequence[float], x: float, y: float, ways: Array) -> Array:
    """Ranges (beams,) [m] to one turned box, inf past it: the slab method in the box's frame."""
    c, s = math.cos(row[4]), math.sin(row[4])
    dx, dy = row[0] - x, row[1] - y
    per = 1.0 / (np.dot(((c, s), (-s, c)), ways) + _TINY)
    middle = np.array([[c * dx + s * dy], [c * dy - s * dx]]) * per
    side = np.array([[row[2]], [row[3]]]) * np.abs(per)
    enter, leave = (middle - side).max(0).clip(0.0), (middle + side).min(0)
    enter[leave < enter] = np.inf
    out: Array = enter
    return out


def post_ranges(posts: Sequence[Vec3], x: float, y: float, ways: Array, reach: float) -> Array:
    """Ranges (beams,) [m] to the nearest post, ``reach`` past all of them; 0 inside of one.

    ``posts`` are x, y, radius [m]; ``ways`` (2, beams) the directions of the beams.
    """
    out: Array | None = None
    for px, py, radius in posts:
        dx, dy = px - x, py - y
        outside = dx * dx + dy * dy - radius * radius
        if outside <= 0.0:
            return np.zeros(ways.shape[1])
        along = np.dot((dx, dy), ways)
        half = along * along - outside  # half the chord, squared; negative where the beam passes by
        enter = along - np.sqrt(np.abs(half))
        enter[(half < 0.0) | (along < 0.0)] = reach
        out = enter if out is None else np.minimum(out, enter, out=out)
    return np.full(ways.shape[1], reach) if out is None else np.minimum(out, reach, out=out)
