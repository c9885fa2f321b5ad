"""Reptile (Nichol et al. 2018, algorithm 2) over the same policy, sampler and inner steps as MAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from stable_baselines3.common.policies import ActorCriticPolicy

from metaagent_ros.meta.parameters import interpolate
from metaagent_ros.meta.policy_maml import PolicyMaml, PolicyMamlConfig
from metaagent_ros.meta.policy_maml_rollout import Sampler

TaskT = TypeVar("TaskT")


class PolicyReptile(PolicyMaml[TaskT]):
    """``phi <- phi + epsilon * mean_i(U_i^k(phi) - phi)``, ``U`` one policy-gradient step.

    ``k`` is the configuration's ``inner_steps``; its outer settings do not count here. ``epsilon`` falls
    linearly to 0 over ``iterations``.
    """

    def __init__(
        self,
        policy: ActorCriticPolicy,
        sampler: Sampler[TaskT],
        config: PolicyMamlConfig,
        epsilon: float,
        iterations: int,
        seed: int = 0,
    ) -> None:
        super().__init__(policy, sampler, config, seed)
        if not 0.0 < epsilon <= 1.0:
            raise ValueError(f"epsilon is {epsilon}; allowed: above 0, at most 1")
        if config.inner_steps < 1 or iterations < 1:
            raise ValueError(
                f"inner_steps is {config.inner_steps}, iterations is {iterations}; allowed: at least 1"
            )
        self.epsilon, self.iterations = epsilon, iterations

    def meta_step(self, tasks: Sequence[TaskT]) -> dict[str, float]:
        """One outer step; metrics are ``return_0`` .. ``return_(k-1)`` before each update and the step."""
        _, metrics, ends = self._sampled(tasks, self.config.inner_steps, judge=False)
        step = self.epsilon * max(0.0, 1.0 - self.iteration / self.iterations)
        middle = {name: value.mean(0) for name, value in ends.items()}
        self.parameters = interpolate(self.parameters, middle, step)
        self.iteration += 1
        return {**metrics, "epsilon": step}
