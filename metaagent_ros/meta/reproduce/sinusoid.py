"""Sine regression (Finn et al. 2017, section 5.1): learn a new sine wave from 5 points.

=============  =====================================================================
amplitude      uniform in [0.1, 5]
phase          uniform in [0, pi]; ``y = amplitude sin(x - phase)``
x              uniform in [-5, 5]
network        1-40-40-1, ReLU
at test        5 points to learn from, steps of gradient descent on all of them,
               mean squared error on 100 fresh points of the same wave
=============  =====================================================================

All arms begin with the same weights and see the same number of waves and points: 15 of each wave, which
MAML splits into 5 support and 10 query points, and Reptile and pretraining take together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from metaagent_ros.meta.maml import MAML, MAMLConfig, ReptileConfig, SupervisedReptile
from metaagent_ros.meta.reproduce.arms import Arm, compare, fresh, whole
from metaagent_ros.meta.supervised import Episode

ITERATIONS, TASKS = 8000, 50
SUPPORT, QUERY = 5, 10  # points of a training task
HELD_OUT, FRESH = 2000, 100  # tasks that judge, and their query points
VALIDATION = 300  # tasks that choose a step size
ALPHAS = (0.001, 0.002, 0.005, 0.01, 0.02)
PAPER = {"maml": [0.67, 0.38, 0.35], "pretrained": [2.41, 2.23, 2.19]}


def draw(count: int, query: int, rng: torch.Generator) -> Episode:
    """A batch of sine waves with 5 support and ``query`` query points: x and y of (count, points, 1)."""

    def uniform(low: float, high: float, points: int = 1) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, points, 1, generator=rng)

    amplitude, phase = uniform(0.1, 5.0), uniform(0.0, math.pi)
    x = uniform(-5.0, 5.0, SUPPORT + query)
    y = amplitude * torch.sin(x - phase)
    return Episode(x[:, :SUPPORT], y[:, :SUPPORT], x[:, SUPPORT:], y[:, SUPPORT:])


def network() -> nn.Module:
    """The paper's."""
    layers = (nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    return nn.Sequential(*layers)


def arms(seed: int, iterations: int) -> dict[str, Arm]:
    """MAML, its first-order approximation, Reptile and pretraining, from the same random weights."""
    start, loss = fresh(network, seed), nn.functional.mse_loss

    def training(count: int, rng: torch.Generator) -> Episode:
        return draw(count, QUERY, rng)

    def maml(first_order: bool = False, inner_steps: int = 1, beta: float = 0.005) -> MAML:
        config = MAMLConfig(0.01, beta, inner_steps, first_order, iterations=iterations, seed=seed)
        return MAML(start, loss, config)

    reptile = ReptileConfig(alpha=0.02, epsilon=1.0, inner_steps=5, iterations=iterations, seed=seed)
    return {
        "maml": Arm(maml(), training),
        "fomaml": Arm(maml(first_order=True), training),
        "reptile": Arm(SupervisedReptile(start, loss, reptile), training, ALPHAS),
        "pretrained": Arm(maml(inner_steps=0), lambda n, rng: whole(training(n, rng)), ALPHAS),
    }


def run(seed: int = 0, iterations: int | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Mean squared errors after 1, 5 and 10 steps on held-out waves."""
    total = ITERATIONS if iterations is None else iterations
    judges = torch.Generator().manual_seed(2**40 + seed)  # far from every seed of training
    held_out, validation = draw(HELD_OUT, FRESH, judges), draw(VALIDATION, FRESH, judges)
    found = compare(arms(seed, total), TASKS, total, held_out, validation, sum, say)
    about = {"name": "sinusoid", "measure": "mean squared error", "seed": seed, "paper": PAPER}
    return about | found | {"points_per_task": SUPPORT + QUERY, "support": SUPPORT}
