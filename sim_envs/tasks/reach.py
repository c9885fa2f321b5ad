"""Bring the tool to a point in the air: over an object, over a bin, or to a coordinate."""

from __future__ import annotations

import math

import numpy as np

from sim_envs.core import Situation
from sim_envs.spec import GroundedTask, SceneItem, Target, TaskSpec, Vec3
from sim_envs.tasks.arm import Action, ArmTask, ArmView, Table, flat, reference, toward
from sim_envs.world import BIN_PLACES

HEIGHT = 0.12  # [m] above the table, over an object or a coordinate
OVER_BIN = 0.20
TOLERANCE = 0.02
STILL = 0.08  # [m/s]: slower counts as there


class Reach(ArmTask):
    """``phi = 0.75 (1 - tanh 5 d)``, ``d`` [m] from the tool to the goal.

    Success: within 20 mm of the goal and slower than 0.08 m/s.
    """

    name = "reach"
    skill = "reach"

    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """A point over an object, over a bin, or over the table."""
        table = Table(rng)
        kind, manner = table.pick(("object", "object", "coordinate", "bin")), table.manner()
        if kind == "object":
            item = table.first()
            ref = reference(item)
            target = Target("object", color=ref.color, shape=ref.shape, size=ref.size)
            return self._finish(table, target, "above", item.position, HEIGHT, clutter, manner)
        if kind == "bin":
            side = table.pick(("left", "right"))
            place = BIN_PLACES[f"{side}_bin"]
            return self._finish(table, Target("bin", side), "above", place, OVER_BIN, clutter, manner)
        x, y = round(table.between(0.36, 0.62), 2), round(table.between(-0.3, 0.3), 2)
        target = Target("coordinate", x=x, y=y)
        return self._finish(table, target, "at", (x, y, 0.0), HEIGHT, clutter, manner)

    def _finish(
        self, table: Table, target: Target, relation: str, place: Vec3, height: float, clutter: int,
        manner: tuple[str, str],
    ) -> Situation:  # fmt: skip
        spec = TaskSpec(self.skill, target=target, relation=relation, speed=manner[0], force=manner[1])
        name = table.items[0].name if target.kind == "object" else None
        task = GroundedTask(spec, (place[0], place[1], height), TOLERANCE, target_name=name)
        return table.finish(task, clutter)

    def success(self, view: ArmView) -> bool:
        """Close and slow."""
        return math.dist(view.tool, view.goal) < TOLERANCE and math.hypot(*view.state.tool_velocity) < STILL

    def potential(self, view: ArmView) -> float:
        """See the class."""
        return 0.75 * (1.0 - math.tanh(5.0 * math.dist(view.tool, view.goal)))

    def done(self, item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
        """``item`` stands for the tool here."""
        return math.dist(item.position, task.goal) < TOLERANCE

    def expert(self, view: ArmView) -> Action:
        """Straight there; first up, where the way is long."""
        x, y, z = view.goal
        lift = 0.05 if flat(view.tool, view.goal) > 0.15 else 0.0
        return toward(view, (x, y, z + lift), 1.0)


TASK = Reach()
