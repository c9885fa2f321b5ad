"""A replay as JSON, and as one HTML page that opens anywhere: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metaagent_ros.recording.replay import Replay, Replayed
from sim_envs.atomic import write_atomically

RECORDED, RECOMPUTED = "#2563a8", "#c26a00"
_ROW = 1.5  # [inch] of one column's curve


def as_json(result: Replay, tolerance: float, bag: str, policy: str) -> dict[str, Any]:
    """Plain values: overall and by run; what there is none of is null."""
    largest = [v for run in result.runs for v in run.largest().values() if math.isfinite(v)]
    return {
        "bag": bag,
        "complete": result.complete,
        "robot": result.robot,
        "policy": policy or "as recorded",
        "tolerance": tolerance,
        "same": result.same(tolerance),
        "largest": max(largest, default=None),
        "runs": [_run(run, tolerance) for run in result.runs],
    }


def _run(run: Replayed, tolerance: float) -> dict[str, Any]:
    first = run.first(tolerance)
    return {
        "run_id": run.run_id,
        "skill": run.skill,
        "ticks": len(run.times),
        "compared": run.compared,
        "same": run.same(tolerance),
        "largest": {name: _number(v) for name, v in run.largest().items()},
        "rms": {name: _number(v) for name, v in run.rms().items()},
        "first": None if first is None else asdict(first),
        "ended": {"recorded": run.ended, "recomputed": run.again},
        "notes": list(run.notes),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write(path: Path, result: Replay, summary: dict[str, Any]) -> None:
    """The page of a replay; ``summary`` is what :func:`as_json` made of it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("metaagent_ros.recording", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda v: "–" if v is None else f"{v:.3g}"
    pictures = [base64.b64encode(curves(run)).decode() if len(run.times) else "" for run in result.runs]
    page = environment.get_template("report.html.j2").render(summary=summary, pictures=pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page.encode())


def curves(run: Replayed) -> bytes:
    """Recorded and recomputed commands of a run over time, one row for each column, as SVG."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    count = len(run.columns)
    figure = Figure(figsize=(9.0, _ROW * count + 0.6), layout="constrained")
    FigureCanvasSVG(figure)
    for number, name in enumerate(run.columns):
        axes = figure.add_subplot(count, 1, number + 1)
        axes.plot(
            run.times, run.recorded[:, number], color=RECORDED, linewidth=2.4, alpha=0.6, label="recorded"
        )
        axes.plot(run.times, run.recomputed[:, number], color=RECOMPUTED, linewidth=0.9, label="recomputed")
        axes.set_ylabel(name.replace(" [", "\n["), fontsize=8)
        axes.tick_params(labelsize=8, labelbottom=number == count - 1)
        axes.grid(color="#e3e5e8", linewidth=0.6)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if number == 0:
            axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        if number == count - 1:
            axes.set_xlabel("time in the run [s]", fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
