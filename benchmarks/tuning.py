"""Three settings of every arm on validation tasks, from which the defaults of ``evaluation/arms.py`` come.

``python -m benchmarks.tuning --suite grasp --runs runs/evidence/panda``. Held-out tasks are not touched.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from metaagent_ros.evaluation import protocol
from metaagent_ros.evaluation.arms import ARMS
from metaagent_ros.evaluation.protocol import Plan, cells, run_cell
from sim_envs.spec import require

_NOISE: list[dict[str, Any]] = [{"noise": 0.0}, {"noise": 0.1}, {"noise": 0.25}]
_PACE: list[dict[str, Any]] = [{"pace": 0.3}, {"pace": 1.0}, {"pace": 3.0}]
_SHARED: dict[str, list[dict[str, Any]]] = {
    "scratch": [{"rate": 1e-4}, {"rate": 3e-4}, {"rate": 1e-3}],
    "search": [{"spread": 0.3}, {"spread": 0.5}, {"spread": 0.8}],
    "infer": _NOISE,
    "infer_blind": _NOISE,
    "reptile_infer": _NOISE,
    "maml": _PACE,
    "fomaml": _PACE,
}
SETTINGS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "grasp": _SHARED
    | {
        "finetune": [{"rate": 1e-6}, {"rate": 3e-6}, {"rate": 1e-5}],
        "context": [{"rate": 2e-6}, {"rate": 5e-6}, {"rate": 1.5e-5}],
        "reptile": [{"rate": 2e-6}, {"rate": 5e-6}, {"rate": 1.5e-5}],
    },
    "navigate": _SHARED
    | {
        "finetune": [{"rate": 3e-7}, {"rate": 1e-6}, {"rate": 3e-6}],
        "context": [{"rate": 1e-7}, {"rate": 3e-7}, {"rate": 1e-6}],
        "reptile": [{"rate": 1e-7}, {"rate": 3e-7}, {"rate": 1e-6}],
    },
}
"""Three of every arm that has one, by suite."""


MEASURED = ("success", "return")


def tried(plan: Plan, settings: dict[str, Any]) -> dict[str, list[float]]:
    """Mean success and mean return at every checkpoint."""
    name = plan.arms[0]
    kept = ARMS[name]
    ARMS[name] = dataclasses.replace(kept, settings=settings, tuned={})
    try:
        rows = [row for cell in cells(plan) for row in run_cell(cell).outcomes]
    finally:
        ARMS[name] = kept
    found: dict[str, list[float]] = {name: [] for name in MEASURED}
    for n in plan.checkpoints:
        judged = [row for row in rows if row.trials == n]
        found["success"].append(round(float(np.mean([row.success for row in judged])), 4))
        found["return"].append(round(float(np.mean([row.total for row in judged])), 3))
    return found


def best(suite: str, arm: str, tries: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings with the highest success, mean over all checkpoints but the first.

    Those that the arm has in the suite stay where none is strictly better.
    """

    def settings(line: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in line.items() if name not in MEASURED}

    has = ARMS[arm].settings_for(suite)
    by_preference = sorted(tries, key=lambda line: settings(line) != has)
    return settings(max(by_preference, key=lambda line: round(float(np.mean(line["success"][1:])), 6)))


def main() -> None:
    """Print one JSON object: for every arm what was tried, with success and return, and the best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="grasp", choices=list(SETTINGS))
    parser.add_argument("--split", default="T0")
    parser.add_argument("--arms", nargs="+", help="default: all that have settings")
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--checkpoints", type=int, nargs="+", default=[0, 2, 5, 10])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    given = parser.parse_args()
    rest = given.tasks, given.episodes, tuple(given.checkpoints), given.runs, True
    out: dict[str, Any] = {"suite": given.suite, "split": given.split, "held_out": protocol.VALIDATION}
    out |= {name: getattr(given, name) for name in ("tasks", "episodes", "checkpoints")}
    choices = SETTINGS[given.suite]
    for arm in given.arms or choices:
        require("arm", arm, tuple(choices))
        plan = Plan(given.suite, given.split, (arm,), (0,), *rest)
        tries = [settings | tried(plan, settings) for settings in choices[arm]]
        out[arm] = {"tried": tries, "best": best(given.suite, arm, tries)}
        print(json.dumps({arm: out[arm]}), flush=True)
    print(json.dumps(out))
    if given.out is not None:
        given.out.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
