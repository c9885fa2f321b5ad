"""What lies ahead of a base: the things that its lidar sees, on the way that it needs to come to rest.

Only what cuts the plane of the lidar is known here: no table tops, no steps down, no glass.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.limiter import BaseLimits
from metaagent_ros.control.state import BaseState, RobotState
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import BaseCommand

SCAN_AGE_S = 0.5  # [s] of robot time between state and scan, beyond which nothing is seen
NEAR, HALT = 0.06, 0.02  # [m] around the base: kept free at more than a crawl, kept free
CRAWL = 0.1  # of the limit of velocity
REACTION_S = 0.35  # [s] until brakes bite: a period, the age of the scan, motors that lag (0.3 in training)
STEP = 0.02  # [m] between two looks along the way
LEAST = 0.05  # of the limit of velocity: slower is standing
STILL = 1e-3  # [m/s] that are no driving
INSIDE = 0.03  # [m] within the body: what is seen there is a part of the robot
TURNS = 1e-6  # of it: it does not drive and only turns
_TURNS = 0.1  # [rad/s] that are turning
_CLOSER = 1e-4  # [m] that count as getting nearer
_MOVES = 0.05  # [m/s] from which on the measured motion says on what circle it is
Array = NDArray[np.float64]


class ClearanceForecast:
    """Looks along the arc of a command as far as a base needs to brake, and slows it down where that is far.

    Nothing comes within :data:`HALT` as long as it turns as its odometry says, and within :data:`NEAR` only
    at a :data:`CRAWL`. A base that is so near already may drive where it gets no nearer, and turn in place:
    it is round. ``speed`` is the guard's share of the limits.
    """

    def __init__(self, profile: BaseProfile, limits: BaseLimits, speed: float = 1.0) -> None:
        self._radius, self._limits, self._top = profile.radius, limits, limits.linear * speed
        self._reach = profile.range
        angles = 2.0 * math.pi * np.arange(profile.beams) / profile.beams
        self._rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def scale(self, command: BaseCommand, state: RobotState) -> tuple[float, str]:
        """1, or how much slower to go and what is near; 0 where it is in the way, or nothing is seen."""
        if not isinstance(state, BaseState) or abs(command.linear) < STILL:
            return 1.0, ""
        if state.ranges is None:
            return 0.0, f"ahead: no scan within {SCAN_AGE_S:g} s, so nothing is known of what is there."
        seen = np.flatnonzero((state.ranges < self._reach) & (state.ranges > self._radius - INSIDE))
        way = self._way(max(abs(command.linear), abs(state.linear)))
        if not len(seen) or float(state.ranges[seen].min()) > way + self._radius + NEAR:
            return 1.0, ""
        things = state.ranges[seen, None] * self._rays[seen]
        arcs = _arcs(command, state, way)
        slow, where = self._free(arcs, things, way, NEAR)
        if slow >= way:
            return 1.0, ""
        halt, _ = self._free(arcs, things, way, HALT)
        most = self._speed(halt)
        scale = min(max(self._speed(slow) / self._top, CRAWL), most / self._top, 1.0)
        if abs(state.linear) > most + _MOVES:  # it does not brake as it is told to
            scale = min(scale, LEAST)
        near = f"something {state.ranges[seen[where]]:.2f} m away at {self._degrees(seen[where])} degrees"
        if scale >= LEAST:
            return scale, f"near: {near}"
        return TURNS if abs(command.angular) >= _TURNS else 0.0, f"ahead: {near}"

    def prepare(self, command: BaseCommand, state: RobotState) -> None:
        """A look costs little."""

    def close(self) -> None:
        """Nothing is held."""

    def _way(self, speed: float) -> float:
        """How far [m] it goes until it is at rest."""
        return speed * REACTION_S + speed * speed / (2.0 * self._limits.linear_acceleration)

    def _speed(self, way: float) -> float:
        """From what speed [m/s] that is as far; the inverse of :meth:`_way`."""
        a, t = self._limits.linear_acceleration, REACTION_S
        return a * (math.sqrt(t * t + 2.0 * way / a) - t)

    def _free(self, arcs: Array, things: Array, way: float, margin: float) -> tuple[float, int]:
        """How far [m] along any of the arcs nothing is within the margin, and the number of what then is."""
        distance = np.linalg.norm(things - arcs[:, :, None, :], axis=3).min(axis=0)
        kept = min(self._radius + margin, float(np.linalg.norm(things, axis=1).min()) - _CLOSER)
        hit = distance < kept  # near already: it gets no nearer than that
        if not hit.any():
            return way, 0
        first = int(hit.any(axis=1).argmax())
        return STEP * first, int(distance[first].argmin())

    def _degrees(self, beam: int) -> int:
        x, y = self._rays[beam]
        return round(math.degrees(math.atan2(y, x)))


def _arcs(command: BaseCommand, state: BaseState, way: float) -> Array:
    """Places (2, n, 2) [m], x ahead and y to the left, along the circle asked for and the one it is on.

    They differ where a wheel slips, or is smaller than the other: what nobody says.
    """
    along = np.minimum(np.arange(1, math.ceil(way / STEP) + 1) * STEP, way)
    asked = _arc(along, command.linear, command.angular)
    same = abs(state.linear) < _MOVES or state.linear * command.linear < 0.0
    return np.stack([asked, asked if same else _arc(along, state.linear, state.angular)])


def _arc(along: Array, linear: float, angular: float) -> Array:
    signed, bend = math.copysign(1.0, linear) * along, angular / linear
    if abs(bend) < 1e-6:
        return np.stack([signed, np.zeros_like(signed)], axis=1)
    return np.stack([np.sin(bend * signed) / bend, (1.0 - np.cos(bend * signed)) / bend], axis=1)
