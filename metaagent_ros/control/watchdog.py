"""Freshness of a stream: how long ago the last good message came, on a clock that is passed in."""

from __future__ import annotations

import math

JUMP_BACK_S, JUMP_AHEAD_S = 0.05, 1.0


class Watchdog:
    """Says whether a stream is fresh.

    ``now`` is always seconds of one monotonic clock of the caller's choice. A clock that runs
    backwards, or is not a number, makes the stream stale until the next good message.
    """

    def __init__(self, timeout_s: float) -> None:
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ValueError(f"timeout is {timeout_s!r} s; it must be finite and positive.")
        self.timeout_s = timeout_s
        self.dropped = 0
        self._stamp_ns: int | None = None
        self._fed_at: float | None = None

    def feed(self, stamp_ns: int, now: float) -> bool:
        """Take a message stamped ``stamp_ns``; False (and counted) where it is old or repeated."""
        if not (math.isfinite(now) and self.newer(stamp_ns)):
            self.dropped += 1
            return False
        self._stamp_ns, self._fed_at = stamp_ns, now
        return True

    def newer(self, stamp_ns: int) -> bool:
        """Whether a message of that stamp would be newer than the last good one."""
        return self._stamp_ns is None or stamp_ns > self._stamp_ns

    def fresh(self, now: float) -> bool:
        """Whether a good message came within the last ``timeout_s`` seconds before ``now``."""
        return self._fed_at is not None and 0.0 <= now - self._fed_at <= self.timeout_s

    def reset(self) -> None:
        """Forget the stream (its clock was reset, or another run begins); the count stays."""
        self._stamp_ns = self._fed_at = None


class JumpDetector:
    """Compares robot time with a monotonic clock: it may run slower or stand still, but not jump."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def jump(self, robot_now: float, wall_now: float) -> float:
        """By how much [s] robot time jumped since the last call; 0 where it did not.

        Back counts from :data:`JUMP_BACK_S` on, ahead of the monotonic clock from :data:`JUMP_AHEAD_S`.
        """
        before, self._before = self._before, (robot_now, wall_now)
        if before is None:
            return 0.0
        passed = robot_now - before[0]
        if passed >= -JUMP_BACK_S and passed - (wall_now - before[1]) <= JUMP_AHEAD_S:
            return 0.0
        return passed
