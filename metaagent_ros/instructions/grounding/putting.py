"""Steps that put an object somewhere: pick_place and stack; poses [m] in the frame of the arm's base."""

from __future__ import annotations

from collections.abc import Callable

from metaagent_ros.instructions.grounding.aims import (
    BESIDE,
    Goal,
    exactly,
    is_exact,
    point_of,
    require_place,
    target_of,
    thing,
    top_of,
    under,
    where,
)
from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.naming import Bound
from metaagent_ros.instructions.grounding.space import Blocked, first_free, in_the_way
from metaagent_ros.instructions.grounding.table import CLEARANCE, DROP_GAP, SLACK, Table, footprint
from sim_envs.paths import Point, distance
from sim_envs.spec import SceneItem, Vec3

PLACE_TOLERANCE, STACK_TOLERANCE = 0.03, 0.015  # [m], horizontally
CARRIES = 0.75  # half size of what carries over that of what is put on it, at least
_FLAT = 1e-3  # [m]: less high is a place, not a thing


def pick_place(bound: Bound, table: Table) -> Goal:
    """Into a bin, onto or beside a thing, onto a point of the table, or a fixed way in a direction."""
    step, anchor = bound.step, bound.anchor
    target, item = target_of(bound), thing(bound)
    if is_exact(bound):
        return _put(table, item, exactly(bound), PLACE_TOLERANCE)
    if anchor is None or step.relation in BESIDE:
        return _put_beside(bound, table, str(step.relation))
    if step.relation == "above":
        raise GroundingError(
            f"The {item} would fall: pick_place lets go of what it brings above the {anchor}."
            " It can be put on it or next to it."
        )
    if target.kind == "bin":
        return _into_bin(table, item, anchor)
    if target.kind == "object":
        return _onto_object(bound, table)
    return _at_place(bound, table, anchor)


def _onto_object(bound: Bound, table: Table) -> Goal:
    """``on`` an object is stacking; ``at`` it is next to it; nothing fits into it."""
    if bound.step.relation == "on":
        return stack(bound, table)
    if bound.step.relation == "in":
        raise GroundingError(
            f"Nothing can be put into the {bound.anchor}; a bin or a place next to it would do."
        )
    return _put_beside(bound, table, "next_to")


def _at_place(bound: Bound, table: Table, anchor: SceneItem) -> Goal:
    """A landmark or a room: onto it or into it where it is a surface or a part of the floor, else beside."""
    item, relation = thing(bound), bound.step.relation
    flat = anchor.kind == "room" or 2 * anchor.extent[2] < _FLAT
    if relation == "in" and not flat:
        raise GroundingError(f"Nothing can be put into the {anchor}; on it or next to it would do.")
    if not flat and relation != "on":
        return _put_beside(bound, table, "next_to")
    radius, surface = footprint(item), anchor.position[2] + anchor.extent[2]
    what = f"{'on' if not flat else 'in'} the {anchor}"
    places = table.inside(anchor, radius)
    place = first_free(places, _placing(table, item, surface), what)
    return _resting(table, item, place, surface), PLACE_TOLERANCE


def _into_bin(table: Table, item: SceneItem, place: SceneItem) -> Goal:
    """The middle of a bin, or a place in it that is still empty."""
    table.require(place)
    floor, radius = place.position[2] - place.extent[2], footprint(item)
    half = min(place.extent[:2])
    inside = [i for i in table.between(floor, place.position[2] + place.extent[2]) if i.kind == "object"]
    spots = table.inside(place, radius + DROP_GAP)

    def problem(spot: Point) -> Blocked | None:
        if not table.holds(*spot, SLACK if spot == spots[0] else 0.0):
            return table.out_of_reach
        return in_the_way(inside, *spot, radius + DROP_GAP) or table.avoided(spot)

    x, y = first_free(spots, problem, f"in the {place}")
    off = max(abs(x - place.position[0]), abs(y - place.position[1]))
    return (x, y, floor + item.extent[2]), half - off


def _put_beside(bound: Bound, table: Table, relation: str) -> Goal:
    item, anchor = thing(bound), bound.anchor or point_of(bound)
    radius = footprint(item)
    places = table.beside(anchor, relation, radius, item.position)
    x, y = first_free(places, _placing(table, item, 0.0), where(relation, anchor))
    return _resting(table, item, (x, y), 0.0), PLACE_TOLERANCE


def _put(table: Table, item: SceneItem, place: Point, tolerance: float) -> Goal:
    """Exactly there on the table."""
    require_place(table, place, _placing(table, item, 0.0)(place))
    return _resting(table, item, place, 0.0), tolerance


def _placing(table: Table, item: SceneItem, surface: float) -> Callable[[Point], Blocked | None]:
    """Why an object cannot be put at a place on a surface of that height [m]."""
    top = surface + 2 * item.extent[2]
    return lambda place: table.problem(place, footprint(item), surface, top, CLEARANCE)


def _resting(table: Table, item: SceneItem, place: Point, surface: float) -> Vec3:
    z = surface + item.extent[2]
    table.require_height(z, f"The {item}")
    return (*place, z)


def stack(bound: Bound, table: Table) -> Goal:
    """On the other object, which has to carry it and has nothing on it yet."""
    item, below = thing(bound), bound.anchor
    if below is None or below.kind != "object":
        raise GroundingError(f"The {item} can be stacked on an object, not on {target_of(bound)}.")
    table.require(below)
    x, y, z = below.position
    if "sphere" in (below.shape, item.shape):
        which = below if below.shape == "sphere" else item
        raise GroundingError(f"The {item} does not stay on the {below}: the {which} is a sphere.")
    if min(below.extent[:2]) < CARRIES * max(item.extent[:2]):
        raise GroundingError(f"The {below} is too small to carry the {item}.")
    top = z + below.extent[2]
    over = [i for i in table.others if i.name != below.name and under(i, x, y) and top_of(i) > top + _FLAT]
    if over:
        raise GroundingError(f"The {over[0]} is on the {below} already.")
    if under(item, x, y) and top_of(item) < top:
        raise GroundingError(f"The {below} stands on the {item}.")
    radius = footprint(item)
    stands = [i for i in table.between(top, top + 2 * item.extent[2]) if i.name != below.name]
    around = [i for i in stands if i.kind != "bin" or distance([i], x, y) > -radius]  # a bin may hold both
    if found := in_the_way(around, x, y, radius):
        raise GroundingError(f"There is no free place on the {below}: {found}.")
    table.require_height(top + item.extent[2], f"The {item} on the {below}")
    return (x, y, top + item.extent[2]), STACK_TOLERANCE
