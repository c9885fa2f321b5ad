"""Draw what a sentence means, before a word of it is chosen: steps of the closed schema."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.schema import PlanError, check_step
from sim_envs.spec import (
    AVOIDABLE,
    BINS,
    COLORS,
    DIRECTIONS,
    LANDMARKS,
    ROOMS,
    SHAPES,
    SIZES,
    ObjectRef,
    Target,
    TaskSpec,
)

ARM = {"pick_place": 0.4, "grasp": 0.18, "stack": 0.14, "push": 0.16, "reach": 0.12}
BASE = {"navigate": 0.8, "follow": 0.2}
BESIDE = ("next_to", "left_of", "right_of", "behind", "in_front_of")
_TARGETS = {
    "pick_place": {
        "bin": 0.44, "object": 0.3, "coordinate": 0.14, "surface": 0.08, "landmark": 0.02, "room": 0.02,
    },
    "push": {"direction": 0.46, "object": 0.22, "bin": 0.16, "coordinate": 0.1, "landmark": 0.06},
    "reach": {"object": 0.6, "bin": 0.12, "coordinate": 0.16, "landmark": 0.12},
    "navigate": {
        "landmark": 0.42, "room": 0.22, "direction": 0.13, "coordinate": 0.13, "object": 0.06, "bin": 0.04,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """A step, the relation that the sentence says (``None``: left to the conventions), and whether the
    object (``again``) or the aim (``near``) is the object of the step before ("it")."""

    step: TaskSpec
    said: str | None = None
    again: bool = False
    near: bool = False


def draw_ref(rng: random.Random) -> ObjectRef:
    """A description that says at least a colour or a shape."""
    color = rng.choice(COLORS) if rng.random() < 0.86 else None
    shape = rng.choice(SHAPES) if color is None or rng.random() < 0.83 else None
    size = rng.choice(SIZES) if rng.random() < 0.22 else None
    return ObjectRef(color, shape, size)


def other_ref(rng: random.Random, ref: ObjectRef) -> ObjectRef:
    """Another description: now and then one that differs in its colour alone."""
    if ref.color and rng.random() < 0.5:
        return replace(ref, color=rng.choice([c for c in COLORS if c != ref.color]))
    other = draw_ref(rng)
    return other if other != ref else other_ref(rng, ref)


def _weighted(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _followed(rng: random.Random) -> Target:
    if rng.random() < 0.6:
        return Target("landmark", rng.choice(("corridor", "left wall", "right wall")))
    ref = draw_ref(rng)
    return Target("object", None, ref.color, ref.shape, ref.size)


def draw_coordinate(rng: random.Random) -> Target:
    """A point, mostly near."""
    top = rng.choice((1.0, 1.0, 5.0, 5.0, 20.0))
    x, y = (round(rng.uniform(-top, top), rng.choice((0, 1, 1, 2))) + 0.0 for _ in "xy")
    return Target("coordinate", x=x, y=y)


def _target(rng: random.Random, skill: str, ref: ObjectRef | None) -> Target:
    kind = _weighted(rng, _TARGETS[skill])
    if kind == "object":
        other = other_ref(rng, ref) if ref else draw_ref(rng)
        return Target("object", None, other.color, other.shape, other.size)
    if kind == "coordinate":
        return draw_coordinate(rng)
    if kind == "surface":
        return Target("landmark", rng.choice(("table", "shelf", "desk")))
    names = {"bin": BINS, "landmark": LANDMARKS, "room": ROOMS, "direction": DIRECTIONS}[kind]
    return Target(kind, rng.choice(names))


def _said(rng: random.Random, skill: str, target: Target) -> str | None:
    """The relation to be put into words; ``None`` for "to", "at" or nothing."""
    near = rng.random()
    if target.kind in ("direction", "coordinate"):
        return None
    if skill == "reach":
        return "above" if near < 0.3 else None
    if target.kind == "bin":
        if skill == "pick_place":
            return "in" if near < 0.7 else rng.choice(BESIDE) if near < 0.84 else None
        return rng.choice(BESIDE) if near < 0.4 else None
    if target.kind == "object":
        chance = 0.85 if skill == "pick_place" else 0.5
        return rng.choice((*BESIDE, "next_to")) if near < chance else None
    if target.kind == "room":
        return "in" if near < 0.35 else None
    if skill == "pick_place" and target.name in ("table", "shelf", "desk"):
        return "on" if near < 0.6 else rng.choice(BESIDE) if near < 0.8 else None
    return rng.choice((*BESIDE, "next_to", "in_front_of")) if near < 0.35 else None


def draw(rng: random.Random, base: bool, last: ObjectRef | None) -> Meaning:
    """One step; ``last`` is the object that "it" would mean."""
    skill = _weighted(rng, BASE if base else ARM)
    again = not base and skill != "reach" and last is not None and rng.random() < 0.3
    ref = None if base or skill == "reach" else last if again else draw_ref(rng)
    said: str | None = None
    near = not base and not again and last is not None and rng.random() < 0.12
    if skill == "grasp":
        target = None
    elif skill == "follow":
        target = _followed(rng)
    elif skill == "stack":
        other = other_ref(rng, ref or ObjectRef())
        target, said = Target("object", None, other.color, other.shape, other.size), "on"
    else:
        target = _target(rng, skill, ref)
        said = _said(rng, skill, target)
    near = near and last is not None and ref != last and target is not None and target.kind == "object"
    if near and last is not None:
        target = Target("object", None, last.color, last.shape, last.size)
    step = TaskSpec(skill, ref, target, relation_for(skill, target, said))
    try:
        check_step(step)
    except PlanError:
        return draw(rng, base, last)
    return Meaning(step, said, again, near)


def draw_avoid(rng: random.Random, step: TaskSpec) -> list[ObjectRef | str]:
    """What to avoid: one thing or two, never what the step itself works on."""
    base = step.skill in ("navigate", "follow")
    count = 2 if rng.random() < 0.15 else 1
    out: list[ObjectRef | str] = []
    while len(out) < count:
        item: ObjectRef | str = rng.choice(AVOIDABLE)
        if rng.random() < (0.2 if base else 0.6):
            item = draw_ref(rng)
        aim = step.target.object if step.target and step.target.kind == "object" else None
        named = step.target is not None and step.target.name is not None and str(item) in step.target.name
        if item not in (step.object, aim, *out) and not named:
            out.append(item)
    return out


def _errand(rng: random.Random) -> list[Meaning]:
    """Pick something up, drive somewhere, put it down: three steps, because of the drive between."""
    ref, away = draw_ref(rng), draw(rng, True, None)
    while away.step.skill != "navigate":
        away = draw(rng, True, None)
    put = draw(rng, False, ref)
    while put.step.skill not in ("pick_place", "stack"):
        put = draw(rng, False, ref)
    target = put.step.target
    if away.step.target and away.step.target.name in ("table", "shelf", "desk") and rng.random() < 0.5:
        target, said = away.step.target, "on"
        return [
            Meaning(TaskSpec("grasp", ref)),
            away,
            Meaning(TaskSpec("pick_place", ref, target, said), said, True),
        ]
    step = replace(put.step, object=ref)
    if target is None or target.object == ref:
        return _errand(rng)
    return [Meaning(TaskSpec("grasp", ref)), away, replace(put, step=step, again=True, near=False)]


def draw_steps(rng: random.Random, count: int) -> list[Meaning]:
    """That many steps, with speed and force here and there."""
    if count == 3 and rng.random() < 0.2:
        return _errand(rng)
    base, mixed = rng.random() < 0.36, rng.random() < 0.42
    steps: list[Meaning] = []
    known: ObjectRef | None = None  # what "it" would mean
    for _ in range(count):
        here = rng.random() < 0.5 if mixed and count > 1 else base
        drawn = draw(rng, here, known)
        while drawn.again and steps[-1].step.skill == "grasp" and drawn.step.skill != "push":
            drawn = draw(rng, here, known)  # "pick it up and put it there" is one step
        step = drawn.step
        known = step.object or (step.target.object if step.skill == "reach" and step.target and
                                step.target.kind == "object" else known)  # fmt: skip
        speed = rng.choice(("slow", "fast")) if rng.random() < 0.17 else "normal"
        force = rng.choice(("gentle", "gentle", "firm")) if rng.random() < 0.15 else "normal"
        steps.append(replace(drawn, step=replace(step, speed=speed, force=force)))
    return steps
