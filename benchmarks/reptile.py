"""What Reptile costs beside bare SB3, what a second worker gains, how fast a policy answers.

``python -m benchmarks.reptile [--json] [--out FILE] [--only NAME ...]`` from the repository root.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Item, finish, item, machine
from metaagent_ros.meta.engine import LocalEngine
from metaagent_ros.meta.reptile import MetaState, SB3Reptile
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.meta.training import MetaConfig, inner_loop, scratch
from metaagent_ros.policies.context import with_context
from metaagent_ros.policies.files import POLICY_ROBOTS, PolicyFile, shipped_policy
from metaagent_ros.policies.inference import FastPolicy
from metaagent_ros.policies.prompt import PromptPolicy
from metaagent_ros.policies.sac import load_into, make_sac
from sim_envs.tasks import family

CONFIG = MetaConfig()  # what `metaagent train` does by default
ROUNDS, OBSERVATIONS, COMPARED = 9, 500, 10_000
IMPORTING = """
import os, time, numpy
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
before, begun = resident(), time.process_time()
import metaagent_ros.policies.{module}
print(time.process_time() - begun, resident() - before)
"""


def begin() -> MetaState:
    """The start of a run; how good it is does not matter to the time it takes."""
    return MetaState({n: torch.tensor(v) for n, v in scratch(CONFIG).tensors.items()})


def tasks(count: int) -> list[tuple[MetaTask, int]]:
    """Tasks with their seeds, the same each time."""
    drawn = draw_tasks(family(CONFIG.robot), count, np.random.default_rng(0))
    return [(task, task.seed) for task in drawn]


def overhead() -> list[Item]:
    """An iteration of Reptile over SB3's ``learn`` alone on the same task; CPU time, in turns.

    The bare loop has its environment and model made beforehand and keeps nothing of what it learns. Of each
    the shortest counts: the same bits take the same time, and anything else only adds.
    """
    items, ours, theirs = tasks(1), [], []
    for _ in range(ROUNDS):
        reptile = SB3Reptile(inner_loop(CONFIG), begin(), CONFIG.epsilon, CONFIG.iterations)
        ours.append(spent(lambda reptile=reptile: reptile.meta_step(items)))
        theirs.append(bare(*items[0]))
    return [item("iteration_to_learn", min(ours) / min(theirs), "ratio", "< 1.05")]


def bare(task: MetaTask, seed: int) -> float:
    """CPU seconds that ``learn`` takes for the inner steps of a task."""
    kin = family(CONFIG.robot)
    env = TaskEnv(kin)
    env.play(task)
    model = make_sac(env, kin, seed)
    model.policy.load_state_dict(dict(begin().parameters))
    seconds = spent(lambda: model.learn(CONFIG.inner_steps))
    env.close()
    return seconds


def spent(function: Callable[[], Any]) -> float:
    """CPU seconds of this process that a call takes."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


def workers() -> list[Item]:
    """Eight inner loops by two workers against one; both are processes that are warm. Wall time."""
    items, state = tasks(8), begin()
    seconds = []
    for count in (1, 2):
        with LocalEngine(count, apart=True) as engine:
            reptile = SB3Reptile(inner_loop(CONFIG), state, CONFIG.epsilon, CONFIG.iterations, engine)
            reptile.meta_step(items[:count])  # the workers import what they need
            begun = time.perf_counter()
            reptile.meta_step(items)
            seconds.append(time.perf_counter() - begun)
    return [
        item("inner_loop", seconds[0] / len(items), "s"),
        item("two_workers_to_one", seconds[0] / seconds[1], "ratio", ">= 1.8"),
    ]


def inference() -> list[Item]:
    """Both kinds of inference against SB3's ``predict``, and what importing them takes."""
    lines = [line for robot in POLICY_ROBOTS for line in beside_predict(robot)]
    return [*lines, *importing("inference"), *importing("prompt")]


def beside_predict(robot: str) -> list[Item]:
    """Time, and over how many observations the action differs in a bit: played ones and random ones."""
    kin = family(robot)
    context = np.full(len(kin.context), 0.37)
    file, env = with_context(PolicyFile.load(shipped_policy(robot)), context), TaskEnv(kin)
    model = make_sac(env, kin, 0)
    load_into(model, file)
    seen = observed(env, COMPARED // 2)
    drawn = np.random.default_rng(0).normal(0.0, 3.0, (COMPARED // 2, len(kin.scale)))
    fast, prompt = FastPolicy(file).act, PromptPolicy(file).act
    slow = lambda observation: model.predict(observation, deterministic=True)[0]  # noqa: E731
    rows = [*seen, *(drawn * kin.scale).astype(np.float32)]
    other = sum(fast(row).tobytes() != slow(row).tobytes() for row in rows)
    off = np.array([np.abs(prompt(row) - fast(row)).max() for row in rows]).reshape(2, -1)
    timed = seen[:OBSERVATIONS]
    rounds = [
        [spent(lambda act=act: [act(o) for o in timed]) for act in (fast, prompt, slow)]
        for _ in range(ROUNDS)
    ]
    ours, promptly, theirs = (
        statistics.median(column) / OBSERVATIONS for column in zip(*rounds, strict=True)
    )
    env.close()
    parts = list(zip(("played", "random"), off, strict=True))
    return [
        item(f"{robot}: act", 1e6 * ours, "us"),
        item(f"{robot}: prompt_act", 1e6 * promptly, "us"),
        item(f"{robot}: predict", 1e6 * theirs, "us"),
        item(f"{robot}: act_to_predict", ours / theirs, "ratio", "< 0.2"),
        item(f"{robot}: prompt_act_to_predict", promptly / theirs, "ratio", "< 0.2"),
        item(f"{robot}: not_the_same_bits", other, f"of {COMPARED}", "< 1"),
        *(item(f"{robot}: prompt_off_{name}", 1e6 * row.max(), "1e-6") for name, row in parts),
        *(item(f"{robot}: prompt_over_1e-6_{name}", 100 * np.mean(row > 1e-6), "%") for name, row in parts),
    ]


def importing(module: str) -> list[Item]:
    """CPU time and resident memory that importing it takes a process that has numpy, no torch."""
    line = [sys.executable, "-c", IMPORTING.replace("{module}", module)]
    seconds, megabytes = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()
    return [item(f"import_{module}", float(seconds), "s"), item(f"memory_{module}", float(megabytes), "MB")]


def observed(env: TaskEnv, count: int) -> list[np.ndarray[Any, Any]]:
    """Observations (n,) of episodes with random actions."""
    env.action_space.seed(0)
    rows, over = [], True
    while len(rows) < count:
        if over:
            rows.append(env.reset(seed=len(rows))[0])
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        rows.append(observation)
        over = terminated or truncated
    return rows[:count]


ITEMS: dict[str, Callable[[], list[Item]]] = {f.__name__: f for f in (overhead, workers, inference)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 where every target is met, 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reptile", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    parser.add_argument("--only", nargs="+", choices=ITEMS, default=list(ITEMS), help="measure only these")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    report: dict[str, Any] = {"machine": machine() | {"torch": torch.__version__}, "items": []}
    for name in given.only:
        report["items"] += ITEMS[name]()
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
