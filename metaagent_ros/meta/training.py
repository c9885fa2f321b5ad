"""Meta-training: Reptile over the distribution of tasks, from a jointly pretrained start; resumable.

Everything that an iteration draws follows from the seed and its number, and every inner loop starts anew.
So weights, number and, if asked for, the optimiser's moments and the normaliser are the whole state, and a
run that was killed and taken up again ends with the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from metaagent_ros.meta.engine import Engine, LocalEngine
from metaagent_ros.meta.inner import InnerOptions, SB3InnerLoop
from metaagent_ros.meta.learner import load_state, save_state
from metaagent_ros.meta.logs import RunLog, totals
from metaagent_ros.meta.pretrain import QUICK, Pretraining, Schedule
from metaagent_ros.meta.reptile import MetaState, SB3Reptile
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.policies import ppo
from metaagent_ros.policies.files import FILE, PolicyFile
from metaagent_ros.policies.ppo import make_ppo
from metaagent_ros.policies.sac import UPDATES, make_sac
from sim_envs.robots import load_profile
from sim_envs.spec import require
from sim_envs.tasks import Family, family

Tensors = dict[str, NDArray[np.float32]]
ALGORITHMS = ("sac", "ppo")
ITERATIONS = 3  # of `metaagent train`
STATE = "meta.safetensors"  # beside the policy: all that resuming needs
_OTHERS = "inference."  # tensors of a policy file that are no weights of the policy; they stay as they are
HELD = (".context",)
"""The context starts each task where it is and is not meta-learned (CAVIA, algorithm 1): it is so much
faster than the weights that a few tasks would carry it far off the middle."""


@dataclass(frozen=True, slots=True)
class MetaConfig:
    """Reptile's settings: outer iterations, tasks in a batch, inner steps, outer step size (annealed)."""

    robot: str = "panda"
    seed: int = 0
    iterations: int = 10
    batch: int = 4
    inner_steps: int = 400
    epsilon: float = 0.1
    algorithm: str = "sac"
    inner: InnerOptions = field(default_factory=InnerOptions)

    def __post_init__(self) -> None:
        require("algorithm", self.algorithm, ALGORITHMS)
        if self.batch < 1:
            raise ValueError(f"batch is {self.batch}; allowed: at least 1")


def inner_loop(config: MetaConfig) -> SB3InnerLoop[MetaTask]:
    """The inner loop of a robot's tasks."""
    return SB3InnerLoop(
        partial(_env, config.robot), partial(_model, config), config.inner_steps, config.inner, HELD
    )


def _env(robot: str, task: MetaTask) -> TaskEnv:
    env = TaskEnv(family(robot))
    env.play(task)
    return env


def _model(config: MetaConfig, env: gym.Env[Any, Any], seed: int) -> BaseAlgorithm:
    kin = family(config.robot)
    if config.algorithm == "sac":
        return make_sac(env, kin, seed)
    rollout = min(ppo.SETTINGS["n_steps"], config.inner_steps)
    batch = min(ppo.SETTINGS["batch_size"], rollout)
    return make_ppo(env, kin, seed, not config.inner.normalise, n_steps=rollout, batch_size=batch)


def start(
    config: MetaConfig, schedule: Schedule, say: Callable[[str], None] = print, told: bool = True
) -> PolicyFile:
    """The jointly pretrained policy that Reptile starts from; not ``told``: the baseline without context."""
    run = Pretraining(family(config.robot), config.seed, say, told)
    run.run(schedule)
    return run.file({**_card(config), "iteration": 0, "pretraining": asdict(schedule)})


def train_robot(robot: str, seed: int, folder: Path, quick: bool, say: Callable[[str], None]) -> PolicyFile:
    """:func:`train` as ``metaagent train`` does it unless told otherwise; ``quick`` takes a minute."""
    load_profile(robot)
    torch.set_num_threads(1)  # networks this small gain nothing from more, and bits stay the same
    config = MetaConfig(robot, seed, 1 if quick else ITERATIONS)
    return train(config, QUICK if quick else Schedule(), folder, say)


def train(
    config: MetaConfig,
    schedule: Schedule,
    folder: Path,
    say: Callable[[str], None] = print,
    *,
    joint: bool = True,
    **how: Any,
) -> PolicyFile:
    """The whole way to a policy: starts by joint pretraining, then :func:`meta_train` (``how``) from it.

    What lies in ``folder`` already is not made again: ``pretrained`` is the start, ``joint`` (unless it is
    not asked for) the baseline that is never told what is hidden.
    """
    starts = {"pretrained": True, "joint": False} if joint else {"pretrained": True}
    for name, told in starts.items():
        if not (folder / name / FILE).exists():
            start(config, schedule, say, told).save(folder / name)
    return meta_train(config, PolicyFile.load(folder / "pretrained"), folder, say, **how)


def meta_train(
    config: MetaConfig,
    begin: PolicyFile,
    folder: Path,
    say: Callable[[str], None] = print,
    *,
    engine: Engine | None = None,
    bar: bool = False,
    compare_every: int = 0,
) -> PolicyFile:
    """Reptile from ``begin``, or from the checkpoint in ``folder`` where one of the same run lies.

    After each iteration ``folder`` holds the policy, all that resuming needs and the log (``RunLog``).
    ``bar`` shows progress on a terminal. Every ``compare_every`` iterations the log says how far Reptile's
    direction is joint training's (``SB3Reptile.inertness``); it doubles the work of that iteration.
    """
    state = _resumed(folder, config)
    if state is None:
        state = MetaState(_tensors(begin))
    others = {n: v for n, v in begin.tensors.items() if n.startswith(_OTHERS)}
    whole = PolicyFile(others, {**begin.card, **_card(config)})
    reptile = SB3Reptile(
        inner_loop(config),
        state,
        config.epsilon,
        config.iterations,
        LocalEngine() if engine is None else engine,
    )
    if state.iteration:
        say(f"resuming after iteration {state.iteration}")
        _checkpoint(folder, state, whole)  # a kill may have come between its two files
    with RunLog(folder, state.iteration, config.iterations, say, bar) as log:
        while reptile.state.iteration < config.iterations:
            number, began = reptile.state.iteration, time.monotonic()
            rng = np.random.default_rng((config.seed, number))
            items = [(task, task.seed) for task in draw_tasks(family(config.robot), config.batch, rng)]
            compared = bool(compare_every) and number % compare_every == 0
            cosine = reptile.inertness(items) if compared else math.nan
            metrics = reptile.meta_step(items) | {"cosine": cosine}
            log.iteration(number + 1, metrics, time.monotonic() - began)
            _checkpoint(folder, reptile.state, whole)
            log.show(metrics)
    file = _finished(folder, _policy(reptile.state, whole))
    file.save(folder)
    return file


def _finished(folder: Path, file: PolicyFile) -> PolicyFile:
    """With what pretraining and meta-training cost, and how far Reptile's direction was joint training's."""
    spent, before = totals(folder), file.card.get("cost", {})
    cost = {
        "env_steps": before.get("env_steps", 0) + round(spent["env_steps"]),
        "gradient_steps": before.get("gradient_steps", 0) + round(spent["env_steps"] * UPDATES),
        "cpu_seconds": round(before.get("cpu_seconds", 0.0) + spent["seconds"], 1),
    }
    inert = {} if math.isnan(spent["cosine"]) else {"inertness": round(spent["cosine"], 4)}
    return PolicyFile(file.tensors, {**file.card, "cost": cost, **inert})


def scratch(config: MetaConfig) -> PolicyFile:
    """Random weights of the same network: the floor of every comparison."""
    env = TaskEnv(family(config.robot))
    model = _model(config, env, config.seed)
    env.close()
    tensors = {n: v.detach().cpu().numpy().copy() for n, v in model.policy.state_dict().items()}
    return PolicyFile(tensors, {**_card(config), "iteration": 0, "random": True})


def _tensors(file: PolicyFile) -> dict[str, torch.Tensor]:
    return {n: torch.tensor(v) for n, v in file.tensors.items() if not n.startswith(_OTHERS)}


def _card(config: MetaConfig) -> dict[str, Any]:
    kin: Family = family(config.robot)
    layout = [list(row[:2]) for row in kin.module.OBSERVATION]
    about = {
        "algorithm": config.algorithm.upper(),
        "observation": layout,
        "skills": list(kin.skills),
        "context": list(kin.context) if config.algorithm == "sac" else [],
    }
    return {"format": 1, "robot": config.robot, "meta": asdict(config), **about}


def _policy(state: MetaState, begin: PolicyFile) -> PolicyFile:
    """The start's policy with the state's weights."""
    tensors = {name: value.numpy() for name, value in state.parameters.items()}
    return PolicyFile({**begin.tensors, **tensors}, {**begin.card, "iteration": state.iteration})


def _checkpoint(folder: Path, state: MetaState, begin: PolicyFile) -> None:
    """First all of the state, in one file that is whole or the one before; then the policy for others."""
    try:
        save_state(folder / STATE, state.tensors(), {**begin.card, "iteration": state.iteration})
        _policy(state, begin).save(folder)
    except OSError as error:
        raise OSError(
            error.errno,
            f"iteration {state.iteration} could not be written ({error.strerror}); "
            "the checkpoint before is whole, run again to go on from it",
            str(folder),
        ) from error


def _resumed(folder: Path, config: MetaConfig) -> MetaState | None:
    """The state in a folder; ``ValueError`` where it is of another run, None where there is none."""
    if (folder / STATE).exists():
        tensors, card = load_state(folder / STATE)
        state = MetaState.from_tensors(tensors, int(card["iteration"]))
        _same_run(card, config)
        return state
    if not (folder / FILE).exists():
        return None
    file = PolicyFile.load(folder)
    _same_run(file.card, config)
    return MetaState(_tensors(file), iteration=int(file.card["iteration"]))


def _same_run(card: Any, config: MetaConfig) -> None:
    """Files of before there were options lack them: they were made with the defaults."""
    theirs, ours = card.get("meta"), asdict(config)
    if not isinstance(theirs, dict) or {**asdict(MetaConfig()), **theirs} != ours:
        raise ValueError(
            f"the checkpoint is of another run: {theirs}; asked for: {ours}. Take another folder."
        )
