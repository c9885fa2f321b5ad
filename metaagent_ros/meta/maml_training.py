"""MAML and first-order MAML over the distribution of tasks, from a jointly pretrained start; resumable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metaagent_ros.meta.learner import load_state
from metaagent_ros.meta.maml_policies import CONTEXT, actor_critic, player, policy_of, squashed
from metaagent_ros.meta.policy_maml import PolicyMaml, PolicyMamlConfig
from metaagent_ros.meta.policy_maml_rollout import GymSampler
from metaagent_ros.meta.tasks import MetaTask, draw_tasks
from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import family

STATE = "maml.safetensors"
_STREAM = 7  # apart from the draws of Reptile with the same seed
SETTINGS = PolicyMamlConfig(
    trajectories=5, step_size=5e-4, later=1.0, discount=0.95, trace=0.95, outer_step=5e-6, epochs=2
)


@dataclass(frozen=True, slots=True)
class MamlConfig:
    """Outer iterations, tasks in a batch, and the settings of both loops.

    ``reach`` multiplies the step size for the context, which moves the policy less than the weights do;
    ``log_std`` is that of the noise at the start.
    """

    robot: str = "panda"
    seed: int = 0
    iterations: int = 30
    batch: int = 4
    reach: float = 200.0
    log_std: float = -1.0
    maml: PolicyMamlConfig = field(default_factory=lambda: SETTINGS)

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.batch < 1:
            raise ValueError(f"iterations {self.iterations}, batch {self.batch}; allowed: at least 1")


def learner_of(begin: PolicyFile, config: MamlConfig, env: Any) -> PolicyMaml[MetaTask]:
    """The learner at its start, on an environment of :func:`squashed`."""
    torch.manual_seed(config.seed)
    policy = actor_critic(begin, env, config.log_std)
    learner = PolicyMaml(policy, GymSampler(player(env)), config.maml, config.seed)
    with torch.no_grad():
        learner.sizes[CONTEXT].mul_(config.reach)
    return learner


def maml_train(
    config: MamlConfig, begin: PolicyFile, folder: Path, say: Callable[[str], None] = print
) -> PolicyFile:
    """Meta-train from ``begin``, or from the checkpoint in ``folder``; the policy is written there too."""
    kin = family(config.robot)
    env = squashed(kin)
    learner, path = learner_of(begin, config, env), folder / STATE
    spent = float(load_state(path)[1].get("cpu_seconds", 0.0)) if path.exists() else 0.0
    if path.exists():
        learner.restore(path)
        say(f"resuming after iteration {learner.iteration}")
    try:
        while learner.iteration < config.iterations:
            began, number = time.process_time(), learner.iteration
            tasks = draw_tasks(kin, config.batch, np.random.default_rng((config.seed, _STREAM, number)))
            metrics = learner.meta_step(tasks)
            spent += time.process_time() - began
            learner.save(path, cpu_seconds=spent)
            said = "  ".join(f"{name} {value:.3g}" for name, value in metrics.items())
            say(f"maml {learner.iteration}/{config.iterations}  {said}")
    finally:
        env.end()
    file = policy_of(learner.parameters, begin)
    made = PolicyFile(
        file.tensors, {**file.card, "maml": asdict(config), "cost": _cost(begin, learner, spent)}
    )
    made.save(folder)
    return made


def train_both(config: MamlConfig, folder: Path, say: Callable[[str], None] = print) -> None:
    """MAML into ``folder/maml``, its first-order form into ``folder/fomaml``, from ``folder/pretrained``."""
    begin = PolicyFile.load(folder / "pretrained")
    for name, first in (("maml", False), ("fomaml", True)):
        each = replace(config, maml=replace(config.maml, first_order=first))
        maml_train(each, begin, folder / name, say)


def _cost(begin: PolicyFile, learner: PolicyMaml[MetaTask], spent: float) -> dict[str, float]:
    """Of the start and of meta-training together."""
    before, config = begin.card.get("cost", {}), learner.config
    steps = learner.iteration * (config.epochs + config.inner_steps)
    return {
        "env_steps": before.get("env_steps", 0) + learner.env_steps,
        "gradient_steps": before.get("gradient_steps", 0) + steps,
        "cpu_seconds": round(before.get("cpu_seconds", 0.0) + spent, 1),
    }
