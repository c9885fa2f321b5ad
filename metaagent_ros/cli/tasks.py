"""``metaagent tasks``: what there is to do, split by split, as a table and as pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaagent_ros.cli.shared import fail

if TYPE_CHECKING:
    from sim_envs.spec import Task

EPILOG = "Splits: T0 train; unseen are in T1 places, T2 dynamics, T3 objects, T4 words, T5 a task family."
FOLDER = Path("runs/tasks")


def command(
    split: Annotated[str | None, typer.Option(help="T0 to T5; default: all of them")] = None,
    robot: Annotated[str | None, typer.Option(help="only this robot's tasks")] = None,
    count: Annotated[int, typer.Option(min=1, help="of each split, at most")] = 12,
    seed: Annotated[
        int | None, typer.Option(min=0, help="draw tasks from this seed; default: the committed manifest")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder of the contact sheets")] = FOLDER,
    pictures: Annotated[bool, typer.Option(help="draw a contact sheet for each split")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print each task as a line of JSON only")] = False,
) -> None:
    """List the tasks; ``metaagent play T2:7`` plays the seventh of the manifest of T2."""
    from sim_envs.distribution import ManifestError
    from sim_envs.spec import SpecError, require
    from sim_envs.splits import SPLITS

    try:
        if split is not None:
            require("split", split, tuple(SPLITS))
        for name in [split] if split else SPLITS:
            labels, tasks = _choose(name, robot, count, seed)
            if as_json:
                for label, task in zip(labels, tasks, strict=True):
                    print(json.dumps({"id": label} | task.to_dict()))
            else:
                _show(name, labels, tasks)
            if pictures and tasks:
                _draw(name, labels, tasks, out, not as_json)
    except (SpecError, ManifestError, OSError) as error:
        raise fail(str(error)) from None


def _choose(split: str, robot: str | None, count: int, seed: int | None) -> tuple[list[str], list[Task]]:
    """Labels and tasks: of the manifest, or drawn."""
    import numpy as np

    from sim_envs import ROBOT_TASKS
    from sim_envs.distribution import TaskDistribution, shipped
    from sim_envs.spec import require

    if robot is not None:
        require("robot", robot, tuple(ROBOT_TASKS))
    if seed is not None:
        robots = tuple(ROBOT_TASKS) if robot is None else (robot,)
        drawn = TaskDistribution(split, robots).sample(count, np.random.default_rng(seed))
        return [f"{split}, seed {seed}, {number}" for number in range(1, count + 1)], list(drawn)
    rows = [(f"{split}:{n}", task) for n, task in enumerate(shipped(split).tasks, 1)]
    rows = [row for row in rows if robot in (None, row[1].robot)][:count]
    return [label for label, _ in rows], [task for _, task in rows]


def _show(split: str, labels: Sequence[str], tasks: Sequence[Task]) -> None:
    from rich.console import Console
    from rich.table import Table

    from sim_envs.splits import SPLITS

    table = Table(title=f"{split}: {_title(SPLITS[split])}")
    for column in ("id", "robot", "task", "seed"):
        table.add_column(column, no_wrap=True)
    table.add_column("instruction")
    for label, task in zip(labels, tasks, strict=True):
        table.add_row(label, task.robot, task.name, str(task.seed), task.instruction)
    Console().print(table)


def _title(unseen: str | None) -> str:
    return f"unseen {unseen}" if unseen else "for training"


def _draw(split: str, labels: Sequence[str], tasks: Sequence[Task], out: Path, say: bool) -> None:
    from sim_envs.sheets import contact_sheet
    from sim_envs.splits import SPLITS

    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{split}.png"
    contact_sheet(tasks, labels, f"{split}: {_title(SPLITS[split])}", path)
    if say:
        print(path)
