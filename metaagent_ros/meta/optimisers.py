"""The optimisers inside an SB3 model: exchanged, given moments to start from, asked for gradients."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import FloatSchedule

from metaagent_ros.meta.parameters import Parameters

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # Adam's state of a parameter, as torch names it
_BETA2 = 0.999


def _holders(model: BaseAlgorithm) -> list[Any]:
    """The modules that own an optimiser: PPO's policy; SAC's actor and critic."""
    policy: Any = model.policy
    parts = (policy, getattr(policy, "actor", None), getattr(policy, "critic", None))
    return [p for p in parts if isinstance(getattr(p, "optimizer", None), torch.optim.Optimizer)]


def _trained(optimiser: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def set_optimisers(model: BaseAlgorithm, kind: str, rate: float | None, beta1: float) -> None:
    """Fresh ones over the same parameters; ``rate`` replaces the model's learning-rate schedule."""
    if rate is not None:
        model.lr_schedule = FloatSchedule(rate)
    for part in _holders(model):
        part.optimizer = _fresh(part.optimizer, kind, model.lr_schedule(1.0), beta1)
    entropy = getattr(model, "ent_coef_optimizer", None)  # SAC's, where the coefficient is learned
    if entropy is not None:
        model.ent_coef_optimizer = _fresh(entropy, kind, model.lr_schedule(1.0), beta1)  # type: ignore[attr-defined]


def _fresh(old: torch.optim.Optimizer, kind: str, rate: float, beta1: float) -> torch.optim.Optimizer:
    if kind == "sgd":
        return torch.optim.SGD(_trained(old), lr=rate)
    epsilon = old.param_groups[0].get("eps", 1e-8)  # SB3's PPO has 1e-5
    return torch.optim.Adam(_trained(old), lr=rate, betas=(beta1, _BETA2), eps=epsilon)


def set_moments(model: BaseAlgorithm, moments: Parameters, fresh: Collection[str]) -> None:
    """Start Adam from ``parameter/moment`` tensors, copied; those of ``fresh`` parameters start at zero."""
    names = {id(parameter): name for name, parameter in model.policy.named_parameters()}
    for part in _holders(model):
        for parameter in _trained(part.optimizer):
            name = names[id(parameter)]
            if name not in fresh and f"{name}/step" in moments:
                part.optimizer.state[parameter] = {k: moments[f"{name}/{k}"].clone() for k in MOMENTS}


def moments_of(model: BaseAlgorithm, fresh: Collection[str]) -> dict[str, torch.Tensor]:
    """Adam's moments by ``parameter/moment``, copied; zeros for what has not been stepped yet."""
    names = {id(parameter): name for name, parameter in model.policy.named_parameters()}
    found: dict[str, torch.Tensor] = {}
    for part in _holders(model):
        for parameter in _trained(part.optimizer):
            name, state = names[id(parameter)], part.optimizer.state.get(parameter, {})
            if name in fresh:
                continue
            zero = torch.zeros_like(parameter)
            for key in MOMENTS:
                value = state.get(key, torch.zeros(()) if key == "step" else zero)
                found[f"{name}/{key}"] = value.detach().clone()
    return found


class GradientMean:
    """The mean of all gradients that the optimisers of a model are asked to follow."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self._model = model
        self._sums: dict[torch.nn.Parameter, torch.Tensor] = {}
        self._counts: dict[torch.nn.Parameter, int] = {}
        for part in _holders(model):
            part.optimizer.register_step_pre_hook(self._add)

    def _add(self, optimiser: torch.optim.Optimizer, *_: Any) -> None:
        for parameter in _trained(optimiser):
            if parameter.grad is not None:
                known = self._sums.get(parameter)
                self._sums[parameter] = parameter.grad.clone() if known is None else known + parameter.grad
                self._counts[parameter] = self._counts.get(parameter, 0) + 1

    def step(self) -> None:
        """One step of each of the model's present optimisers along the mean."""
        for part in _holders(self._model):
            for parameter in _trained(part.optimizer):
                total = self._sums.get(parameter)
                parameter.grad = None if total is None else total / self._counts[parameter]
            part.optimizer.step()
