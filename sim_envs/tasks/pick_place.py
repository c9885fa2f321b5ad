"""Pick an object up and put it into a bin."""

from __future__ import annotations

import numpy as np

from sim_envs.core import Situation
from sim_envs.spec import GroundedTask, SceneItem, Target, TaskSpec, Vec3
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
from sim_envs.world import BIN_HALF, BIN_PLACES

CARRY = 0.20  # [m] height of the tool over the bins' walls


class PickPlace(ArmTask):
    """``phi`` is that of grasp until the object is held, then (also once it is over the bin)
    ``0.35 + 0.4 (1 - tanh 4 d_goal)``; distances [m].

    Success: inside the walls of the bin, below 0.05 m, and released.
    """

    name = "pick_place"
    skill = "pick_place"

    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """An object and a bin."""
        table = Table(rng)
        item, (speed, force), side = table.first(), table.manner(), table.pick(("left", "right"))
        x, y, _ = BIN_PLACES[f"{side}_bin"]
        spec = TaskSpec(self.skill, reference(item), Target("bin", side), "in", speed=speed, force=force)
        task = GroundedTask(spec, (x, y, item.extent[2]), BIN_HALF, item.name, f"{side}_bin")
        return table.finish(task, clutter)

    def success(self, view: ArmView) -> bool:
        """In it, and let go."""
        return not view.held and view.thing[2] < 0.05 and _inside(view.thing, view.goal)

    def potential(self, view: ArmView) -> float:
        """See the class."""
        there = view.held or _inside(view.thing, view.goal)
        return carry_potential(view) if there else approach_potential(view)

    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """Low inside the walls, and the gripper open."""
        half = item.extent[2]
        inside = _inside(item.position, task.goal)
        return inside and item.position[2] < 2.2 * half and gripper_width > 2.2 * half

    def expert(self, view: ArmView) -> Action:
        """Pick it, up, over the bin, open."""
        thing, goal = view.thing, view.goal
        if not view.held:
            return pick(view)
        if thing[2] <= CARRY - 0.07:
            return toward(view, (view.tool[0], view.tool[1], CARRY + 0.04), -1.0)
        return toward(view, (goal[0], goal[1], CARRY), 1.0 if flat(thing, goal) < 0.02 else -1.0)


def _inside(position: Vec3, goal: Vec3) -> bool:
    return max(abs(position[0] - goal[0]), abs(position[1] - goal[1])) < BIN_HALF


TASK = PickPlace()
