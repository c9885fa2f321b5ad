"""Adapting what MAML made: policy-gradient steps, each on a handful of noisy episodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metaagent_ros.meta.maml_policies import Squashed, policy_of
from metaagent_ros.meta.maml_training import MamlConfig, learner_of
from metaagent_ros.meta.policy_maml import PolicyMamlConfig
from metaagent_ros.meta.sessions import Spent
from metaagent_ros.policies.files import PolicyFile, PolicyFileError


class MamlSession:
    """The inner loop as in meta-training; every ``trajectories`` episodes are one update.

    Episodes of an update are made together, at its last trial; before it the policy stays as it is.
    ``pace`` multiplies the step size of meta-training.
    """

    def __init__(self, start: PolicyFile, env: Any, seed: int, pace: float = 1.0) -> None:
        card = start.card.get("maml")
        if not isinstance(card, dict):
            raise PolicyFileError("the policy is none that MAML made: metaagent train --maml makes one")
        inner = PolicyMamlConfig(**card["maml"])
        inner = replace(inner, step_size=pace * inner.step_size)
        config = replace(MamlConfig(**{**card, "maml": inner}), seed=seed)
        self._start, self.spent, self._task = start, Spent(), env.get_wrapper_attr("task")
        self._learner = learner_of(start, config, Squashed(env))
        self._stacked = {n: p.detach().unsqueeze(0) for n, p in self._learner.parameters.items()}

    def trial(self) -> None:
        """One more episode; with the last of an update, the update."""
        each = self._learner.config.trajectories
        self.spent.add(0)
        if self.spent.episodes % each:
            return
        before, number = self._learner.env_steps, self.spent.episodes // each - 1
        self._stacked = self._learner.step([self._task], self._stacked, number)
        self.spent.env_steps += self._learner.env_steps - before
        self.spent.gradient_steps += 1

    def policy(self) -> PolicyFile:
        """The parameters as they are now."""
        if not self.spent.gradient_steps:
            return self._start
        return policy_of({name: value[0] for name, value in self._stacked.items()}, self._start)
