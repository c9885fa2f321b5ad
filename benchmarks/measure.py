"""Clocks, memory and the form of a measured value, for what is measured here."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium as gym

import sim_envs  # noqa: F401  registers the ids
from sim_envs.bullet import _no_output

Env: TypeAlias = gym.Env[Any, Any]
Item: TypeAlias = dict[str, Any]


def item(name: str, value: float, unit: str, target: str | None = None) -> Item:
    """A measured value; ``target`` reads like ``>= 3`` or ``< 300``, None where none was set."""
    ok = None
    if target is not None:
        sign, limit = target.split()
        ok = value >= float(limit) if sign == ">=" else value < float(limit)
    return {"name": name, "value": float(f"{value:.4g}"), "unit": unit, "target": target, "ok": ok}


@contextmanager
def made(*names: str) -> Iterator[list[Env]]:
    """Environments by id, warmed up, closed afterwards."""
    with _no_output():  # of panda-gym's
        envs: list[Env] = [gym.make(name) for name in names]
    for env in envs:
        env.reset(seed=0)
        env.action_space.seed(0)
        play(env, 50)
    yield envs
    for env in envs:
        env.close()


def play(env: Env, steps: int) -> float:
    """Seconds that so many steps take; actions are drawn before, resets between episodes not counted."""
    actions = [env.action_space.sample() for _ in range(steps)]
    spent, clock = 0.0, time.perf_counter
    for action in actions:
        begun = clock()
        _, _, terminated, truncated, _ = env.step(action)
        spent += clock() - begun
        if terminated or truncated:
            env.reset()
    return spent


class Stopwatch:
    """A function with a clock around it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function, self.spent, self.calls = function, 0.0, 0

    def __call__(self) -> None:
        """Call it."""
        begun = time.perf_counter()
        self.function()
        self.spent += time.perf_counter() - begun
        self.calls += 1


def nothing() -> None:
    """Take no time."""
    return None


def resident() -> float:
    """Resident memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def apart(function: Callable[[str], Any], name: str) -> Any:
    """What the function returns in a process of its own, where nothing else has touched the memory."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, name).result()


def machine() -> dict[str, Any]:
    """What it was measured on."""
    packages = {name: version(name) for name in ("gymnasium", "numpy", "pybullet")}
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return {"cores": cores, "load": round(load, 2), "python": platform.python_version(), **packages}


def table(items: Sequence[Item]) -> str:
    """The items, a line for each."""
    words = {True: "met", False: "MISSED", None: ""}
    rows = [(i["name"], f"{i['value']:g}", i["unit"], i["target"] or "", words[i["ok"]]) for i in items]
    return "\n".join("{:32} {:>10} {:10} {:8} {}".format(*row).rstrip() for row in rows)


def finish(report: dict[str, Any], given: argparse.Namespace) -> int:
    """Print the report and write it where it was asked for; 0 where every target is met, else 1."""
    text = json.dumps(report, indent=1)
    if given.out:
        given.out.write_text(text + "\n")
    print(text if given.json else table(report["items"]))
    return 1 if any(each["ok"] is False for each in report["items"]) else 0
