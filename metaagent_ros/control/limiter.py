"""The last look at a command before it leaves: reject what is not sane, clamp what is too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from metaagent_ros.control.state import ArmState, BaseState, finite, name_difference
from sim_envs.spec import BaseCommand, JointCommand

CommandT = TypeVar("CommandT", JointCommand, BaseCommand)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[CommandT]):
    """What may be sent (None: nothing), whether it was changed, and why."""

    command: CommandT | None
    limited: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """Limits of an arm, in the order of ``names``.

    Positions [rad] are the soft limits, ``velocity`` [rad/s] is what one command may ask for on
    average; ``gripper`` is the range of widths [m], ``max_force`` [N] the largest gripper force,
    ``duration`` the range [s] in which a command must ask to be reached.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    gripper: tuple[float, float]
    max_force: float
    duration: tuple[float, float] = (0.01, 0.2)


@dataclass(frozen=True, slots=True)
class BaseLimits:
    """Limits of a base: velocities [m/s, rad/s] and accelerations [m/s², rad/s²], all positive."""

    linear: float
    angular: float
    linear_acceleration: float
    angular_acceleration: float


def clamp(value: float, low: float, high: float) -> float:
    """``value`` moved into [low, high]; the caller has checked that it is finite."""
    return min(max(value, low), high)


class Limiter(Protocol[CommandT]):
    """What the guard needs of a limiter; ``now`` [s] is a monotonic clock."""

    def check(self, command: CommandT, state: object, now: float) -> Verdict[CommandT]:
        """Judge one command against the measured state; never raises on numbers of any kind."""
        ...


class ArmLimiter:
    """Checks joint commands: names, finiteness, duration; then position, velocity and gripper."""

    def __init__(self, limits: ArmLimits, speed_scale: float = 1.0) -> None:
        if not 0.0 < speed_scale <= 1.0:
            raise ValueError(f"speed scale is {speed_scale!r}; allowed: above 0, at most 1.")
        self.limits, self.speed_scale = limits, speed_scale

    def check(self, command: JointCommand, state: object, now: float) -> Verdict[JointCommand]:
        """The command in the order of the limits' names, within the limits, or a rejection."""
        if not isinstance(state, ArmState):
            return Verdict(None, reason="no measured joint state yet.")
        if fault := self._fault(command, state):
            return Verdict(None, reason=fault)
        events: list[str] = []
        wanted = dict(zip(command.names, command.positions, strict=True))
        positions = []
        for i, name in enumerate(self.limits.names):
            position = self._position(i, float(wanted[name]), state, command.duration, events)
            if position is None:
                return Verdict(None, reason=events[-1])
            positions.append(position)
        width = clamp(float(command.gripper_width), *self.limits.gripper)
        force = clamp(float(command.gripper_force), 0.0, self.limits.max_force)
        if (width, force) != (command.gripper_width, command.gripper_force):
            events.append("gripper command clamped")
        sent = JointCommand(self.limits.names, tuple(positions), width, force, float(command.duration))
        return Verdict(sent, bool(events), "; ".join(events))

    def _fault(self, command: JointCommand, state: ArmState) -> str:
        """Why a command cannot be used at all; empty where it can."""
        if difference := name_difference(command.names, self.limits.names):
            return f"joint names of the command: {difference}."
        if len(command.positions) != len(command.names):
            return f"{len(command.positions)} positions for {len(command.names)} joints."
        if difference := name_difference(state.names, self.limits.names):
            return f"joint names of the measured state: {difference}."
        for name, value in zip(command.names, command.positions, strict=True):
            if not finite(value):
                return f"position of {name} is {value!r}; it must be finite."
        others = ("gripper_width", "gripper_force", "duration")
        for what in others:
            if not finite(getattr(command, what)):
                return f"{what} is {getattr(command, what)!r}; it must be finite."
        if bad := [n for n, p in zip(state.names, state.positions, strict=False) if not finite(p)]:
            return f"measured position of {', '.join(bad)} is not finite."
        low, high = self.limits.duration
        if not low <= command.duration <= high:
            return f"duration is {command.duration!r} s; allowed: {low:g} to {high:g}."
        return ""

    def _position(
        self, i: int, wanted: float, state: ArmState, duration: float, events: list[str]
    ) -> float | None:
        """Joint ``i`` clamped to its limits and to one step from where it is measured."""
        name, low, high = self.limits.names[i], self.limits.lower[i], self.limits.upper[i]
        measured = state.position(name)
        step = self.limits.velocity[i] * duration * self.speed_scale
        inside = clamp(wanted, low, high)
        near = (max(low, measured - step), min(high, measured + step))
        if near[0] > near[1]:
            events.append(f"{name} is measured at {measured:g} rad, too far outside {low:g} to {high:g}.")
            return None
        sent = clamp(inside, *near)
        if inside != wanted:
            events.append(f"{name} clamped to its position limit")
        if sent != inside:
            events.append(f"{name} clamped to its velocity limit")
        return sent


class BaseLimiter:
    """Checks base commands: finiteness; then velocity and acceleration since the last one sent."""

    MAX_PERIOD_S = 0.1  # a longer gap between commands buys no larger jump

    def __init__(self, limits: BaseLimits, speed_scale: float = 1.0) -> None:
        if not 0.0 < speed_scale <= 1.0:
            raise ValueError(f"speed scale is {speed_scale!r}; allowed: above 0, at most 1.")
        self.limits, self.speed_scale = limits, speed_scale
        self._last: tuple[float, float, float] | None = None  # linear, angular, when

    def check(self, command: BaseCommand, state: object, now: float) -> Verdict[BaseCommand]:
        """The command within the limits, or a rejection."""
        if not isinstance(state, BaseState):
            return Verdict(None, reason="no odometry yet.")
        for what, value in (("linear", command.linear), ("angular", command.angular)):
            if not finite(value):
                return Verdict(None, reason=f"{what} velocity is {value!r}; it must be finite.")
        if not (finite(now) and finite(state.linear) and finite(state.angular)):
            return Verdict(None, reason="the measured velocity or the clock is not finite.")
        linear, angular, period = self._before(state, now)
        lim, scale = self.limits, self.speed_scale
        sent = BaseCommand(
            _ramp(command.linear, linear, lim.linear * scale, lim.linear_acceleration * period),
            _ramp(command.angular, angular, lim.angular * scale, lim.angular_acceleration * period),
        )
        self._last = (sent.linear, sent.angular, now)
        limited = (sent.linear, sent.angular) != (command.linear, command.angular)
        return Verdict(sent, limited, "velocity or acceleration clamped" if limited else "")

    def _before(self, state: BaseState, now: float) -> tuple[float, float, float]:
        """Velocities [m/s, rad/s] to ramp from, and the time [s] that the ramp may use."""
        if self._last is None or not 0.0 <= now - self._last[2] <= 2 * self.MAX_PERIOD_S:
            return state.linear, state.angular, self.MAX_PERIOD_S
        return self._last[0], self._last[1], min(now - self._last[2], self.MAX_PERIOD_S)


def _ramp(wanted: float, before: float, limit: float, step: float) -> float:
    """``wanted`` within ±limit and within ``step`` of ``before``; the limit wins."""
    start = clamp(before, -limit, limit)
    near = clamp(float(clamp(wanted, -limit, limit)), start - step, start + step)
    return math.copysign(min(abs(near), limit), near)
