"""Which things of a scene a step names: none is a refusal, several are a question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.words import nearest, nearest_place, there, told_apart
from metaagent_ros.instructions.schema import NEEDS_OBJECT, NEEDS_TARGET
from sim_envs.spec import COLORS, SHAPES, SIZES, ObjectRef, Scene, SceneItem, Target, TaskSpec

PLACE_KINDS = ("landmark", "room")
Items = tuple[SceneItem, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A step and what its words stand for.

    ``item`` is the thing to act on, ``anchor`` what the target names (None for directions and coordinates),
    ``avoided`` all that is to be kept away from, without these two.
    """

    step: TaskSpec
    item: SceneItem | None
    anchor: SceneItem | None
    avoided: Items

    @property
    def item_name(self) -> str | None:
        """Name of the thing to act on."""
        return self.item.name if self.item else None

    @property
    def anchor_name(self) -> str | None:
        """Name of what the target is."""
        return self.anchor.name if self.anchor else None


def bind(step: TaskSpec, scene: Scene) -> Bound:
    """Find what the step names. The object is never its own target, nor the target the object."""
    ref, target = step.object, step.target
    if step.skill in NEEDS_OBJECT and ref is None:
        raise GroundingError(f"What shall I {step.skill.split('_')[0]}? No object is named.", "clarify")
    if step.skill in NEEDS_TARGET and target is None:
        raise GroundingError("Where to? No target is named.", "clarify")
    things = matching(ref, scene) if ref and step.skill in NEEDS_OBJECT else ()
    others = named(target, scene) if target and step.skill in NEEDS_TARGET else ()
    if target and target.kind == "object":
        things, others = _apart(things, others)
    item = _one_object(things, ref, scene) if ref and step.skill in NEEDS_OBJECT else None
    anchor = None
    if target and step.skill in NEEDS_TARGET and target.kind not in ("direction", "coordinate"):
        anchor = _one_target(others, target, scene, item)
    return Bound(step, item, anchor, _avoided(step, scene, item, anchor))


def matching(ref: ObjectRef, scene: Scene) -> Items:
    """All objects that fit the description."""
    return tuple(item for item in scene.items if item.matches(ref))


def named(target: Target, scene: Scene) -> Items:
    """All that a target may mean; ``table_2`` is a table too."""
    if target.kind == "object":
        return matching(target.object, scene)
    if target.kind == "bin":
        name = f"{target.name}_bin"
        return tuple(i for i in scene.items if i.kind == "bin" and _plain(i.name) == name)
    name = str(target.name).replace(" ", "_")
    return tuple(i for i in scene.items if i.kind == target.kind and _plain(i.name) == name)


def is_wall(item: SceneItem) -> bool:
    """Whether it is a wall or a piece of one."""
    return item.kind != "object" and item.name.split("_")[-1] == "wall"


def _plain(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


def _apart(things: Items, others: Items) -> tuple[Items, Items]:
    """Take what is certain to be the one out of what may be the other."""
    if len(things) == 1:
        return things, tuple(i for i in others if i.name != things[0].name)
    if len(others) == 1:
        return tuple(i for i in things if i.name != others[0].name), others
    return things, others


def _one_object(found: Items, ref: ObjectRef, scene: Scene, other: str = "") -> SceneItem:
    if len(found) == 1:
        return found[0]
    if found:
        _ask(str(ref), found, scene)
    objects = [i for i in scene.items if i.kind == "object"]
    near = "" if other else nearest(ref, objects)
    hint = f"; did you mean {near}?" if near else "."
    listed = there(objects or scene.items)
    raise GroundingError(f"There is no {other}{ref} here{hint} There is: {listed}.")


def _one_target(found: Items, target: Target, scene: Scene, item: SceneItem | None) -> SceneItem:
    if target.kind == "object":
        other = "other " if item is not None and item.matches(target.object) else ""
        return _one_object(found, target.object, scene, other)
    if len(found) == 1:
        return found[0]
    if found:
        _ask(str(target), found, scene)
    kinds = PLACE_KINDS if target.kind in PLACE_KINDS else (target.kind,)
    places = [i for i in scene.items if i.kind in kinds]
    near = nearest_place(target, places)
    hint = f"; did you mean {near}?" if near else "."
    raise GroundingError(f"There is no {target} here{hint} There is: {there(places or scene.items)}.")


def _ask(what: str, found: Sequence[SceneItem], scene: Scene) -> None:
    raise GroundingError(f"Which {what}? There are: {', '.join(told_apart(found, scene))}.", "clarify")


def _avoided(step: TaskSpec, scene: Scene, item: SceneItem | None, anchor: SceneItem | None) -> Items:
    """All that the step names to be avoided, as often as it is there; what is not there is no matter."""
    own = {i.name for i in (item, anchor) if i}
    return tuple(
        i for i in scene.items if i.name not in own and any(_is_meant(what, i) for what in step.avoid)
    )


def _is_meant(what: str, item: SceneItem) -> bool:
    if item.kind != "object":
        return what in item.name.split("_")
    words = what.split()
    said = {
        kind: next((word for word in words if word in values), None)
        for kind, values in (("color", COLORS), ("shape", SHAPES), ("size", SIZES))
    }
    return (any(said.values()) or what == "object") and item.matches(ObjectRef(**said))
