"""The actor of an SB3 policy as a function of its parameters, and the two distributions it may speak in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn
from torch.func import functional_call

from sim_envs.spec import SpecError

Described = tuple[Tensor, ...]
"""What describes a distribution: (mean, log_std), each [..., actions]; or (logits,) [..., choices]."""


class Family(Protocol):
    """The arithmetic of one family of distributions over actions; all of it maps over leading axes."""

    def log_prob(self, about: Described, actions: Tensor) -> Tensor:
        """Log-probability of ``actions`` [..., actions], summed over the action's dimensions: [...]."""

    def divergence(self, one: Described, other: Described) -> Tensor:
        """KL(one || other) in nats: [...]."""

    def draw(self, about: Described, generator: torch.Generator) -> Tensor:
        """One action for each leading index: [..., actions]."""


class Gaussian:
    """Independent normal distributions, one for each dimension of the action (SB3's for a Box)."""

    def log_prob(self, about: Described, actions: Tensor) -> Tensor:
        """Summed over dimensions: one action is one event."""
        mean, log_std = about
        each = -0.5 * ((actions - mean) * torch.exp(-log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
        return each.sum(-1)

    def divergence(self, one: Described, other: Described) -> Tensor:
        """Summed over dimensions."""
        (mean, log_std), (other_mean, other_log_std) = one, other
        variance, gap = torch.exp(2 * (log_std - other_log_std)), (mean - other_mean) ** 2
        each = other_log_std - log_std + 0.5 * (variance + gap * torch.exp(-2 * other_log_std)) - 0.5
        return each.sum(-1)

    def draw(self, about: Described, generator: torch.Generator) -> Tensor:
        """Not clipped: the world clips, the log-probability is that of what was drawn."""
        mean, log_std = about
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        return mean + torch.exp(log_std) * noise


class Categorical:
    """A choice among finitely many (SB3's for Discrete); an action is its index, [..., 1]."""

    def log_prob(self, about: Described, actions: Tensor) -> Tensor:
        """Of the chosen index."""
        return torch.log_softmax(about[0], -1).gather(-1, actions.long()).squeeze(-1)

    def divergence(self, one: Described, other: Described) -> Tensor:
        """Enumerated over the choices."""
        log_one, log_other = torch.log_softmax(one[0], -1), torch.log_softmax(other[0], -1)
        return (log_one.exp() * (log_one - log_other)).sum(-1)

    def draw(self, about: Described, generator: torch.Generator) -> Tensor:
        """One index for each leading position."""
        probabilities = torch.softmax(about[0], -1)
        flat = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
        return flat.view(*probabilities.shape[:-1], 1)


class Actor(nn.Module):
    """Observations [batch, n] to the description of the actions' distribution, by SB3's own modules.

    Called through ``torch.func.functional_call`` it is a function of parameters, so an inner loop can be
    differentiated through; the policy itself is neither copied nor changed. It computes what
    ``policy.get_distribution`` computes, without storing tensors in the policy and without SB3's cast to
    float32.
    """

    def __init__(self, policy: ActorCriticPolicy) -> None:
        super().__init__()
        box = policy.observation_space
        if not isinstance(box, spaces.Box) or len(box.shape) != 1:
            raise SpecError(f"the observation space is {box}; allowed: a Box with one axis")
        if policy.use_sde or not isinstance(policy.action_space, spaces.Box | spaces.Discrete):
            raise SpecError(
                f"the action space is {policy.action_space} (use_sde={policy.use_sde}); "
                "allowed: Box or Discrete, without gSDE"
            )
        self.policy = policy
        self.family: Family = Gaussian() if isinstance(policy.action_space, spaces.Box) else Categorical()

    def forward(self, observations: Tensor) -> Described:
        """(mean, log_std) or (logits,)."""
        policy = self.policy
        features = policy.pi_features_extractor(observations)
        out = policy.action_net(policy.mlp_extractor.forward_actor(features))
        if isinstance(self.family, Gaussian):
            return out, policy.log_std.expand_as(out)
        return (out,)

    def describe(self, parameters: Mapping[str, Tensor], observations: Tensor) -> Described:
        """The same under ``parameters`` (names as in the policy's state dict) in place of its own."""
        mine = {f"policy.{name}": value for name, value in parameters.items()}
        about: Described = functional_call(self, mine, (observations,), strict=False)
        return about

    def own(self) -> dict[str, Tensor]:
        """A detached copy of the parameters that shape the actions: all but the critic's."""
        critic = ("value_net.", "mlp_extractor.value_net.", "vf_features_extractor.")
        pairs = self.policy.named_parameters()
        return {name: value.detach().clone() for name, value in pairs if not name.startswith(critic)}
