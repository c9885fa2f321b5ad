"""Pick an object up and hold it."""

from __future__ import annotations

import numpy as np

from sim_envs.core import Situation
from sim_envs.spec import LIFT_HEIGHT, GroundedTask, SceneItem, TaskSpec
from sim_envs.tasks.arm import (
    Action,
    ArmTask,
    ArmView,
    Table,
    approach_potential,
    carry_potential,
    pick,
    reference,
    toward,
)

HELD_HEIGHT = LIFT_HEIGHT - 0.02  # [m] above its start: lifted


class Grasp(ArmTask):
    """``phi`` is ``0.15 (1 - tanh 15 d_xy) + 0.1 (1 - tanh 10 d_z)`` of the tool from the object before
    the grasp, ``0.35 + 0.4 (1 - tanh 4 d_goal)`` while held; distances [m].

    Success: held 0.10 m above its start.
    """

    name = "grasp"
    skill = "grasp"

    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """An object to lift by ``LIFT_HEIGHT``."""
        table = Table(rng)
        item, manner = table.first(), table.manner()
        x, y, z = item.position
        spec = TaskSpec(self.skill, reference(item), speed=manner[0], force=manner[1])
        return table.finish(GroundedTask(spec, (x, y, z + LIFT_HEIGHT), 0.05, item.name), clutter)

    def success(self, view: ArmView) -> bool:
        """Held, and high."""
        return view.held and view.thing[2] > view.half + HELD_HEIGHT

    def potential(self, view: ArmView) -> float:
        """See the class."""
        return carry_potential(view) if view.held else approach_potential(view)

    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """High, and something between the fingers."""
        half = item.extent[2]
        return item.position[2] > half + HELD_HEIGHT and gripper_width > half

    def expert(self, view: ArmView) -> Action:
        """Over it, down, close, up."""
        if not view.held:
            return pick(view)
        x, y, _ = view.tool
        return toward(view, (x, y, 0.24), -1.0)


TASK = Grasp()
