"""A way through a room and how to drive along it: planned globally, followed by a point some way ahead."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim_envs.paths import Grid, Point, standing
from sim_envs.spec import GroundedTask, SceneItem

CELL = 0.1  # [m]
COMFORT = 0.3  # [m] from the rim of the base to things; closer costs
LOOKAHEAD = 0.35  # [m]
ASTRAY = 0.4  # [m] off the way: plan anew
_TURN_GAIN, _TURN_FIRST, _SLOW_DOWN = 4.0, 0.9, 1.6


@dataclass(slots=True)
class Way:
    """Points (x, y) [m] in ``odom`` to a place where the task is done; ``at`` is the next one."""

    points: list[Point]
    at: int = 0

    @classmethod
    def plan(cls, items: Sequence[SceneItem], task: GroundedTask, start: Point, radius: float) -> Way:
        """The shortest roomy way for a base of that radius [m]; stays where it is if there is none."""
        goal = task.goal[0], task.goal[1]
        grid = Grid.over(standing(items), CELL, (start, goal))
        x, y = grid.middles()
        gap = grid.gap.copy()
        for cx, cy, r in task.avoid:  # only the middle of the base has to stay out of a circle
            np.minimum(gap, np.hypot(x - cx, y - cy) - r + radius, out=gap)
        cost = 1.0 + 4.0 * np.clip((COMFORT + radius - gap) / COMFORT, 0.0, 1.0)
        cost[gap < radius + 0.04] = 60.0
        off = np.hypot(x - goal[0], y - goal[1])
        end = int(np.argmin(cost + 2.0 * off + 100.0 * np.maximum(off - task.tolerance + 0.1, 0.0)))
        cost[grid.gap <= 0.0] = math.inf
        points = grid.shortest(cost.tolist(), grid.index(*start), end)
        return cls(points or [start])

    @classmethod
    def straight(cls, start: Point, goal: Point) -> Way:
        """Straight from one point to another."""
        steps = max(1, math.ceil(math.dist(start, goal) / CELL))
        shares = [k / steps for k in range(steps + 1)]
        return cls(
            [(start[0] + s * (goal[0] - start[0]), start[1] + s * (goal[1] - start[1])) for s in shares]
        )

    def follow(self, x: float, y: float, yaw: float, top: float, lag: float = 0.0) -> tuple[float, float]:
        """Velocities [m/s, rad/s] along the way from a pose; at most ``top``, with motors that lag [s]."""
        aim, end = self.advance(x, y), self.points[-1]
        left = math.hypot(end[0] - x, end[1] - y)
        if left < 0.06:
            return 0.0, 0.0
        error = math.atan2(aim[1] - y, aim[0] - x) - yaw
        error = math.atan2(math.sin(error), math.cos(error))
        straight = max(0.0, 1.0 - abs(error) / _TURN_FIRST)
        calm = 1.0 + _TURN_GAIN * lag
        return min(top, _SLOW_DOWN / calm * left) * straight, _TURN_GAIN / calm * error

    def astray(self, x: float, y: float) -> bool:
        """Whether a point is far off the way."""
        px, py = self.points[self.at]
        return math.hypot(px - x, py - y) > LOOKAHEAD + ASTRAY

    def advance(self, x: float, y: float) -> Point:
        """The first point at least ``LOOKAHEAD`` away, never one before the last answer."""
        while self.at < len(self.points) - 1:
            px, py = self.points[self.at]
            if math.hypot(px - x, py - y) >= LOOKAHEAD:
                break
            self.at += 1
        return self.points[self.at]


@dataclass(slots=True)
class Guide:
    """Leads to a goal as a global planner leads a local controller: by a point on the way some way ahead.

    ``plan`` gives the way from a point (x, y) [m]. It is asked at the first point, and again wherever the
    last way has been left.
    """

    plan: Callable[[Point], Way]
    way: Way | None = None

    def lead(self, x: float, y: float) -> Way:
        """The way from there, advanced: its point ``at`` is the one to aim for."""
        if self.way is None or self.way.astray(x, y):
            self.way = self.plan((x, y))
        self.way.advance(x, y)
        return self.way
