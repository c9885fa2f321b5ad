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

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "scratch": [{"rate": 1e-4}, {"rate": 3e-4}, {"rate": 1e-3}],
    "finetune": [{"rate": 1e-6}, {"rate": 3e-6}, {"rate": 1e-5}],
    "context": [{"rate": 2e-6}, {"rate": 5e-6}, {"rate": 1.5e-5}],
    "reptile": [{"rate": 2e-6}, {"rate": 5e-6}, {"rate": 1.5e-5}],
    "search": [{"spread": 0.3}, {"spread": 0.5}, {"spread": 0.8}],
    "infer": [{"noise": 0.0}, {"noise": 0.1}, {"noise": 0.25}],
    "infer_blind": [{"noise": 0.0}, {"noise": 0.1}, {"noise": 0.25}],
}


def tried(plan: Plan, settings: dict[str, Any]) -> list[float]:
    """Mean success at every checkpoint."""
    name = plan.arms[0]
    shipped = ARMS[name]
    ARMS[name] = dataclasses.replace(shipped, settings={**shipped.settings, **settings})
    try:
        rows = [row for cell in cells(plan) for row in run_cell(cell).outcomes]
    finally:
        ARMS[name] = shipped
    return [float(np.mean([r.success for r in rows if r.trials == n])) for n in plan.checkpoints]


def main() -> None:
    """Print one JSON object: for every arm its settings with success at each checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default="grasp")
    parser.add_argument("--split", default="T0")
    parser.add_argument("--arms", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--checkpoints", type=int, nargs="+", default=[0, 2, 5, 10])
    parser.add_argument("--runs", type=Path)
    given = parser.parse_args()
    rest = given.tasks, given.episodes, tuple(given.checkpoints), given.runs, True
    out: dict[str, Any] = {"suite": given.suite, "split": given.split, "held_out": protocol.VALIDATION}
    for arm in given.arms:
        plan = Plan(given.suite, given.split, (arm,), (0,), *rest)
        out[arm] = [settings | {"success": tried(plan, settings)} for settings in SETTINGS[arm]]
        print(json.dumps({arm: out[arm]}), flush=True)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
