"""Where an arm can put, push and reach: its workspace, what stands there, places beside a thing.

All places [m] are in the frame of the arm's base (REP 103: x forward, y left, z up, z = 0 is the table top).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from metaagent_ros.instructions.grounding.errors import GroundingError
from metaagent_ros.instructions.grounding.space import (
    CIRCLE,
    CONE,
    EPS,
    Blocked,
    angle_to,
    around,
    in_the_way,
    round_point,
)
from metaagent_ros.instructions.grounding.words import place_text
from sim_envs.paths import Point, distance
from sim_envs.robots import ArmProfile
from sim_envs.spec import Scene, SceneItem, Vec3
from sim_envs.tasks.push import BEHIND

SIDES = {"behind": 0.0, "left_of": math.pi / 2, "right_of": -math.pi / 2, "in_front_of": math.pi}
"""Directions [rad] in the frame of the arm's base, which looks along x: what is nearer to it is in front."""
GAPS = (0.05, 0.03, 0.08, 0.12)  # [m] between the outlines of two things side by side, in the order of trying
CLEARANCE = 0.02  # [m] between a thing where it is put and any other, at least
DROP_GAP = 0.004  # [m] the same inside a bin, where things are dropped
LANE = 0.004  # [m] on both sides of a thing that is pushed
HAND = 0.015  # [m] around the closed fingers where a push begins
SLACK = 0.045  # [m] that a camera may be off: what it sees so little outside of the workspace may be inside
_STEP = 0.01  # [m] between the points of a way that are looked at


def footprint(item: SceneItem | None) -> float:
    """Radius [m] of a circle on the table that holds an object, however it is turned; 0 for none."""
    if item is None:
        return 0.0
    round_one = item.shape in ("sphere", "cylinder")
    return max(item.extent[:2]) if round_one else math.hypot(*item.extent[:2])


def breadth(item: SceneItem) -> float:
    """Half size [m] of an object along x or y, as it is turned now: what is pushed hardly turns."""
    if item.shape in ("sphere", "cylinder"):
        return max(item.extent[:2])
    c, s, (x, y, _) = abs(math.cos(item.yaw)), abs(math.sin(item.yaw)), item.extent
    return max(c * x + s * y, s * x + c * y)


class Table:
    """The workspace of an arm and what is in it; ``item`` is the thing that is moved, and no obstacle."""

    def __init__(
        self, scene: Scene, profile: ArmProfile, item: SceneItem | None, avoid: Sequence[Vec3]
    ) -> None:
        self.scene, self.profile, self.item, self.avoid = scene, profile, item, avoid
        self.others = tuple(
            i for i in scene.items if i.kind != "room" and (item is None or i.name != item.name)
        )
        self._low, self._high = profile.workspace_lower, profile.workspace_upper

    @property
    def allowed(self) -> str:
        """The workspace for a person."""
        (x0, y0, _), (x1, y1, _) = self._low, self._high
        return f"x {x0:.2f} to {x1:.2f} m, y {y0:.2f} to {y1:.2f} m"

    @property
    def out_of_reach(self) -> Blocked:
        """What is wrong with a place outside of the workspace."""
        return Blocked(words=f"it is out of {self.profile.name}'s reach ({self.allowed})")

    def holds(self, x: float, y: float, slack: float = 0.0) -> bool:
        """Whether the tool gets there, give or take ``slack`` [m]."""
        spans = zip((x, y), self._low, self._high, strict=False)
        return all(low - slack - EPS <= value <= high + slack + EPS for value, low, high in spans)

    def require(self, thing: SceneItem) -> None:
        """Raise :class:`GroundingError` where the arm does not get to a thing, wherever exactly it is."""
        x, y, _ = thing.position
        if not self.holds(x, y, SLACK):
            raise GroundingError(
                f"The {thing} at {place_text(x, y)} is out of {self.profile.name}'s reach ({self.allowed})."
            )

    def require_height(self, z: float, what: str) -> None:
        """Raise :class:`GroundingError` where the tool does not get that high or low [m]."""
        if not self._low[2] - EPS <= z <= self._high[2] + EPS:
            raise GroundingError(
                f"{what} would be at a height of {z:.2f} m, out of {self.profile.name}'s reach"
                f" ({self._low[2]:.2f} to {self._high[2]:.2f} m)."
            )

    def beside(
        self, anchor: SceneItem, relation: str, radius: float, start: Sequence[float]
    ) -> Iterator[Point]:
        """Places for a thing of that radius [m] beside the anchor; ``next_to``: from where it comes first."""
        gaps = [radius + gap for gap in GAPS]
        if relation in SIDES:
            return around(anchor, SIDES[relation], CONE, gaps)
        return around(anchor, angle_to(anchor.position, start), CIRCLE, gaps[:3])

    def inside(self, area: SceneItem, radius: float) -> list[Point]:
        """Places on or in something flat, its middle first, that have room for a thing of that radius [m]."""
        (x, y, _), c, s = area.position, math.cos(area.yaw), math.sin(area.yaw)
        places = []
        for i in range(-4, 5):
            for j in range(-4, 5):
                u, v = (
                    k / 4 * max(half - radius, 0.0) for k, half in ((i, area.extent[0]), (j, area.extent[1]))
                )
                places.append((round(math.hypot(u, v), 6), round_point(x + c * u - s * v, y + s * u + c * v)))
        return [place for _, place in sorted(dict.fromkeys(places))]

    def problem(self, place: Point, radius: float, bottom: float, top: float, gap: float) -> Blocked | None:
        """Why a thing of that radius, from ``bottom`` to ``top`` [m], cannot be put there; None: it can."""
        if not self.holds(*place):
            return self.out_of_reach
        found = in_the_way(self.between(bottom, top), *place, radius + gap)
        return found or self.avoided(place)

    def between(self, bottom: float, top: float) -> list[SceneItem]:
        """What stands at these heights [m]; what is held higher up or is the ground below does not count."""
        spans = [(i, i.position[2] - i.extent[2], i.position[2] + i.extent[2]) for i in self.others]
        return [i for i, low, high in spans if high > bottom + 0.005 and low < top + 0.03]

    def push_problem(self, thing: SceneItem, goal: Point, gap: float) -> Blocked | None:
        """Why a thing cannot be pushed there: the goal, the way, or no room for the hand behind the thing."""
        (x, y, z), half, radius = thing.position, thing.extent[2], breadth(thing)
        if found := self.problem(goal, radius, z - half, z + half, gap):
            return found
        others, angle = self.between(z - half, z + half), angle_to((x, y), goal)
        c, s, length = math.cos(angle), math.sin(angle), math.dist((x, y), goal)
        need = radius + min(gap, LANE)
        for k in range(1, math.ceil(length / _STEP)):
            at = (x + c * k * _STEP, y + s * k * _STEP)
            for other in others:  # what it leans on at the start may be left
                if distance([other], *at) < min(need, distance([other], x, y)) - EPS:
                    return Blocked(other)
        if length < EPS:
            return None
        back = half + BEHIND
        begin = (x - c * back, y - s * back)
        if not self.holds(*begin, SLACK):
            return Blocked(words="the hand has no room within reach behind what it pushes")
        return in_the_way(others, *begin, HAND)

    def avoided(self, place: Point) -> Blocked | None:
        """What is wrong with a place in a circle to stay out of; None: it is in none."""
        near = any(math.dist(place, circle[:2]) < circle[2] - EPS for circle in self.avoid)
        return Blocked(words="it is too near to what is to be avoided") if near else None
