"""The Stable-Baselines3 SAC that is pretrained, meta-trained and adapted."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import ReplayBufferSamples

NET_ARCH = (128, 128)


class Scale(BaseFeaturesExtractor):
    """Divides an observation in SI units by the typical size of each entry."""

    scale: torch.Tensor

    def __init__(self, observation_space: gym.spaces.Box, scale: tuple[float, ...]) -> None:
        super().__init__(observation_space, features_dim=len(scale))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(batch, n) to (batch, n)."""
        return observations / self.scale


class DemoReplayBuffer(ReplayBuffer):
    """Half of each batch from demonstrations once there are any (RLPD, Ball et al. 2023, section 4.1)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.demos: ReplayBuffer | None = None

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """A batch of ``batch_size`` transitions."""
        if self.demos is None:
            return super().sample(batch_size, env)
        half = batch_size // 2
        ours, shown = super().sample(batch_size - half, env), self.demos.sample(half, env)
        names = ("observations", "actions", "next_observations", "dones", "rewards")
        return ReplayBufferSamples(**{n: torch.cat((getattr(ours, n), getattr(shown, n))) for n in names})


def make_sac(env: gym.Env[Any, Any], scale: tuple[float, ...], seed: int, **overrides: Any) -> SAC:
    """A SAC on ``env``; ``scale`` (n,) is the typical size of the observation's entries."""
    settings: dict[str, Any] = {
        "learning_rate": 1e-3,
        "gamma": 0.95,
        "batch_size": 256,
        "buffer_size": 100_000,
        "learning_starts": 0,
        "ent_coef": 0.01,
        "train_freq": 2,
        "gradient_steps": 2,
        "device": "cpu",
    }
    policy = {
        "net_arch": list(NET_ARCH),
        "features_extractor_class": Scale,
        "features_extractor_kwargs": {"scale": tuple(scale)},
    }
    return SAC(
        "MlpPolicy",
        env,
        seed=seed,
        policy_kwargs=policy,
        replay_buffer_class=DemoReplayBuffer,
        **(settings | overrides),
    )


def add_demonstrations(model: SAC, transitions: list[tuple[Any, ...]]) -> None:
    """Give the model's buffer (observation, next, action, reward, terminated) tuples to learn from."""
    buffer = model.replay_buffer
    assert isinstance(buffer, DemoReplayBuffer)
    demos = ReplayBuffer(len(transitions), model.observation_space, model.action_space, device=model.device)
    for observation, following, action, reward, done in transitions:
        demos.add(observation, following, action, np.array([reward]), np.array([done]), [{}])
    buffer.demos = demos
