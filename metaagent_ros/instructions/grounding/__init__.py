"""Bind steps of a plan to a scene: bodies for what they name, and goals that are free and can be reached.

The same scene gives the same result, whether it comes from a simulator's state or from a message. What is
not there is refused with what there is, what is there more than once is asked back. Whether a policy has
learned to do it is not asked here.

Arms: metres in the frame of the base (REP 103, x forward, y left, z = 0 is the table top). ``left_of`` is
+y, ``right_of`` -y, ``behind`` +x and ``in_front_of``, nearer to the robot, -x. Bases: metres in the
frame of the scene (``odom``); the words hold in the frame that the base has once it has turned, where it is,
to face the thing, so that ``in_front_of`` is nearer to the robot here too.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from metaagent_ros.instructions.grounding import arms, bases
from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.naming import bind
from metaagent_ros.instructions.grounding.space import EPS, angle_to
from metaagent_ros.instructions.schema import Plan
from sim_envs.robots import load_profile, robots
from sim_envs.spec import GroundedTask, Scene, TaskSpec

__all__ = ["BASES", "SKILLS", "GroundingError", "expected", "ground", "ground_plan"]

BASES = tuple(name for name in robots() if load_profile(name).family == "base")
"""The mobile bases that come along; robots registered later are known by their profile."""
SKILLS: dict[str, tuple[str, ...]] = {"base": ("navigate", "follow"), "arm": arms.SKILLS}
"""What can be bound for the two families of robots."""


def ground(step: TaskSpec, scene: Scene, robot: str) -> GroundedTask:
    """The step bound to bodies and poses [m]; raises :class:`GroundingError`.

    A robot that is not known raises ``SpecError`` with the nearest match.
    """
    profile: Any = load_profile(robot)
    able = SKILLS[profile.family]
    if step.skill not in able:
        raise GroundingError(f"{step.skill} is not available for {robot}; available: {', '.join(able)}.")
    scene = replace(scene, items=tuple(item for item in scene.items if item.kind != "robot"))
    bound = bind(step, scene)
    if profile.family == "base":
        return bases.ground_base(bound, scene, profile)
    return arms.ground_arm(bound, scene, profile)


def ground_plan(plan: Plan, scene: Scene, robot: str) -> tuple[GroundedTask, ...]:
    """All steps bound, each to the scene that the ones before it are expected to leave behind.

    A plan that is itself a question or a refusal raises :class:`GroundingError` with its message.
    """
    if plan.status != "ok":
        raise GroundingError(plan.message or str(plan.reason), plan.status)
    tasks: list[GroundedTask] = []
    for number, step in enumerate(plan.steps):
        try:
            tasks.append(ground(step, scene, robot))
        except GroundingError as error:
            if len(plan.steps) == 1:
                raise
            raise GroundingError(f"Step {number + 1} ({step.skill}): {error}", error.status) from error
        scene = expected(scene, tasks[-1])
    return tuple(tasks)


def expected(scene: Scene, task: GroundedTask) -> Scene:
    """The scene after the task has been done: the object, or the base, is at its goal."""
    if task.spec.skill in SKILLS["base"]:
        moves = math.dist(scene.robot_position[:2], task.goal[:2]) > EPS
        yaw = angle_to(scene.robot_position, task.goal) if moves else scene.robot_yaw
        return replace(scene, robot_position=task.goal, robot_yaw=yaw)
    moved = (replace(i, position=task.goal) if i.name == task.object_name else i for i in scene.items)
    return replace(scene, items=tuple(moved))
