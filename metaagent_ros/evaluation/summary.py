"""From rows to figures: adaptation curves, costs, break-even and where an arm does not help.

An arm's scores at a checkpoint form a table (seeds, tasks): a task's success rate and mean return over its
fresh episodes. ``docs/evaluation.md`` defines every figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from metaagent_ros.evaluation.rows import Cost, Evaluation, Outcome, Training
from metaagent_ros.evaluation.statistics import Array, estimate, improvement, mean_estimate, profile

BASELINE = "finetune"
LEVEL = 0.8  # success rate that counts as having learned the tasks
PROFILE_TRIALS = 5
NO_HELP_TRIALS = 10
TAUS = tuple(n / 20 for n in range(21))  # success rates
COSTS = ("env_steps", "gradient_steps", "cpu_seconds")

Cell: TypeAlias = tuple[str, int]  # skill and number of a held-out task


@dataclass(frozen=True, slots=True)
class Scores:
    """One arm at one checkpoint: success rate and mean return, (seeds, tasks)."""

    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
    success: Array
    total: Array

    def part(self, seeds: Sequence[int], cells: Sequence[Cell]) -> Scores:
        """The rows and columns of those seeds and tasks, in that order."""
        pick = np.ix_([self.seeds.index(s) for s in seeds], [self.cells.index(c) for c in cells])
        return Scores(tuple(seeds), tuple(cells), self.success[pick], self.total[pick])


ArmScores: TypeAlias = Mapping[int, Scores]  # by number of adaptation episodes


def collect(outcomes: Iterable[Outcome]) -> dict[str, dict[int, Scores]]:
    """Score tables by arm and checkpoint; raises ``ValueError`` where an arm's table has a hole."""
    found: dict[str, dict[tuple[int, int, Cell], list[Outcome]]] = {}
    for row in outcomes:
        cells = found.setdefault(row.arm, defaultdict(list))
        cells[row.trials, row.seed, (row.skill, row.task)].append(row)
    if not found:
        raise ValueError("the evaluation has no outcome; nothing can be summarised")
    return {arm: _tables(arm, episodes) for arm, episodes in found.items()}


def _tables(arm: str, episodes: Mapping[tuple[int, int, Cell], list[Outcome]]) -> dict[int, Scores]:
    trials, seeds, cells = (tuple(sorted(set(axis))) for axis in zip(*episodes, strict=True))
    tables = {}
    for count in trials:
        success, total = np.zeros((2, len(seeds), len(cells)))
        for i, seed in enumerate(seeds):
            for j, (skill, task) in enumerate(cells):
                rows = episodes.get((count, seed, (skill, task)))
                if not rows:
                    raise ValueError(
                        f"arm {arm!r} has no episode of {skill} task {task}, seed {seed}, after {count} "
                        "trials; every seed must play every task at every checkpoint"
                    )
                success[i, j] = np.mean([row.success for row in rows])
                total[i, j] = np.mean([row.total for row in rows])
        tables[count] = Scores(seeds, cells, success, total)
    return tables


def summarise(evaluation: Evaluation, baseline: str = BASELINE, level: float = LEVEL) -> dict[str, Any]:
    """All figures of an evaluation, JSON-ready; ``None`` where a figure does not exist."""
    suites = sorted({f"{row.suite}, {row.split}" for row in evaluation.outcomes})
    if len(suites) > 1:
        raise ValueError(f"the evaluation mixes {'; '.join(suites)}; summarise one suite and split at a time")
    scores = collect(evaluation.outcomes)
    arms = {
        arm: _arm(by_trials, _of(evaluation.costs, arm), _of(evaluation.training, arm), level)
        for arm, by_trials in scores.items()
    }
    reference = scores.get(baseline)
    for arm, made in arms.items():
        other = None if arm == baseline else reference
        for point in made["curve"]:
            point["improvement"] = _improvement(scores[arm], other, point["trials"])
        made["break_even"] = {
            cost: _break_even(made, arms[baseline], cost) if other else None
            for cost in ("env_steps", "cpu_seconds")
        }
    cells = sorted({cell for by_trials in scores.values() for s in by_trials.values() for cell in s.cells})
    return {
        "suite": evaluation.outcomes[0].suite,
        "split": evaluation.outcomes[0].split,
        "tasks": [{"skill": skill, "task": task} for skill, task in cells],
        "seeds": sorted({row.seed for row in evaluation.outcomes}),
        "episodes": max(row.episode for row in evaluation.outcomes) + 1,
        "baseline": baseline,
        "baseline_present": reference is not None,
        "level": level,
        "arms": arms,
        "no_help": _no_help(scores, baseline),
        "inertness": dict(evaluation.inertness),
        "settings": dict(evaluation.settings),
    }


def _of(rows: Sequence[Any], arm: str) -> list[Any]:
    return [row for row in rows if row.arm == arm]


def _arm(scores: ArmScores, costs: list[Cost], training: list[Training], level: float) -> dict[str, Any]:
    first = next(iter(scores.values()))
    paid = mean_cost(training)
    curve = []
    for trials, table in scores.items():
        spent = mean_cost(c for c in costs if c.trials == trials)
        if spent is None and trials == 0:
            spent = dict.fromkeys(COSTS, 0.0)  # nothing was done yet
        whole = {k: paid[k] + len(first.cells) * spent[k] for k in COSTS} if paid and spent else None
        curve.append({"trials": trials, **_figures(table), "adaptation": spent, "total": whole})
    judged = checkpoint(scores, PROFILE_TRIALS)
    shares = asdict(profile(scores[judged].success, TAUS))
    return {
        "seeds": len(first.seeds),
        "tasks": len(first.cells),
        "training": paid,
        "curve": curve,
        "skills": {skill: _skill(scores, skill) for skill in sorted({skill for skill, _ in first.cells})},
        "trials_to": _trials_to(scores, level),
        "profile": {"trials": judged} | {name: list(values) for name, values in shares.items()},
    }


def mean_cost(rows: Iterable[Cost | Training]) -> dict[str, float] | None:
    """Mean environment steps, gradient steps and CPU time [s] of the rows; None where there are none."""
    paid = list(rows)
    return {name: float(np.mean([getattr(row, name) for row in paid])) for name in COSTS} if paid else None


def checkpoint(scores: ArmScores, wanted: int) -> int:
    """The last checkpoint that is not after ``wanted``; the first one where all are after it."""
    return max((trials for trials in scores if trials <= wanted), default=min(scores))


def _figures(table: Scores) -> dict[str, Any]:
    return {
        name: {"iqm": asdict(estimate(values)), "mean": asdict(mean_estimate(values))}
        for name, values in (("success", table.success), ("return", table.total))
    }


def _skill(scores: ArmScores, skill: str) -> list[dict[str, Any]]:
    points = []
    for trials, table in scores.items():
        cells = [cell for cell in table.cells if cell[0] == skill]
        points.append({"trials": trials, **_figures(table.part(table.seeds, cells))})
    return points


def _trials_to(scores: ArmScores, level: float) -> dict[str, Any]:
    """First checkpoint at which mean success is ``level`` or more: over all tasks, and by task.

    A task that never gets there counts as infinite in the median, which is None where it is infinite.
    """
    table = np.stack([s.success.mean(axis=0) for s in scores.values()])  # (checkpoints, tasks)
    reached = [trials for trials, row in zip(scores, table, strict=True) if _reaches(row.mean(), level)]
    by_task = np.full(table.shape[1], np.inf)
    for trials, row in reversed(list(zip(scores, table, strict=True))):
        by_task[_reaches(row, level)] = trials
    median = float(np.sort(by_task)[[(by_task.size - 1) // 2, by_task.size // 2]].mean())
    return {
        "level": level,
        "trials": reached[0] if reached else None,
        "task_median": median if np.isfinite(median) else None,
        "tasks_reached": float(np.isfinite(by_task).mean()),
    }


def _reaches(rates: Any, level: float) -> Any:
    return rates >= level - 1e-9  # a mean of 4 in 5 may be a rounding error short of 0.8


def _common(ours: Scores, theirs: Scores) -> tuple[Scores, Scores] | None:
    seeds = [seed for seed in ours.seeds if seed in theirs.seeds]
    cells = [cell for cell in ours.cells if cell in theirs.cells]
    return (ours.part(seeds, cells), theirs.part(seeds, cells)) if seeds and cells else None


def _improvement(scores: ArmScores, baseline: ArmScores | None, trials: int) -> dict[str, float] | None:
    """Over the seeds and tasks that both have at that checkpoint."""
    if baseline is None or trials not in baseline:
        return None
    pairs = _common(scores[trials], baseline[trials])
    return asdict(improvement(pairs[0].success, pairs[1].success)) if pairs else None


def _break_even(arm: Mapping[str, Any], baseline: Mapping[str, Any], cost: str) -> dict[str, Any]:
    """Number of tasks after which the arm's dearer start has paid for itself.

    (training of the arm - training of the baseline) / (what the baseline spends on a task until the level -
    what the arm spends). A baseline that never gets there has spent at least its last checkpoint's cost, and
    then the number is an upper bound (``at_most``). None where nothing is saved or an arm never gets there.
    """
    made: dict[str, Any] = {"tasks": None, "at_most": False, "extra": None, "saved": None}
    if arm["training"] and baseline["training"]:
        made["extra"] = arm["training"][cost] - baseline["training"][cost]
    ours, theirs = _spent(arm, cost), _spent(baseline, cost)
    if theirs is None:
        last = baseline["curve"][-1]["adaptation"]
        theirs, made["at_most"] = (last[cost], ours is not None) if last else (None, False)
    if ours is not None and theirs is not None:
        made["saved"] = theirs - ours
    extra, saved = made["extra"], made["saved"]
    if extra is not None and saved is not None:
        if saved > 0.0:
            made["tasks"] = max(0.0, extra / saved)
        elif saved == 0.0 and extra < 0.0:
            made["tasks"] = 0.0
    return made


def _spent(arm: Mapping[str, Any], cost: str) -> float | None:
    """What the arm spends on a task until it reaches the level; None where it never does."""
    point = next((p for p in arm["curve"] if p["trials"] == arm["trials_to"]["trials"]), None)
    return float(point["adaptation"][cost]) if point and point["adaptation"] else None


def _no_help(scores: Mapping[str, ArmScores], baseline: str) -> dict[str, Any]:
    """The (skill, task) cells of each arm whose success is not above the baseline's, with both rates."""
    made: dict[str, Any] = {"trials": None, "compared": {}, "cells": []}
    if baseline not in scores:
        return made
    trials = made["trials"] = checkpoint(scores[baseline], NO_HELP_TRIALS)
    for arm, by_trials in scores.items():
        pairs = _common(by_trials[trials], scores[baseline][trials]) if trials in by_trials else None
        if arm == baseline or pairs is None:
            continue
        made["compared"][arm] = len(pairs[0].cells)
        means = (table.success.mean(axis=0) for table in pairs)
        for (skill, task), ours, theirs in zip(pairs[0].cells, *means, strict=True):
            if ours <= theirs:
                row = {"arm": arm, "skill": skill, "task": task}
                made["cells"].append(row | {"success": float(ours), "baseline": float(theirs)})
    return made


def table(summary: Mapping[str, Any]) -> str:
    """One arm a line: training, IQM of success at each checkpoint, trials to the level, improvement."""
    trials = sorted({point["trials"] for arm in summary["arms"].values() for point in arm["curve"]})
    head = ["arm", "training steps", *(f"success at {n}" for n in trials)]
    rows = [
        [*head, f"trials to {100 * summary['level']:g} %", f"P(> {summary['baseline']}) at {PROFILE_TRIALS}"]
    ]
    for name, arm in summary["arms"].items():
        points = {point["trials"]: point for point in arm["curve"]}
        judged = points[arm["profile"]["trials"]]["improvement"]
        steps = "–" if arm["training"] is None else f"{arm['training']['env_steps']:,.0f}"
        success = [interval(points[n]["success"]["iqm"]) if n in points else "–" for n in trials]
        reached = arm["trials_to"]["trials"]
        rows.append([name, steps, *success, "never" if reached is None else str(reached), interval(judged)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{text:<{n}}" for text, n in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def interval(made: Mapping[str, float] | None) -> str:
    """``0.50 [0.40, 0.60]``, or a dash where there is no figure."""
    return "–" if made is None else f"{made['value']:.2f} [{made['low']:.2f}, {made['high']:.2f}]"
