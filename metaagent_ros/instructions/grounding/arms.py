"""Steps of an arm bound to poses in the frame of its base [m]; ``putting`` has those that put something."""

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
from metaagent_ros.instructions.grounding.putting import pick_place, stack
from metaagent_ros.instructions.grounding.space import Blocked, first_free, in_the_way
from metaagent_ros.instructions.grounding.table import CLEARANCE, Table, footprint
from sim_envs.paths import Point
from sim_envs.robots import ArmProfile
from sim_envs.spec import LIFT_HEIGHT, GroundedTask, Scene, SceneItem, Vec3
from sim_envs.tasks import push, reach
from sim_envs.tasks.arm import AVOID_RADIUS

LIFT_TOLERANCE = 0.05  # [m]
TOUCH = 0.02  # [m] from the top of a thing to a tool that is at it
_ON_TABLE = 0.02  # [m] above the table that a camera may see under a thing that stands on it


def ground_arm(bound: Bound, scene: Scene, profile: ArmProfile) -> GroundedTask:
    """The step bound to bodies and poses; raises :class:`GroundingError`."""
    avoid = tuple(_circle(item) for item in bound.avoided)
    table = Table(scene, profile, bound.item, avoid)
    if bound.item is not None:
        table.require(bound.item)
        if bound.step.skill != "push":
            _require_grip(bound.item, profile)
    goal, tolerance = _GOALS[bound.step.skill](bound, table)
    return GroundedTask(bound.step, goal, tolerance, bound.item_name, bound.anchor_name, avoid)


def _circle(item: SceneItem) -> Vec3:
    return (*item.position[:2], max(AVOID_RADIUS, max(item.extent[:2]) + CLEARANCE))


def _require_grip(item: SceneItem, profile: ArmProfile) -> None:
    width, most = 2 * min(item.extent[:2]), profile.gripper_max_width
    if width >= most:
        raise GroundingError(
            f"The {item} is {width:.2f} m wide; {profile.name}'s hand opens to {most:.2f} m."
        )


def _grasp(bound: Bound, table: Table) -> Goal:
    x, y, z = thing(bound).position
    table.require_height(z + LIFT_HEIGHT, f"The {bound.item}, lifted,")
    return (x, y, z + LIFT_HEIGHT), LIFT_TOLERANCE


def _push(bound: Bound, table: Table) -> Goal:
    """A fixed way in a direction; to a point; or over the table until it is next to what is named."""
    item, anchor, relation = thing(bound), bound.anchor, bound.step.relation
    _require_on_table(item, table)
    if is_exact(bound):
        place = exactly(bound)
        require_place(table, place, table.push_problem(item, place, 0.0), f"The {item} cannot be pushed to")
    else:
        anchor, radius = anchor or point_of(bound), footprint(item)
        if relation not in BESIDE:
            relation = "in" if anchor.kind == "room" else "next_to"
        beside = relation in BESIDE
        places = (
            table.beside(anchor, relation, radius, item.position) if beside else table.inside(anchor, radius)
        )
        what = f"to push the {item} {where(relation, anchor)}"
        place = first_free(places, lambda goal: table.push_problem(item, goal, CLEARANCE), what)
    return (*place, item.position[2]), push.TOLERANCE


def _require_on_table(item: SceneItem, table: Table) -> None:
    """What is in a bin or lies on something cannot be pushed over the table."""
    holding = [i for i in table.others if i.kind == "bin" and in_the_way([i], *item.position[:2], 0.0)]
    if holding:
        raise GroundingError(f"The {item} is in the {holding[0]}: it cannot be pushed out of it.")
    if item.position[2] - item.extent[2] > _ON_TABLE:
        raise GroundingError(f"The {item} does not stand on the table: it cannot be pushed.")


def _reach(bound: Bound, table: Table) -> Goal:
    """Over a thing, at its top, beside it; over a point of the table."""
    step, anchor, target = bound.step, bound.anchor, target_of(bound)
    if target.kind == "direction":
        raise GroundingError(
            "Where the hand is now is not in the scene: name an object, a bin or a coordinate."
        )
    if anchor is None or step.relation in BESIDE:
        return _hover(bound, table)
    table.require(anchor)
    x, y, z = anchor.position
    rim, low = z + anchor.extent[2], z - anchor.extent[2]
    top = max([rim, *(top_of(i) for i in table.others if under(i, x, y))])
    if anchor.kind == "bin":
        least = rim if step.relation == "in" else low + reach.OVER_BIN
        goal = max(least, top + TOUCH) if top > rim else least
    else:
        goal = max(reach.HEIGHT, top + TOUCH) if step.relation == "above" else top + TOUCH
    table.require_height(goal, f"The hand at the {anchor}")
    return (x, y, goal), reach.TOLERANCE


def _hover(bound: Bound, table: Table) -> Goal:
    """The hand over a coordinate or beside a thing, at the height at which it passes over objects."""
    low, high = reach.HEIGHT - TOUCH, reach.HEIGHT

    def problem(place: Point) -> Blocked | None:
        return table.problem(place, 0.0, low, high, TOUCH)

    if is_exact(bound):
        place = exactly(bound)
        require_place(table, place, problem(place))
    else:
        anchor, relation = bound.anchor or point_of(bound), str(bound.step.relation)
        places = table.beside(anchor, relation, 0.0, (table.profile.workspace_lower[0], 0.0))
        place = first_free(places, problem, where(relation, anchor))
    return (*place, reach.HEIGHT), reach.TOLERANCE


_GOALS: dict[str, Callable[[Bound, Table], Goal]] = {
    "grasp": _grasp, "pick_place": pick_place, "push": _push, "reach": _reach, "stack": stack,
}  # fmt: skip
SKILLS = tuple(_GOALS)
