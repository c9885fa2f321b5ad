"""A step that is said twice in a row is done once: "I need you in the lab, so drive to the lab"."""

from __future__ import annotations

from dataclasses import replace

from metaagent_ros.instructions.schema import Words
from sim_envs.spec import TaskSpec

_BLURRED = ("at", "in")  # "in the lab" and "to the lab" are one place to go to


def once(
    steps: tuple[TaskSpec, ...], words: tuple[Words, ...]
) -> tuple[tuple[TaskSpec, ...], tuple[Words, ...]]:
    """The steps without those that the one after already says, and the words of what is left.

    The later one stays: a reason or a slip comes first. Two pushes, or two drives, in a direction are two.
    """
    kept = [
        number
        for number, step in enumerate(steps)
        if number + 1 == len(steps) or not _repeats(step, steps[number + 1])
    ]
    if len(kept) == len(steps):
        return steps, words
    place = {number: index for index, number in enumerate(kept)}
    said = tuple(replace(each, step=place[each.step]) for each in words if each.step in place)
    return tuple(steps[number] for number in kept), said


def _repeats(step: TaskSpec, after: TaskSpec) -> bool:
    if step.target is not None and step.target.kind == "direction":
        return False
    if step.skill == "navigate" and step.relation in _BLURRED and after.relation in _BLURRED:
        step = replace(step, relation=after.relation)
    return step == after
