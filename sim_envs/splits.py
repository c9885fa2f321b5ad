"""Which tasks may be learned from and which are kept back: regions of the space of tasks, by rule.

=====  ================  ==========================================================================
split  what is unseen    the rule
=====  ================  ==========================================================================
T0     nothing           outside every region below: for training
T1     the place         the goal's cell has an odd column and an odd row (cells of 4 cm at a table, of
                         0.5 m in rooms: a quarter of the plane); where the goal is a bin, which has only
                         two places, it is the object's start that counts
T2     the dynamics      each hidden parameter falls in one of four equal bins of its range; the numbers of
                         the bins add up to 3 modulo 4: a quarter of the space, interleaved with the rest
T3     the objects       the named object's numbers of colour, shape and size add up to 3 modulo 4, no
                         other object's in the scene do; for bases the target is one of ``UNSEEN_PLACES``
T4     the words         the instruction is of the held-out language of :mod:`sim_envs.wordings`
T5     the task          its name is one of ``UNSEEN_TASKS``
=====  ================  ==========================================================================

A split differs from T0 in its one respect and equals it in all the others; a task that is unseen in two
respects is in no split. The rules read the task alone, so no list has to be kept in step with them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from sim_envs.core import Ranges, Situation
from sim_envs.robots import load_profile
from sim_envs.spec import COLORS, SHAPES, SIZES, Hidden, SceneItem, SpecError, Task, Vec3
from sim_envs.tasks import family
from sim_envs.tasks.base import BaseTask
from sim_envs.tasks.catalogue import find_task
from sim_envs.wordings import language

SPLITS = {"T0": None, "T1": "place", "T2": "hidden", "T3": "objects", "T4": "words", "T5": "task"}
"""The splits, and what is unseen in each."""
CELLS = {"arm": 0.04, "base": 0.5}  # [m]
BINS = 4
UNSEEN_PLACES = ("shelf", "window", "storage")
UNSEEN_TASKS = ("stack", "follow")


@dataclass(frozen=True, slots=True)
class Traits:
    """In which respects a task is unseen; None: neither seen nor unseen, so it is in no split."""

    place: bool | None
    hidden: bool | None
    objects: bool | None
    words: bool | None
    task: bool | None

    @property
    def split(self) -> str | None:
        """The split that follows."""
        values = asdict(self)
        unseen = [name for name, value in values.items() if value]
        if None in values.values() or len(unseen) > 1:
            return None
        return next(k for k, name in SPLITS.items() if name == (unseen[0] if unseen else None))

    def __str__(self) -> str:
        values = asdict(self)
        unseen = ", ".join(name for name, value in values.items() if value) or "nothing"
        odd = ", ".join(name for name, value in values.items() if value is None)
        return f"unseen: {unseen}" + (f"; outside of all that is drawn: {odd}" if odd else "")


def situation_of(task: Task) -> Situation:
    """Scene and goal of a task, as they truly are; an unknown name raises ``SpecError``."""
    return draw_situation(task.robot, task.name, task.seed, task.clutter)


def draw_situation(robot: str, name: str, seed: int, clutter: int) -> Situation:
    """The situation that a seed stands for; one that the robot cannot be in raises ``SpecError``."""
    require_family(robot, name)
    definition, rng = find_task(name), np.random.default_rng(seed)
    if isinstance(definition, BaseTask):
        return definition.draw(rng, clutter, _profile(robot).radius)
    return definition.draw(rng, clutter)


def split_of(task: Task) -> str | None:
    """The one split that a task is in, or None."""
    return traits_of(task).split


def traits_of(task: Task) -> Traits:
    """In which respects a task is unseen. One that its seed does not give raises ``SpecError``."""
    kind, situation = _profile(task.robot).family, situation_of(task)
    if situation.task.spec != task.spec:
        raise SpecError(f"seed {task.seed} of {task.name!r} gives {situation.task.spec}, not {task.spec}")
    spoken = {"train": False, "held_out": True}.get(language(task.spec, task.instruction) or "")
    return Traits(
        unseen_place(situation, kind),
        unseen_hidden(task.hidden, hidden_ranges(task.robot)),
        unseen_objects(situation),
        spoken,
        task.name in UNSEEN_TASKS,
    )


def require_family(robot: str, name: str) -> None:
    """Raise ``SpecError`` where that robot cannot do that task."""
    has, needs = _profile(robot).family, find_task(name).family
    if has != needs:
        raise SpecError(f"task {name!r} is for a robot of family {needs!r}; {robot!r} is of family {has!r}")


@lru_cache(maxsize=64)
def _profile(robot: str) -> Any:
    return load_profile(robot)  # which reads a file each time


@lru_cache(maxsize=64)
def hidden_ranges(robot: str) -> Ranges:
    """What the hidden parameters of that robot are drawn from."""
    ranges: Ranges = family(robot).module.HIDDEN_RANGES
    return ranges


def unseen_place(situation: Situation, kind: str) -> bool:
    """Whether the task's place lies in a held-out cell."""
    x, y, _ = _place(situation)
    return all(math.floor(value / CELLS[kind]) % 2 == 1 for value in (x, y))


def unseen_hidden(hidden: Hidden, ranges: Ranges) -> bool | None:
    """Whether the hidden part lies in a held-out box; None where it lies outside of what is drawn."""
    nominal, values = asdict(Hidden()), asdict(hidden)
    if any(values[name] != nominal[name] for name in values if name not in ranges):
        return None
    if any(not low <= values[name] <= high for name, (low, high) in ranges.items()):
        return None
    return sum(_bin(values[name], ends) for name, ends in ranges.items()) % BINS == BINS - 1


def unseen_objects(situation: Situation) -> bool | None:
    """Whether what the task names is held out; None where something else in the scene is."""
    task = situation.task
    kept_back = {item.name for item in situation.scene.items if held_out(item)}
    named = {task.object_name, task.target_name}
    if kept_back - named:
        return None
    target = task.spec.target
    return bool(kept_back) or (target is not None and target.name in UNSEEN_PLACES)


def held_out(item: SceneItem) -> bool:
    """Whether a thing is an object of a held-out combination of colour, shape and size."""
    if item.kind != "object" or item.color is None or item.shape is None or item.size is None:
        return False
    numbers = COLORS.index(item.color), SHAPES.index(item.shape), SIZES.index(item.size)
    return sum(numbers) % BINS == BINS - 1


def _place(situation: Situation) -> Vec3:
    task = situation.task
    target = task.spec.target
    if target is not None and target.kind == "bin" and task.object_name is not None:
        return situation.scene.item(task.object_name).position
    return task.goal


def _bin(value: float, ends: tuple[float, float]) -> int:
    low, high = ends
    return min(int(BINS * (value - low) / (high - low)), BINS - 1)
