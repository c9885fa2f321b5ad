"""A furnished room drawn from a seed, in which a base can get everywhere."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from sim_envs.paths import FLAT, Grid, Mask, distance
from sim_envs.spec import Scene, SceneItem, Vec3

Bounds: TypeAlias = tuple[float, float, float, float]

PLACES = ("charger", "table", "desk", "shelf", "door", "window")
"""What every room has once, and a sentence can name as a goal."""
RADIUS = 0.2  # [m] of a base, unless said otherwise; what follows is wider for a larger one
CLEARANCE = 0.35  # [m] between what is named and where a base stops, or how near it may come
TOLERANCE = 0.3  # [m] from the goal that counts as there
PASSAGE = 0.45  # [m] from the middle of a way to the nearest thing, at least
GOAL_SLACK = 0.27  # [m] from a goal to the nearest roomy place, at most
START_GAP = 0.6  # [m] around the start that is free
CELL = 0.15  # [m]
WALL, WALL_HEIGHT = 0.05, 1.1  # [m] half thickness, half height
SIZES: dict[str, Vec3] = {
    "charger": (0.10, 0.16, 0.13), "desk": (0.32, 0.65, 0.37), "shelf": (0.17, 0.5, 0.8),
    "door": (0.02, 0.42, 1.0), "window": (0.02, 0.6, 0.45), "table": (0.5, 0.38, 0.37),
    "chair": (0.21, 0.21, 0.43), "person": (0.2, 0.2, 0.85),
}  # fmt: skip
"""Half sizes [m]: away from the wall, along the wall, up."""
_HEIGHT = {"window": 1.35}
_TRIES = 12  # draws of one place
_LAYOUTS = 300


class RoomError(RuntimeError):
    """No room could be laid out; the message says from what."""


def room(rng: np.random.Generator, radius: float = RADIUS) -> tuple[Scene, Grid, Mask]:
    """A room about 6 x 5 m, its grid, and which cells a base at the origin can reach with room to spare.

    The base stands at the origin and looks along x; ``left_wall`` is at +y. All items are landmarks.
    For a larger base than usual the room is larger.
    """
    more = radius - RADIUS
    for _ in range(_LAYOUTS):
        width, depth = rng.uniform(5.7, 6.5) + 5 * more, rng.uniform(4.7, 5.4) + 5 * more
        west, south = -rng.uniform(0.25, 0.6) * width, -rng.uniform(0.28, 0.72) * depth
        bounds = (west, west + width, south, south + depth)
        items = _furniture(rng, bounds, more)
        if items is None:
            continue
        grid = Grid.over(items, CELL)
        free = grid.reachable(grid.gap >= PASSAGE + more, grid.index(0.0, 0.0))
        if all(near(grid, free, approach(item, radius=radius)) for item in items if item.name in PLACES):
            return Scene(items), grid, free
    raise RoomError(f"no room after {_LAYOUTS} layouts")


def room_scene(seed: int, radius: float = RADIUS) -> Scene:
    """The room that a seed stands for, for a base of that radius [m]."""
    return room(np.random.default_rng(seed), radius)[0]


def clearance(radius: float) -> float:
    """From what is named to where the middle of a base stops [m]: 0.15 m more than its radius."""
    return CLEARANCE + (radius - RADIUS)


def approach(item: SceneItem, x: float = 0.0, y: float = 0.0, radius: float = RADIUS) -> Vec3:
    """Where a base that comes from (x, y) [m] stops before an item; the rule that sentences are bound by."""
    dx, dy = x - item.position[0], y - item.position[1]
    gap = max(math.hypot(dx, dy), 1e-6)
    reach = min(max(item.extent[:2]) + clearance(radius), gap)
    return (item.position[0] + dx / gap * reach, item.position[1] + dy / gap * reach, 0.0)


def circle(item: SceneItem, radius: float = RADIUS) -> Vec3:
    """The circle x, y, radius [m] to keep out of where an item is to be avoided."""
    return (item.position[0], item.position[1], max(item.extent[:2]) + clearance(radius))


def near(grid: Grid, free: Mask, goal: Vec3) -> bool:
    """Whether one of these cells is close enough to a goal for a base to stop there."""
    i, j = divmod(grid.index(goal[0], goal[1]), grid.shape[1])
    k = int(GOAL_SLACK / grid.cell) + 1
    around = free.reshape(grid.shape)[max(i - k, 0) : i + k + 1, max(j - k, 0) : j + k + 1]
    if not around.any():
        return False
    cells = np.argwhere(around) + [max(i - k, 0), max(j - k, 0)] + 0.5
    gaps = np.hypot(grid.x0 + grid.cell * cells[:, 0] - goal[0], grid.y0 + grid.cell * cells[:, 1] - goal[1])
    return bool(gaps.min() <= GOAL_SLACK)


def _furniture(rng: np.random.Generator, bounds: Bounds, more: float) -> tuple[SceneItem, ...] | None:
    """Walls, then what stands at walls, then what stands free; None where something did not fit."""
    items = list(_walls(bounds))
    chairs = ["chair", "chair_2"][: int(rng.integers(1, 3))]
    person = ["person"] if rng.random() < 0.4 else []
    for name in ("door", "window", "desk", "shelf", "charger", "table", *chairs, *person):
        draw = _standing if name == "table" or name not in PLACES else _at_wall
        for _ in range(_TRIES):
            item = draw(rng, bounds, name, items)
            if _fits(item, items, more):
                items.append(item)
                break
        else:
            return None
    return tuple(items)


def _fits(item: SceneItem, items: list[SceneItem], more: float) -> bool:
    """Whether it overlaps nothing, and the start and all places so far can still be driven to."""
    if distance([item], 0.0, 0.0) < START_GAP + more or _overlaps(item, items):
        return False
    room_left, radius = PASSAGE + more - 0.08, RADIUS + more
    if item.name in PLACES and distance(items, *approach(item, radius=radius)[:2]) < room_left:
        return False
    before = (i for i in items if i.name in PLACES)
    return all(distance([item], *approach(place, radius=radius)[:2]) >= room_left for place in before)


def _overlaps(item: SceneItem, items: list[SceneItem]) -> bool:
    (x, y, _), (hx, hy, _) = item.position, item.extent
    for other in items:
        dx, dy = abs(x - other.position[0]) - hx, abs(y - other.position[1]) - hy
        if dx < other.extent[0] and dy < other.extent[1] and not (item.name in FLAT and "wall" in other.name):
            return True
    return False


def _walls(bounds: Bounds) -> tuple[SceneItem, ...]:
    west, east, south, north = bounds
    x, y = (west + east) / 2, (south + north) / 2
    long, wide, tall = (east - west) / 2 + 2 * WALL, (north - south) / 2 + 2 * WALL, WALL_HEIGHT
    return (
        SceneItem("left_wall", "landmark", (x, north + WALL, tall), (long, WALL, tall)),
        SceneItem("right_wall", "landmark", (x, south - WALL, tall), (long, WALL, tall)),
        SceneItem("front_wall", "landmark", (east + WALL, y, tall), (WALL, wide, tall)),
        SceneItem("back_wall", "landmark", (west - WALL, y, tall), (WALL, wide, tall)),
    )


def _at_wall(rng: np.random.Generator, bounds: Bounds, name: str, items: list[SceneItem]) -> SceneItem:
    """Against the left, right, front or (not door and window: they are seen from there) back wall."""
    west, east, south, north = bounds
    deep, along, tall = SIZES[name]
    wall = int(rng.integers(3 if name in FLAT else 4))
    low, high = (west, east) if wall < 2 else (south, north)
    margin = along + (0.3 if name in FLAT else 0.12)
    at = float(rng.uniform(low + margin, high - margin))
    z = _HEIGHT.get(name, tall)
    off = 0.0 if name in FLAT else deep + 0.01
    if wall < 2:
        place, extent = (at, north - off if wall == 0 else south + off, z), (along, deep, tall)
    else:
        place, extent = (east - off if wall == 2 else west + off, at, z), (deep, along, tall)
    return SceneItem(name, "landmark", place, extent)


def _standing(rng: np.random.Generator, bounds: Bounds, name: str, items: list[SceneItem]) -> SceneItem:
    """Free in the room: chairs beside table or desk, the rest anywhere."""
    kind = name.split("_")[0]
    hx, hy, tall = SIZES[kind]
    if kind == "chair":
        side = ("table", "desk")[int(rng.integers(2))]
        by = next(i for i in items if i.name == side)
        ax, ay = ((1, 0), (0, 1), (-1, 0), (0, -1))[int(rng.integers(4))]
        shift = float(rng.uniform(-0.3, 0.3))
        x = by.position[0] + ax * (by.extent[0] + hx + 0.05) + ay * shift
        y = by.position[1] + ay * (by.extent[1] + hx + 0.05) + ax * shift
        return SceneItem(name, "landmark", (x, y, tall), (hx, hy, tall))
    west, east, south, north = bounds
    if rng.random() < 0.5:
        hx, hy = hy, hx
    x, y = float(rng.uniform(west + 0.9, east - 0.9)), float(rng.uniform(south + 0.9, north - 0.9))
    shape = "cylinder" if kind == "person" else None
    return SceneItem(name, "landmark", (x, y, tall), (hx, hy, tall), shape=shape)
