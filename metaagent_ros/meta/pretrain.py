"""Joint pretraining: one SAC over the whole distribution of hidden parameters, with demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3 import SAC

from metaagent_ros.policies.sac import add_demonstrations, make_sac
from sim_envs.tasks.grasp import OBSERVATION, GraspEnv, expert

SCALE = tuple(float(size) for _, n, _, size in OBSERVATION for _ in range(n))
NOISE = 0.3  # of the expert's actions, so that the demonstrations show recoveries


def demonstrations(env: GraspEnv, episodes: int, seed: int) -> list[tuple[Any, ...]]:
    """Transitions of noisy expert episodes over sampled hidden parameters."""
    rng = np.random.default_rng(seed)
    out: list[tuple[Any, ...]] = []
    for number in range(episodes):
        observation, _ = env.reset(seed=seed + number, options={"hidden": "sample"})
        over = False
        while not over:
            noise = rng.normal(0.0, NOISE, 4) * [1.0, 1.0, 1.0, 0.3]
            action = np.clip(expert(env) + noise, -1.0, 1.0).astype(np.float32)
            following, reward, terminated, truncated, _ = env.step(action)
            out.append((observation, following, action, reward, terminated))
            observation, over = following, terminated or truncated
    return out


def success_rate(act: Callable[[Any], Any], env: GraspEnv, seeds: range, **options: Any) -> float:
    """Share of solved episodes, one a seed."""
    solved = 0
    for seed in seeds:
        observation, _ = env.reset(seed=seed, options=dict(options))
        over = False
        while not over:
            observation, _, terminated, truncated, info = env.step(act(observation))
            over = terminated or truncated
        solved += info["is_success"]
    return solved / len(seeds)


def pretrain(steps: int, seed: int, demos: int = 150, every: int = 5000) -> SAC:
    """A SAC after ``steps`` environment steps; prints the success rates as it goes."""
    env, judge = GraspEnv(hidden="sample"), GraspEnv()
    model = make_sac(env, SCALE, seed)
    add_demonstrations(model, demonstrations(judge, demos, seed + 10_000))
    while model.num_timesteps < steps:
        model.learn(min(every, steps - model.num_timesteps), reset_num_timesteps=False)

        def act(observation: Any) -> Any:
            return model.predict(observation, deterministic=True)[0]

        held_out = range(500_000, 500_020)
        nominal = success_rate(act, judge, held_out)
        hidden = success_rate(act, judge, held_out, hidden="sample")
        print(f"step {model.num_timesteps}  nominal {nominal:.2f}  hidden {hidden:.2f}", flush=True)
    env.close()
    judge.close()
    return model
