"""MAML, first-order MAML and Reptile for supervised tasks, on any ``nn.Module``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.func import grad, grad_and_value

from metaagent_ros.meta.parameters import Parameters, clone, interpolate
from metaagent_ros.meta.supervised import (
    Episode,
    Loss,
    SupervisedLearner,
    Tasks,
    Tensors,
    check_counts,
    check_positive,
)
from sim_envs.spec import require

_BETA2, _TINY = 0.999, 1e-8  # Adam's (Kingma and Ba 2015, algorithm 1)


@dataclass(frozen=True, slots=True)
class MAMLConfig:
    """``alpha`` and ``beta`` are the inner and the outer step size of Finn et al. 2017.

    ``inner_steps`` = 0 is joint training, the pretrained baseline of that paper. ``iterations`` given,
    ``beta`` falls to 0 over so many along a cosine. ``vmap`` takes the tasks all at once, equal to the
    loop up to rounding.
    """

    alpha: float = 0.01
    beta: float = 0.001
    inner_steps: int = 1
    first_order: bool = False
    optimiser: str = "adam"
    iterations: int | None = None
    vmap: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "alpha", "beta")
        check_counts(self, inner_steps=0, iterations=1)
        require("optimiser", self.optimiser, ("adam", "sgd"))


@dataclass(frozen=True, slots=True)
class ReptileConfig:
    """``alpha`` is the inner step size, ``epsilon`` the outer one, falling linearly to 0 over ``iterations``.

    The inner optimiser is ``sgd`` or ``adam``, the latter with beta1 = 0 and fresh for each task (Nichol
    et al. 2018, section 6.1); it sees ``minibatch`` points a step, all of them for None.
    """

    alpha: float = 0.02
    epsilon: float = 0.1
    inner_steps: int = 5
    optimiser: str = "sgd"
    minibatch: int | None = None
    iterations: int = 1000
    vmap: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "alpha", "epsilon")
        check_counts(self, inner_steps=1, minibatch=1, iterations=1)
        require("optimiser", self.optimiser, ("adam", "sgd"))


class MAML(SupervisedLearner):
    """Model-agnostic meta-learning (Finn, Abbeel and Levine 2017, algorithm 2).

    Minimises ``mean_i L_query_i(phi_i)``, where ``phi_i`` are ``inner_steps`` gradient steps of size
    ``alpha`` from ``theta`` on the support points (their equation 1). The gradient goes through the inner
    steps; ``first_order`` leaves their second derivatives out (section 5.2).
    """

    config: MAMLConfig

    def __init__(
        self, module: torch.nn.Module, loss: Loss, config: MAMLConfig, measure: Loss | None = None
    ) -> None:
        super().__init__(module, loss, config, measure)
        kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.SGD
        self._outer = kind(list(self._weights.values()), lr=config.beta)

    def objective(self, parameters: Parameters, tasks: Tasks) -> torch.Tensor:
        """The mean query loss after adaptation, differentiable with respect to ``parameters``."""

        def one(task: Episode) -> Tensors:
            adapted = dict(parameters)
            for _ in range(self.config.inner_steps):
                adapted, _ = self._inner(adapted, None, task.support_x, task.support_y)
            return {"loss": self.loss_of(adapted, task.query_x, task.query_y)}

        return self._each(one, tasks)["loss"].mean()

    def gradient(self, tasks: Tasks) -> tuple[Tensors, torch.Tensor]:
        """The meta-gradient at the meta-parameters, and the objective there."""
        gradients, value = grad_and_value(self.objective)(self.parameters, tasks)
        return clone(gradients), value.detach()

    def meta_step(self, tasks: Tasks) -> dict[str, float]:
        """One step of the outer optimiser; returns the objective before it, the gradient's norm, the rate."""
        gradients, value = self.gradient(tasks)
        size = torch.stack([(slope**2).sum() for slope in gradients.values()]).sum().sqrt()
        if not torch.isfinite(value + size):
            raise FloatingPointError(
                f"the meta-loss is {value} and its gradient {size} at iteration {self.iteration}; "
                "lower alpha or beta"
            )
        rate, total = self.config.beta, self.config.iterations
        if total is not None:
            rate *= 0.5 * (1.0 + math.cos(math.pi * min(self.iteration / total, 1.0)))
        self._outer.param_groups[0]["lr"] = rate
        for name, weight in self._weights.items():
            weight.grad = gradients[name]
        self._outer.step()
        self._outer.zero_grad()
        self.iteration += 1
        return {"loss": float(value), "gradient": float(size), "beta": rate}

    def _inner(
        self, parameters: Tensors, moments: Tensors | None, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[Tensors, Tensors | None]:
        slopes = grad(self.loss_of)(parameters, x, y)
        if self.config.first_order:
            slopes = {name: slope.detach() for name, slope in slopes.items()}
        return {n: v - self.config.alpha * slopes[n] for n, v in parameters.items()}, None

    def _state(self) -> Tensors:
        moments = self._outer.state_dict()["state"]
        kept = {
            f"outer.{i}.{key}": value
            for i, of in moments.items()
            for key, value in of.items()
            if value is not None
        }
        return super()._state() | kept

    def _take(self, state: Tensors) -> None:
        for name, weight in self._weights.items():  # in place: they are the outer optimiser's
            weight.copy_(state[f"weights.{name}"])
        self.rng.set_state(state["rng"])
        moments: dict[int, Tensors] = {}
        for name, value in state.items():
            if name.startswith("outer."):
                _, number, key = name.split(".")
                moments.setdefault(int(number), {})[key] = value
        self._outer.load_state_dict({**self._outer.state_dict(), "state": moments})


class SupervisedReptile(SupervisedLearner):
    """Reptile (Nichol, Achiam and Schulman 2018, algorithm 2).

    ``phi <- phi + epsilon mean_i(U_i(phi) - phi)``, where ``U_i`` are ``inner_steps`` steps on task i.
    They learn from all its points, support and query together: the paper splits none off.
    """

    config: ReptileConfig

    def meta_step(self, tasks: Tasks) -> dict[str, float]:
        """One outer step over a batch of tasks; returns the step size and the distance moved."""
        # one draw for the whole batch, so that the order of the tasks does not matter; made before vmap,
        # which would turn it into one for each task
        seed = int(torch.randint(2**62, (), generator=self.rng))
        if isinstance(tasks, Episode):
            sizes = {tasks.support_x.shape[1] + tasks.query_x.shape[1]}
        else:
            sizes = {len(task.support_x) + len(task.query_x) for task in tasks}
        drawn = {n: _minibatches(n, self.config.minibatch, self.config.inner_steps, seed) for n in sizes}

        def one(task: Episode) -> Tensors:
            x = torch.cat([task.support_x, task.query_x])
            y = torch.cat([task.support_y, task.query_y])
            parameters, moments = clone(self._weights), None
            for rows in drawn[len(x)]:
                parameters, moments = self._inner(parameters, moments, x[rows], y[rows])
            return parameters

        ends = {name: value.detach().mean(0) for name, value in self._each(one, tasks).items()}
        step = self.config.epsilon * max(1.0 - self.iteration / self.config.iterations, 0.0)
        moved = interpolate(self._weights, ends, step)
        gap = sum(float(((moved[n] - self._weights[n]) ** 2).sum()) for n in moved)
        if not math.isfinite(gap):
            raise FloatingPointError(f"an inner loop diverged at iteration {self.iteration}; lower alpha")
        self._weights, self.iteration = moved, self.iteration + 1
        return {"epsilon": step, "moved": math.sqrt(gap)}

    def _inner(
        self, parameters: Tensors, moments: Tensors | None, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[Tensors, Tensors | None]:
        slopes, alpha = grad(self.loss_of)(parameters, x, y), self.config.alpha
        if self.config.optimiser == "sgd":
            return {n: v - alpha * slopes[n] for n, v in parameters.items()}, None
        state = moments or {n: torch.zeros_like(s) for n, s in slopes.items()} | {
            "": torch.zeros((), dtype=torch.float64)
        }
        count = state[""] + 1.0
        squares = {n: _BETA2 * state[n] + (1.0 - _BETA2) * s**2 for n, s in slopes.items()}
        scale = {n: (q / (1.0 - _BETA2**count)).sqrt() + _TINY for n, q in squares.items()}
        return {n: v - alpha * slopes[n] / scale[n] for n, v in parameters.items()}, squares | {"": count}


def _minibatches(points: int, size: int | None, count: int, seed: int) -> list[torch.Tensor]:
    """``count`` lists of rows; every pass goes through all points in a new order."""
    if size is None or size >= points:
        return [torch.arange(points)] * count
    rng, rows = torch.Generator().manual_seed(seed), list[torch.Tensor]()
    while len(rows) < count:
        rows += torch.split(torch.randperm(points, generator=rng), size)
    return rows[:count]
