"""Put an object on another one."""

from __future__ import annotations

import math

import numpy as np

from sim_envs.core import Situation
from sim_envs.spec import GroundedTask, SceneItem, Target, TaskSpec
from sim_envs.tasks.arm import (
    Action,
    ArmTask,
    ArmView,
    Table,
    approach_potential,
    carry_potential,
    flat,
    pick,
    reference,
    toward,
)

FLAT_SHAPES = ("cube", "cylinder")
OVER = 0.05  # [m] above its final height while it is carried
STILL = 0.02  # [m/s]


class Stack(ArmTask):
    """``phi`` is that of grasp until the object is held, ``0.35 + 0.4 (1 - tanh 4 d_goal)`` while held or
    on its place; distances [m]. A ball stays on nothing, so cubes and cylinders are drawn.

    Success: on the other one (within 10 mm of the height and 15 mm of its middle), released, both still.
    """

    name = "stack"
    skill = "stack"

    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """Two objects; the first goes onto the second."""
        table = Table(rng)
        item, below, manner = table.first(FLAT_SHAPES), None, table.manner()
        while below is None:
            below = table.add(FLAT_SHAPES, ("medium", "large"))
        ref = reference(below)
        target = Target("object", color=ref.color, shape=ref.shape, size=ref.size)
        spec = TaskSpec(self.skill, reference(item), target, "on", speed=manner[0], force=manner[1])
        x, y, _ = below.position
        goal = (x, y, 2.0 * below.extent[2] + item.extent[2])
        return table.finish(GroundedTask(spec, goal, 0.015, item.name, below.name), clutter)

    def success(self, view: ArmView) -> bool:
        """On it, let go, still."""
        if view.held or not _there(view.thing, view.goal):
            return False
        below, name = str(view.task.target_name), str(view.task.object_name)
        under = flat(view.thing, view.where(below)) < view.task.tolerance + 0.005
        return under and view.world.speed(name) < STILL and view.world.speed(below) < STILL

    def potential(self, view: ArmView) -> float:
        """See the class."""
        there = view.held or _there(view.thing, view.goal)
        return carry_potential(view) if there else approach_potential(view)

    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """At the height and place, and the gripper open."""
        return _there(item.position, task.goal) and gripper_width > 2.2 * item.extent[2]

    def expert(self, view: ArmView) -> Action:
        """Pick it, up, over the other one, down, open, up."""
        thing, goal = view.thing, view.goal
        if not view.held:
            if _there(thing, goal):
                return toward(view, (view.tool[0], view.tool[1], goal[2] + 0.1), 1.0)
            return pick(view)
        shift = (view.tool[0] - thing[0], view.tool[1] - thing[1], view.tool[2] - thing[2])
        aim = (goal[0] + shift[0], goal[1] + shift[1])
        if flat(thing, goal) > 0.004:
            high = goal[2] + OVER
            if thing[2] < high - 0.02 and flat(thing, goal) > 0.01:
                return toward(view, (view.tool[0], view.tool[1], high + shift[2] + 0.01), -1.0)
            return toward(view, (*aim, high + shift[2] if flat(thing, goal) > 0.01 else view.tool[2]), -1.0)
        down = thing[2] - goal[2] > 0.003
        return toward(view, (*aim, view.tool[2] - 0.008 if down else view.tool[2]), -1.0 if down else 1.0)


def _there(position: tuple[float, float, float], goal: tuple[float, float, float]) -> bool:
    return (
        math.hypot(position[0] - goal[0], position[1] - goal[1]) < 0.015 and abs(position[2] - goal[2]) < 0.01
    )


TASK = Stack()
