"""The heads of the parser network, and the way between a plan and their labels.

A step is a row of class indices, one per head; class 0 always means "not said". Coordinates are
pointers to the token at which a number of the sentence starts, so no number is ever made up.
"""

from __future__ import annotations

from collections.abc import Mapping

from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.schema import CLARIFY_REASONS, REFUSE_REASONS
from sim_envs import spec
from sim_envs.spec import ObjectRef, Target, TaskSpec

STATUS = ("ok", *CLARIFY_REASONS, *REFUSE_REASONS)
_NONE = ("none",)
_NAMED = tuple(f"{kind}:{name}" for kind, names in spec.TARGET_NAMES.items() for name in names)
HEADS: dict[str, tuple[str, ...]] = {
    "skill": _NONE + spec.SKILLS,
    "color": _NONE + spec.COLORS,
    "shape": _NONE + spec.SHAPES,
    "size": _NONE + spec.SIZES,
    "target": (*_NONE, "object", "coordinate", *_NAMED),
    "t_color": _NONE + spec.COLORS,
    "t_shape": _NONE + spec.SHAPES,
    "t_size": _NONE + spec.SIZES,
    "relation": _NONE + spec.RELATIONS,
    "speed": spec.SPEEDS,
    "force": spec.FORCES,
    **{f"avoid_{item}": ("no", "yes") for item in (*spec.AVOIDABLE, "object")},
    "a_color": _NONE + spec.COLORS,
    "a_shape": _NONE + spec.SHAPES,
    "a_size": _NONE + spec.SIZES,
}
POINTERS = ("x", "y")
# One query of the decoder a slot; the heads of what to avoid look for the same words and share one.
QUERIES = (*tuple(h for h in HEADS if not h.startswith("a")), "avoid", *POINTERS)
QUERY_OF = {h: QUERIES.index("avoid" if h.startswith("a") else h) for h in HEADS}
IGNORE = -100


def head_labels(step: TaskSpec | None) -> dict[str, int]:
    """The class index of every head; heads that the step leaves open are ``IGNORE``."""
    if step is None:
        return {head: 0 if head == "skill" else IGNORE for head in HEADS}
    said = {
        "skill": step.skill,
        "relation": step.relation,
        "speed": step.speed,
        "force": step.force,
    }
    if step.object is not None:
        said |= {"color": step.object.color, "shape": step.object.shape, "size": step.object.size}
    if step.target is not None:
        kind = step.target.kind
        said["target"] = f"{kind}:{step.target.name}" if kind in spec.TARGET_NAMES else kind
        if kind == "object":
            ref = step.target.object
            said |= {"t_color": ref.color, "t_shape": ref.shape, "t_size": ref.size}
    for item in step.avoid:
        if item in spec.AVOIDABLE:
            said[f"avoid_{item}"] = "yes"
        else:
            said |= {"avoid_object": "yes"} | _ref_labels(item)
    return {h: names.index(str(said.get(h) or names[0])) for h, names in HEADS.items()} | {
        h: HEADS[h].index(str(said.get(h) or "normal")) for h in ("speed", "force")
    }


def _ref_labels(phrase: str) -> dict[str, str | None]:
    words = phrase.split()
    found: dict[str, str | None] = {}
    for head, allowed in (
        ("a_color", spec.COLORS),
        ("a_shape", spec.SHAPES),
        ("a_size", spec.SIZES),
    ):
        found[head] = next((w for w in words if w in allowed), None)
    return found


def step_from_classes(said: Mapping[str, str], x: float | None, y: float | None) -> TaskSpec:
    """The step that the heads name; raises ``SpecError`` where they contradict each other."""
    word = {head: None if value == "none" else value for head, value in said.items()}
    skill = said["skill"]
    target: Target | None = None
    if skill == "grasp":
        pass  # takes no target, whatever a place in the sentence looks like
    elif word["target"] == "object":
        target = Target("object", None, word["t_color"], word["t_shape"], word["t_size"])
    elif word["target"] == "coordinate":
        target = Target("coordinate", x=x, y=y)
    elif word["target"] is not None:
        kind, name = word["target"].split(":")
        if skill == "follow" and name == "hallway":  # what is followed is the corridor
            kind, name = "landmark", "corridor"
        target = Target(kind, name)
    has_object = skill in ("grasp", "pick_place", "push", "stack")
    ref = ObjectRef(word["color"], word["shape"], word["size"]) if has_object else None
    avoid = [item for item in spec.AVOIDABLE if said[f"avoid_{item}"] == "yes"]
    if said["avoid_object"] == "yes":
        avoid.append(str(ObjectRef(word["a_color"], word["a_shape"], word["a_size"])))
    relation = relation_for(skill, target, word["relation"])
    return TaskSpec(skill, ref, target, relation, said["speed"], said["force"], tuple(avoid))
