"""The Stable-Baselines3 SAC that is pretrained, meta-trained and adapted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from metaagent_ros.policies.context import squash
from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from sim_envs.tasks import Family

NET_ARCH = {"arm": (256, 256), "base": (128, 128)}
"""Hidden layers by family."""
GAMMA = 0.8  # a short horizon: what the context explains is the reward of the next moments
SETTINGS: dict[str, Any] = {
    "learning_rate": 5e-6,
    "gamma": GAMMA,
    "batch_size": 256,
    "buffer_size": 20_000,
    "learning_starts": 0,
    "ent_coef": 1e-3,
    "train_freq": 250,  # the context must not move before a few episodes have been seen
    "gradient_steps": 200,
    "device": "cpu",
}
UPDATES = SETTINGS["gradient_steps"] / SETTINGS["train_freq"]  # gradient steps for each environment step


class ContextExtractor(BaseFeaturesExtractor):
    """An observation in SI units over the typical size of each entry, then the context.

    The critic's context is the one that learns: from how well it explains the rewards, as PEARL trains
    its encoder (Rakelly et al. 2019, arXiv:1903.08254, section 4.2). Actor and target read it.
    """

    scale: torch.Tensor

    def __init__(self, observation_space: gym.spaces.Box, scale: tuple[float, ...], size: int) -> None:
        super().__init__(observation_space, features_dim=len(scale) + size)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.context = torch.nn.Parameter(torch.zeros(size))
        self.given: torch.Tensor | None = None
        self._source: list[ContextExtractor] = []

    def follow(self, source: ContextExtractor) -> None:
        """Read the context of another; a list keeps it from counting as a submodule."""
        self._source = [source]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(batch, n) to (batch, n + size); ``given`` (batch, size) replaces the context in pretraining."""
        if self.given is not None:
            context = self.given
        else:
            raw = self._source[0].context.detach() if self._source else self.context
            context = squash(raw, torch.tanh).expand(len(observations), -1)
        return torch.cat([observations / self.scale, context], dim=1)


def extractors(model: SAC) -> tuple[ContextExtractor, ...]:
    """Those of critic, actor and target critic."""
    parts = (model.critic, model.actor, model.critic_target)
    return tuple(part.features_extractor for part in parts)  # type: ignore[misc]


def sac_of(file: PolicyFile, env: gym.Env[Any, Any], kin: Family, seed: int, **overrides: Any) -> SAC:
    """A SAC with the layers and weights of a file; :class:`PolicyFileError` where they do not fit."""
    layers = [n for n in file.tensors if n.startswith("actor.latent_pi.") and n.endswith(".weight")]
    model = make_sac(env, kin, seed, [len(file.tensors[n]) for n in sorted(layers)], **overrides)
    load_into(model, file)
    return model


def make_sac(
    env: gym.Env[Any, Any], kin: Family, seed: int, layers: Sequence[int] | None = None, **overrides: Any
) -> SAC:
    """A SAC on ``env`` for a family of tasks, with fresh weights and ``layers``, if not the family's."""
    policy = {
        "net_arch": list(layers or NET_ARCH[kin.name]),
        "features_extractor_class": ContextExtractor,
        "features_extractor_kwargs": {"scale": kin.scale, "size": len(kin.context)},
    }
    model = SAC("MlpPolicy", env, seed=seed, policy_kwargs=policy, **(SETTINGS | overrides))
    critic, *others = extractors(model)
    for other in others:
        other.follow(critic)
    return model


def policy_file(model: SAC, card: dict[str, Any]) -> PolicyFile:
    """The weights of a model, copied (SB3 hands out live ones)."""
    tensors = {n: v.detach().cpu().numpy().copy() for n, v in model.policy.state_dict().items()}
    return PolicyFile(tensors, card)


def load_into(model: SAC, file: PolicyFile) -> None:
    """Give a model the weights of a file; raises :class:`PolicyFileError` where they do not fit."""
    tensors = {n: torch.tensor(v) for n, v in file.tensors.items() if not n.startswith("inference.")}
    try:
        model.policy.load_state_dict(tensors)
    except RuntimeError as error:
        raise PolicyFileError(
            f"the policy does not fit this task: {str(error).splitlines()[-1].strip()}"
        ) from None
