"""MAML for reinforcement learning (Finn et al. 2017, algorithm 3) on Stable-Baselines3's policy network.

The inner loop is differentiable: policy-gradient steps on fresh trajectories, each a function of the
parameters before it. The outer step is ProMP's (Rothfuss et al. 2019, algorithm 1). SB3's own ``learn``
cannot stand in here, since it updates in place; its network can, through ``torch.func.functional_call``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor
from torch.func import grad, vmap

from metaagent_ros.meta import policy_maml_state
from metaagent_ros.meta.parameters import Parameters, clone
from metaagent_ros.meta.policy_maml_actor import Actor, Described
from metaagent_ros.meta.policy_maml_rollout import Sampler, Trajectories
from metaagent_ros.meta.surrogate import advantages, average, clipped_loss, ratio_loss

TaskT = TypeVar("TaskT")
_LOG_STD = "log_std"


@dataclass(frozen=True, slots=True)
class PolicyMamlConfig:
    """Settings of the inner loop, then of the outer one.

    ``later`` multiplies the step size from the second inner step on (the paper halves it).
    ``learn_steps`` makes the step sizes meta-parameters: one for each parameter (Meta-SGD, Li et al. 2017)
    and each inner step (Antoniou et al. 2019); they start at ``step_size`` and ``later * step_size``.
    ``each_step`` asks for the return after every inner step and not only after the last (the multi-step
    loss of Antoniou et al. 2019). ``inner_steps = 0`` is plain joint training on all tasks.
    """

    inner_steps: int = 1
    trajectories: int = 20
    step_size: float = 0.1
    later: float = 0.5
    discount: float = 0.99
    trace: float = 1.0
    log_std_floor: float = -4.0
    first_order: bool = False
    learn_steps: bool = False
    each_step: bool = False
    outer_step: float = 1e-3
    epochs: int = 5
    clip: float = 0.3
    divergence: float = 5e-4
    max_norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("inner_steps", "trajectories", "epochs"):
            least = 0 if name == "inner_steps" else 1
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: at least {least}")
        for name in ("step_size", "later", "outer_step", "clip", "max_norm"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: above 0")
        for name in ("discount", "trace"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 0 to 1")


class Batch(NamedTuple):
    """The steps of each task's trajectories in one row; axes [m, steps, ...].

    ``old`` and ``about`` are log-probability and distribution under the parameters that sampled.
    """

    observations: Tensor
    actions: Tensor
    advantages: Tensor
    mask: Tensor
    old: Tensor
    about: Described


class PolicyMaml(Generic[TaskT]):
    """Meta-learns the start of an SB3 policy; ``parameters`` is the start, ``sizes`` its step sizes.

    A size has the axes of its parameter behind one for the inner step; steps beyond it use the last row.

    The given policy lends its network and its first parameters and is never changed:
    ``policy.load_state_dict(learner.parameters, strict=False)`` puts a result into it.
    """

    def __init__(
        self,
        policy: ActorCriticPolicy,
        sampler: Sampler[TaskT],
        config: PolicyMamlConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.actor, self.sampler, self.config = Actor(policy), sampler, config or PolicyMamlConfig()
        self.generator = torch.Generator().manual_seed(seed)
        self.parameters = self._floored(self.actor.own())
        rows = max(self.config.inner_steps, 2)
        self.sizes = {n: p.new_empty(rows, *p.shape) for n, p in self.parameters.items()}
        self.use_size(self.config.step_size)
        for value in self.parameters.values():
            value.requires_grad_()
        groups = [{"params": list(self.parameters.values())}]
        if self.config.learn_steps:
            for value in self.sizes.values():
                value.requires_grad_()
            groups.append({"params": list(self.sizes.values())})
        self.optimiser = torch.optim.Adam(groups, lr=self.config.outer_step)
        self.iteration = self.env_steps = 0

    def save(self, path: Path, **card: Any) -> None:
        """Write the whole state (:mod:`metaagent_ros.meta.policy_maml_state`), and what the caller adds."""
        policy_maml_state.save(self, path, card)

    def restore(self, path: Path) -> None:
        """Go on, bit for bit, from what :meth:`save` wrote; raises ``StateError``."""
        policy_maml_state.restore(self, path)

    def meta_step(self, tasks: Sequence[TaskT]) -> dict[str, float]:
        """One outer step; metrics are ``return_0`` .. ``return_k`` after each update, loss and divergence."""
        data, metrics, _ = self._sampled(tasks, self.config.inner_steps)
        held = [p for group in self.optimiser.param_groups for p in group["params"]]
        for _ in range(self.config.epochs):
            loss, divergence = self.objective(self.parameters, self.sizes, data)
            self.optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(held, self.config.max_norm)
            self.optimiser.step()
            self._project()
        self.iteration += 1
        return {**metrics, "loss": float(loss.detach()), "divergence": float(divergence.detach())}

    def adapt(self, task: TaskT, budget: int) -> tuple[dict[str, Tensor], list[float]]:
        """``budget`` updates on one task: its parameters, and the mean return before and after each."""
        stacked, curves = self.adapt_all([task], budget)
        return {name: value[0].clone() for name, value in stacked.items()}, curves[0].tolist()

    def adapt_all(self, tasks: Sequence[TaskT], budget: int) -> tuple[dict[str, Tensor], Tensor]:
        """The same for many tasks at once: parameters with the task first, and returns [m, budget + 1].

        Every return is over trajectories that were sampled after the update they judge.
        """
        data, _, stacked = self._sampled(tasks, budget)
        return clone(stacked), torch.stack(data.curve, dim=1)

    def step(self, tasks: Sequence[TaskT], stacked: Parameters, number: int) -> dict[str, Tensor]:
        """Inner step ``number`` (from 0) from ``stacked`` (task first), on fresh trajectories."""
        found = self._rolled(tasks, stacked)
        self.env_steps += found.steps()
        return clone(self.updated(stacked, clone(self.sizes), self.batch(found, stacked), number))

    def objective(self, parameters: Parameters, sizes: Parameters, data: Sampled) -> tuple[Tensor, Tensor]:
        """ProMP's loss (Rothfuss et al. 2019, eq. 12) as a function of the meta-parameters.

        The inner loop is run again on the given trajectories, weighted by how likely the current
        parameters are to make them; then the clipped ratio against the adapted policy that sampled, plus
        the divergence of each sampling policy from the current one in its place.
        """
        last = len(data.batches) - 1
        stacked = _spread(parameters, data.tasks)
        losses, gaps = [], []
        for number, batch in enumerate(data.batches):
            if number > 0:
                stacked = self.updated(stacked, sizes, data.batches[number - 1], number - 1)
            judged = number == last or (self.config.each_step and number > 0)
            loss, gap = vmap(lambda p, b: self._judged(p, b))(stacked, batch)
            gaps.append(gap.mean())
            if judged:
                losses.append(loss.mean())
        divergence = torch.stack(gaps).mean()
        return torch.stack(losses).mean() + self.config.divergence * divergence, divergence

    def updated(self, stacked: Parameters, sizes: Parameters, batch: Batch, number: int) -> dict[str, Tensor]:
        """Inner step ``number`` (from 0) of every task: ``theta - size * grad(loss)``, differentiable."""
        row = min(number, len(sizes[next(iter(sizes))]) - 1)

        def one(parameters: Parameters, data: Batch) -> dict[str, Tensor]:
            point = {n: p.detach() for n, p in parameters.items()} if self.config.first_order else parameters
            slopes = grad(self._inner_loss)(point, data)
            moved = {n: p - sizes[n][row] * slopes[n] for n, p in parameters.items()}
            return self._floored(moved)

        result: dict[str, Tensor] = vmap(one)(dict(stacked), batch)
        return result

    def batch(self, data: Trajectories, stacked: Parameters) -> Batch:
        """What the losses need of trajectories sampled under ``stacked``; nothing in it has a gradient."""
        gained = advantages(data, self.config.discount, self.config.trace)
        flat = [x.flatten(1, 2) for x in (data.observations, data.actions, gained, data.mask)]
        longest = int(flat[3].sum(-1).max())
        order = flat[3].argsort(dim=-1, descending=True, stable=True)[:, :longest]  # less padding
        rows = torch.arange(len(order)).unsqueeze(-1)
        observations, actions, gained, mask = (x[rows, order] for x in flat)
        with torch.no_grad():
            about = vmap(self.actor.describe)(dict(stacked), observations)
            old = self.actor.family.log_prob(about, actions)
        return Batch(observations, actions, gained, mask, old, about)

    @torch.no_grad()
    def use_size(self, size: float) -> None:
        """From now on the first inner step is of ``size``, further ones of ``later * size``."""
        for value in self.sizes.values():
            value.fill_(size * self.config.later)
            value[0] = size

    def _sampled(
        self, tasks: Sequence[TaskT], updates: int, judge: bool = True
    ) -> tuple[Sampled, dict[str, float], dict[str, Tensor]]:
        """Fresh trajectories before each update (``judge``: after the last too), and where it ended."""
        stacked = _spread(clone(self.parameters), len(tasks))
        sizes, batches, curve = clone(self.sizes), [], []
        for number in range(updates + judge):
            found = self._rolled(tasks, stacked)
            curve.append(found.returns())
            self.env_steps += found.steps()
            batches.append(self.batch(found, stacked))
            if number < updates:
                stacked = clone(self.updated(stacked, sizes, batches[-1], number))
        metrics = {f"return_{number}": float(returns.mean()) for number, returns in enumerate(curve)}
        return Sampled(batches, curve, len(tasks)), metrics, stacked

    def _rolled(self, tasks: Sequence[TaskT], stacked: Parameters) -> Trajectories:
        @torch.no_grad()
        def act(observations: Tensor, which: slice) -> Tensor:
            mine = {name: value[which] for name, value in stacked.items()}
            about = vmap(self.actor.describe)(mine, observations)
            return self.actor.family.draw(about, self.generator)

        return self.sampler.sample(tasks, act, self.config.trajectories, self.generator)

    def _inner_loss(self, parameters: Parameters, batch: Batch) -> Tensor:
        about = self.actor.describe(parameters, batch.observations)
        log_prob = self.actor.family.log_prob(about, batch.actions)
        return ratio_loss(log_prob, batch.old, batch.advantages, batch.mask)

    def _judged(self, parameters: Parameters, batch: Batch) -> tuple[Tensor, Tensor]:
        about = self.actor.describe(parameters, batch.observations)
        log_prob = self.actor.family.log_prob(about, batch.actions)
        loss = clipped_loss(log_prob, batch.old, batch.advantages, batch.mask, self.config.clip)
        return loss, average(self.actor.family.divergence(batch.about, about), batch.mask)

    def _floored(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Exploration never dies out: the standard deviation keeps its least value."""
        floor = self.config.log_std_floor
        return {n: p.clamp(min=floor) if n == _LOG_STD else p for n, p in parameters.items()}

    @torch.no_grad()
    def _project(self) -> None:
        if _LOG_STD in self.parameters:
            self.parameters[_LOG_STD].clamp_(min=self.config.log_std_floor)


class Sampled(NamedTuple):
    """The batches before and after each inner step, mean returns [m] of each, and the number of tasks."""

    batches: list[Batch]
    curve: list[Tensor]
    tasks: int


def _spread(parameters: Parameters, count: int) -> dict[str, Tensor]:
    """The same parameters for each of ``count`` tasks, task first."""
    return {name: value.expand(count, *value.shape) for name, value in parameters.items()}
