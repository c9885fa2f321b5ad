"""Adapt a policy to one task in a budget of trials, judged after each trial; the best one is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from metaagent_ros.meta.inference import PREFIX
from metaagent_ros.meta.sessions import session
from metaagent_ros.meta.tasks import Twin
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.simulation import hidden_from_seed
from sim_envs.spec import GroundedTask, Scene
from sim_envs.tasks import family

EPISODES = {"learn": 5}  # adaptation episodes in one trial; 1 where nothing else is said
JUDGED = 8  # evaluation episodes after each trial
_JUDGE_SEED = 700_000


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many trials, and no new one after so many seconds of wall time."""

    trials: int = 8
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.trials < 0 or not self.seconds > 0.0:
            raise ValueError(f"budget is {self.trials} trials, {self.seconds} s; allowed: 0 or more, above 0")


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of the adaptation curve; number 0 is before any learning.

    ``success_rate`` (0..1) and ``mean_return`` are over fresh episodes without exploration;
    ``env_steps`` and ``seconds`` (wall time) are those spent so far, evaluation not counted in steps.
    """

    number: int
    success_rate: float
    mean_return: float
    env_steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The best policy of the curve; ``rolled_back``: trials were made and none was better than the start."""

    policy: PolicyFile
    curve: tuple[Trial, ...]
    best: int
    rolled_back: bool
    cancelled: bool


def twin(robot: str, hidden_seed: int, scene: Scene, task: GroundedTask) -> gym.Env[Any, Any]:
    """A second instance of the world: the same hidden draw, the scene as the camera reports it."""
    return Twin(family(robot), hidden_from_seed(robot, hidden_seed), scene, task)


def judge(
    file: PolicyFile, env: gym.Env[Any, Any], episodes: int = JUDGED, seed: int = _JUDGE_SEED
) -> tuple[float, float]:
    """Success rate and mean return without exploration, over episodes with seeds from ``seed`` on."""
    act, solved, total = FastPolicy(file).act, 0, 0.0
    for number in range(episodes):
        observation, _ = env.reset(seed=seed + number)
        over = False
        while not over:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            total, over = total + float(reward), terminated or truncated
        solved += bool(info["is_success"])
    return solved / episodes, total / episodes


def adapter_of(file: PolicyFile) -> str:
    """How a policy adapts: as its card says, else by blind inference where it can, else by learning."""
    able = any(name.startswith(PREFIX) for name in file.tensors)
    return str(file.card.get("adapter", "infer_blind" if able else "learn"))


def adapt(
    start: PolicyFile,
    env: gym.Env[Any, Any],
    budget: Budget,
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    cancelled: Callable[[], bool] = lambda: False,
    adapter: str | None = None,
) -> Adaptation:
    """Adapt in ``env`` (a :class:`Twin` or ``TaskEnv``: each episode a try at the one task).

    Returns the best of the curve. ``adapter`` is a session's name, by default :func:`adapter_of` the start.

    Trials end when all evaluation episodes succeed, the budget is spent or ``cancelled``; the start
    itself is never changed. Raises ``PolicyFileError`` where the start does not fit the task.
    """
    began, how = time.monotonic(), adapter or adapter_of(start)
    under_way = session(how, start, env, seed)
    files, curve = [start], [_trial(0, start, env, 0, began)]
    on_trial(curve[0])
    while len(curve) <= budget.trials and not cancelled():
        if curve[-1].success_rate == 1.0 or time.monotonic() - began > budget.seconds:
            break
        for _ in range(EPISODES.get(how, 1)):
            if not cancelled():
                under_way.trial()
        if cancelled():
            break
        file = under_way.policy()
        files.append(replace(file, card={**file.card, "adapted": len(curve)}))
        curve.append(_trial(len(curve), files[-1], env, under_way.spent.env_steps, began))
        on_trial(curve[-1])
    best = _best(curve)
    return Adaptation(files[best], tuple(curve), best, best == 0 and len(curve) > 1, cancelled())


def _best(curve: list[Trial]) -> int:
    return max(range(len(curve)), key=lambda i: (curve[i].success_rate, curve[i].mean_return))


def _trial(number: int, file: PolicyFile, env: gym.Env[Any, Any], steps: int, began: float) -> Trial:
    rate, value = judge(file, env)
    if not np.isfinite(value):
        raise ValueError(f"trial {number}: the return is not finite")
    return Trial(number, rate, value, steps, time.monotonic() - began)
