"""The tasks on which there is something to adapt to: where nothing that is tried at once mostly works."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from metaagent_ros.evaluation.rows import Evaluation

LEVEL = 0.6
INFORMED = ("oracle",)  # is given what is hidden, so it does not say what works at once


def hard_tasks(evaluation: Evaluation, level: float = LEVEL) -> tuple[int, ...]:
    """The tasks where every arm's success before any trial, over all seeds, is at most ``level``."""
    seen: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for row in evaluation.outcomes:
        if row.trials == 0 and row.arm not in INFORMED:
            seen[row.task, row.arm].append(row.success)
    best: dict[int, float] = defaultdict(float)
    for (task, _), successes in seen.items():
        best[task] = max(best[task], sum(successes) / len(successes))
    return tuple(sorted(task for task, rate in best.items() if rate <= level))


def only(evaluation: Evaluation, tasks: tuple[int, ...]) -> Evaluation:
    """The rows of those tasks; what training had cost stays as it is."""
    return replace(
        evaluation,
        outcomes=tuple(row for row in evaluation.outcomes if row.task in tasks),
        costs=tuple(row for row in evaluation.costs if row.task in tasks),
        settings={**evaluation.settings, "only_tasks": list(tasks)},
    )
