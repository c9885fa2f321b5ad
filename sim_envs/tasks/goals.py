"""Where a base is sent in a room: tasks as sentences would bind them, all of which can be done."""

from __future__ import annotations

import math

import numpy as np

from sim_envs.paths import Grid, Mask
from sim_envs.rooms import PLACES, TOLERANCE, approach, circle, near
from sim_envs.spec import SPEEDS, GroundedTask, Scene, Target, TaskSpec, Vec3

TURN = {"forward": 0.0, "left": math.pi / 2, "backward": math.pi, "right": -math.pi / 2}
MIN_WAY = 0.9  # [m] from the start to a drawn goal, at least
AVOID_SHARE = 0.4  # of the tasks name something to keep away from
AVOID_MARGIN = 0.3  # [m] of room around a circle
_KINDS = (("landmark", 0.6), ("coordinate", 0.25), ("direction", 0.15))


def draw_task(rng: np.random.Generator, scene: Scene, grid: Grid, free: Mask) -> GroundedTask:
    """A task in a room; ``free`` are the cells that can be reached from the base at the origin."""
    speed = str(rng.choice(SPEEDS))
    kind = str(rng.choice([k for k, _ in _KINDS], p=[share for _, share in _KINDS]))
    target, goal = _target(rng, scene, grid, free, kind)
    named: tuple[str, ...] = ()
    circles: tuple[Vec3, ...] = ()
    if rng.random() < AVOID_SHARE:
        named, circles = _avoid(rng, scene, grid, free, goal, target.name)
    spec = TaskSpec("navigate", target=target, speed=speed, avoid=named)
    name = target.name if target.kind == "landmark" else None
    return GroundedTask(spec, goal, TOLERANCE, None, name, circles)


def _target(rng: np.random.Generator, scene: Scene, grid: Grid, free: Mask, kind: str) -> tuple[Target, Vec3]:
    if kind == "landmark":
        name = str(rng.choice(PLACES))
        return Target("landmark", name), approach(scene.item(name))
    if kind == "direction":
        ways = {n: scene.robot_yaw + turn for n, turn in TURN.items()}
        goals = {n: (math.cos(a), math.sin(a), 0.0) for n, a in ways.items()}
        able = [n for n, goal in goals.items() if free[grid.index(goal[0], goal[1])]]
        if able:
            name = str(rng.choice(able))
            return Target("direction", name), goals[name]
    x, y = grid.middles()
    cells = np.flatnonzero(free & (np.hypot(x, y) > MIN_WAY))
    cell = int(cells[rng.integers(len(cells))])
    goal = round(float(x[cell]), 1), round(float(y[cell]), 1)
    return Target("coordinate", x=goal[0], y=goal[1]), (*goal, 0.0)


def _avoid(
    rng: np.random.Generator, scene: Scene, grid: Grid, free: Mask, goal: Vec3, target: str | None
) -> tuple[tuple[str, ...], tuple[Vec3, ...]]:
    """One or two kinds of things to keep away from, as long as start and goal still connect."""
    here = {item.name.split("_")[0] for item in scene.items}
    kinds = [k for k in ("table", "chair", "person") if k in here and k != target]
    named: tuple[str, ...] = ()
    circles: tuple[Vec3, ...] = ()
    for kind in rng.permutation(kinds)[: int(rng.integers(1, 3))]:
        more = circles + tuple(circle(i) for i in scene.items if kind in i.name.split("_"))
        outside = free & grid.outside(more, AVOID_MARGIN)
        start = grid.index(0.0, 0.0)
        if outside[start] and near(grid, grid.reachable(outside, start), goal):
            named, circles = (*named, str(kind)), more
    return named, circles
