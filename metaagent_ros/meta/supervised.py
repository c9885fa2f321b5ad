"""What supervised meta-learners share: tasks, and any ``nn.Module`` as a pure function of its weights.

The module is only called through ``torch.func.functional_call``: its own weights are read once and never
changed. Nothing that goes in is altered, nothing that comes out is an alias of what the learner holds.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.func import functional_call, vmap

from metaagent_ros.meta.learner import MetaLearner, StateError, load_state, save_state
from metaagent_ros.meta.parameters import Parameters, clone

Tensors: TypeAlias = dict[str, torch.Tensor]
Loss: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(outputs, targets) to a scalar, the mean over the points."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One task: ``support`` (n, ...) to learn from, ``query`` (m, ...) to be judged by, x and y of each.

    With one more axis in front of all four it is a batch of tasks.
    """

    support_x: torch.Tensor
    support_y: torch.Tensor
    query_x: torch.Tensor
    query_y: torch.Tensor

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The four in their order."""
        return (self.support_x, self.support_y, self.query_x, self.query_y)


Tasks: TypeAlias = Sequence[Episode] | Episode
"""A list of tasks, of equal shapes or not, or a batch in one :class:`Episode`."""


def check_positive(config: Any, *names: str) -> None:
    """Raise ``ValueError`` for a setting of these names that is not finite and above 0."""
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; allowed: finite and above 0")


def check_counts(config: Any, **least: int) -> None:
    """Raise ``ValueError`` for a setting below its least value; None is allowed."""
    for name, bound in least.items():
        value = getattr(config, name)
        if value is not None and value < bound:
            raise ValueError(f"{name} is {value}; allowed: at least {bound}")


class SupervisedLearner(MetaLearner[Episode, Tensors]):
    """What the two share: the module as a pure function, the inner loop, and the state's file.

    ``rng`` is for whoever draws the tasks: it is part of the state, so a resumed run draws what an
    uninterrupted one would have. ``measure`` is what curves are made of; the loss where none is given.
    """

    def __init__(self, module: torch.nn.Module, loss: Loss, config: Any, measure: Loss | None = None) -> None:
        self._module = copy.deepcopy(module)
        _no_running_statistics(self._module)
        named = dict(self._module.named_parameters())
        self._weights = clone({n: p for n, p in named.items() if p.requires_grad})
        if not self._weights:
            raise ValueError("the module has no parameter that requires a gradient")
        fixed = {n: p for n, p in named.items() if not p.requires_grad}
        self._fixed = clone(fixed | dict(self._module.named_buffers()))
        self.loss, self.measure, self.config = loss, measure or loss, config
        self.iteration = 0
        self.rng = torch.Generator().manual_seed(config.seed)

    @property
    def parameters(self) -> Tensors:
        """A copy of the meta-parameters."""
        return clone(self._weights)

    def predict(self, parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
        """The module's output under these parameters; its buffers as they were when it was given."""
        whole = {**{n: v.clone() for n, v in self._fixed.items()}, **parameters}
        out: torch.Tensor = functional_call(self._module, whole, (x,))
        return out

    def loss_of(self, parameters: Parameters, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The scalar loss on these points."""
        return self.loss(self.predict(parameters, x), y)

    @abstractmethod
    def meta_step(self, tasks: Tasks) -> dict[str, float]:
        """One outer step over a batch of tasks."""

    def adapt(self, task: Episode, budget: int) -> tuple[Tensors, list[float]]:
        """Parameters after ``budget`` inner steps on the support points; the measure on the query points."""
        curve, parameters = self._curve(task, budget)
        return clone(parameters), [float(v) for v in curve]

    def curves(self, tasks: Tasks, budget: int) -> torch.Tensor:
        """The curves of many tasks: (tasks, budget + 1)."""
        return self._each(lambda task: {"curve": torch.stack(self._curve(task, budget)[0])}, tasks)["curve"]

    def _curve(self, task: Episode, budget: int) -> tuple[list[torch.Tensor], Parameters]:
        if budget < 0:
            raise ValueError(f"budget is {budget}; allowed: at least 0 inner steps")
        parameters, moments = clone(self._weights), None
        curve = [self.measure(self.predict(parameters, task.query_x), task.query_y)]
        for _ in range(budget):
            parameters, moments = self._inner(parameters, moments, task.support_x, task.support_y)
            curve.append(self.measure(self.predict(parameters, task.query_x), task.query_y))
        return [value.detach() for value in curve], parameters

    @abstractmethod
    def _inner(
        self, parameters: Tensors, moments: Tensors | None, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[Tensors, Tensors | None]:
        """One inner step on these points, differentiable; also the inner optimiser's state, None at first."""

    def _each(self, function: Callable[[Episode], Tensors], tasks: Tasks) -> Tensors:
        """The function's tensors for every task, stacked in front; at once where shapes permit."""
        if not isinstance(tasks, Episode) and not tasks:
            raise ValueError("no tasks")
        batch = tasks if isinstance(tasks, Episode) else _stacked(tasks)
        if batch is not None and self.config.vmap:
            at_once = vmap(lambda *tensors: function(Episode(*tensors)), randomness="different")
            out: Tensors = at_once(*batch.tensors())
            return out
        one_by_one = _unstacked(tasks) if isinstance(tasks, Episode) else tasks
        rows = [function(task) for task in one_by_one]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _state(self) -> Tensors:
        return {f"weights.{n}": v for n, v in self._weights.items()} | {"rng": self.rng.get_state()}

    def _take(self, state: Tensors) -> None:
        self._weights = clone({n: state[f"weights.{n}"] for n in self._weights})
        self.rng.set_state(state["rng"])

    def save(self, path: Path) -> None:
        """Write the whole state: parameters, outer optimiser, iteration, random state, settings."""
        about = {"learner": type(self).__name__, "config": asdict(self.config)}
        save_state(path, self._state(), about | {"iteration": self.iteration})

    def restore(self, path: Path) -> None:
        """Go on, bit for bit, from what :meth:`save` wrote; raises :class:`StateError`."""
        state, card = load_state(path)
        mine = {"learner": type(self).__name__, "config": asdict(self.config)}
        for key, value in mine.items():
            if card.get(key) != value:
                raise StateError(f"{path}: of another run: {key} is {card.get(key)}, here it is {value}")
        for name, value in SupervisedLearner._state(self).items():
            there = state.get(name)
            if there is None or there.shape != value.shape or there.dtype != value.dtype:
                raise StateError(f"{path}: of another network: {name} is missing or of another shape or type")
        self._take(state)
        self.iteration = int(card["iteration"])


def _stacked(tasks: Sequence[Episode]) -> Episode | None:
    """A batch, or None where the shapes differ."""
    columns = list(zip(*(task.tensors() for task in tasks), strict=True))
    if any(value.shape != column[0].shape for column in columns for value in column):
        return None
    return Episode(*(torch.stack(column) for column in columns))


def _unstacked(batch: Episode) -> list[Episode]:
    return [Episode(*row) for row in zip(*(t.unbind() for t in batch.tensors()), strict=True)]


def _no_running_statistics(module: torch.nn.Module) -> None:
    for name, part in module.named_modules():
        if part.training and getattr(part, "running_mean", None) is not None:
            raise ValueError(
                f"{name or type(part).__name__} updates running statistics, which would leak from task to "
                "task; call eval() on it or make it with track_running_stats=False"
            )
