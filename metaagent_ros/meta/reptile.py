"""Reptile (Nichol, Achiam and Schulman 2018, algorithm 2) with SB3's own ``learn`` as the inner loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch

from metaagent_ros.meta.parameters import Parameters, clone, interpolate, mean

TaskT = TypeVar("TaskT")
InnerLoop = Callable[[Parameters, TaskT], Parameters]
"""(parameters, task) to the parameters after k steps of learning; must not change its argument."""


class Reptile(Generic[TaskT]):
    """Moves the start toward the mean of where the tasks' inner loops end.

    ``phi <- phi + epsilon * mean_i(U_i(phi) - phi)``; ``epsilon`` falls linearly to zero over
    ``iterations`` (Nichol et al., section 6).
    """

    def __init__(self, start: Parameters, inner: InnerLoop[TaskT], epsilon: float, iterations: int) -> None:
        if not 0.0 < epsilon <= 1.0:
            raise ValueError(f"epsilon is {epsilon}; allowed: above 0, at most 1")
        if iterations < 1:
            raise ValueError(f"iterations is {iterations}; allowed: at least 1")
        self.parameters, self.inner = clone(start), inner
        self.epsilon, self.iterations, self.iteration = epsilon, iterations, 0

    def meta_step(self, tasks: Sequence[TaskT]) -> dict[str, float]:
        """One outer step over a batch of tasks; returns the step size and the distance moved."""
        ends = [clone(self.inner(clone(self.parameters), task)) for task in tasks]
        step = self.epsilon * (1.0 - self.iteration / self.iterations)
        moved = interpolate(self.parameters, mean(ends), step)
        gaps = [torch.linalg.vector_norm(moved[n] - self.parameters[n]) ** 2 for n in moved]
        self.parameters, self.iteration = moved, self.iteration + 1
        return {"epsilon": step, "moved": float(torch.stack(gaps).sum().sqrt())}
