"""Where there is room: outlines, directions around a thing, and the first of several places that is free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from metaagent_ros.instructions.grounding.errors import GroundingError
from sim_envs.paths import Point, distance
from sim_envs.spec import SceneItem

EPS = 1e-6  # [m, rad]: less is nothing; a message's way through a quaternion changes the last bits
CONE = tuple(math.radians(a) for a in (0, 15, -15, 30, -30, 45, -45))
CIRCLE = tuple(math.radians(a) for a in (0, 30, -30, 60, -60, 90, -90, 120, -120, 150, -150, 180))
"""Turns [rad] off the middle of a side, and off the preferred side, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a place will not do: the thing that is in the way, or a clause about it."""

    item: SceneItem | None = None
    words: str = ""

    def __str__(self) -> str:
        return self.words if self.item is None else f"the {self.item} is in the way"


def round_point(x: float, y: float) -> Point:
    """A place to the micrometre [m], the same whether or not its numbers travelled in a message."""
    return round(x, 6) + 0.0, round(y, 6) + 0.0


def on_ray(anchor: SceneItem, angle: float, gap: float) -> Point:
    """The point in that direction [rad] from the middle that is ``gap`` [m] off the outline."""
    (x, y, _), c, s = anchor.position, math.cos(angle), math.sin(angle)
    low, high = 0.0, math.hypot(*anchor.extent[:2]) * 2.0 + gap + EPS
    for _ in range(40):
        middle = (low + high) / 2
        if distance([anchor], x + c * middle, y + s * middle) < gap:
            low = middle
        else:
            high = middle
    return round_point(x + c * high, y + s * high)


def around(anchor: SceneItem, side: float, turns: Sequence[float], gaps: Sequence[float]) -> Iterator[Point]:
    """Places around a thing: the turns off ``side`` [rad] in order, at each of them all the gaps [m]."""
    for turn in turns:
        for gap in gaps:
            yield on_ray(anchor, side + turn, gap)


def in_the_way(items: Iterable[SceneItem], x: float, y: float, need: float) -> Blocked | None:
    """The nearest thing that is less than ``need`` [m] off a place."""
    near = [(distance([item], x, y), item.name, item) for item in items]
    gap, _, item = min(near, default=(math.inf, "", None), key=lambda n: n[:2])
    return Blocked(item) if item is not None and gap < need - EPS else None


def angle_to(start: Sequence[float], end: Sequence[float]) -> float:
    """The direction [rad] from one place to another; 0 where they are the same."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return math.atan2(dy, dx) if math.hypot(dx, dy) > EPS else 0.0


def first_free(places: Iterable[Point], problem: Callable[[Point], Blocked | None], what: str) -> Point:
    """The first place without a problem; raises :class:`GroundingError` that names what is in the way."""
    reasons: dict[str, None] = {}
    blocking: dict[str, None] = {}
    for place in places:
        found = problem(place)
        if found is None:
            return place
        if found.item is not None:
            blocking[f"the {found.item}"] = None
        else:
            reasons[found.words] = None
    verb = "is" if len(blocking) == 1 else "are"
    said = [f"{', '.join(blocking)} {verb} in the way"] if blocking else []
    raise GroundingError(f"There is no free place {what}: {'; elsewhere '.join([*said, *reasons])}.")
