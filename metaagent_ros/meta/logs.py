"""What a meta-training shows and records: a line an iteration, a bar on a terminal, JSONL, TensorBoard."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sim_envs.atomic import write_atomically

FILE = "log.jsonl"
BOARD = "tensorboard"


class RunLog:
    """One run's log in ``folder``; a context manager.

    ``log.jsonl`` has one object a line: ``iteration``, ``epsilon``, ``moved``, ``env_steps`` (of all
    iterations so far), ``seconds`` (wall time of this one), ``return``, ``success`` (0..1) and, where it was
    asked for, ``cosine``; what is not known is null. TensorBoard gets the same as scalars.
    """

    def __init__(
        self, folder: Path, done: int, total: int, say: Callable[[str], None] = print, bar: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._total, self._say = folder / FILE, total, say
        self._steps = self._cut(done)
        self._began, self._done, self._first = time.monotonic(), done, done
        self._own_steps = 0.0
        self._writer = _board(folder / BOARD, done)
        self._bar = _progress() if bar else None
        self._job = self._bar.add_task("reptile", total=total, completed=done, rate="") if self._bar else None

    def _cut(self, done: int) -> float:
        """Take lines after iteration ``done`` out: those iterations run again. Returns the steps so far."""
        if not self._path.exists():
            return 0.0
        rows = [_row(line) for line in self._path.read_text().splitlines()]
        kept = [row for row in rows if row is not None and row["iteration"] <= done]
        if len(kept) != len(rows):
            text = "".join(json.dumps(row) + "\n" for row in kept)
            write_atomically(self._path, text.encode())
        return float(kept[-1]["env_steps"]) if kept else 0.0

    def iteration(self, number: int, metrics: Mapping[str, float], seconds: float) -> None:
        """Record iteration ``number`` (from 1)."""
        self._steps += metrics["env_steps"]
        self._own_steps += metrics["env_steps"]
        self._done = number
        row = {"iteration": number, **metrics, "env_steps": self._steps, "seconds": round(seconds, 3)}
        with self._path.open("a") as file:
            file.write(json.dumps({k: v if math.isfinite(v) else None for k, v in row.items()}) + "\n")
        if self._writer is not None:
            for name, value in row.items():
                if name != "iteration" and math.isfinite(value):
                    self._writer.add_scalar(f"reptile/{name}", value, number)
            self._writer.flush()

    def show(self, metrics: Mapping[str, float]) -> None:
        """A line on the last iteration; on a terminal the bar moves too."""
        spent = max(time.monotonic() - self._began, 1e-9)
        rate, left = self._own_steps / spent, self._total - self._done
        parts = [f"reptile {self._done}/{self._total}", f"moved {metrics['moved']:.4f}"]
        parts += [
            f"{name} {metrics[name]:.2f}"
            for name in ("return", "success", "cosine")
            if math.isfinite(metrics.get(name, math.nan))
        ]
        parts += [f"{rate:.0f} steps/s"]
        if left:
            parts.append(f"{clock(left * spent / (self._done - self._first))} left")
        self._say("  ".join(parts))
        if self._bar is not None and self._job is not None:
            self._bar.update(self._job, completed=self._done, rate=f"{rate:.0f} steps/s")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._writer is not None:
            self._writer.close()


def totals(folder: Path) -> dict[str, float]:
    """Of a run's log: ``env_steps``, wall ``seconds``, the mean ``cosine`` (nan where none was logged)."""
    path = folder / FILE
    rows = [_row(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = [row for row in rows if row is not None]
    cosines = [row["cosine"] for row in known if row.get("cosine") is not None]
    return {
        "env_steps": float(known[-1]["env_steps"]) if known else 0.0,
        "seconds": sum(float(row["seconds"]) for row in known),
        "cosine": sum(cosines) / len(cosines) if cosines else math.nan,
    }


def clock(seconds: float) -> str:
    """``42 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _row(line: str) -> dict[str, Any] | None:
    """A line that was cut off by a kill is none."""
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return row


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description} {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}"),
    )


def _board(folder: Path, done: int) -> Any:
    """TensorBoard's writer, with what lies after iteration ``done`` purged; None without TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: Any = SummaryWriter(str(folder), purge_step=done + 1)
    return writer
