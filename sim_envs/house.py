"""A small house drawn at random: a hallway, and rooms on both sides of it behind open doorways."""

from __future__ import annotations

import numpy as np

from sim_envs.rooms import RADIUS, SIZES, WALL, WALL_HEIGHT
from sim_envs.spec import Scene, SceneItem, Vec3

NAMES = ("kitchen", "office", "lab", "storage", "bedroom")
HALL_GAP = 0.6  # [m] on either side of a base that drives in the middle of the hallway
DOOR_GAP = 0.3  # [m] the same in a doorway
CORRIDOR, HALLWAY = "corridor", "hallway"
FURNITURE: dict[str, tuple[str, Vec3]] = {
    "kitchen": ("table", (0.38, 0.5, 0.37)), "office": ("desk", SIZES["desk"]),
    "lab": ("workbench", (0.3, 0.7, 0.45)), "storage": ("shelf", SIZES["shelf"]),
    "bedroom": ("bed", (0.4, 0.85, 0.25)),
}  # fmt: skip
"""What stands at the outer wall of each room: name, half sizes [m] away from the wall, along it, up."""


def house(rng: np.random.Generator, radius: float = RADIUS) -> Scene:
    """Four rooms about 3 x 3 m along a hallway about 6 m long, larger for a larger base (``radius`` [m]).

    The middle of the hallway is the origin, its axis x. Rooms and hallway are items of kind room (the
    hallway also a landmark, ``corridor``) with half sizes in x and y and none in z: they are
    places, not things.
    """
    more = radius - RADIUS
    half_hall = radius + HALL_GAP
    widths = rng.uniform(2.8, 3.2, 2) + 1.2 * more
    length = float(widths.sum()) + 2 * WALL
    west, split = -length / 2, -length / 2 + float(widths[0]) + WALL
    names = [NAMES[i] for i in rng.permutation(len(NAMES))[:4]]
    depths = [float(d) + more for d in rng.uniform(2.6, 3.2, 2)]
    items = list(_outer(west, -west, half_hall, depths))
    for side, sign in ((0, 1.0), (1, -1.0)):
        spans = ((west, split - WALL), (split + WALL, -west))
        doors = []
        for number, span in enumerate(spans):
            door = _doorway(rng, span, radius + DOOR_GAP)
            items += _room(
                rng, names[2 * side + number], span, sign * (half_hall + 2 * WALL), sign * depths[side]
            )
            doors.append(door)
        items += _hall_wall(side, sign * (half_hall + WALL), (west, *doors[0], *doors[1], -west))
        middle = sign * (half_hall + 2 * WALL + depths[side] / 2)
        extent = (WALL, depths[side] / 2, WALL_HEIGHT)
        items.append(SceneItem(f"between_{side}_wall", "landmark", (split, middle, WALL_HEIGHT), extent))
    floor = (-west, half_hall, 0.0)
    items.append(SceneItem(HALLWAY, "room", (0.0, 0.0, 0.0), floor))
    items.append(SceneItem(CORRIDOR, "landmark", (0.0, 0.0, 0.0), floor))
    return Scene(tuple(items))


def _outer(west: float, east: float, half_hall: float, depths: list[float]) -> tuple[SceneItem, ...]:
    north, south = half_hall + 2 * WALL + depths[0], -half_hall - 2 * WALL - depths[1]
    long, wide, tall = (east - west) / 2 + 2 * WALL, (north - south) / 2 + 2 * WALL, WALL_HEIGHT
    middle = (north + south) / 2
    return (
        SceneItem("left_wall", "landmark", (0.0, north + WALL, tall), (long, WALL, tall)),
        SceneItem("right_wall", "landmark", (0.0, south - WALL, tall), (long, WALL, tall)),
        SceneItem("front_wall", "landmark", (east + WALL, middle, tall), (WALL, wide, tall)),
        SceneItem("back_wall", "landmark", (west - WALL, middle, tall), (WALL, wide, tall)),
    )


def _doorway(rng: np.random.Generator, span: tuple[float, float], half: float) -> tuple[float, float]:
    """Where the wall of a room is open [m]."""
    middle = float(rng.uniform(span[0] + half + 0.3, span[1] - half - 0.3))
    return middle - half, middle + half


def _room(
    rng: np.random.Generator, name: str, span: tuple[float, float], near: float, depth: float
) -> list[SceneItem]:
    """The room between ``near`` and ``near + depth`` [m], and its piece of furniture at the outer wall."""
    x, y = (span[0] + span[1]) / 2, near + depth / 2
    extent = ((span[1] - span[0]) / 2, abs(depth) / 2, 0.0)
    thing, (deep, along, tall) = FURNITURE[name]
    shift = float(rng.uniform(-1.0, 1.0)) * (extent[0] - along - 0.05)
    at = near + depth - (deep + 0.01) * (1.0 if depth > 0.0 else -1.0)
    return [
        SceneItem(name, "room", (x, y, 0.0), extent),
        SceneItem(thing, "landmark", (x + shift, at, tall), (along, deep, tall)),
    ]


def _hall_wall(side: int, y: float, ends: tuple[float, ...]) -> list[SceneItem]:
    """The wall pieces between ``ends`` [m]: from the first to the second, the third to the fourth, ..."""
    pieces = []
    for number, (a, b) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
        place, extent = ((a + b) / 2, y, WALL_HEIGHT), ((b - a) / 2, WALL, WALL_HEIGHT)
        pieces.append(SceneItem(f"hall_{side}_{number}_wall", "landmark", place, extent))
    return pieces
