"""A Stable-Baselines3 PPO for a family of tasks: the same scaled observation, without a context."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from sim_envs.tasks import Family

SETTINGS: dict[str, Any] = {
    "learning_rate": 3e-4,
    "gamma": 0.95,
    "n_steps": 400,  # one rollout of an inner loop's default length
    "batch_size": 100,
    "n_epochs": 5,
    "device": "cpu",
}
NET_ARCH = (128, 128)


class ScaledExtractor(BaseFeaturesExtractor):
    """An observation (n,) in SI units over the typical size of each entry."""

    scale: torch.Tensor

    def __init__(self, observation_space: gym.spaces.Box, scale: tuple[float, ...]) -> None:
        super().__init__(observation_space, features_dim=len(scale))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(batch, n) to (batch, n)."""
        return observations / self.scale


def make_ppo(env: gym.Env[Any, Any], kin: Family, seed: int, scaled: bool = True, **overrides: Any) -> PPO:
    """A PPO on ``env`` with fresh weights; ``scaled`` is False where a normaliser scales already."""
    policy: dict[str, Any] = {"net_arch": list(NET_ARCH)}
    if scaled:
        policy |= {
            "features_extractor_class": ScaledExtractor,
            "features_extractor_kwargs": {"scale": kin.scale},
        }
    return PPO("MlpPolicy", env, seed=seed, policy_kwargs=policy, **(SETTINGS | overrides))
