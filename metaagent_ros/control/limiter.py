"""The last look at a command before it leaves: reject what is not sane, clamp what is too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from metaagent_ros.control.state import BaseState, finite
from sim_envs.spec import BaseCommand, JointCommand

CommandT = TypeVar("CommandT", JointCommand, BaseCommand)
KINDS = ("position", "velocity", "acceleration", "gripper")
TURNING = 0.2  # of a base's limit of turning, at any scale
MAX_PERIOD_S = 0.1  # a longer gap between commands buys no larger jump


@dataclass(frozen=True, slots=True)
class Verdict(Generic[CommandT]):
    """What may be sent (None: nothing), which of :data:`KINDS` were limited, and why."""

    command: CommandT | None
    limited: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BaseLimits:
    """Limits of a base: velocities [m/s, rad/s] and accelerations [m/s², rad/s²], all positive."""

    linear: float
    angular: float
    linear_acceleration: float
    angular_acceleration: float


class Limiter(Protocol[CommandT]):
    """What the guard needs of a limiter; ``now`` [s] is the time of the state that was decided on.

    ``repeats``: whether a robot at rest must be told so again and again.
    """

    repeats: bool

    def check(self, command: CommandT, state: object, now: float, scale: float = 1.0) -> Verdict[CommandT]:
        """Judge one command against the measured state; never raises on numbers of any kind.

        ``scale`` in 0..1 slows down further. Nothing is remembered: that is what :meth:`sent` is for.
        """
        ...

    def sent(self, command: CommandT, state: object, now: float) -> None:
        """The command left for the robot: the next is limited in acceleration from there."""
        ...

    def first(self, command: CommandT, state: object) -> CommandT:
        """What begins a motion in place of a checked ``command``: nothing may jump."""
        ...

    def hold(self, last: CommandT, state: object) -> CommandT:
        """What keeps a robot where it is measured, or was last sent to."""
        ...

    def ramp(self, last: CommandT, age: float, period: float, planned: bool) -> tuple[CommandT, ...]:
        """The way to rest from what was sent ``age`` [s] ago, one command every ``period`` [s]."""
        ...


def clamp(value: float, low: float, high: float) -> float:
    """``value`` moved into [low, high]; the caller has checked that it is finite."""
    return min(max(value, low), high)


def checked_scale(speed_scale: float) -> float:
    """A factor on velocity limits; raises ``ValueError`` outside (0, 1]."""
    if not (finite(speed_scale) and 0.0 < speed_scale <= 1.0):
        raise ValueError(f"speed scale is {speed_scale!r}; allowed: above 0, at most 1.")
    return speed_scale


class BaseLimiter:
    """Checks base commands: finiteness; then velocity and acceleration since the last one sent.

    Too fast a command is slowed down on its own circle. ``scale`` slows the turning down to :data:`TURNING`
    only: a round base that may not drive can turn away from what is near.
    """

    repeats = True

    def __init__(self, limits: BaseLimits, speed_scale: float = 1.0) -> None:
        self.limits, self.speed_scale = limits, checked_scale(speed_scale)
        self._last: tuple[float, float, float] | None = None  # linear, angular, when

    def check(
        self, command: BaseCommand, state: object, now: float, scale: float = 1.0
    ) -> Verdict[BaseCommand]:
        """The command within the limits, or a rejection."""
        if not isinstance(state, BaseState):
            return Verdict(None, reason="no odometry yet.")
        for what, value in (("linear", command.linear), ("angular", command.angular)):
            if not finite(value):
                return Verdict(None, reason=f"{what} velocity is {value!r}; it must be finite.")
        if not (finite(now) and finite(state.linear) and finite(state.angular)):
            return Verdict(None, reason="the measured velocity or the clock is not finite.")
        linear, angular, period = self._before(state, now)
        lim, share = self.limits, self.speed_scale
        most = max(abs(command.linear) / lim.linear, abs(command.angular) / lim.angular)
        slow = command if most <= share else _along(command, share / most, lim, share)
        if scale < 1.0:
            drive, turn = lim.linear * share * max(scale, 0.0), lim.angular * share * max(scale, TURNING)
            slow = BaseCommand(clamp(slow.linear, -drive, drive), clamp(slow.angular, -turn, turn))
        sent = BaseCommand(
            _ramp(slow.linear, linear, lim.linear * self.speed_scale, lim.linear_acceleration * period),
            _ramp(slow.angular, angular, lim.angular * self.speed_scale, lim.angular_acceleration * period),
        )
        kinds = ("velocity",) * (slow != command) + ("acceleration",) * (sent != slow)
        return Verdict(sent, kinds, f"{' and '.join(kinds)} clamped" if kinds else "")

    def sent(self, command: BaseCommand, state: object, now: float) -> None:
        """The next is limited from here."""
        self._last = (command.linear, command.angular, now)

    def first(self, command: BaseCommand, state: object) -> BaseCommand:
        """The command itself: its ramp begins at the measured velocity."""
        return command

    def hold(self, last: BaseCommand, state: object) -> BaseCommand:
        """Zero velocity."""
        return BaseCommand(0.0, 0.0)

    def ramp(self, last: BaseCommand, age: float, period: float, planned: bool) -> tuple[BaseCommand, ...]:
        """Within the acceleration limits where planned; else the robot's own controller brakes as it can."""
        self._last = None
        if not planned:
            return ()
        steps, lim = [], self.limits
        while last != BaseCommand(0.0, 0.0):
            linear = _ramp(0.0, last.linear, lim.linear, lim.linear_acceleration * period)
            last = BaseCommand(
                linear, _ramp(0.0, last.angular, lim.angular, lim.angular_acceleration * period)
            )
            steps.append(last)
        return tuple(steps)

    def _before(self, state: BaseState, now: float) -> tuple[float, float, float]:
        """Velocities [m/s, rad/s] to ramp from, and the time [s] that the ramp may use."""
        if self._last is None or not 0.0 <= now - self._last[2] <= 2 * MAX_PERIOD_S:
            return state.linear, state.angular, MAX_PERIOD_S
        return self._last[0], self._last[1], min(now - self._last[2], MAX_PERIOD_S)


def _along(command: BaseCommand, part: float, limits: BaseLimits, share: float) -> BaseCommand:
    """A part of the command: slower on the same circle, and inside the limits to the last digit."""
    return BaseCommand(
        clamp(float(command.linear) * part, -limits.linear * share, limits.linear * share),
        clamp(float(command.angular) * part, -limits.angular * share, limits.angular * share),
    )


def _ramp(wanted: float, before: float, limit: float, step: float) -> float:
    """``wanted``, inside ±limit already, moved to within ``step`` of ``before``; the limit wins."""
    start = clamp(before, -limit, limit)
    near = clamp(float(wanted), start - step, start + step)
    return math.copysign(min(abs(near), limit), near)
