"""What the supervised results share: the learners that are compared, their training and their figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from metaagent_ros.meta.supervised import Episode, SupervisedLearner

STEPS = (1, 5, 10)  # inner steps after which a figure is taken
Draw = Callable[[int, torch.Generator], Episode]
"""(tasks, generator) to a batch of tasks."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One learner, where its training tasks come from, and the step sizes to choose from at test.

    ``alphas`` is empty for learners whose training fixes the step size.
    """

    learner: SupervisedLearner
    draw: Draw
    alphas: tuple[float, ...] = ()


def train(name: str, arm: Arm, tasks: int, iterations: int, say: Callable[[str], None]) -> float:
    """So many outer steps of so many tasks each; returns the seconds."""
    begun, every = time.perf_counter(), max(1, iterations // 8)
    for number in range(1, iterations + 1):
        metrics = arm.learner.meta_step(arm.draw(tasks, arm.learner.rng))
        if number % every == 0:
            figures = "  ".join(f"{key} {value:.4g}" for key, value in metrics.items())
            say(f"{name} {number}/{iterations}  {figures}  {time.perf_counter() - begun:.0f} s")
    return time.perf_counter() - begun


def tune(arm: Arm, tasks: Episode, better: Callable[[Sequence[float]], float]) -> float:
    """The step size, now the learner's, whose mean curve over these tasks comes first by ``better``.

    As Finn et al. do for pretraining, which has no inner step size of its own (section 5.1).
    """
    learner = arm.learner
    scores = {}
    for alpha in arm.alphas:
        learner.config = replace(learner.config, alpha=alpha)
        curve = learner.curves(tasks, STEPS[-1]).mean(0)[list(STEPS)]
        if torch.isfinite(curve).all():
            scores[alpha] = better(curve.tolist())
    if scores:
        learner.config = replace(learner.config, alpha=min(scores, key=lambda a: scores[a]))
    best: float = learner.config.alpha
    return best


def figures(curves: torch.Tensor) -> dict[str, Any]:
    """Of curves (tasks, steps + 1): the means at ``STEPS`` and before, and 95 % intervals of the means.

    The intervals are the normal approximation, 1.96 standard errors over the tasks.
    """
    means, errors = curves.mean(0), curves.std(0) / len(curves) ** 0.5
    rounded = [
        [round(float(m + sign * 1.96 * e), 4) for sign in (-1, 1)] for m, e in zip(means, errors, strict=True)
    ]
    return {
        "mean": [round(float(means[k]), 4) for k in STEPS],
        "zero": round(float(means[0]), 4),
        "interval": [rounded[k] for k in STEPS],
    }


def whole(batch: Episode) -> Episode:
    """The same tasks with support and query together as the query: all points for joint training."""
    x = torch.cat([batch.support_x, batch.query_x], dim=1)
    y = torch.cat([batch.support_y, batch.query_y], dim=1)
    return Episode(batch.support_x, batch.support_y, x, y)


def fresh(module: Callable[[], torch.nn.Module], seed: int) -> torch.nn.Module:
    """A network whose start follows from the seed alone; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return module()


def compare(
    arms: dict[str, Arm],
    tasks: int,
    iterations: int,
    held_out: Episode,
    validation: Episode,
    better: Callable[[Sequence[float]], float],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train every arm on the same number of tasks, judge it on the held-out ones; JSON-ready."""
    out: dict[str, Any] = {"steps": list(STEPS), "zero": {}, "interval": {}, "alpha": {}, "seconds": {}}
    for name, arm in arms.items():
        out["seconds"][name] = round(train(name, arm, tasks, iterations, say), 1)
        out["alpha"][name] = tune(arm, validation, better)
        found = figures(arm.learner.curves(held_out, STEPS[-1]))
        out[name] = found["mean"]
        out["zero"][name], out["interval"][name] = found["zero"], found["interval"]
        say(f"{name}: {found['mean']} after {', '.join(map(str, STEPS))} steps, {found['zero']} before")
    out["seconds"]["all"] = round(sum(out["seconds"].values()), 1)
    return out | {
        "iterations": iterations,
        "tasks_per_iteration": tasks,
        "held_out_tasks": len(held_out.support_x),
    }
