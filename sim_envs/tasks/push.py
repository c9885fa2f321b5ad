"""Move an object over the table without lifting it."""

from __future__ import annotations

import math

import numpy as np

from sim_envs.core import Situation
from sim_envs.spec import DIRECTIONS, GroundedTask, SceneItem, Target, TaskSpec, Vec3
from sim_envs.tasks.arm import (
    AREA,
    TRAVEL,
    Action,
    ArmTask,
    ArmView,
    Table,
    approach_potential,
    flat,
    over,
    reference,
    toward,
)

SHAPES = ("cube", "cylinder")
LENGTH = 0.12  # [m]
TOLERANCE = 0.025
ROOMY = ((0.42, 0.56), AREA[1])  # [m] where there is room behind an object
LIFTED = 0.012  # [m] above the table counts as lifted
BEHIND = 0.03  # [m] from the object's rim to where the push begins
WAYS = {"forward": (1.0, 0.0), "backward": (-1.0, 0.0), "left": (0.0, 1.0), "right": (0.0, -1.0)}


class Push(ArmTask):
    """``phi = 0.25 (approach as in grasp, of 0.25) + 0.5 (1 - tanh 8 d_goal)``; distances [m].

    A ball rolls on when the push is over, so cubes and cylinders are drawn. Success: within 25 mm of the
    goal, on the table.
    """

    name = "push"
    skill = "push"

    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """An object and a direction with room for it."""
        table = Table(rng, ROOMY)
        item, (speed, force) = table.first(SHAPES), table.manner()
        name = table.pick([d for d in DIRECTIONS if _room(item.position, d)])
        x, y, z = item.position
        goal = (x + LENGTH * WAYS[name][0], y + LENGTH * WAYS[name][1], z)
        spec = TaskSpec(self.skill, reference(item), Target("direction", name), speed=speed, force=force)
        way = tuple(
            [(x + k * LENGTH * WAYS[name][0], y + k * LENGTH * WAYS[name][1], 0.05) for k in (-0.7, 0.5)]
        )
        return table.finish(GroundedTask(spec, goal, TOLERANCE, item.name), clutter, way)

    def success(self, view: ArmView) -> bool:
        """There, and never lifted."""
        return flat(view.thing, view.goal) < TOLERANCE and view.thing[2] < view.half + LIFTED

    def potential(self, view: ArmView) -> float:
        """See the class."""
        return approach_potential(view) + 0.5 * (1.0 - math.tanh(8.0 * flat(view.thing, view.goal)))

    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """There, on the table."""
        return flat(item.position, task.goal) < TOLERANCE and item.position[2] < item.extent[2] + LIFTED

    def expert(self, view: ArmView) -> Action:
        """Behind it with closed fingers, down, then through its middle toward the goal."""
        (x, y, z), (gx, gy, _) = view.thing, view.goal
        gap = max(math.hypot(gx - x, gy - y), 1e-6)
        ux, uy = (gx - x) / gap, (gy - y) / gap
        along = (view.tool[0] - x) * ux + (view.tool[1] - y) * uy
        aside = -(view.tool[0] - x) * uy + (view.tool[1] - y) * ux
        start = (x - ux * (view.half + BEHIND), y - uy * (view.half + BEHIND))
        low = view.tool[2] < z + 0.015
        if low and along < -0.4 * view.half and abs(aside) < 0.014:
            step = min(0.02, gap + 0.005)
            ahead = (
                view.tool[0] + step * ux - 2.0 * aside * -uy,
                view.tool[1] + step * uy - 2.0 * aside * ux,
            )
            return toward(view, (*ahead, max(z, 0.018)), -1.0)
        if flat(view.tool, start) < (0.012 if view.tool[2] > TRAVEL - 0.02 else 0.02):
            return toward(view, (*start, max(z, 0.018)), -1.0)
        return over(view, start, TRAVEL if low else max(view.tool[2], TRAVEL), -1.0)


def _room(position: Vec3, direction: str) -> bool:
    x, y = (position[i] + LENGTH * WAYS[direction][i] for i in (0, 1))
    (x0, x1), (y0, y1) = AREA
    return x0 - 0.02 < x < x1 + 0.02 and y0 - 0.05 < y < y1 + 0.05


TASK = Push()
