"""How fast the worlds are: ratios measured in one run, side by side, so that the machine cancels out.

``python -m benchmarks.worlds [--json] [--out FILE] [--only NAME ...]`` from the repository root.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from benchmarks.measure import (
    Env,
    Item,
    Stopwatch,
    apart,
    finish,
    item,
    machine,
    made,
    nothing,
    play,
    resident,
)
from sim_envs.bullet import connect
from sim_envs.vector import VectorWorlds

ARM, BASE, PEER = "MetaGrasp-v0", "MetaNavigate-v0", "PandaPickAndPlace-v3"
HOW = "panda-gym, what the arm is compared with, is missing: .venv/bin/pip install --no-deps panda-gym==3.0.7"
ROUNDS, STEPS, BATCH = 9, 250, 30
WORLDS = 64  # arms that VectorWorlds steps at once


def rates(names: Sequence[str]) -> list[float]:
    """Steps a second of each, the median over interleaved rounds."""
    with made(*names) as envs:
        rounds = [[STEPS / play(env, STEPS) for env in envs] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def peer() -> list[Item]:
    """The arm against panda-gym: both one action of 40 ms a step, through ``gym.make``, in this process."""
    ours, theirs = rates((ARM, PEER))
    return [
        item("arm_rate", ours, "steps/s"),
        item("panda_gym_rate", theirs, "steps/s"),
        item("arm_to_panda_gym", ours / theirs, "ratio", ">= 3"),
    ]


def navigation() -> list[Item]:
    """The base with its lidar against the arm."""
    base, arm = rates((BASE, ARM))
    return [item("navigation_rate", base, "steps/s"), item("navigation_to_arm", base / arm, "ratio", ">= 5")]


def share() -> list[Item]:
    """Which part of an arm's step is spent in Bullet's ``stepSimulation``.

    The same episodes are played with a clock around every call of it and without, in turns. From the
    calls' time what lies between the clock's two readings is taken off; a step's time is that without a
    clock. Of each the shortest counts: the same bits take the same time, and anything else only adds.
    """
    inside, total = np.full(4, np.inf), np.full(4, np.inf)
    with made(ARM) as (wrapped,):
        env: Any = wrapped.unwrapped
        world, simulate = env.world, env.world._simulate
        for number in [n for _ in range(ROUNDS) for n in range(4)]:
            world._simulate = watch = Stopwatch(simulate)
            episode(env, number)
            world._simulate, idle = simulate, Stopwatch(nothing)
            for _ in range(watch.calls):
                idle()
            inside[number] = min(inside[number], watch.spent - idle.spent)
            total[number] = min(total[number], episode(env, number))
    return [item("share_in_simulation", float(inside.sum() / total.sum()), "of a step", ">= 0.9")]


def episode(env: Env, seed: int) -> float:
    """Seconds that the steps of one whole episode with fixed random actions take."""
    env.reset(seed=seed)
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (125, 4)).astype(np.float32)
    spent, over = 0.0, False
    for action in actions:
        if not over:
            begun = time.perf_counter()
            _, _, terminated, truncated, _ = env.step(action)
            spent += time.perf_counter() - begun
            over = terminated or truncated
    return spent


def reset() -> list[Item]:
    """How long drawing and laying out a new episode takes, after a few steps of the one before."""
    items = []
    for label, name in (("arm", ARM), ("navigation", BASE)):
        with made(name) as (env,):
            times = []
            for _ in range(300):
                play(env, 3)
                begun = time.perf_counter()
                env.reset()
                times.append(time.perf_counter() - begun)
        items.append(item(f"{label}_reset", 1e6 * statistics.median(times), "us", "< 300"))
    return items


def twenty(name: str) -> tuple[float, float]:
    """Growth [MB] for each of twenty worlds beside a first one, and for each of twenty empty clients."""
    with made(name):
        before = resident()
        with made(*[name] * 20):
            worlds = resident() - before
            clients = [connect() for _ in range(20)]
            empty = resident() - before - worlds
            for client in clients:
                client.disconnect()
    return worlds / 20, empty / 20


def cycles(name: str) -> tuple[float, float]:
    """Seconds to make and close an environment, and growth [MB] over 200 times of it."""
    for _ in range(60):  # until the heap has found its size
        gym.make(name).close()
    before, times = resident(), []
    for _ in range(200):
        begun = time.perf_counter()
        gym.make(name).close()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), resident() - before


def memory() -> list[Item]:
    """Memory of one more world without a picture; nearly all of it is what any Bullet client takes."""
    items = []
    for label, name in LABELS:
        world, empty = apart(twenty, name)
        items.append(item(f"{label}_memory", world, "MB/world"))
        items.append(item(f"{label}_memory_beyond_bullet", world - empty, "MB/world", "< 2"))
    return items


def cycle() -> list[Item]:
    """Making and closing, 200 times."""
    items = []
    for label, name in LABELS:
        seconds, growth = apart(cycles, name)
        items.append(item(f"{label}_make_and_close", 1e3 * seconds, "ms"))
        items.append(item(f"{label}_growth_over_200_cycles", growth, "MB", "< 5"))
    return items


def vector() -> list[Item]:
    """``VectorWorlds`` with 64 arms: what a second worker adds, in interleaved rounds.

    Beside it two processes with 32 arms each that never wait for one another: what this machine can give,
    now, to two processes.
    """
    worlds = [VectorWorlds(ARM, WORLDS, workers=count) for count in (1, 2)]
    for each in worlds:
        each.reset(seed=0)
        each.action_space.seed(0)
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as first,
        ProcessPoolExecutor(1, get_context("spawn")) as second,
    ):
        rounds = []
        for _ in range(ROUNDS + 1):  # the first is for warming up
            times = [play_all(each, BATCH) for each in worlds]
            free = max([task.result() for task in [pool.submit(block, BATCH) for pool in (first, second)]])
            rounds.append([WORLDS * BATCH / seconds for seconds in (*times, free)])
    one, two, free = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    for each in worlds:
        each.close()
    return [
        item("vector_rate_1_worker", one, "steps/s"),
        item("vector_rate_2_workers", two, "steps/s"),
        item("vector_2_workers_to_1", two / one, "ratio", ">= 1.7"),
        item("vector_to_two_free_processes", two / free, "ratio", ">= 0.85"),
    ]


@cache
def half() -> gym.vector.SyncVectorEnv:
    """Half of the arms in this process, one after the other."""
    worlds = gym.vector.SyncVectorEnv([partial(gym.make, ARM)] * (WORLDS // 2), autoreset_mode="SameStep")
    worlds.reset(seed=0)
    worlds.action_space.seed(0)
    return worlds


def block(steps: int) -> float:
    """Seconds that so many steps of half of the arms take here."""
    return play_all(half(), steps)


def play_all(worlds: gym.vector.VectorEnv[Any, Any, Any], steps: int) -> float:
    """Seconds that so many steps of all worlds take, the resets in them included."""
    actions = [worlds.action_space.sample() for _ in range(steps)]
    begun = time.perf_counter()
    for action in actions:
        worlds.step(action)
    return time.perf_counter() - begun


LABELS = (("arm", ARM), ("navigation", BASE))
ITEMS: dict[str, Callable[[], list[Item]]] = {
    f.__name__: f for f in (peer, share, navigation, reset, memory, vector, cycle)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 where every target is met, 1 where one is missed, 2 where panda-gym is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worlds", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    parser.add_argument("--only", nargs="+", choices=ITEMS, default=list(ITEMS), help="measure only these")
    given = parser.parse_args(arguments)
    if "peer" in given.only:
        if find_spec("panda_gym") is None:
            print(HOW, file=sys.stderr)
            return 2
        __import__("panda_gym")
    report: dict[str, Any] = {"machine": machine(), "items": []}
    for name in given.only:
        report["items"] += ITEMS[name]()
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
