"""Who is due when: physics by the wall clock, control ticks by robot time, things heard by their age."""

from __future__ import annotations

from typing import Any

NS = 1_000_000_000
REHEARSAL_S = 0.0045  # before a tick: cold it takes up to 1 ms, with waking up; what it warms lasts some ms
AGAIN_S = 0.0005  # after the first rehearsal a second one, which keeps warm what that has warmed
_RUN_S = {"arm": 8.0, "base": 40.0}  # [s] at full speed; a base drives 1 m/s then


def run_limit(profile: Any, speed: float = 1.0) -> float:
    """Robot time [s] for one run of a policy; more for a slow base, and where ``speed`` is not all of it."""
    fastest = 1.0 if profile.family == "arm" else min(1.0, profile.max_linear)
    return float(_RUN_S[profile.family] / (fastest * speed))


def rehearsal_delay(period: float) -> float:
    """How long [s] after a tick the next one is rehearsed: early enough to be over when that comes."""
    return max(period - REHEARSAL_S, period / 2.0)


class Pacer:
    """How many periods to work off so that simulated time keeps up with the wall clock.

    A backlog beyond ``most`` periods is dropped: after a stall the robot goes on, it does not race.
    """

    def __init__(self, period: float, most: int = 4) -> None:
        if not period > 0.0:
            raise ValueError(f"period is {period!r} s; it must be positive")
        self.period, self.most, self.dropped = period, most, 0
        self._done_until: float | None = None

    def due(self, now: float) -> int:
        """Periods due at ``now`` [s] of a monotonic clock; the caller works them off at once."""
        if self._done_until is None:
            self._done_until = now
            return 0
        count = int((now - self._done_until) / self.period + 1e-6)
        late = max(0, count - self.most)
        self.dropped += late
        self._done_until += count * self.period
        return count - late


class Grid:
    """Control ticks on a fixed grid of robot time: one a period, no drift, none made up for."""

    def __init__(self, period: float) -> None:
        self.period_ns = round(period * NS)
        self._last: int | None = None

    def due(self, stamp_ns: int) -> bool:
        """Whether a state of this stamp is the first in its cell of the grid."""
        cell = stamp_ns // self.period_ns
        before, self._last = self._last, cell
        return before is not None and cell != before

    def restart(self) -> None:
        """Begin with the next whole cell: the current one may be half over."""
        self._last = None
