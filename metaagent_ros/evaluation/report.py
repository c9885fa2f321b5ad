"""The evidence as one HTML file that opens anywhere: made of a summary alone, pictures inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaagent_ros.evaluation.plots import pictures
from metaagent_ros.evaluation.rows import Evaluation
from metaagent_ros.evaluation.summary import PROFILE_TRIALS, checkpoint, interval, summarise
from sim_envs.atomic import write_atomically


def write(path: Path, evaluation: Evaluation | Mapping[str, Any]) -> None:
    """The page of an evaluation, or of a summary that :func:`summarise` made, into ``path``."""
    summary = summarise(evaluation) if isinstance(evaluation, Evaluation) else evaluation
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render(summary).encode())


def render(summary: Mapping[str, Any]) -> str:
    """The page. Everything that came from outside is escaped; nothing is loaded from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("metaagent_ros.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": interval, "number": _number, "percent": _percent}
    command = summary["settings"].get("command")
    values = {
        "summary": summary,
        "pictures": {name: base64.b64encode(svg).decode() for name, svg in pictures(summary).items()},
        "headlines": [_headline(summary, arm) for arm in summary["arms"]],
        "not_above": _not_above(summary),
        "cells": sorted(
            summary["no_help"]["cells"], key=lambda c: (c["arm"], c["success"] - c["baseline"], c["task"])
        ),
        "settings": {k: _text(v) for k, v in summary["settings"].items() if k != "command"},
        "command": _text(command) if command else None,
    }
    return environment.get_template("report.html.j2").render(values)


def _headline(summary: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The row of one arm in the first table."""
    arm = summary["arms"][name]
    points = {point["trials"]: point for point in arm["curve"]}
    judged = points[checkpoint(points, PROFILE_TRIALS)]
    return {
        "arm": name,
        "training": arm["training"],
        "trials": judged["trials"],
        "success": judged["success"]["iqm"],
        "improvement": judged["improvement"],
        "trials_to": arm["trials_to"],
        "break_even": {cost: _break_even(made) for cost, made in arm["break_even"].items()},
    }


def _break_even(made: Mapping[str, Any] | None) -> str:
    if made is None or made["tasks"] is None:
        return "–"
    if made["tasks"] == 0:
        return "0"
    return ("at most " if made["at_most"] else "") + f"{made['tasks']:,.1f}"


def _not_above(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By arm: in how many tasks it is not above the baseline, and in how many of those below."""
    rows = []
    for arm, count in summary["no_help"]["compared"].items():
        cells = [cell for cell in summary["no_help"]["cells"] if cell["arm"] == arm]
        below = sum(cell["success"] < cell["baseline"] for cell in cells)
        rows.append({"arm": arm, "not_above": len(cells), "below": below, "compared": count})
    return rows


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
