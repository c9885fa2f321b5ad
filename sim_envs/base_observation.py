"""What a policy of a mobile base sees: the observation that simulation and robot share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sim_envs.core import Float32
from sim_envs.lidar import post_ranges
from sim_envs.paths import standing
from sim_envs.pursuit import Guide, Way
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import SPEEDS, BaseState, GroundedTask, Scene, SceneItem, SpecError, Vec3
from sim_envs.tasks.base import BaseTask
from sim_envs.tasks.catalogue import find_task

Array = NDArray[np.float64]
CONTEXT_SKILLS = ("navigate", "follow")
BEAMS = 64
OBSERVATION = (
    ("goal_distance", 1, 10.0, 2.0), ("goal_bearing", 2, 1.0, 1.0), ("path_distance", 1, 10.0, 1.0),
    ("path_bearing", 2, 1.0, 1.0), ("linear_velocity", 1, 3.0, 0.5), ("angular_velocity", 1, 10.0, 1.5),
    ("clearance", BEAMS, 4.0, 2.0), ("last_action", 2, 1.0, 1.0), ("speed", 1, 1.0, 1.0),
    ("skill", 2, 1.0, 1.0), ("side", 1, 1.0, 1.0),
)  # fmt: skip
"""Layout of the observation: name, length, bound, typical size; metres, radians, seconds, context last.

``goal_bearing`` is the cosine and sine of the goal's direction in the robot's frame. ``path_bearing`` is the
same for the look-ahead point (the carrot) of the way that a planner finds in the scene from measured poses,
and ``path_distance`` [m] how far the end of that way is, straight. ``clearance`` [m] goes counter-clockwise
from straight ahead; ``skill`` is one of navigate and follow; ``side`` 1 where the left wall is followed, -1
for the right one, else 0."""
BOUND = np.concatenate([np.full(n, b) for _, n, b, _ in OBSERVATION]).astype(np.float32)
_SIZE = len(BOUND)
_LOW = -BOUND
_FIRST_BEAM = 8
_BEAM_WAYS = np.stack([f(2 * np.pi * np.arange(BEAMS) / BEAMS) for f in (np.cos, np.sin)])
_SIDES = {"left_wall": 1.0, "right_wall": -1.0}


def find_base_task(name: str) -> BaseTask:
    """The base's task of that name; raises ``SpecError`` with the nearest match."""
    task = find_task(name)
    if not isinstance(task, BaseTask):
        raise SpecError(f"task {name!r} is for a {task.family}; allowed here: tasks for a base")
    return task


def context(task: GroundedTask) -> list[float]:
    """The named part as numbers: speed in {-1, 0, 1}, skill (2), side."""
    skill = task.spec.skill
    side = _SIDES.get(task.target_name or "", 0.0) if skill == "follow" else 0.0
    return [SPEEDS.index(task.spec.speed) - 1.0, *(float(skill == s) for s in CONTEXT_SKILLS), side]


def circle_ranges(state: BaseState, circles: Sequence[Vec3], reach: float) -> Array:
    """Distance (BEAMS,) [m] along each beam to the nearest circle (x, y, radius), at most ``reach``."""
    c, s = math.cos(state.yaw), math.sin(state.yaw)
    return post_ranges(circles, state.x, state.y, np.dot(((c, -s), (s, c)), _BEAM_WAYS), reach)


def pack(
    state: BaseState, ranges: Array, task: GroundedTask, way: Way, last_and_named: Sequence[float]
) -> Float32:
    """Observation (78,) from measured values, within its bounds.

    ``ranges`` (BEAMS,) [m] with circles to avoid in them, ``way`` as advanced to the measured place,
    ``last_and_named`` the last action and the :func:`context`.
    """
    x, y, yaw = state.x, state.y, state.yaw
    dx, dy = task.goal[0] - x, task.goal[1] - y
    goal = math.atan2(dy, dx) - yaw
    (aim_x, aim_y), (end_x, end_y) = way.points[way.at], way.points[-1]
    ahead = math.atan2(aim_y - y, aim_x - x) - yaw
    out = np.empty(_SIZE, dtype=np.float32)
    out[:_FIRST_BEAM] = (
        math.hypot(dx, dy), math.cos(goal), math.sin(goal), math.hypot(end_x - x, end_y - y),
        math.cos(ahead), math.sin(ahead), state.linear, state.angular,
    )  # fmt: skip
    out[_FIRST_BEAM : _FIRST_BEAM + BEAMS] = ranges
    out[_FIRST_BEAM + BEAMS :] = last_and_named
    bounded: Float32 = np.minimum(np.maximum(out, _LOW, out=out), BOUND, out=out)
    return bounded


class Observer:
    """The observations of one run on a robot, of measured values and the scene as it is reported.

    It plans a way through the scene at the first observation, and anew where the base has left it or what
    stands in the scene has changed.
    """

    def __init__(self, task: GroundedTask, profile: BaseProfile) -> None:
        self.task, self.profile = task, profile
        self._definition, self._named = find_base_task(task.spec.skill), context(task)
        self._items: tuple[SceneItem, ...] | None = None
        self._guide: Guide

    def observe(self, state: BaseState, scene: Scene, last_action: Sequence[float] | Array) -> Float32:
        """Observation (78,), laid out as :data:`OBSERVATION`.

        ``state.ranges`` (BEAMS,) [m] are the lidar's; a place to avoid shortens the beams toward it. Raises
        ``ValueError`` for another number of beams or anything not a number.
        """
        count = 0 if state.ranges is None else len(state.ranges)
        if state.ranges is None or count != BEAMS:
            raise ValueError(f"{count} ranges; allowed: {BEAMS}")
        if not math.isfinite(state.x + state.y + state.yaw):
            raise ValueError(f"the measured pose is {state.x}, {state.y}, {state.yaw}; it is not a number")
        reach, task = self.profile.range, self.task
        clearance: Array = np.minimum(state.ranges, reach)
        if task.avoid:
            clearance = np.minimum(clearance, circle_ranges(state, task.avoid, reach))
        way = self._guided(scene).lead(state.x, state.y)
        out = pack(state, clearance, task, way, (*(float(a) for a in last_action), *self._named))
        if math.isnan(float(out.sum())):
            raise ValueError("the measured state or the scan holds something that is not a number")
        return out

    def _guided(self, scene: Scene) -> Guide:
        items = standing(scene.items)
        if items != self._items:
            self._items = items
            self._guide = Guide(partial(self._definition.way, scene, self.task, self.profile.radius))
        return self._guide
