"""What a policy saw and did in one run on the robot: recorded at the ticks, read by who learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metaagent_ros.control.pacing import NS

Array = NDArray[np.float32]
MOST = 1024  # ticks kept of a run: 41 s at 25 Hz, about 0.5 MB for a base
_EVEN = 0.25  # share of the period by which two ticks may be off and still follow one another


class EpisodeError(ValueError):
    """An episode that cannot be learned from; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One run: observations (T, n) in SI units, actions (T, m) in [-1, 1], stamps (T,) [ns], period [s].

    ``truncated``: the run was longer than :data:`MOST` ticks. Raises :class:`EpisodeError` for tables that
    do not belong together or hold what is not finite.
    """

    run_id: str
    observations: Array
    actions: Array
    stamps: tuple[int, ...]
    period: float
    truncated: bool = False

    def __post_init__(self) -> None:
        ticks = {len(self.observations), len(self.actions), len(self.stamps)}
        if len(ticks) != 1 or self.observations.ndim != 2 or self.actions.ndim != 2:
            shapes = f"{self.observations.shape}, {self.actions.shape}, {len(self.stamps)} stamps"
            raise EpisodeError(f"run {self.run_id}: tables are {shapes}; they must have a row for each tick")
        if not (np.isfinite(self.observations).all() and np.isfinite(self.actions).all()):
            raise EpisodeError(f"run {self.run_id}: observations and actions must be finite")
        if not self.period > 0.0:
            raise EpisodeError(f"run {self.run_id}: period is {self.period!r} s; it must be positive")

    def __len__(self) -> int:
        return len(self.stamps)

    def transitions(self) -> Iterator[tuple[Array, Array, Array]]:
        """Observation, action and the observation one period later.

        Where a tick was missed or time jumped, there is none: what happened in two periods is no step.
        """
        period = self.period * NS
        for t in range(len(self) - 1):
            if abs(self.stamps[t + 1] - self.stamps[t] - period) <= _EVEN * period:
                yield self.observations[t], self.actions[t], self.observations[t + 1]


class EpisodeLog:
    """Takes down the ticks of the run under way, at most :data:`MOST` of them."""

    def __init__(self, period: float) -> None:
        self._period = period
        self.begin("")

    def begin(self, run_id: str) -> None:
        """Another run: what was taken down is forgotten."""
        self._run_id, self._ticks = run_id, 0
        self._observations: list[Array] = []
        self._actions: list[Array] = []
        self._stamps: list[int] = []

    def add(self, stamp_ns: int, observation: ArrayLike, action: ArrayLike) -> None:
        """One tick."""
        self._ticks += 1
        if len(self._stamps) < MOST:
            self._observations.append(np.array(observation, dtype=np.float32))
            self._actions.append(np.array(action, dtype=np.float32))
            self._stamps.append(stamp_ns)

    def episode(self) -> Episode | None:
        """The run so far; None before its first tick."""
        if not self._stamps:
            return None
        tables = np.array(self._observations), np.array(self._actions)
        return Episode(self._run_id, *tables, tuple(self._stamps), self._period, self._ticks > MOST)
