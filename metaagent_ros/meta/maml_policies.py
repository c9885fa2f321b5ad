"""The actor of a SAC policy file as an actor-critic policy of Stable-Baselines3, and back.

A SAC actor answers ``tanh(mu(o))``. In an environment that squashes its actions itself (:class:`Squashed`)
the same weights are the mean of a plain Gaussian policy: what MAML differentiates through. Nothing has to be
trained anew, and what MAML made runs wherever a SAC policy file does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from metaagent_ros.meta.tasks import MetaTask, TaskEnv
from metaagent_ros.policies.context import NAME, context_of, with_context
from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import Family

REACH = 4.0  # tanh(4) is 0.9993: further out nothing changes
CONTEXT = "features_extractor.context"
LOG_STD = "maml.log_std"
_SCALE = "actor.features_extractor.scale"
_PAIRS = {
    f"{ours}.{part}": f"actor.{theirs}.{part}"
    for ours, theirs in (
        ("mlp_extractor.policy_net.0", "latent_pi.0"),
        ("mlp_extractor.policy_net.2", "latent_pi.2"),
        ("action_net", "mu"),
    )
    for part in ("weight", "bias")
}


class Squashed(gym.Wrapper[Any, Any, Any, Any]):
    """Takes any numbers as actions and gives their tanh to the environment; it outlives ``close``.

    An environment is loaded once and then plays one task after the other.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        shape = env.action_space.shape
        self.action_space = gym.spaces.Box(-REACH, REACH, shape, np.float32)

    def step(self, action: Any) -> Any:
        """A step of the environment."""
        return self.env.step(np.tanh(action).astype(np.float32))

    def close(self) -> None:
        """The sampler closes after each task: stay."""

    def end(self) -> None:
        """Free it."""
        self.env.close()


def player(env: Squashed) -> Callable[[MetaTask], Squashed]:
    """The environment of a task, for a sampler."""

    def play(task: MetaTask) -> Squashed:
        env.get_wrapper_attr("play")(task)
        return env

    return play


def squashed(kin: Family) -> Squashed:
    """A family's environment, ready for :func:`player`."""
    return Squashed(TaskEnv(kin))


class _Extractor(BaseFeaturesExtractor):
    """The observation over the typical size of each entry, then the context, a parameter in its own units."""

    scale: Tensor

    def __init__(self, observation_space: gym.spaces.Box, scale: Any, context: Any) -> None:
        super().__init__(observation_space, features_dim=len(scale) + len(context))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.context = torch.nn.Parameter(torch.tensor(context, dtype=torch.float32))

    def forward(self, observations: Tensor) -> Tensor:
        """(batch, n) to (batch, n + size)."""
        context = self.context.expand(*observations.shape[:-1], -1)
        return torch.cat([observations / self.scale, context], dim=-1)


def actor_critic(file: PolicyFile, env: gym.Env[Any, Any], log_std: float = -1.0) -> ActorCriticPolicy:
    """A policy that acts as the file's does in a :class:`Squashed` environment, and its noise.

    The noise's deviation is ``exp(log_std)``; that of a file that MAML made is the file's own. The
    critic is not used.
    """
    given: dict[str, Any] = {
        "features_extractor_class": _Extractor,
        "features_extractor_kwargs": {"scale": file.tensors[_SCALE], "context": context_of(file)},
        "net_arch": {"pi": [len(file.tensors[f"actor.latent_pi.{i}.bias"]) for i in (0, 2)], "vf": []},
        "activation_fn": torch.nn.ReLU,
        "log_std_init": log_std,
    }
    space: Any = env.observation_space
    policy = ActorCriticPolicy(space, env.action_space, lambda _: 0.0, **given)
    weights = {ours: torch.tensor(file.tensors[theirs]) for ours, theirs in _PAIRS.items()}
    if LOG_STD in file.tensors:
        weights["log_std"] = torch.tensor(file.tensors[LOG_STD])
    policy.load_state_dict(weights, strict=False)
    return policy


def policy_of(parameters: Mapping[str, Tensor], file: PolicyFile) -> PolicyFile:
    """The file with these parameters: the actor alone, without critic or inference."""
    values = {name: value.detach().cpu().numpy().copy() for name, value in parameters.items()}
    kept = {n: v for n, v in file.tensors.items() if n.startswith("actor.") or n == NAME}
    tensors = kept | {theirs: values[ours] for ours, theirs in _PAIRS.items()} | {LOG_STD: values["log_std"]}
    return with_context(PolicyFile(tensors, file.card), np.clip(values[CONTEXT], -1.0, 1.0))
