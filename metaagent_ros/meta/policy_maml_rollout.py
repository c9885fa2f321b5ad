"""Trajectories of many tasks at once, and the Protocol of whatever produces them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

TaskT = TypeVar("TaskT")
TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
Act = Callable[[Tensor, slice], Tensor]
"""(observations [m, b, n], which of the tasks they are of) to actions [m, b, a]; m tasks, b trajectories."""


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Padded to the longest; axes are task, trajectory, time.

    ``observations`` [m, b, t, n], ``actions`` [m, b, t, a] as drawn (before any clipping), ``rewards``
    [m, b, t], ``mask`` [m, b, t] 1 where a step was made and 0 in the padding, ``final`` [m, b, n] the
    observation after the last step, ``truncated`` [m, b] 1 where a time limit cut the episode, so that
    its value goes on, 0 where the task itself ended it.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    mask: Tensor
    final: Tensor
    truncated: Tensor

    def returns(self) -> Tensor:
        """Mean undiscounted return of each task: [m]."""
        return (self.rewards * self.mask).sum(-1).mean(-1)

    def steps(self) -> int:
        """Environment steps made."""
        return int(self.mask.sum())


class Sampler(Protocol[TaskT_contra]):
    """Where trajectories come from."""

    def sample(
        self, tasks: Sequence[TaskT_contra], act: Act, trajectories: int, generator: torch.Generator
    ) -> Trajectories:
        """So many fresh trajectories of each task; all randomness comes from ``generator``."""


class GymSampler(Generic[TaskT]):
    """Rolls Gymnasium environments, one task and one trajectory after another.

    ``make_env`` builds the environment of a task; flat Box observations, Box or Discrete actions.
    """

    def __init__(self, make_env: Callable[[TaskT], gym.Env[Any, Any]], dtype: torch.dtype = torch.float32):
        self.make_env, self.dtype = make_env, dtype

    def sample(
        self, tasks: Sequence[TaskT], act: Act, trajectories: int, generator: torch.Generator
    ) -> Trajectories:
        """See :class:`Sampler`; each environment is closed after its task."""
        episodes: list[list[_Episode]] = []
        for number, task in enumerate(tasks):
            env = self.make_env(task)
            where = slice(number, number + 1)
            try:
                episodes.append([self._episode(env, act, where, generator) for _ in range(trajectories)])
            finally:
                env.close()
        return _padded(episodes)

    def _episode(
        self, env: gym.Env[Any, Any], act: Act, where: slice, generator: torch.Generator
    ) -> _Episode:
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        seen, made, paid = [self._tensor(env.reset(seed=seed)[0])], [], []
        terminated = truncated = False
        while not (terminated or truncated):
            action = act(seen[-1].view(1, 1, -1), where)[0, 0]
            observation, reward, terminated, truncated, _ = env.step(_legal(env, action))
            seen.append(self._tensor(observation))
            made.append(action)
            paid.append(float(reward))
        rewards = torch.tensor(paid, dtype=self.dtype)
        return _Episode(torch.stack(seen), torch.stack(made), rewards, not terminated)

    def _tensor(self, observation: Any) -> Tensor:
        return torch.as_tensor(np.asarray(observation), dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class _Episode:
    """``observations`` [t + 1, n], ``actions`` [t, a], ``rewards`` [t]."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    truncated: bool


def _legal(env: gym.Env[Any, Any], action: Tensor) -> Any:
    """What the environment is given: the drawn action within bounds."""
    space = env.action_space
    if isinstance(space, spaces.Discrete):
        return int(action[0]) + int(space.start)
    if isinstance(space, spaces.Box):
        return np.clip(action.numpy(), space.low, space.high).astype(space.dtype)
    raise ValueError(f"the action space is {space}; allowed: Box or Discrete")


def _padded(episodes: Sequence[Sequence[_Episode]]) -> Trajectories:
    longest = max(len(e.rewards) for row in episodes for e in row)

    def pad(rows: list[list[Tensor]]) -> Tensor:
        return torch.stack([torch.stack([_extended(x, longest) for x in row]) for row in rows])

    rewards = pad([[e.rewards for e in row] for row in episodes])
    truncated = [[float(e.truncated) for e in row] for row in episodes]
    return Trajectories(
        observations=pad([[e.observations[:-1] for e in row] for row in episodes]),
        actions=pad([[e.actions for e in row] for row in episodes]),
        rewards=rewards,
        mask=pad([[torch.ones_like(e.rewards) for e in row] for row in episodes]),
        final=torch.stack([torch.stack([e.observations[-1] for e in row]) for row in episodes]),
        truncated=torch.tensor(truncated, dtype=rewards.dtype),
    )


def _extended(values: Tensor, length: int) -> Tensor:
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])
