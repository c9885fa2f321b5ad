"""Success zero-shot, adapted in the twin and adapted on the robot, on three stand-ins for a robot.

``python -m benchmarks.on_robot [--robot NAME] [--limits real] [--json] [--out FILE] [--scenes N]``.

``same``: the simulator that the twin is a copy of. ``other``: the same physics with another draw of all
that is hidden. ``mujoco``: that draw in MuJoCo, a robot that PyBullet did not make. Runs through the ROS-free
core (the nodes' own runner and guard around the simulation, :mod:`metaagent_ros.control.simulated_robot`),
faster than real time. Each policy is then tried on the same fresh scenes, a little different from those of
the session. ``--limits real``: within the accelerations of a real arm's data sheet, unknown to training.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import machine

SENTENCES = {
    "panda": ("pick up the red cube", "put the green cylinder in the left bin"),
    "diffbot": ("drive to the charger", "go to the door"),
}
WORLDS = {"same": ("bullet", 0), "other": ("bullet", 100), "mujoco": ("mujoco", 100)}
"""Physics, and what is added to the twin's hidden seed."""
ARMS = ("zero_shot", "twin", "session")
FRESH = 1000  # numbers of the fresh scenes begin here; those of a session at 1
SECONDS = 600.0  # [s] of a session at most
_SAMPLES = 10_000


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True)
class Setting:
    """The robot, its limits, the trials of a session and of a twin, the fresh scenes for each policy."""

    robot: str
    real_limits: bool
    trials: int
    tries: int


def scene_rows(seed: int, given: Setting) -> list[dict[str, Any]]:
    """Everything about one scene: a row for each world."""
    import torch

    from metaagent_ros.instructions.grounding import ground
    from metaagent_ros.instructions.rules import RuleParser
    from metaagent_ros.policies.files import PolicyFile, shipped_policy

    torch.set_num_threads(1)
    sentence = SENTENCES[given.robot][seed % 2]
    (step,) = RuleParser().parse(sentence).steps
    start = PolicyFile.load(shipped_policy(given.robot))

    def bind(scene: Any) -> Any:
        return ground(step, scene, given.robot)

    policies = {"zero_shot": start, "twin": in_twin(start, seed, bind, given)}
    return [{"sentence": sentence} | in_world(name, policies, seed, bind, given) for name in WORLDS]


def in_twin(start: Any, seed: int, bind: Any, given: Setting) -> Any:
    """The policy that adaptation in the twin finds, before the robot has moved."""
    from metaagent_ros.meta.adaptation import Budget, adapt, twin
    from sim_envs.simulation import make_simulation

    simulation = make_simulation(given.robot, seed, seed)
    scene = simulation.scene()
    simulation.close()
    env = twin(given.robot, seed, scene, bind(scene))
    try:
        return adapt(start, env, Budget(given.trials, SECONDS), seed).policy
    finally:
        env.close()


def in_world(world: str, policies: dict[str, Any], seed: int, bind: Any, given: Setting) -> dict[str, Any]:
    """A session on that robot, then all policies on its fresh scenes."""
    from metaagent_ros.control.inferring import BlindAdapter
    from metaagent_ros.control.session import Session, SessionBudget
    from metaagent_ros.control.simulated_robot import SimulatedRobot

    (physics, more), start = WORLDS[world], policies["zero_shot"]
    robot = SimulatedRobot(given.robot, seed, seed + more, bind, physics, given.real_limits)
    try:
        began = time.monotonic()
        budget = SessionBudget(given.trials, SECONDS)
        held = Session(robot, BlindAdapter(start, seed), start, budget).run()
        wall = time.monotonic() - began
        tried = policies | {"session": held.policy}
        rates = {name: success(robot, policy, given.tries) for name, policy in tried.items()}
        counts = robot.guard.counts
        return {
            "world": world, "scene": seed, **rates,
            "status": held.status, "message": held.message, "trials": len(held.curve),
            "version": held.version, "curve": [int(a.success) for a in held.curve],
            "rolled_back": sum(a.rolled_back for a in held.curve),
            "seconds": round(wall, 1), "passed": counts.passed, "limited": counts.limited,
            "rejected": counts.rejected, "slowed": counts.slowed,
        }  # fmt: skip
    finally:
        robot.close()


def success(robot: Any, policy: Any, tries: int) -> float:
    """Share of fresh scenes that a policy solves; a run that the guard ends is not solved."""
    from metaagent_ros.control.execution import Stopped

    solved = 0
    for number in range(FRESH, FRESH + tries):
        task = robot.restore(number, never)
        try:
            _, episode = robot.run(task, policy, never)
        except Stopped:
            continue
        solved += episode is not None and robot.judge(task, episode, never)
    return solved / tries


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean success of each arm in each world, with a 95 % bootstrap interval over scenes."""
    rng, out = np.random.default_rng(0), []
    for world in WORLDS:
        mine = [row for row in rows if row["world"] == world]
        if not mine:
            continue
        line: dict[str, Any] = {"world": world, "scenes": len(mine)}
        for arm in ARMS:
            values = np.array([row[arm] for row in mine])
            means = rng.choice(values, (_SAMPLES, len(values))).mean(axis=1)
            low, high = np.percentile(means, (2.5, 97.5))
            line[arm] = [round(float(v), 3) for v in (values.mean(), low, high)]
        line["trials"] = round(float(np.mean([row["trials"] for row in mine])), 2)
        line["statuses"] = {
            s: sum(r["status"] == s for r in mine) for s in sorted({r["status"] for r in mine})
        }
        out.append(line)
    return out


def table(lines: Sequence[dict[str, Any]]) -> str:
    """For reading."""
    head = f"{'robot':<8}{'scenes':>7}" + "".join(f"{arm:>22}" for arm in ARMS) + f"{'trials':>8}"
    rows = [
        f"{line['world']:<8}{line['scenes']:>7}"
        + "".join(f"{'{:.2f} [{:.2f}, {:.2f}]'.format(*line[arm]):>22}" for arm in ARMS)
        + f"{line['trials']:>8}"
        for line in lines
    ]
    return "\n".join([head, *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 where the session is at least as good as zero-shot on every robot, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_robot", description=__doc__)
    parser.add_argument("--robot", choices=tuple(SENTENCES), default="panda")
    parser.add_argument("--limits", choices=("simulated", "real"), default="simulated")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    parser.add_argument("--scenes", type=int, default=20, help="scenes, each on all three robots")
    parser.add_argument("--first", type=int, default=200, help="seed of the first scene, and of its twin")
    parser.add_argument("--trials", type=int, default=10, help="trials of a session, and in the twin")
    parser.add_argument("--tries", type=int, default=4, help="fresh scenes for each policy")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        seeds = range(given.first, given.first + given.scenes)
        setting = Setting(given.robot, given.limits == "real", given.trials, given.tries)
        jobs = [pool.submit(scene_rows, seed, setting) for seed in seeds]
        for number, job in enumerate(jobs, 1):
            rows += job.result()
            print(f"scene {number} of {given.scenes}", file=sys.stderr, flush=True)
    lines = summary(rows)
    asked = {n: getattr(given, n) for n in ("robot", "limits", "first", "scenes", "trials", "tries")}
    report = {"machine": machine(), **asked, "summary": lines, "rows": rows}
    text = json.dumps(report, indent=1)
    if given.out:
        given.out.write_text(text + "\n")
    print(text if given.json else table(lines))
    return 0 if all(line["session"][0] >= line["zero_shot"][0] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
