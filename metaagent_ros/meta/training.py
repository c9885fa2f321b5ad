"""Meta-training: Reptile over the distribution of tasks, from a jointly pretrained start; resumable.

Everything that an iteration draws follows from the seed and its number, and every inner loop starts with
a fresh optimiser and an empty buffer. So weights and number are the whole state, and a run that was
killed and taken up again ends with the same bits as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from metaagent_ros.meta.parameters import Parameters, clone
from metaagent_ros.meta.pretrain import Pretraining, Schedule
from metaagent_ros.meta.reptile import Reptile
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.policies.files import FILE, PolicyFile
from metaagent_ros.policies.sac import make_sac, policy_file
from sim_envs.tasks import Family, family

Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class MetaConfig:
    """Reptile's settings: outer iterations, tasks in a batch, inner steps, outer step size (annealed)."""

    robot: str = "panda"
    seed: int = 0
    iterations: int = 10
    batch: int = 4
    inner_steps: int = 400
    epsilon: float = 0.1


class InnerLoop:
    """k steps of SB3's ``learn`` on one task, from given parameters; a pure function of both.

    The context starts each task where it is and is not meta-learned (CAVIA, algorithm 1): it is so much
    faster than the weights that a few tasks would carry it far off the middle.
    """

    def __init__(self, kin: Family, steps: int) -> None:
        self.kin, self.steps, self.env = kin, steps, TaskEnv(kin)

    def __call__(self, parameters: Parameters, task: MetaTask) -> dict[str, torch.Tensor]:
        """The parameters after learning."""
        self.env.play(task)
        model = make_sac(self.env, self.kin, task.seed)
        model.policy.load_state_dict(dict(parameters))
        model.learn(self.steps)
        ends = clone(model.policy.state_dict())
        return ends | {name: value for name, value in parameters.items() if name.endswith(".context")}


def start(config: MetaConfig, schedule: Schedule, say: Callable[[str], None] = print) -> PolicyFile:
    """The jointly pretrained policy that Reptile starts from (and the baseline it is compared with)."""
    model = Pretraining(family(config.robot), config.seed, say).run(schedule)
    return policy_file(model, {**_card(config), "iteration": 0, "pretraining": asdict(schedule)})


def meta_train(
    config: MetaConfig, begin: PolicyFile, folder: Path, say: Callable[[str], None] = print
) -> PolicyFile:
    """Reptile from ``begin``, or from the checkpoint in ``folder`` where one of the same run lies."""
    kin, file = family(config.robot), begin
    if (folder / FILE).exists():
        file = _resumable(PolicyFile.load(folder), config)
        say(f"resuming after iteration {file.card['iteration']}")
    inner = InnerLoop(kin, config.inner_steps)
    reptile = Reptile(_tensors(file), inner, config.epsilon, config.iterations)
    reptile.iteration = int(file.card["iteration"])
    while reptile.iteration < config.iterations:
        rng = np.random.default_rng((config.seed, reptile.iteration))
        metrics = reptile.meta_step(draw_tasks(kin, config.batch, rng))
        card = {**begin.card, **_card(config), "iteration": reptile.iteration}
        file = PolicyFile({n: v.numpy() for n, v in reptile.parameters.items()}, card)
        file.save(folder)
        say(f"reptile {reptile.iteration}/{config.iterations}  moved {metrics['moved']:.4f}")
    inner.env.close()
    return file


def scratch(config: MetaConfig) -> PolicyFile:
    """Random weights of the same network: the floor of every comparison."""
    env = TaskEnv(family(config.robot))
    model = make_sac(env, env.kin, config.seed)
    env.close()
    return policy_file(model, {**_card(config), "iteration": 0, "random": True})


def _tensors(file: PolicyFile) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in file.tensors.items()}


def _card(config: MetaConfig) -> dict[str, Any]:
    kin = family(config.robot)
    layout = [list(row[:2]) for row in kin.module.OBSERVATION]
    about = {
        "algorithm": "SAC",
        "observation": layout,
        "skills": list(kin.skills),
        "context": list(kin.context),
    }
    return {"format": 1, "robot": config.robot, "meta": asdict(config), **about}


def _resumable(file: PolicyFile, config: MetaConfig) -> PolicyFile:
    if file.card.get("meta") != asdict(config):
        raise ValueError(
            f"the checkpoint is of another run: {file.card.get('meta')}; asked for: {asdict(config)}. "
            "Take another folder."
        )
    return file
