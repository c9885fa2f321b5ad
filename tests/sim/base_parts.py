"""What tests of the base share."""

import numpy as np

from sim_envs.base_observation import OBSERVATION
from sim_envs.spec import BaseState, GroundedTask, TaskSpec

START = BaseState(0.0, 0.0, 0.0, 0.0, 0.0)


def task_to(x: float, y: float, *avoid: tuple[float, float, float], speed: str = "normal") -> GroundedTask:
    return GroundedTask(TaskSpec("navigate", speed=speed), (x, y, 0.0), 0.3, avoid=avoid)


def part(observation: np.ndarray, name: str) -> np.ndarray:
    ends = np.cumsum([length for _, length, _, _ in OBSERVATION])
    number = [entry[0] for entry in OBSERVATION].index(name)
    return observation[ends[number] - OBSERVATION[number][1] : ends[number]]
