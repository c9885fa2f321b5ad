"""Inner loops: some steps of SB3's own ``learn`` on one task, as a pure function of start, task and seed.

Each call makes its environment and its model anew. So no buffer, counter, schedule, optimiser state or
random state is left from the task before; what tasks do share (weights and, if asked for, the optimiser's
moments and the normaliser) is an argument, cloned on its way in and out.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import FloatSchedule

from metaagent_ros.meta.normaliser import NormalisedEnv, Statistics
from metaagent_ros.meta.optimisers import GradientMean, moments_of, set_moments, set_optimisers
from metaagent_ros.meta.parameters import Parameters, clone
from sim_envs.spec import require

TaskT = TypeVar("TaskT")
Env = gym.Env[Any, Any]
OPTIMISERS = ("sgd", "adam", "adam_kept")
CRITICS = ("average", "reset", "refit")
_OF_CRITIC = ("critic.", "critic_target.", "value_net.", "mlp_extractor.value_net.", "vf_features_extractor.")


@dataclass(frozen=True, slots=True)
class InnerOptions:
    """How a task is learned.

    ``optimiser``: ``sgd``; ``adam``, fresh for each task; ``adam_kept``, which starts each task from moments
    that are part of the meta-state. ``beta1`` is Adam's; ``learning_rate`` replaces the model's.

    ``critic``: ``average`` meta-learns it like the actor. ``reset`` draws a fresh one for each task.
    ``refit`` starts from the meta-parameters' and trains it alone on the rollouts begun within the first
    ``refit_steps`` environment steps. Neither of the last two is meta-learned.

    ``normalise``: show observations by running statistics. ``log_std_floor``: the least log standard
    deviation of exploration, for policies where it is a parameter (PPO).
    """

    optimiser: str = "adam"
    learning_rate: float | None = None
    beta1: float = 0.9
    critic: str = "average"
    refit_steps: int = 0
    normalise: bool = False
    log_std_floor: float | None = None

    def __post_init__(self) -> None:
        require("inner optimiser", self.optimiser, OPTIMISERS)
        require("critic", self.critic, CRITICS)
        rate, floor = self.learning_rate, self.log_std_floor
        if rate is not None and not (math.isfinite(rate) and rate > 0.0):
            raise ValueError(f"learning_rate is {rate}; allowed: above 0")
        if rate is None and self.optimiser == "sgd":
            raise ValueError("the inner optimiser sgd needs a learning_rate: the model's own is for Adam")
        if not 0.0 <= self.beta1 < 1.0:
            raise ValueError(f"beta1 is {self.beta1}; allowed: at least 0, below 1")
        if self.refit_steps < 0 or (self.critic == "refit") != (self.refit_steps > 0):
            allowed = "at least 1" if self.critic == "refit" else "0"
            raise ValueError(
                f"refit_steps is {self.refit_steps}; allowed with critic {self.critic}: {allowed}"
            )
        if floor is not None and not math.isfinite(floor):
            raise ValueError(f"log_std_floor is {floor}; allowed: a finite number")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a task's learning ended, and what it saw.

    ``metrics``: ``env_steps``, ``updates`` (SB3's count), ``episodes`` finished, and over those ``return``
    and ``success`` (0..1), NaN without any. ``moments`` and ``seen`` are empty and None where not asked for.
    """

    parameters: dict[str, torch.Tensor]
    metrics: dict[str, float]
    moments: dict[str, torch.Tensor]
    seen: Statistics | None


class SB3InnerLoop(Generic[TaskT]):
    """``steps`` environment steps of ``learn``; SB3 rounds up to whole rollouts.

    ``make_env(task)`` makes a Gymnasium environment of the task, ``make_model(env, seed)`` a fresh PPO or
    SAC. Parameters whose names end with one of ``held`` learn within a task but are not meta-learned: each
    task starts from the meta-parameters' and they stay as they are.
    """

    def __init__(
        self,
        make_env: Callable[[TaskT], Env],
        make_model: Callable[[Env, int], BaseAlgorithm],
        steps: int,
        options: InnerOptions = InnerOptions(),
        held: tuple[str, ...] = (),
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps is {steps}; allowed: at least 1")
        if options.refit_steps >= steps:
            raise ValueError(f"refit_steps is {options.refit_steps}; allowed: below the {steps} inner steps")
        self.make_env, self.make_model, self.steps = make_env, make_model, steps
        self.options, self.held = options, held

    def __call__(
        self,
        parameters: Parameters,
        task: TaskT,
        seed: int,
        moments: Parameters | None = None,
        statistics: Statistics | None = None,
    ) -> Outcome:
        """Learn the task; raises ``ValueError`` where the parameters do not fit or learning diverges."""
        with _own_randomness(), self._env(task, statistics) as env:
            model, fresh = self._model(env, parameters, seed, moments or {})
            guard = _Guard(self.options, model, fresh)
            _learn(model, self.steps, guard)
            guard.finish()
            ends = clone(model.policy.state_dict())
            seen = env.seen() if isinstance(env, NormalisedEnv) else None
            kept = moments_of(model, fresh) if self.options.optimiser == "adam_kept" else {}
        return Outcome(self._checked(ends, parameters, fresh), _metrics(model), kept, seen)

    def joint(
        self,
        parameters: Parameters,
        task: TaskT,
        seed: int,
        moments: Parameters | None = None,
        statistics: Statistics | None = None,
    ) -> Outcome:
        """One single step of the inner optimiser, from as much data: what joint training would do.

        The same ``learn`` runs with a learning rate of 0, so that all its gradients are those at
        ``parameters``; the step follows their mean.
        """
        with _own_randomness(), self._env(task, statistics) as env:
            model, fresh = self._model(env, parameters, seed, moments or {})
            begin, rates = clone(model.policy.state_dict()), model.lr_schedule
            model.lr_schedule = FloatSchedule(0.0)
            gradients = GradientMean(model)
            _learn(model, self.steps, None)
            model.lr_schedule = rates
            model.policy.load_state_dict(begin)  # SAC's target critic has followed
            set_optimisers(model, self.options.optimiser, self.options.learning_rate, self.options.beta1)
            set_moments(model, moments or {}, fresh)
            gradients.step()
            ends = clone(model.policy.state_dict())
        return Outcome(self._checked(ends, parameters, fresh), _metrics(model), {}, None)

    @contextmanager
    def _env(self, task: TaskT, statistics: Statistics | None) -> Iterator[Env]:
        env = self.make_env(task)
        try:
            if self.options.normalise:
                size = math.prod(env.observation_space.shape or (0,))
                env = NormalisedEnv(env, Statistics.nothing(size) if statistics is None else statistics)
            yield env
        finally:
            env.close()

    def _model(
        self, env: Env, parameters: Parameters, seed: int, moments: Parameters
    ) -> tuple[BaseAlgorithm, frozenset[str]]:
        """A fresh model at the start; and the names of what is not meta-learned."""
        model, options = self.make_model(env, seed), self.options
        held = frozenset(name for name in model.policy.state_dict() if name.endswith(self.held))
        critic = critic_names(model.policy) - held
        begin = clone(parameters)
        if options.critic == "reset":
            own = model.policy.state_dict()
            begin |= {name: own[name] for name in critic}
        try:
            model.policy.load_state_dict(begin)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise ValueError(f"the parameters do not fit the model: {reason}") from None
        set_optimisers(model, options.optimiser, options.learning_rate, options.beta1)
        fresh = held if options.critic == "average" else held | critic
        set_moments(model, moments, fresh)
        return model, fresh

    def _checked(
        self, ends: dict[str, torch.Tensor], parameters: Parameters, fresh: frozenset[str]
    ) -> dict[str, torch.Tensor]:
        """The ends, with what is not meta-learned back where it was."""
        for name, value in ends.items():
            if not bool(torch.isfinite(value).all()):
                raise ValueError(
                    f"the inner loop diverged: {name} is not finite; try a smaller learning rate"
                )
        return ends | clone({name: parameters[name] for name in fresh})


def critic_names(policy: torch.nn.Module) -> frozenset[str]:
    """Names in a policy's ``state_dict`` that are its critic's alone; a shared extractor is the actor's."""
    state = policy.state_dict(keep_vars=True)
    of_actor = {id(value) for name, value in state.items() if not name.startswith(_OF_CRITIC)}
    return frozenset(n for n, v in state.items() if n.startswith(_OF_CRITIC) and id(v) not in of_actor)


def _learn(model: BaseAlgorithm, steps: int, callback: BaseCallback | None) -> None:
    """``learn``; torch's words for a policy that is not finite any more are replaced by ours."""
    try:
        model.learn(steps, callback=callback)
    except ValueError as error:
        if not str(error).startswith("Expected parameter"):
            raise
        raise ValueError(
            "the inner loop diverged: the policy's output is not finite; "
            "try a smaller learning rate, and see whether the environment gives finite values"
        ) from error


class _Guard(BaseCallback):
    """Keeps the exploration above its floor, and the actor where it is while the critic refits."""

    def __init__(self, options: InnerOptions, model: BaseAlgorithm, fresh: frozenset[str]) -> None:
        super().__init__()
        self._floor, self._refit = options.log_std_floor, options.refit_steps
        self._log_std = _log_std(model.policy) if self._floor is not None else None
        self._moving = [
            p for name, p in model.policy.named_parameters() if p.requires_grad and name not in fresh
        ]  # with ``refit`` all of the critic is fresh
        self._begun = 0

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._begun = self.model.num_timesteps
        self._clamp()

    def _on_rollout_end(self) -> None:
        if self._refit:  # an optimiser passes by what has no gradient
            for parameter in self._moving:
                parameter.requires_grad_(self._begun >= self._refit)

    def _clamp(self) -> None:
        if self._log_std is not None and self._floor is not None:
            with torch.no_grad():
                self._log_std.clamp_(min=self._floor)

    def finish(self) -> None:
        """After ``learn``; raises ``ValueError`` where all of it went into refitting."""
        self._clamp()
        if self._begun < self._refit:
            raise ValueError(
                f"refit_steps is {self._refit}, but the last rollout began at step {self._begun}: "
                "the actor never moved. Allowed: fewer, shorter rollouts or more inner steps"
            )


def _log_std(policy: Any) -> torch.Tensor:
    for part in (policy, getattr(policy, "actor", None)):
        value = getattr(part, "log_std", None)
        if isinstance(value, torch.nn.Parameter):
            return value
    raise ValueError("log_std_floor needs a policy whose log_std is a parameter (PPO); this one's is not")


def _metrics(model: BaseAlgorithm) -> dict[str, float]:
    episodes: list[Mapping[str, float]] = list(model.ep_info_buffer or ())
    solved = list(model.ep_success_buffer or ())
    return {
        "env_steps": float(model.num_timesteps),
        "updates": float(model._n_updates),
        "episodes": float(len(episodes)),
        "return": float(np.mean([e["r"] for e in episodes])) if episodes else math.nan,
        "success": float(np.mean(solved)) if solved else math.nan,
    }


@contextmanager
def _own_randomness() -> Iterator[None]:
    """SB3 seeds the generators of Python, numpy and torch for all; give them back as they were."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
