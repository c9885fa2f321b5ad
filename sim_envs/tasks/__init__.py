"""Tasks: how each is drawn, judged and solved, one file a task; and what learning needs of a family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sim_envs.core import sample_hidden
from sim_envs.robots import load_profile
from sim_envs.spec import Hidden


@dataclass(frozen=True, slots=True)
class Family:
    """What learning needs of a skill family; `arm_env` and `base_env` offer the same names."""

    name: str
    robot: str
    module: ModuleType
    make: Callable[..., gym.Env[Any, Any]]

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills of the family."""
        return tuple(self.module.SKILLS)

    @property
    def scale(self) -> tuple[float, ...]:
        """Typical size of each entry of the observation."""
        return tuple(float(size) for _, n, _, size in self.module.OBSERVATION for _ in range(n))

    @property
    def context(self) -> tuple[str, ...]:
        """The hidden parameters that a policy's context stands for."""
        return tuple(self.module.CONTEXT)

    def context_of(self, hidden: Hidden) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The context (n,) of a hidden part, each entry scaled from its range to [-1, 1]."""
        ranges = [self.module.HIDDEN_RANGES[name] for name in self.context]
        values = [getattr(hidden, name) for name in self.context]
        pairs = zip(values, ranges, strict=True)
        return np.array([2 * (v - low) / (high - low) - 1 for v, (low, high) in pairs], dtype=np.float32)

    def sample_hidden(self, rng: np.random.Generator) -> Hidden:
        """One draw of the hidden part."""
        return sample_hidden(self.module.HIDDEN_RANGES, rng)

    def expert(self, env: Any) -> Any:
        """The scripted expert's action, from the true state."""
        return self.module.expert(env)


def family(robot: str) -> Family:
    """The skill family of a robot; an unknown robot raises ``SpecError`` with the nearest match."""
    if load_profile(robot).family == "arm":
        from sim_envs import arm_env

        return Family("arm", robot, arm_env, arm_env.ArmEnv)
    from sim_envs import base_env

    return Family("base", robot, base_env, base_env.BaseEnv)
