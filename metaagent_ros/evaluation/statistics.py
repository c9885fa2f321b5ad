"""Interquartile mean, probability of improvement, performance profiles and bootstrap intervals.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice"
(arXiv:2108.13264), sections 4.1 to 4.3. A table of scores has a row for each run (seed) and a column for each
task. All intervals are 95 % percentile intervals of the stratified bootstrap: the runs of each task are drawn
again with replacement, the tasks stay. A single run says nothing of how runs vary: then tasks are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, slots=True)
class Profile:
    """Share of runs that score above each of ``taus``, with the ends of the pointwise 95 % band."""

    taus: tuple[float, ...]
    shares: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def iqm(scores: ArrayLike) -> float:
    """Mean of the middle half: a quarter of the scores is cut off at each end, boundary ones in part."""
    return float(_middle_half(_table(scores).ravel()))


def estimate(scores: ArrayLike, seed: int = 0) -> Estimate:
    """IQM over scores (runs, tasks) with its bootstrap interval."""
    return _estimate(scores, _middle_half, seed)


def mean_estimate(scores: ArrayLike, seed: int = 0) -> Estimate:
    """Mean over scores (runs, tasks) with its bootstrap interval."""
    return _estimate(scores, _mean, seed)


def improvement(scores: ArrayLike, others: ArrayLike, seed: int = 0) -> Estimate:
    """Probability that the first improves on the second: mean over pairs of [x > y] + [x = y] / 2.

    Both are (runs, tasks), and a pair is the same run of the same task: pairs are drawn again as pairs. This
    differs from the paper's P(X > Y), which compares every run of X with every run of Y; runs that share seed
    and task share their luck.
    """
    ours, theirs = _table(scores), _table(others)
    if ours.shape != theirs.shape:
        raise ValueError(f"paired scores have shapes {ours.shape} and {theirs.shape}; they must be the same")
    return _estimate((ours > theirs) + 0.5 * (ours == theirs), _mean, seed)


def profile(scores: ArrayLike, taus: Sequence[float], seed: int = 0) -> Profile:
    """The performance profile of scores (runs, tasks): share of all runs with score > tau."""
    table = _table(scores)
    drawn = _resamples(table, seed)
    bands = [np.percentile((drawn > tau).mean(axis=1), INTERVAL) for tau in taus]
    return Profile(
        taus=tuple(float(tau) for tau in taus),
        shares=tuple(float((table > tau).mean()) for tau in taus),
        low=tuple(float(low) for low, _ in bands),
        high=tuple(float(high) for _, high in bands),
    )


def _table(scores: ArrayLike) -> Array:
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if table.ndim > 2:
        raise ValueError(f"scores have shape {table.shape}; allowed: (runs, tasks)")
    if table.size == 0 or not np.isfinite(table).all():
        raise ValueError("statistics need at least one score, all finite")
    return table


def _middle_half(scores: Array) -> Array:
    """The interquartile mean along the last axis."""
    size = scores.shape[-1]
    cut, edges = size / 4.0, np.arange(size)
    kept = np.minimum(edges + 1.0, size - cut) - np.maximum(edges, cut)
    weights = np.clip(kept, 0.0, 1.0)
    return np.asarray(np.sort(scores, axis=-1) @ (weights / weights.sum()))


def _mean(scores: Array) -> Array:
    return np.asarray(scores.mean(axis=-1))


def _estimate(scores: ArrayLike, statistic: Callable[[Array], Array], seed: int) -> Estimate:
    table = _table(scores)
    low, high = np.percentile(statistic(_resamples(table, seed)), INTERVAL)
    return Estimate(float(statistic(table.ravel())), float(low), float(high))


def _resamples(table: Array, seed: int) -> Array:
    """Stratified bootstrap of (runs, tasks): shape (RESAMPLES, runs * tasks)."""
    runs, tasks = table.shape
    if runs == 1:  # one run of each task: the tasks are what varies
        table, (runs, tasks) = table.T, (tasks, 1)
    rows = np.random.default_rng(seed).integers(runs, size=(RESAMPLES, runs, tasks))
    return table[rows, np.arange(tasks)].reshape(RESAMPLES, -1)
