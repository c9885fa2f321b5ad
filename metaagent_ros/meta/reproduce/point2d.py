"""The 2D navigation experiment of the MAML paper (Finn et al. 2017, section 5.3): returns after 0-3 updates.

Every arm has the same network, world, 20 trajectories for a gradient step and number of environment
steps. MAML and first-order MAML learn their step sizes (Meta-SGD), which the paper's do not. Reptile and
the pretrained policy adapt with the best of a few fixed ones, halved after the first update as in the
paper; it is picked on goals that are neither trained nor judged on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from metaagent_ros.meta.policy_maml import PolicyMaml, PolicyMamlConfig
from metaagent_ros.meta.policy_maml_reptile import PolicyReptile
from metaagent_ros.meta.reproduce.point_world import (
    ACTIONS,
    HORIZON,
    OBSERVATIONS,
    Goal,
    PointWorld,
    draw_goals,
)
from metaagent_ros.meta.surrogate import Diverged

PAPER = {"maml": [-40.41, -11.68, -3.33, -3.23]}
UPDATES = 3
ITERATIONS = 80
FIRST = 0.3  # of the iterations are with one inner step; the later ones with all three
GOALS = 20  # of one meta-iteration
HELD_OUT, REPEATS = 60, 3  # goals that training never sees; evaluation seeds for each
EPSILON = 0.5  # Reptile's outer step size, falling to 0
_FALL = 0.9  # of the outer step size, linearly over the iterations

CONFIG = PolicyMamlConfig(
    inner_steps=UPDATES,
    step_size=0.04,
    discount=0.95,
    each_step=True,
    learn_steps=True,
    outer_step=4e-3,
    epochs=4,
)
PLAIN = replace(CONFIG, inner_steps=0, each_step=False, learn_steps=False)
REPTILE = replace(CONFIG, each_step=False, learn_steps=False)

_SIZES = (0.1, 0.04, 0.01, 0.004, 0.001, 0.0002)
"""Step sizes to pick from; a policy trained to act and not to adapt explores less, and bears less."""

Say = Callable[[str], None]
Learner = PolicyMaml[Goal]


def run(seed: int = 0, iterations: int | None = None, say: Say = print) -> dict[str, Any]:
    """Trains all arms and returns their mean returns on held-out goals; ready for JSON.

    ``maml``, ``fomaml``, ``reptile`` and ``pretrained`` are four numbers each: after 0, 1, 2 and 3 updates.
    ``intervals`` holds half the width of the 95 % interval over goals for each of them, ``iterations``
    those of MAML, ``env_steps`` what each arm spent on training.
    """
    count = ITERATIONS if iterations is None else iterations
    if count < 1:
        raise ValueError(f"iterations is {count}; allowed: at least 1")
    began, result = time.monotonic(), dict[str, Any]()
    intervals, spent = dict[str, list[float]](), dict[str, int]()
    sizes, took = dict[str, float](), dict[str, float]()
    for name, make in _ARMS.items():
        started = time.monotonic()
        learner = make(seed, count, spent.get("maml", 0), say)
        spent[name] = learner.env_steps
        if not learner.config.learn_steps:
            sizes[name] = _pick_size(learner, seed)
        result[name], intervals[name] = evaluate(learner, seed)
        took[name] = round(time.monotonic() - started, 1)
        say(f"{name}: {', '.join(f'{value:.2f}' for value in result[name])}")
    return {
        **result, "paper": PAPER, "intervals": intervals, "updates": list(range(UPDATES + 1)),
        "goals": HELD_OUT, "evaluation_seeds": REPEATS, "trajectories": CONFIG.trajectories,
        "iterations": count, "env_steps": spent, "arm_seconds": took,
        "seconds": round(time.monotonic() - began, 1), "seed": seed,
        "step_sizes": sizes, "config": asdict(CONFIG),
    }  # fmt: skip


def evaluate(learner: Learner, seed: int) -> tuple[list[float], list[float]]:
    """Mean return before and after each update, and half the 95 % interval over held-out goals.

    Each number is over trajectories sampled after the update that it judges.
    """
    goals = draw_goals(HELD_OUT, _generator(seed, 2))
    curves = []
    for repeat in range(REPEATS):
        learner.generator = _generator(seed, 3 + repeat)
        curves.append(learner.adapt_all(goals, UPDATES)[1])
    of_goal = torch.stack(curves).mean(0)
    half = 1.96 * of_goal.std(0) / math.sqrt(HELD_OUT)
    return [round(x, 3) for x in of_goal.mean(0).tolist()], [round(x, 3) for x in half.tolist()]


def _pick_size(learner: Learner, seed: int) -> float:
    """Sets and returns the step size with the best mean return over all updates, on goals of their own."""
    goals, best = draw_goals(GOALS, _generator(seed, 0)), (-math.inf, min(_SIZES))
    for size in _SIZES:
        learner.use_size(size)
        learner.generator = _generator(seed, 3)
        try:
            returns = float(learner.adapt_all(goals, UPDATES)[1][:, 1:].mean())
        except Diverged:
            continue
        best = max(best, (returns, size))
    learner.use_size(best[1])
    return best[1]


def new_policy(seed: int) -> ActorCriticPolicy:
    """SB3's network of PPO's MlpPolicy with two layers of 32; the critic is a linear fit elsewhere."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ActorCriticPolicy(
            OBSERVATIONS, ACTIONS, lambda _: 0.0, {"pi": [32, 32], "vf": []}, nn.Tanh, log_std_init=-2.5
        )


def _maml(seed: int, count: int, _: int, say: Say, first_order: bool = False) -> Learner:
    """One inner step at first: three steps from a start that has learned nothing lead nowhere."""
    config = replace(CONFIG, first_order=first_order)
    learner = PolicyMaml(new_policy(seed), PointWorld(HORIZON), config, seed)
    learner.config = replace(config, inner_steps=1)
    rate = _falling(learner, count)
    goals = _generator(seed, 1)
    for number in range(count):
        if number == int(FIRST * count):
            learner.config = config
        metrics = learner.meta_step(draw_goals(GOALS, goals))
        rate.step()
        _tell(say, "fomaml" if first_order else "maml", number, count, metrics)
    return learner


def _fomaml(seed: int, count: int, budget: int, say: Say) -> Learner:
    return _maml(seed, count, budget, say, first_order=True)


def _reptile(seed: int, count: int, budget: int, say: Say) -> Learner:
    total = _iterations(budget, REPTILE)
    learner = PolicyReptile(new_policy(seed), PointWorld(HORIZON), REPTILE, EPSILON, total, seed)
    return _until(learner, "reptile", budget, seed, say)


def _pretrained(seed: int, count: int, budget: int, say: Say) -> Learner:
    """One policy for all goals, by the same outer step without inner ones."""
    learner: Learner = PolicyMaml(new_policy(seed), PointWorld(HORIZON), PLAIN, seed)
    rate = _falling(learner, _iterations(budget, PLAIN))
    return _until(learner, "pretrained", budget, seed, say, rate.step)


_ARMS: dict[str, Callable[[int, int, int, Say], Learner]] = {
    "maml": _maml,
    "fomaml": _fomaml,
    "reptile": _reptile,
    "pretrained": _pretrained,
}


def _iterations(budget: int, config: PolicyMamlConfig) -> int:
    """Meta-steps that make so many environment steps where no episode ends early."""
    each = GOALS * max(1, config.inner_steps) * config.trajectories * HORIZON
    return max(1, budget // each)


def _until(
    learner: Learner, name: str, budget: int, seed: int, say: Say, after: Callable[[], None] = lambda: None
) -> Learner:
    """Meta-steps until ``budget`` environment steps are spent; ``after`` is called after each."""
    goals, number = _generator(seed, 1), 0
    while learner.env_steps < budget:
        metrics = learner.meta_step(draw_goals(GOALS, goals))
        after()
        _tell(say, name, number, _iterations(budget, learner.config), metrics)
        number += 1
    return learner


def _falling(learner: Learner, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    def share(number: int) -> float:
        return 1.0 - _FALL * min(1.0, number / steps)

    return torch.optim.lr_scheduler.LambdaLR(learner.optimiser, share)


def _tell(say: Say, name: str, number: int, total: int, metrics: dict[str, float]) -> None:
    if number % 10 == 0:
        seen = [f"{value:.1f}" for key, value in metrics.items() if key.startswith("return_")]
        say(f"{name} {number}/{total}  returns {' '.join(seen)}")


def _generator(seed: int, stream: int) -> torch.Generator:
    """Streams of one seed: 0 goals to pick a size on, 1 training, 2 held-out goals, from 3 on evaluation."""
    return torch.Generator().manual_seed(1000 * seed + stream)
