"""Contact sheets: how the tasks of a split look at their start, each with its instruction."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs import make_env
from sim_envs.distribution import begin
from sim_envs.spec import Task

COLUMNS = 4
WIDTH = 3.2  # [inch] of one picture
CAPTION = 0.9  # [inch] below it
HEAD = 0.5  # [inch] above them all
LETTERS = 50  # in a line of a caption


def first_frames(tasks: Sequence[Task]) -> list[NDArray[np.uint8]]:
    """The picture (360, 480, 3) of each task's start."""
    made: dict[tuple[str, str], Any] = {}
    try:
        pictures = []
        for task in tasks:
            key = task.robot, task.name
            if key not in made:
                made[key] = make_env(task.robot, [task.name], render_mode="rgb_array")
            begin(made[key], task)
            pictures.append(np.asarray(made[key].render()))
        return pictures
    finally:
        for env in made.values():
            env.close()


def contact_sheet(tasks: Sequence[Task], labels: Sequence[str], title: str, path: Path) -> None:
    """Draw the tasks' first frames in a grid, ``labels`` and instructions below them, to a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    cell = WIDTH * 0.75 + CAPTION
    height = rows * cell + HEAD
    figure = Figure(figsize=(columns * WIDTH, height), dpi=100)
    figure.text(0.5, 1.0 - 0.2 / height, title, ha="center", va="center", fontsize=13)
    for number, (task, label, picture) in enumerate(zip(tasks, labels, first_frames(tasks), strict=True)):
        row, column = divmod(number, columns)
        top = height - HEAD - row * cell
        left, low = (column + 0.02) / columns, (top - WIDTH * 0.75) / height
        axes = figure.add_axes((left, low, 0.96 / columns, 0.72 * WIDTH / height))
        axes.imshow(picture)
        axes.set_axis_off()
        said = "\n".join(textwrap.wrap(task.instruction, LETTERS, break_on_hyphens=False))
        below = low - 0.05 / height
        head = f"{label}  {task.robot}, {task.name}"
        figure.text(left, below, head, va="top", fontsize=7.5, color="#555555")
        figure.text(left, below - 0.15 / height, said, va="top", fontsize=8)
    FigureCanvasAgg(figure)
    figure.savefig(str(path))
