"""The limits of an arm: joint positions, velocities and accelerations, the gripper, and the way to rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metaagent_ros.control.limiter import MAX_PERIOD_S, Verdict, checked_scale, clamp
from metaagent_ros.control.state import ArmState, all_finite, finite, name_difference
from sim_envs.spec import JointCommand

HOLD_DURATION_S = 0.1
_ROUNDING = 1e-9  # a command at the very limit is not too fast
Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """Limits of an arm, in the order of ``names``.

    Positions [rad] are the soft limits; a joint may be measured up to ``margin`` [rad] beyond them, and then
    only goes back. ``velocity`` [rad/s] is what one command may ask for on average, ``acceleration``
    [rad/s²] how fast that may change from one command to the next. ``gripper`` is the range of widths [m],
    ``max_force`` [N] the largest gripper force, ``duration`` the range [s] in which a command must ask to
    be reached.
    """

    names: tuple[str, ...]
    lower: Values
    upper: Values
    velocity: Values
    gripper: tuple[float, float]
    max_force: float
    duration: tuple[float, float] = (0.002, 0.2)
    acceleration: Values = ()
    margin: float = 0.0


class ArmLimiter:
    """Checks joint commands: names, finiteness, duration; then position, velocity, acceleration, gripper.

    The velocity of a command is the way from where the joints are measured, over its duration. Too fast a
    command is shortened as a whole, so that the tool keeps its direction.
    """

    repeats = False

    def __init__(self, limits: ArmLimits, speed_scale: float = 1.0) -> None:
        self.limits, self.speed_scale = limits, checked_scale(speed_scale)
        self._rest: Values = (0.0,) * len(limits.names)
        self._velocity = self._rest
        self._when: float | None = None

    def check(
        self, command: JointCommand, state: object, now: float, scale: float = 1.0
    ) -> Verdict[JointCommand]:
        """The command in the order of the limits' names, within the limits, or a rejection."""
        if not isinstance(state, ArmState):
            return Verdict(None, reason="no measured joint state yet.")
        if fault := self._fault(command, state):
            return Verdict(None, reason=fault)
        wanted = dict(zip(command.names, command.positions, strict=True))
        measured = state.at(self.limits.names)
        duration, events = float(command.duration), _Events(self.limits.names)
        ranges = self._ranges(measured)
        steps = [v * duration * self.speed_scale for v in self.limits.velocity]
        for name, m, (low, high), step in zip(self.limits.names, measured, ranges, steps, strict=True):
            if not low - step <= m <= high + step:
                return Verdict(
                    None, reason=f"{name} is measured at {m:g} rad, too far outside {low:g} to {high:g}."
                )
        goal = tuple(float(wanted[name]) for name in self.limits.names)
        inside = events.note("position", goal, _clamped(goal, ranges))
        near = events.note("velocity", inside, _shortened(inside, measured, steps, scale))
        smooth = events.note("acceleration", near, self._smoothed(near, measured, duration, now))
        width = clamp(float(command.gripper_width), *self.limits.gripper)
        force = clamp(float(command.gripper_force), 0.0, self.limits.max_force)
        if (width, force) != (command.gripper_width, command.gripper_force):
            events.add("gripper", "gripper command clamped")
        sent = JointCommand(self.limits.names, _clamped(smooth, ranges), width, force, duration)
        return Verdict(sent, events.kinds, events.text)

    def sent(self, command: JointCommand, state: object, now: float) -> None:
        """The next is limited from the velocity of this one."""
        if isinstance(state, ArmState):
            ways = zip(command.positions, state.at(self.limits.names), strict=True)
            self._velocity = tuple((p - m) / command.duration for p, m in ways)
            self._when = now

    def first(self, command: JointCommand, state: object) -> JointCommand:
        """The measured pose, with the gripper as wanted."""
        return JointCommand(
            command.names, _measured(command, state), command.gripper_width, command.gripper_force,
            command.duration,
        )  # fmt: skip

    def hold(self, last: JointCommand, state: object) -> JointCommand:
        """The measured pose, or the last one sent, with the grip kept."""
        self._velocity, self._when = self._rest, None
        duration = min(HOLD_DURATION_S, self.limits.duration[1])
        return JointCommand(
            last.names, _measured(last, state), last.gripper_width, last.gripper_force, duration
        )

    def ramp(self, last: JointCommand, age: float, period: float, planned: bool) -> tuple[JointCommand, ...]:
        """Straight on with the last velocity, braking as hard as allowed; all joints stop together.

        Empty where the last command has been reached: a trajectory of one point ends at rest.
        """
        velocity, self._velocity, self._when = self._velocity, self._rest, None
        left = last.duration - age
        if left <= 0.0 or not any(velocity) or not self.limits.acceleration:
            return ()
        pairs = zip(velocity, self.limits.acceleration, strict=True)
        whole = max(abs(v) / a for v, a in pairs)  # [s] to rest
        start = [p - v * left for p, v in zip(last.positions, velocity, strict=True)]
        bounds = list(zip(self.limits.lower, self.limits.upper, strict=True))
        out = []
        for number in range(1, math.ceil(whole / period) + 1):
            t = min(number * period, whole)
            way = t - t * t / (2.0 * whole)
            there = tuple(s + v * way for s, v in zip(start, velocity, strict=True))
            ranges = [(min(lo, s), max(hi, s)) for (lo, hi), s in zip(bounds, start, strict=True)]
            grip = last.gripper_width, last.gripper_force
            out.append(JointCommand(last.names, _clamped(there, ranges), *grip, period))
        return tuple(out)

    def _fault(self, command: JointCommand, state: ArmState) -> str:
        """Why a command cannot be used at all; empty where it can."""
        names = self.limits.names
        if command.names != names and (difference := name_difference(command.names, names)):
            return f"joint names of the command: {difference}."
        if len(command.positions) != len(command.names):
            return f"{len(command.positions)} positions for {len(command.names)} joints."
        if state.names != names and (difference := name_difference(state.names, names)):
            return f"joint names of the measured state: {difference}."
        others = command.gripper_width, command.gripper_force, command.duration
        if not all_finite((*command.positions, *others)):
            return _not_finite(command)
        if not all_finite(state.positions):
            bad = [n for n, p in zip(state.names, state.positions, strict=False) if not finite(p)]
            return f"measured position of {', '.join(bad)} is not finite."
        low, high = self.limits.duration
        if not low <= command.duration <= high:
            return f"duration is {command.duration!r} s; allowed: {low:g} to {high:g}."
        return ""

    def _ranges(self, measured: Values) -> list[tuple[float, float]]:
        """Where each joint may go: a little beyond its soft limits only where it is there already."""
        lim = self.limits
        return [
            (min(low, max(m, low - lim.margin)), max(high, min(m, high + lim.margin)))
            for m, low, high in zip(measured, lim.lower, lim.upper, strict=True)
        ]

    def _smoothed(self, near: Values, measured: Values, duration: float, now: float) -> Values:
        """``near`` with the change of velocity since the last command within the acceleration."""
        if not self.limits.acceleration:
            return near
        before, period = self._velocity, MAX_PERIOD_S
        if self._when is None or not 0.0 <= now - self._when <= 2 * MAX_PERIOD_S:
            before = self._rest
        else:
            period = min(now - self._when, MAX_PERIOD_S)
        out = []
        for p, m, v0, a in zip(near, measured, before, self.limits.acceleration, strict=True):
            v = (p - m) / duration
            smooth = clamp(v, v0 - a * period, v0 + a * period)
            out.append(p if smooth == v else m + smooth * duration)
        return tuple(out)


class _Events:
    """Which joints were limited in what."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._said: dict[str, str] = {}

    def note(self, kind: str, before: Values, after: Values) -> Values:
        """``after``; where it differs from ``before``, the joints are named."""
        if changed := [n for n, b, a in zip(self._names, before, after, strict=True) if a != b]:
            self.add(kind, f"{', '.join(changed)} clamped to {kind} limit")
        return after

    def add(self, kind: str, text: str) -> None:
        self._said[kind] = text

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._said)

    @property
    def text(self) -> str:
        return "; ".join(self._said.values())


def _not_finite(command: JointCommand) -> str:
    """Which number of a command is the first that is not."""
    asked = [(f"position of {name}", p) for name, p in zip(command.names, command.positions, strict=True)]
    asked += [(what, getattr(command, what)) for what in ("gripper_width", "gripper_force", "duration")]
    what, value = next(each for each in asked if not finite(each[1]))
    return f"{what} is {value!r}; it must be finite."


def _measured(command: JointCommand, state: object) -> Values:
    if not isinstance(state, ArmState):
        return command.positions
    return state.at(command.names)


def _clamped(values: Values, ranges: list[tuple[float, float]]) -> Values:
    return tuple(clamp(v, low, high) for v, (low, high) in zip(values, ranges, strict=True))


def _shortened(wanted: Values, measured: Values, steps: list[float], scale: float) -> Values:
    """``wanted``, or as far on the straight way there as the fastest joint may go."""
    ways = [w - m for w, m in zip(wanted, measured, strict=True)]
    share = min((step * scale / abs(w) for w, step in zip(ways, steps, strict=True) if w), default=1.0)
    if share >= 1.0 - _ROUNDING:
        return wanted
    return tuple(m + share * w for m, w in zip(measured, ways, strict=True))
