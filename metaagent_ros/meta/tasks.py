"""What one inner loop learns: a task of the distribution, and the environment that plays only it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from sim_envs.distribution import draw_hidden, draw_place
from sim_envs.spec import GroundedTask, Hidden, Scene, require
from sim_envs.tasks import Family

SPLITS_OF_POLICIES = ("T0", "T1", "T2", "T3")
JITTER, TURN = 0.015, 0.1  # [m, rad] by how much the trials in a given scene differ


@dataclass(frozen=True, slots=True)
class MetaTask:
    """A skill with one hidden part; ``seed`` seeds the episodes, ``split`` says where they are drawn."""

    skill: str
    hidden: Hidden
    seed: int
    split: str = "T0"


def draw_tasks(kin: Family, count: int, rng: np.random.Generator, split: str = "T0") -> list[MetaTask]:
    """Tasks of a split, T0 to T3; the skills take turns so that each is in every batch.

    Raises ``SpecError`` for another split: words and whole tasks are not what a policy adapts to.
    """
    require("split", split, SPLITS_OF_POLICIES)
    return [
        MetaTask(
            kin.skills[number % len(kin.skills)],
            draw_hidden(kin.module.HIDDEN_RANGES, split == "T2", rng),
            int(rng.integers(2**31)),
            split,
        )
        for number in range(count)
    ]


class TaskEnv(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose every episode plays one task: the same hidden part, other places.

    Places, objects and clutter of an episode are drawn within the task's split.
    """

    def __init__(self, kin: Family) -> None:
        super().__init__(kin.make(robot=kin.robot))
        self.kin = kin
        self.task: MetaTask | None = None

    def play(self, task: MetaTask) -> None:
        """From the next reset on, play this task."""
        self.task = task

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The next episode of the task; without one, of any task."""
        if self.task is None:
            return self.env.reset(seed=seed, options=options)
        if seed is not None:
            self.unwrapped.np_random = np.random.default_rng(seed)
        task = self.task
        situation = draw_place(self.kin.robot, task.skill, task.split, self.unwrapped.np_random)
        return self.env.reset(options={"hidden": task.hidden, "skill": task.skill, "situation": situation})


class Twin(gym.Wrapper[Any, Any, Any, Any]):
    """Plays one given scene and grounded task again and again, with the start a little different.

    ``arguments`` go to the environment, such as an arm's ``physics``.
    """

    def __init__(
        self, kin: Family, hidden: Hidden, scene: Scene, task: GroundedTask, **arguments: Any
    ) -> None:
        super().__init__(kin.make(robot=kin.robot, hidden=hidden, **arguments))
        self.kin = kin
        self._hidden, self._scene, self._task = hidden, scene, task

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The next trial."""
        if seed is not None:
            self.unwrapped.np_random = np.random.default_rng(seed)
        scene = _varied(self._scene, self._task, self.unwrapped.np_random)
        return self.env.reset(options={"hidden": self._hidden, "scene": scene, "task": self._task})


def _varied(scene: Scene, task: GroundedTask, rng: np.random.Generator) -> Scene:
    """The object of an arm's task, or the pose of a base, moved a little."""
    dx, dy, turn = (float(v) for v in rng.uniform(-1.0, 1.0, 3) * (JITTER, JITTER, TURN))
    if task.object_name is None:
        x, y, z = scene.robot_position
        return replace(scene, robot_position=(x + dx, y + dy, z), robot_yaw=scene.robot_yaw + turn)
    return replace(scene, items=tuple(
        replace(i, position=(i.position[0] + dx, i.position[1] + dy, i.position[2]))
        if i.name == task.object_name else i
        for i in scene.items
    ))  # fmt: skip
