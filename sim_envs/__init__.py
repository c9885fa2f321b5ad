"""Worlds for language-conditioned meta-learning: robots, tasks and what is hidden in them.

Importing registers the ids with Gymnasium; physics starts when an environment is made. Ids are robot ×
task (``PandaPush-v0``, ``HuskyFollow-v0``), and one a family that mixes the tasks of the shipped policies
(``MetaGrasp-v0``, ``MetaNavigate-v0``).
"""

from __future__ import annotations

from typing import Any

import gymnasium

_ARMS = ("arm6", "fr3", "iiwa", "panda", "ur5e")
_BASES = ("diffbot", "husky", "turtlebot3")
ROBOT_TASKS = {
    **dict.fromkeys(_ARMS, ("grasp", "pick_place", "push", "reach", "stack")),
    **dict.fromkeys(_BASES, ("follow", "navigate")),
}
"""Which tasks each of the robots that come along has; a test compares it with profiles and catalogue."""
_ENTRY = {"arm": "sim_envs.arm_env:ArmEnv", "base": "sim_envs.base_env:BaseEnv"}


def env_id(robot: str, task: str) -> str:
    """The id of a robot with a task."""
    return f"{robot.capitalize()}{task.title().replace('_', '')}-v0"


def _register() -> tuple[str, ...]:
    # the environments check actions and order themselves
    plain: dict[str, Any] = {"disable_env_checker": True, "order_enforce": False}
    gymnasium.register("MetaGrasp-v0", entry_point=_ENTRY["arm"], **plain)
    gymnasium.register("MetaNavigate-v0", entry_point=_ENTRY["base"], **plain)
    ids = ["MetaGrasp-v0", "MetaNavigate-v0"]
    for robot, tasks in ROBOT_TASKS.items():
        entry = _ENTRY["base" if robot in _BASES else "arm"]
        for task in tasks:
            ids.append(env_id(robot, task))
            gymnasium.register(ids[-1], entry_point=entry, kwargs={"robot": robot, "tasks": (task,)}, **plain)
    return tuple(ids)


ENV_IDS = _register()


def make_env(robot: str, tasks: tuple[str, ...] | list[str] = (), **arguments: Any) -> Any:
    """An environment of any robot with any tasks of its family, also those registered later.

    Without ``tasks`` those of its shipped policy; unknown names raise ``SpecError`` with the nearest match.
    """
    from sim_envs.tasks import family

    named = {"tasks": tuple(tasks)} if tasks else {}
    return family(robot).make(robot=robot, **named, **arguments)
