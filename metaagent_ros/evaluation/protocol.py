"""The protocol: held-out tasks, each adapted from each start, judged on fresh episodes at checkpoints.

Every arm gets the same tasks, the same seeds and the same number of adaptation episodes. The episodes that
judge are never learned from, and no arm chooses among its policies by them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metaagent_ros.evaluation.arms import ARMS, SUITES, load_start
from metaagent_ros.evaluation.rows import CHECKPOINTS, Cost, Evaluation, Outcome, Training
from metaagent_ros.meta.sessions import session
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.spec import require
from sim_envs.tasks import family

HELD_OUT, VALIDATION = 10_000, 20_000  # seeds of the tasks; training draws from (seed, iteration) pairs
_FRESH = 300_000_000
_DIGITS = 3  # of returns and seconds: more is noise, which does not compress


@dataclass(frozen=True, slots=True)
class Plan:
    """What is evaluated; raises ``SpecError`` for unknown names. ``runs``: training runs by seed."""

    suite: str = "grasp"
    split: str = "T2"
    arms: tuple[str, ...] = tuple(ARMS)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    tasks: int = 8
    episodes: int = 10
    checkpoints: tuple[int, ...] = CHECKPOINTS
    runs: Path | None = None
    validation: bool = False

    def __post_init__(self) -> None:
        require("suite", self.suite, tuple(SUITES))
        for arm in self.arms:
            require("arm", arm, tuple(ARMS))
        if not self.arms or not self.seeds or self.tasks < 1 or self.episodes < 1:
            raise ValueError("an evaluation needs at least one arm, seed, task and episode")
        if sorted(set(self.checkpoints)) != list(self.checkpoints) or self.checkpoints[:1] != (0,):
            raise ValueError(f"checkpoints are {self.checkpoints}; allowed: ascending, from 0 on")
        self.drawn()

    @property
    def robot(self) -> str:
        """The robot of the suite."""
        return SUITES[self.suite]

    def drawn(self) -> list[MetaTask]:
        """The tasks; those of validation are others of the same split."""
        rng = np.random.default_rng(VALIDATION if self.validation else HELD_OUT)
        return draw_tasks(family(self.robot), self.tasks, rng, self.split)


@dataclass(frozen=True, slots=True)
class Cell:
    """One adaptation: an arm, a seed, a task. A pure value, so that any process can run it."""

    plan: Plan
    arm: str
    seed: int
    task: int


@dataclass(frozen=True, slots=True)
class CellResult:
    """Its rows."""

    outcomes: tuple[Outcome, ...]
    costs: tuple[Cost, ...]


def cells(plan: Plan) -> list[Cell]:
    """All of them; each arm's come together, so that a stop loses whole arms last."""
    return [Cell(plan, a, s, t) for s in plan.seeds for a in plan.arms for t in range(plan.tasks)]


def run_cell(cell: Cell) -> CellResult:
    """Adapt, and judge at every checkpoint; the same cell gives the same rows but for CPU times."""
    import torch

    torch.set_num_threads(1)
    plan, arm = cell.plan, ARMS[cell.arm]
    task, kin = plan.drawn()[cell.task], family(plan.robot)
    start, settings = load_start(arm.start, plan.robot, cell.seed, plan.runs), arm.settings_for(plan.suite)
    learning, judging = TaskEnv(kin), TaskEnv(kin)
    learning.play(task)
    judging.play(task)
    seed = 1000 * cell.seed + cell.task
    outcomes: list[Outcome] = []
    costs: list[Cost] = []
    try:
        began, done = time.process_time(), session(arm.how, start, learning, seed, **settings)
        paused, trials = 0.0, 0
        for checkpoint in plan.checkpoints:
            for _ in range(checkpoint - trials):
                done.trial()
            trials = checkpoint
            spent = time.process_time() - began - paused
            costs.append(
                Cost(
                    cell.arm,
                    cell.task,
                    cell.seed,
                    trials,
                    done.spent.env_steps,
                    done.spent.gradient_steps,
                    round(spent, _DIGITS),
                )
            )
            paused -= time.process_time()
            outcomes += _judged(cell, task, trials, done.policy(), judging)
            paused += time.process_time()
    finally:
        learning.close()
        judging.close()
    return CellResult(tuple(outcomes), tuple(costs))


def _judged(cell: Cell, task: MetaTask, trials: int, file: PolicyFile, env: TaskEnv) -> list[Outcome]:
    act, rows = FastPolicy(file).act, []
    for number in range(cell.plan.episodes):
        observation, _ = env.reset(seed=_FRESH + 1000 * cell.task + number)
        total, steps, over = 0.0, 0, False
        info: dict[str, Any] = {}
        while not over:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            total, steps, over = total + float(reward), steps + 1, terminated or truncated
        where = (cell.arm, cell.plan.suite, cell.plan.split, task.skill, cell.task, cell.seed, trials)
        rows.append(Outcome(*where, number, bool(info["is_success"]), round(total, _DIGITS), steps))
    return rows


def training_costs(plan: Plan) -> tuple[Training, ...]:
    """What each arm's start had cost, from the cards of the training runs."""
    rows = []
    for name in plan.arms:
        for seed in plan.seeds:
            card = load_start(ARMS[name].start, plan.robot, seed, plan.runs).card
            cost = card.get("cost", {"env_steps": 0, "gradient_steps": 0} if card.get("random") else None)
            if cost is not None:  # what nobody wrote down is not nothing
                steps = int(cost["env_steps"]), int(cost["gradient_steps"])
                rows.append(Training(name, seed, *steps, float(cost.get("cpu_seconds", 0.0))))
    return tuple(rows)


def gathered(plan: Plan, results: Sequence[CellResult], command: str) -> Evaluation:
    """All rows of a plan."""
    settings: dict[str, object] = {
        "command": command,
        "suite": plan.suite,
        "split": plan.split,
        "robot": plan.robot,
        "arms": list(plan.arms),
        "seeds": list(plan.seeds),
        "tasks": plan.tasks,
        "episodes": plan.episodes,
        "checkpoints": list(plan.checkpoints),
        "runs": None if plan.runs is None else str(plan.runs),
        "validation": plan.validation,
    }
    inertness = {}
    for seed in plan.seeds:
        if "reptile" in plan.arms:
            card = load_start("reptile", plan.robot, seed, plan.runs).card
            if "inertness" in card:
                inertness[str(seed)] = float(card["inertness"])
    outcomes = tuple(row for result in results for row in result.outcomes)
    costs = tuple(row for result in results for row in result.costs)
    return Evaluation(settings, outcomes, costs, training_costs(plan), inertness)


def evaluate(
    plan: Plan, workers: int = 1, on_cell: Callable[[Cell, CellResult], None] = lambda cell, result: None
) -> list[CellResult]:
    """Every cell, in ``workers`` processes."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    todo, out = cells(plan), []
    if workers == 1:
        for cell in todo:
            out.append(run_cell(cell))
            on_cell(cell, out[-1])
        return out
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for cell, result in zip(todo, pool.map(run_cell, todo), strict=True):
            out.append(result)
            on_cell(cell, result)
    return out
