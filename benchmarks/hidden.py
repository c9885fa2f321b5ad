"""How much of the hidden part a policy tuned for the nominal survives, and what the tasks' scores range over.

The same scripted expert acts on what is true (it knows what is hidden) and on what is measured (it believes
that nothing is); random actions give the lower end of a normalised score.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sim_envs import ROBOT_TASKS, make_env
from sim_envs.spec import NOMINAL, Hidden

Chooser = Callable[[Any], np.ndarray[Any, Any]]
WHO: dict[str, Chooser] = {
    "expert": lambda env: env.expert(),
    "nominal": lambda env: env.naive_expert(),
    "random": lambda env: env.action_space.sample(),
}


def rate(env: Any, who: str, hidden: Hidden | str, episodes: int) -> dict[str, float]:
    """Success and mean return over seeded episodes."""
    solved, returns = 0, 0.0
    env.action_space.seed(0)
    for seed in range(episodes):
        env.reset(seed=10_000 + seed, options={"hidden": hidden})
        over = False
        while not over:
            _, reward, terminated, truncated, info = env.step(WHO[who](env))
            returns, over = returns + reward, terminated or truncated
        solved += info["is_success"]
    return {"success": round(solved / episodes, 3), "return": round(returns / episodes, 2)}


def table(robot: str, episodes: int) -> dict[str, Any]:
    """All tasks of a robot: who, on the nominal and on drawn hidden parts, and one parameter at a time."""
    out: dict[str, Any] = {}
    for task in ROBOT_TASKS[robot]:
        env = make_env(robot, [task])
        rows: dict[str, Any] = {
            f"{who}, {name}": rate(env, who, hidden, episodes)
            for who in WHO
            for name, hidden in (("nothing hidden", NOMINAL), ("drawn", "sample"))
        }
        for name, (low, high) in env.ranges.items():
            ends = [dataclasses.replace(NOMINAL, **{name: value}) for value in (low, high)]
            worst = min(rate(env, "nominal", end, max(episodes // 3, 5))["success"] for end in ends)
            rows[f"nominal, only {name} at its worse end"] = {"success": worst}
        out[task] = rows
        env.close()
    return out


def main() -> None:
    """Print one JSON object; ``--out`` writes it too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", nargs="+", default=["panda", "diffbot"], choices=tuple(ROBOT_TASKS))
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    text = json.dumps({robot: table(robot, given.episodes) for robot in given.robots}, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
