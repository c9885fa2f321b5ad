"""Observations brought to mean 0 and variance 1, with statistics that all tasks share.

SB3's ``VecNormalize`` goes on adapting within a task, so what one task saw would colour the next. Here the
statistics are frozen while a batch of tasks learns; what the batch saw is merged afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

Vector = NDArray[np.float64]
CLIP = 10.0  # standard deviations; what lies further out is an outlier or an entry that never changed
_SMALLEST = 1e-8  # of a variance
_BLOCK = 1024  # observations that are kept until they are merged


@dataclass(frozen=True, eq=False)
class Statistics:
    """Count, mean (n,) and sum of squared deviations (n,) of observations, in float64."""

    count: float
    mean: Vector
    squares: Vector

    @classmethod
    def nothing(cls, size: int) -> Statistics:
        """Those of no observation."""
        return cls(0.0, np.zeros(size), np.zeros(size))

    @classmethod
    def of(cls, rows: NDArray[Any]) -> Statistics:
        """Those of observations (count, n)."""
        values = np.asarray(rows, dtype=np.float64)
        mean = values.mean(axis=0)
        return cls(float(len(values)), mean, ((values - mean) ** 2).sum(axis=0))

    def merge(self, other: Statistics) -> Statistics:
        """Those of both together (Chan, Golub and LeVeque 1979, equation 2.1)."""
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"statistics of {self.mean.size} entries and of {other.mean.size}")
        count = self.count + other.count
        if count == 0.0:
            return self
        gap = other.mean - self.mean
        return Statistics(
            count,
            self.mean + gap * other.count / count,
            self.squares + other.squares + gap**2 * self.count * other.count / count,
        )

    @property
    def variance(self) -> Vector:
        """Of each entry (n,); 1 as long as fewer than two observations were seen."""
        return self.squares / self.count if self.count > 1.0 else np.ones_like(self.squares)

    def apply(self, observation: NDArray[Any]) -> NDArray[np.float32]:
        """The observation, centred, scaled and clipped to ±``CLIP``."""
        spread = np.sqrt(self.variance + _SMALLEST)
        return np.clip((observation - self.mean) / spread, -CLIP, CLIP).astype(np.float32)

    def tensors(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return {
            "count": torch.tensor([self.count], dtype=torch.float64),
            "mean": torch.tensor(self.mean),
            "squares": torch.tensor(self.squares),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Statistics:
        """What :meth:`tensors` gave."""
        return cls(float(tensors["count"][0]), tensors["mean"].numpy(), tensors["squares"].numpy())


class NormalisedEnv(gym.ObservationWrapper[Any, Any, Any]):
    """Shows observations as frozen statistics scale them, and takes statistics of the raw ones.

    Observation space: Box(-``CLIP``, ``CLIP``, (n,), float32) over a flat Box of n entries.
    """

    def __init__(self, env: gym.Env[Any, Any], statistics: Statistics) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gym.spaces.Box) or space.shape != statistics.mean.shape:
            raise ValueError(
                f"normalising needs a flat Box of {statistics.mean.size} entries; "
                f"the observation space is {space}"
            )
        self.observation_space = gym.spaces.Box(-CLIP, CLIP, space.shape, np.float32)
        self._shown, self._seen = statistics, Statistics.nothing(statistics.mean.size)
        self._rows: list[NDArray[Any]] = []

    def observation(self, observation: Any) -> NDArray[np.float32]:
        """The policy's view of a raw observation."""
        self._rows.append(np.array(observation))
        if len(self._rows) == _BLOCK:
            self._seen = self.seen()
            self._rows = []
        return self._shown.apply(observation)

    def seen(self) -> Statistics:
        """Of all raw observations since the start; those it began with are not among them."""
        return self._seen.merge(Statistics.of(np.stack(self._rows))) if self._rows else self._seen
