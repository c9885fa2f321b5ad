"""What the steps of an arm are aimed at, in words that all of them share; lengths [m], frame of the base."""

from __future__ import annotations

from typing import TypeAlias

from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.naming import Bound
from metaagent_ros.instructions.grounding.space import Blocked, in_the_way
from metaagent_ros.instructions.grounding.table import SIDES, Table
from metaagent_ros.instructions.grounding.words import RELATION_WORDS, place_text
from sim_envs.paths import Point
from sim_envs.spec import SceneItem, Target, Vec3
from sim_envs.tasks import push

Goal: TypeAlias = tuple[Vec3, float]
"""Position and tolerance [m]."""
BESIDE = ("next_to", *SIDES)


def thing(bound: Bound) -> SceneItem:
    """What is acted on."""
    assert bound.item is not None  # every skill that asks for it needs an object
    return bound.item


def target_of(bound: Bound) -> Target:
    """Where to."""
    assert bound.step.target is not None  # every skill that asks for it needs a target
    return bound.step.target


def is_exact(bound: Bound) -> bool:
    """Whether there is one place only: a direction's, whatever relation is said, or that of a coordinate."""
    target = target_of(bound)
    return target.kind == "direction" or (bound.anchor is None and bound.step.relation not in BESIDE)


def exactly(bound: Bound) -> Point:
    """The point that a coordinate or a direction leads to."""
    target = target_of(bound)
    if target.kind == "direction":
        (dx, dy), (x, y, _) = push.WAYS[str(target.name)], thing(bound).position
        return x + push.LENGTH * dx, y + push.LENGTH * dy
    return float(target.x or 0.0), float(target.y or 0.0)


def point_of(bound: Bound) -> SceneItem:
    """A coordinate as something without a size."""
    x, y = (float(v or 0.0) for v in (target_of(bound).x, target_of(bound).y))
    return SceneItem(f"point at {place_text(x, y)}", "point", (x, y, 0.0))


def where(relation: str, anchor: SceneItem) -> str:
    """A relation for a person."""
    return f"{RELATION_WORDS[relation]} the {anchor}"


def require_place(
    table: Table, place: Point, found: Blocked | None, what: str = "Nothing can be brought to"
) -> None:
    """Raise :class:`GroundingError` with what was found to be wrong with a place, and what is allowed."""
    if found is not None:
        allowed = "" if table.allowed in str(found) else f" Allowed: {table.allowed}, where nothing stands."
        raise GroundingError(f"{what} {place_text(*place)}: {found}.{allowed}")


def under(item: SceneItem, x: float, y: float) -> bool:
    """Whether a point of the table is within the outline of an object."""
    return item.kind == "object" and in_the_way([item], x, y, 0.0) is not None


def top_of(item: SceneItem) -> float:
    """Height of its top [m]."""
    return item.position[2] + item.extent[2]
