"""``metaagent evaluate``: adaptation curves of every arm on held-out tasks, with intervals and a report."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

if TYPE_CHECKING:
    from metaagent_ros.evaluation.protocol import Cell, CellResult
    from metaagent_ros.evaluation.rows import Evaluation

EPILOG = "`metaagent evaluate language` compares the parsers instead."


def command(
    suite: Annotated[str, typer.Option(help="grasp or navigate")] = "grasp",
    split: Annotated[str, typer.Option(help="T0 (seen), T1 (places), T2 (dynamics), T3 (objects)")] = "T2",
    arms: Annotated[str, typer.Option(help="separated by commas; default: all")] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="runs: seeds 0 to N - 1")] = 5,
    tasks: Annotated[int, typer.Option(min=1, help="held-out tasks")] = 8,
    episodes: Annotated[int, typer.Option(min=1, help="fresh episodes that judge each checkpoint")] = 10,
    checkpoints: Annotated[str, typer.Option(help="adaptation episodes before judging")] = "0,1,2,5,10,20",
    runs: Annotated[
        Path | None,
        typer.Option(help="folder with one `metaagent train` a seed (seed0, seed1, ...); default: shipped"),
    ] = None,
    validation: Annotated[bool, typer.Option(help="other tasks of the split, for tuning")] = False,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = min(2, os.cpu_count() or 1),
    out: Annotated[Path | None, typer.Option(help="folder for report.html and Parquet files")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON only")] = False,
) -> None:
    """Success and return at 0, 1, 2, 5, 10 and 20 adaptation episodes: IQM with bootstrap intervals."""
    from metaagent_ros.evaluation import protocol, report, store
    from metaagent_ros.evaluation.arms import arms_of
    from metaagent_ros.evaluation.summary import summarise, table
    from metaagent_ros.policies.files import PolicyFileError
    from sim_envs.spec import SpecError

    chosen = arms_of(runs) if arms == "all" else tuple(arm.strip() for arm in arms.split(",") if arm.strip())
    try:
        plan = protocol.Plan(
            suite,
            split,
            chosen,
            tuple(range(seeds)),
            tasks,
            episodes,
            _numbers(checkpoints),
            runs,
            validation,
        )
        results = protocol.evaluate(plan, workers, on_cell=_quiet if as_json else _show)
        evaluation = protocol.gathered(plan, results, " ".join(["metaagent", *sys.argv[1:]]))
        summary = summarise(evaluation)
        summary["hard"] = _hard(evaluation)
    except (SpecError, PolicyFileError, ValueError) as error:
        raise fail(str(error)) from None
    if out is not None:
        store.write(out, evaluation, summary)
        report.write(out / "report.html", summary)
    if as_json:
        print(json.dumps(summary))
        return
    print(table(summary))
    if summary["hard"] is not None:
        print(f"\nOnly the {len(summary['hard']['tasks'])} tasks that no arm mostly solves at once:")
        print(table(summary["hard"]))
    if out is not None:
        print(f"report: {out / 'report.html'}")


def _hard(evaluation: Evaluation) -> dict[str, Any] | None:
    from metaagent_ros.evaluation.hard import hard_tasks, only
    from metaagent_ros.evaluation.summary import summarise

    tasks = hard_tasks(evaluation)
    return summarise(only(evaluation, tasks)) if tasks else None


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"checkpoints are {text!r}; allowed: whole numbers separated by commas") from None


def _quiet(cell: Cell, result: CellResult) -> None:
    pass


def _show(cell: Cell, result: CellResult) -> None:
    curve = {cost.trials: 0.0 for cost in result.costs}
    for row in result.outcomes:
        curve[row.trials] += row.success / cell.plan.episodes
    spent = result.costs[-1]
    print(
        f"seed {cell.seed}  task {cell.task} {result.outcomes[0].skill:<11}{cell.arm:<14}"
        f"{' '.join(f'{v:.2f}' for v in curve.values())}  {spent.env_steps} steps  {spent.cpu_seconds:.1f} s",
        flush=True,
    )
