"""What the shipped policies have learned: less than what can be bound to a scene."""

from __future__ import annotations

from sim_envs.spec import TaskSpec
from sim_envs.tasks import family


def lacking(step: TaskSpec, robot: str) -> str:
    """Why no policy of that robot carries out the step; "" where one does."""
    able = family(robot).skills
    if step.skill not in able:
        return f"{step.skill} is not available for {robot} yet; available: {', '.join(able)}"
    target = step.target
    if step.skill == "pick_place" and target and (target.kind != "bin" or step.relation not in (None, "in")):
        where = f"{step.relation or 'at'} the {target}".replace("_", " ")
        return f"{robot} has only learned to place into a bin so far, not {where}"
    return ""
