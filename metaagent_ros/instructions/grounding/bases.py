"""Steps of a mobile base: navigate and follow, bound to places in the frame of the scene [m] (``odom``)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.floor import RIM, Floor, circles_of
from metaagent_ros.instructions.grounding.naming import Bound, is_wall
from metaagent_ros.instructions.grounding.space import (
    CIRCLE,
    CONE,
    angle_to,
    around,
    first_free,
    round_point,
)
from metaagent_ros.instructions.grounding.words import RELATION_WORDS, place_text
from sim_envs.house import CORRIDOR
from sim_envs.paths import FLAT, Point
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.rooms import TOLERANCE, approach, clearance
from sim_envs.spec import GroundedTask, Scene, SceneItem, SpecError, Target, Vec3
from sim_envs.tasks.follow import TARGETS, followed
from sim_envs.tasks.goals import TURN, in_room

SIDES = {"in_front_of": 0.0, "behind": math.pi, "left_of": -math.pi / 2, "right_of": math.pi / 2}
"""Directions [rad] around a thing, off the one from it to the robot: as a robot sees it that faces it."""
ONE_METRE = 1.0  # [m] in a direction, whatever distance was said
FARTHER = 0.25  # [m] off a thing beyond where a base would rather stop
MIN_STRETCH = 1.0  # [m] of wall that is followed, at least
_STEP = 0.1  # [m]
_RINGS = 8  # of places around the middle of an area


def ground_base(bound: Bound, scene: Scene, profile: BaseProfile) -> GroundedTask:
    """The step bound to a place; raises :class:`GroundingError`."""
    floor = Floor(scene, profile.radius, circles_of(bound, profile.radius))
    goal, tolerance = (_follow if bound.step.skill == "follow" else _navigate)(bound, floor)
    return GroundedTask(bound.step, goal, tolerance, None, bound.anchor_name, floor.circles)


def _navigate(bound: Bound, floor: Floor) -> tuple[Vec3, float]:
    target, anchor, relation = bound.step.target, bound.anchor, bound.step.relation
    assert target is not None  # bind has asked back
    if target.kind == "direction":
        return _exactly(_ahead(target, floor.scene), floor), TOLERANCE
    if anchor is None:
        anchor = SceneItem(f"point at {place_text(*_point(target))}", "point", (*_point(target), 0.0))
        if relation not in SIDES:
            return _exactly(_point(target), floor), TOLERANCE
    area = is_area(anchor)
    if relation in ("on", "above", "in") and not area and not (relation == "in" and anchor.name in FLAT):
        raise GroundingError(
            f"A base does not get {'into' if relation == 'in' else relation} the {anchor};"
            " next to it, in front of it or behind it would do."
        )
    if area and relation in ("in", "at", "on", None):
        return _into(anchor, floor)
    said = str(relation) if relation in SIDES or relation == "next_to" else "at"
    goal = first_free(_places(anchor, said, floor), floor.problem, f"{RELATION_WORDS[said]} the {anchor}")
    return (*goal, 0.0), TOLERANCE


def is_area(item: SceneItem) -> bool:
    """Whether it is a part of the floor: a room or the corridor."""
    return item.kind == "room" or (item.kind == "landmark" and item.extent[2] == 0.0 < min(item.extent[:2]))


def _point(target: Target) -> Point:
    return float(target.x or 0.0), float(target.y or 0.0)


def _ahead(target: Target, scene: Scene) -> Point:
    angle, (x, y, _) = scene.robot_yaw + TURN[str(target.name)], scene.robot_position
    return round_point(x + ONE_METRE * math.cos(angle), y + ONE_METRE * math.sin(angle))


def _exactly(place: Point, floor: Floor) -> Vec3:
    if found := floor.problem(place):
        raise GroundingError(f"The robot cannot go to {place_text(*place)}: {found}.{floor.allowed}")
    return (*place, 0.0)


def _into(area: SceneItem, floor: Floor) -> tuple[Vec3, float]:
    """The middle of a room, or the free place that is nearest to it."""
    goal, tolerance = in_room(area)
    if floor.problem(goal[:2]) is None:
        return goal, tolerance
    (x, y, _), (hx, hy, _) = area.position, area.extent
    steps = range(-_RINGS, _RINGS + 1)
    grid = [
        (i / _RINGS * max(hx - TOLERANCE, 0.0), j / _RINGS * max(hy - TOLERANCE, 0.0))
        for i in steps
        for j in steps
    ]
    grid.sort(key=lambda p: (round(math.hypot(*p), 6), p))
    places = (round_point(x + u, y + v) for u, v in grid)
    return (*first_free(places, floor.problem, f"in the {area}"), 0.0), TOLERANCE


def _places(anchor: SceneItem, relation: str, floor: Floor) -> Iterator[Point]:
    """Places to stand at a thing: where the base gets to first as it comes, or those on a side of it."""
    x, y, _ = floor.scene.robot_position
    near = clearance(floor.radius)
    gaps = (near, floor.radius + RIM + 0.05, near + FARTHER)
    if relation in SIDES:
        facing = angle_to(anchor.position, (x, y))
        yield from around(anchor, facing + SIDES[relation], CONE, (*gaps, near + 2 * FARTHER))
        return
    if is_wall(anchor):
        yield _before_wall(anchor, x, y, near)
    elif not is_area(anchor):
        yield approach(anchor, x, y, floor.radius)[:2]
    yield from around(anchor, angle_to(anchor.position, (x, y)), CIRCLE, gaps)


def _before_wall(wall: SceneItem, x: float, y: float, near: float) -> Point:
    """So near [m] to the point of a wall that is nearest to (x, y)."""
    (wx, wy, _), (hx, hy, _) = wall.position, wall.extent
    px, py = min(max(x, wx - hx), wx + hx), min(max(y, wy - hy), wy + hy)
    gap = max(math.hypot(x - px, y - py), 1e-6)
    reach = min(near, gap)
    return (px + (x - px) / gap * reach, py + (y - py) / gap * reach)


def _follow(bound: Bound, floor: Floor) -> tuple[Vec3, float]:
    """Along the corridor to its end, or along a wall as far as it is free, 1 to 2 m."""
    target, item = bound.step.target, bound.anchor
    assert target is not None  # bind has asked back
    if item is None or target.name not in TARGETS:
        raise GroundingError(f"What can be followed: {', '.join(TARGETS)}; given: {target}.")
    try:
        _, goal = followed(floor.scene, target, floor.radius)
    except SpecError as error:
        raise GroundingError(str(error)) from error
    along = 0 if item.extent[0] >= item.extent[1] else 1
    start = list(goal[:2])
    start[along] = floor.scene.robot_position[along]
    free, problem = _free_stretch((start[0], start[1]), goal[:2], floor)
    if problem and (item.name == CORRIDOR or math.dist(start, free) < MIN_STRETCH):
        raise GroundingError(f"The way along the {item} is not free: {problem}.")
    return (goal if not problem else (*free, 0.0)), TOLERANCE


def _free_stretch(start: Point, goal: Point, floor: Floor) -> tuple[Point, str]:
    """The end of the free part of a straight way, and what ends it before the goal."""
    steps = max(1, math.ceil(math.dist(start, goal) / _STEP - 1e-6))
    last = start
    for k in range(steps + 1):
        share = k / steps
        place = round_point(start[0] + share * (goal[0] - start[0]), start[1] + share * (goal[1] - start[1]))
        if found := floor.problem(place):
            return last, str(found)
        last = place
    return last, ""
