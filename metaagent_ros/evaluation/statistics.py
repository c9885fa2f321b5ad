"""Interquartile mean, bootstrap intervals (Agarwal et al. 2021, arXiv:2108.13264, sections 4.1, 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def iqm(scores: ArrayLike) -> float:
    """Mean of the middle half: a quarter of the scores is cut off at each end, boundary ones in part."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64).ravel())
    if ordered.size == 0 or not np.isfinite(ordered).all():
        raise ValueError("the interquartile mean needs at least one score, all finite")
    cut = ordered.size / 4.0
    edges = np.arange(ordered.size)
    weights = np.minimum(edges + 1.0, ordered.size - cut) - np.maximum(edges, cut)
    return float(np.average(ordered, weights=np.clip(weights, 0.0, 1.0)))


def estimate(scores: ArrayLike, seed: int = 0) -> Estimate:
    """IQM over scores (runs, tasks) with a percentile bootstrap that resamples the runs of each task."""
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    rng = np.random.default_rng(seed)
    runs, tasks = table.shape
    if runs == 1:  # one run of each task: the tasks are what varies
        table, (runs, tasks) = table.T, (tasks, 1)
    rows = rng.integers(runs, size=(RESAMPLES, runs, tasks))
    means = [iqm(table[pick, np.arange(tasks)]) for pick in rows]
    return Estimate(iqm(table), *(float(v) for v in np.percentile(means, (2.5, 97.5))))
