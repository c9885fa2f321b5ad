"""Reptile (Nichol, Achiam and Schulman 2018, algorithm 2) with SB3's own ``learn`` as the inner loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Generic, TypeVar

import torch

from metaagent_ros.meta.engine import Engine, LocalEngine
from metaagent_ros.meta.inner import Outcome, SB3InnerLoop
from metaagent_ros.meta.normaliser import Statistics
from metaagent_ros.meta.parameters import Parameters, clone, cosine, difference, interpolate, mean, norm

TaskT = TypeVar("TaskT")
InnerLoop = Callable[[Parameters, TaskT], Parameters]
"""(parameters, task) to the parameters after k steps of learning; must not change its argument."""


class Reptile(Generic[TaskT]):
    """Moves the start toward the mean of where the tasks' inner loops end.

    ``phi <- phi + epsilon * mean_i(U_i(phi) - phi)``; ``epsilon`` falls linearly to zero over
    ``iterations`` (Nichol et al., section 6).
    """

    def __init__(self, start: Parameters, inner: InnerLoop[TaskT], epsilon: float, iterations: int) -> None:
        check_outer(epsilon, iterations)
        self.parameters, self.inner = clone(start), inner
        self.epsilon, self.iterations, self.iteration = epsilon, iterations, 0

    def meta_step(self, tasks: Sequence[TaskT]) -> dict[str, float]:
        """One outer step over a batch of tasks; returns the step size and the distance moved."""
        ends = [clone(self.inner(clone(self.parameters), task)) for task in tasks]
        self.parameters, metrics = outer_step(
            self.parameters, ends, annealed(self.epsilon, self.iteration, self.iterations)
        )
        self.iteration += 1
        return metrics


def check_outer(epsilon: float, iterations: int) -> None:
    """Raise ``ValueError`` for outer settings that make no Reptile."""
    if not 0.0 < epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon}; allowed: above 0, at most 1")
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; allowed: at least 1")


def annealed(epsilon: float, iteration: int, iterations: int) -> float:
    """The outer step size of iteration 0, 1, ...: linear, and 0 after the last."""
    return epsilon * (1.0 - iteration / iterations)


def outer_step(
    start: Parameters, ends: Sequence[Parameters], step: float
) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """``start + step * (mean of ends - start)``; and ``epsilon`` (the step), ``moved`` (the distance)."""
    moved = interpolate(start, mean(ends), step)
    return moved, {"epsilon": step, "moved": norm(difference(moved, start))}


@dataclass(frozen=True)
class MetaState:
    """All that an iteration hands to the next.

    ``parameters`` are Reptile's. ``moments`` (with ``adam_kept``) are the mean over the last batch of the
    inner optimisers'. ``statistics`` (with ``normalise``) are of all observations so far. ``iteration``
    counts the outer steps done.
    """

    parameters: Parameters
    moments: Parameters = field(default_factory=dict)
    statistics: Statistics | None = None
    iteration: int = 0

    def tensors(self) -> dict[str, torch.Tensor]:
        """Without the iteration, for a checkpoint: names led by what they are a part of."""
        parts: dict[str, Mapping[str, torch.Tensor]] = {
            "parameters": self.parameters,
            "moments": self.moments,
        }
        if self.statistics is not None:
            parts["statistics"] = self.statistics.tensors()
        return {f"{part}/{name}": value for part, tensors in parts.items() for name, value in tensors.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor], iteration: int) -> MetaState:
        """What :meth:`tensors` gave."""
        parts: dict[str, dict[str, torch.Tensor]] = {"parameters": {}, "moments": {}, "statistics": {}}
        for name, value in tensors.items():
            part, rest = name.split("/", 1)
            parts[part][rest] = value
        seen = Statistics.from_tensors(parts["statistics"]) if parts["statistics"] else None
        return cls(parts["parameters"], parts["moments"], seen, iteration)


class SB3Reptile(Generic[TaskT]):
    """Reptile over SB3 models, its inner loops run by an engine. An item is a task and its seed."""

    def __init__(
        self,
        inner: SB3InnerLoop[TaskT],
        state: MetaState,
        epsilon: float,
        iterations: int,
        engine: Engine | None = None,
    ) -> None:
        check_outer(epsilon, iterations)
        self.inner, self.state = inner, replace(state, parameters=clone(state.parameters))
        self.epsilon, self.iterations = epsilon, iterations
        self.engine = LocalEngine() if engine is None else engine

    def meta_step(self, items: Sequence[tuple[TaskT, int]]) -> dict[str, float]:
        """One outer step over a batch.

        Returns ``epsilon``, ``moved``, ``env_steps`` (of the batch), and over the batch's tasks the means of
        ``return`` and ``success``, NaN where no episode ended.
        """
        state = self.state
        outcomes = self.engine.run(partial(_learn, self.inner, state), items)
        step = annealed(self.epsilon, state.iteration, self.iterations)
        moved, metrics = outer_step(state.parameters, [o.parameters for o in outcomes], step)
        seen = [o.seen for o in outcomes if o.seen is not None]
        known = seen if state.statistics is None else [state.statistics, *seen]
        self.state = MetaState(
            moved,
            mean([o.moments for o in outcomes]),
            reduce(Statistics.merge, known) if known else None,
            state.iteration + 1,
        )
        return metrics | {
            "env_steps": sum(o.metrics["env_steps"] for o in outcomes),
            "return": _known_mean(outcomes, "return"),
            "success": _known_mean(outcomes, "success"),
        }

    def inertness(self, items: Sequence[tuple[TaskT, int]]) -> float:
        """Cosine between Reptile's direction and joint training's, from the same data budget.

        Near 1 the inner loops do nothing but joint training: the tasks do not pull the start anywhere that
        their mean gradient does not. Over those tensors that the joint step moves; the state stays.
        """
        state = self.state
        ends = self.engine.run(partial(_learn, self.inner, state), items)
        single = self.engine.run(partial(_join, self.inner, state), items)
        reptile, joint = (
            difference(mean([o.parameters for o in outcomes]), state.parameters)
            for outcomes in (ends, single)
        )
        names = [name for name, value in joint.items() if bool(value.any())]
        return cosine({n: reptile[n] for n in names}, {n: joint[n] for n in names})


def _learn(inner: SB3InnerLoop[TaskT], state: MetaState, item: tuple[TaskT, int]) -> Outcome:
    return inner(state.parameters, *item, moments=state.moments, statistics=state.statistics)


def _join(inner: SB3InnerLoop[TaskT], state: MetaState, item: tuple[TaskT, int]) -> Outcome:
    return inner.joint(state.parameters, *item, moments=state.moments, statistics=state.statistics)


def _known_mean(outcomes: Sequence[Outcome], name: str) -> float:
    values = [o.metrics[name] for o in outcomes if math.isfinite(o.metrics[name])]
    return sum(values) / len(values) if values else math.nan
