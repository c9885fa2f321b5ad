"""The protocol: held-out tasks, each adapted from each start with the same budget, then judged afresh."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metaagent_ros.evaluation.statistics import estimate
from metaagent_ros.meta.adaptation import TRIAL_STEPS, Budget, adapt, judge
from metaagent_ros.meta.tasks import TaskEnv, draw_tasks
from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import family

HELD_OUT = 10_000  # seeds of tasks from here on; training draws from (seed, iteration) pairs
_FRESH_SEED = 300_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One task, one start, one seed: success before and after, and the curve in between.

    ``curve`` is the success rate before any trial and after each; adaptation ends early at 1.0, so the
    last value stands for the trials that were not needed. ``before`` and ``after`` (the policy that
    adaptation chose) are over fresh episodes that adaptation has not seen.
    """

    arm: str
    task: int
    skill: str
    seed: int
    before: float
    after: float
    curve: tuple[float, ...]
    env_steps: int
    seconds: float


def evaluate(
    robot: str,
    arms: dict[str, PolicyFile],
    tasks: int,
    seeds: int,
    trials: int,
    episodes: int = 20,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Every arm on the same ``tasks`` held-out tasks and ``seeds``; raises ``PolicyFileError``."""
    kin, rows = family(robot), []
    env = TaskEnv(kin)
    drawn = draw_tasks(kin, tasks, np.random.default_rng(HELD_OUT))
    for number, task in enumerate(drawn):
        env.play(task)
        for name, start in arms.items():
            for seed in range(seeds):
                result = adapt(start, env, Budget(trials, 3600.0), seed)
                curve = [t.success_rate for t in result.curve]
                curve += curve[-1:] * (trials + 1 - len(curve))
                before, after = (judge(f, env, episodes, _FRESH_SEED)[0] for f in (start, result.policy))
                last = result.curve[-1]
                rows.append(
                    Row(
                        name,
                        number,
                        task.skill,
                        seed,
                        before,
                        after,
                        tuple(curve),
                        last.env_steps,
                        last.seconds,
                    )
                )
                on_row(rows[-1])
    env.close()
    return rows


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """IQM of success with 95 % intervals before and after adaptation, and the mean curve, by arm."""
    table: dict[str, list[Row]] = {}
    for row in rows:
        table.setdefault(row.arm, []).append(row)
    out: dict[str, Any] = {"trial_steps": TRIAL_STEPS}
    for arm, mine in table.items():
        shape = (len({r.task for r in mine}), len({r.seed for r in mine}))
        scores = {k: np.array([getattr(r, k) for r in mine]).reshape(shape).T for k in ("before", "after")}
        out[arm] = {k: asdict(estimate(v)) | {"mean": float(v.mean())} for k, v in scores.items()}
        out[arm]["curve"] = np.mean([r.curve for r in mine], axis=0).round(4).tolist()
        out[arm]["env_steps"] = float(np.mean([r.env_steps for r in mine]))
        out[arm]["seconds"] = float(np.mean([r.seconds for r in mine]))
    return out
