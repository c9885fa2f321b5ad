"""Where sentences send a base, and tasks drawn in a furnished room, all of which can be done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from sim_envs.paths import Mask
from sim_envs.places import Circles, Room
from sim_envs.rooms import PLACES, TOLERANCE, approach, near
from sim_envs.spec import SPEEDS, GroundedTask, SceneItem, Target, TaskSpec, Vec3

Entry = TypeVar("Entry")
TURN = {"forward": 0.0, "left": math.pi / 2, "backward": math.pi, "right": -math.pi / 2}
MIN_WAY = 0.9  # [m] from the start to a drawn goal, at least
AVOID_SHARE = 0.4  # of the tasks name something to keep away from
AVOID_MARGIN = 0.3  # [m] of room around a circle
ROOM_MARGIN = 0.55  # [m] from the walls of a room that one is sent to
_TRIES = 40


def pick(rng: np.random.Generator, entries: Sequence[Entry]) -> Entry:
    """One of them, each as likely."""
    return entries[int(rng.random() * len(entries))]


def in_room(item: SceneItem) -> tuple[Vec3, float]:
    """Goal and tolerance [m] of a sentence that sends into a room: its middle, clear of the walls."""
    x, y, _ = item.position
    return (x, y, 0.0), max(TOLERANCE, min(item.extent[:2]) - ROOM_MARGIN)


def draw_in_room(rng: np.random.Generator, room: Room, kind: str) -> GroundedTask:
    """A task in a furnished room: to a landmark, a coordinate, or one metre in a direction."""
    target, goal = _target(rng, room, kind)
    named: tuple[str, ...] = ()
    circles: Circles = ()
    if rng.random() < AVOID_SHARE:
        named, circles = _avoid(rng, room, goal, target.name)
    spec = TaskSpec("navigate", target=target, speed=pick(rng, SPEEDS), avoid=named)
    name = target.name if target.kind == "landmark" else None
    return GroundedTask(spec, goal, TOLERANCE, None, name, circles)


def _target(rng: np.random.Generator, room: Room, kind: str) -> tuple[Target, Vec3]:
    if kind == "landmark":
        stops = {name: approach(room.scene.item(name), radius=room.radius) for name in PLACES}
        name = pick(rng, [n for n, stop in stops.items() if math.hypot(stop[0], stop[1]) > MIN_WAY] or PLACES)
        return Target("landmark", name), stops[name]
    if kind == "direction":
        goals: dict[str, Vec3] = {n: (math.cos(a), math.sin(a), 0.0) for n, a in TURN.items()}
        able = [n for n, goal in goals.items() if room.free[room.grid.index(goal[0], goal[1])]]
        if able:
            name = pick(rng, able)
            return Target("direction", name), goals[name]
    for _ in range(_TRIES):
        x, y = pick(rng, room.cells)
        if math.hypot(x, y) > MIN_WAY:
            break
    return Target("coordinate", x=x, y=y), (x, y, 0.0)


def _avoid(
    rng: np.random.Generator, room: Room, goal: Vec3, target: str | None
) -> tuple[tuple[str, ...], Circles]:
    """One or two kinds of things to keep away from, as long as start and goal still connect."""
    here = {item.name.split("_")[0] for item in room.scene.items}
    kinds = [k for k in ("table", "chair", "person") if k in here and k != target]
    first = int(rng.random() * len(kinds))
    kinds = kinds[first:] + kinds[:first]
    named: tuple[str, ...] = ()
    circles: Circles = ()
    for kind in kinds[: 1 + int(rng.random() * 2)]:
        more, left = room.around((*named, kind), AVOID_MARGIN)
        if _leads_to(room, left, goal):
            named, circles = (*named, kind), more
    return named, circles


def _leads_to(room: Room, left: Mask | None, goal: Vec3) -> bool:
    return left is not None and near(room.grid, left, goal)
