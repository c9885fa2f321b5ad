"""``report.html``: one file that opens anywhere, made of a record and of the played-back recording."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from metaagent_ros.demo import plots
from metaagent_ros.demo.playback import Playback
from metaagent_ros.demo.records import (
    FAILED,
    INTERRUPTED,
    PASSED,
    REFUSED,
    UNABLE,
    Record,
    Sample,
    Trial,
)
from metaagent_ros.demo.text import one_line
from metaagent_ros.demo.verdict import gap, true_scene, true_tasks
from metaagent_ros.demo.view import bound_text, step_cells
from metaagent_ros.instructions.highlight import colour, rows, segments, title
from sim_envs.spec import NOMINAL, GroundedTask

WORDS = {PASSED: "PASS", FAILED: "FAIL", REFUSED: "REFUSED", UNABLE: "NOT RUN", INTERRUPTED: "INTERRUPTED"}
COLOURS = (plots.BLUE, plots.GREEN, plots.ORANGE)
MEANINGS = {
    "mass": ("kg", "of the object to be moved"),
    "friction": ("1", "of that object against what it touches"),
    "restitution": ("1", "of that object: the part of a bounce's speed that is left"),
    "gripper_gain": ("1", "factor on the commanded grip force"),
    "offset_x": ("m", "what the camera adds to every position, forward"),
    "offset_y": ("m", "what the camera adds to every position, to the left"),
    "gain": ("1", "factor on the commanded motion"),
    "lag": ("s", "time constant with which the motors follow a command"),
    "damping": ("N m s/rad", "of the arm's joints, against their motion"),
    "noise": ("m, rad", "standard deviation of each measured position or heading"),
    "wheel_bias": ("1", "left wheel radius over right wheel radius, minus 1"),
    "slip": ("1", "part of the commanded wheel speed that is lost"),
    "heading_offset": ("rad", "what the localisation adds to the heading"),
}


@dataclass(frozen=True, slots=True)
class Media:
    """What was drawn from the recording; ``note`` says why there is no clip."""

    playback: Playback
    clip: bytes = b""
    picture: bytes = b""
    pace: str = ""
    note: str = ""


def render(record: Record, media: Media) -> str:
    """The page. Everything that came from outside is escaped; nothing is loaded from elsewhere."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("metaagent_ros.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = {
        "record": record.to_dict(),
        "outcome_word": WORDS[record.outcome],
        "steps": _steps(record),
        "provenance": _provenance(record),
        "bound": [bound_text(bound) for bound in record.bound],
        "hidden": _hidden(record),
        "charts": _charts(record, media.playback),
        "clip": base64.b64encode(media.clip).decode(),
        "picture": base64.b64encode(media.picture).decode(),
        "pace": media.pace,
        "clip_note": media.note,
    }
    return environment.get_template("report.html.j2").render(values)


def _steps(record: Record) -> list[dict[str, Any]]:
    verdicts = {verdict.step: verdict for verdict in record.verdicts}
    return [
        {"cells": step_cells(step), "verdict": verdicts.get(number)}
        for number, step in enumerate(record.plan.steps)
    ]


def _provenance(record: Record) -> dict[str, Any]:
    """The pieces of the sentence, each with what was read from it, and every slot with its words."""
    found = rows(record.sentence, record.plan)
    values = {(row.step, row.slot): row.value or "–" for row in found}
    pieces = [
        {
            "text": one_line(segment.text),
            "colour": colour(segment.slot),
            "why": "; ".join(
                f"step {w.step + 1}, {title(w.slot)}: {values[w.step, w.slot]}" for w in segment.marks
            ),
        }
        for segment in segments(record.sentence, record.plan.words)
    ]
    slots = [
        {
            "step": row.step + 1,
            "name": title(row.slot),
            "value": row.value or "–",
            "words": [one_line(words) for words in row.words],
            "colour": colour(row.slot),
        }
        for row in found
    ]
    return {"pieces": pieces, "slots": slots}


def _hidden(record: Record) -> list[dict[str, Any]]:
    from sim_envs.tasks import family

    ranges: Mapping[str, tuple[float, float]] = family(record.robot).module.HIDDEN_RANGES
    rows = []
    for name, (unit, meaning) in MEANINGS.items():
        value = getattr(record.hidden, name)
        if name in ranges or value != getattr(NOMINAL, name):
            ends = ranges.get(name, (value, value))
            said = f"{ends[0]:g} to {ends[1]:g}"
            rows.append({"name": name, "value": value, "range": said, "unit": unit, "meaning": meaning})
    return rows


def _charts(record: Record, playback: Playback) -> dict[str, Markup]:
    none = Markup("")
    charts = {"success": none, "returns": none, "distance": none, "speed": none, "map": none}
    if record.trials:
        charts |= _adaptation(record.trials)
    tasks = true_tasks(record.plan.steps, record.robot, record.samples)
    if playback.times and tasks:
        charts |= _run(playback, tasks)
    if len(playback.times) > 1 and playback.limits:
        line = plots.Series("", playback.times[1:], [100 * share for share in playback.fastest()])
        charts["speed"] = plots.line_chart(
            [line], "seconds", "% of the limit, fastest joint", limit=(100.0, "speed limit of the joint")
        )
    return charts


def _adaptation(trials: Sequence[Trial]) -> dict[str, Markup]:
    counted = all(trial.env_steps is not None for trial in trials)
    label = "environment steps" if counted else "trial"
    success, returns = [], []
    for number in sorted({trial.step for trial in trials}):
        own = [trial for trial in trials if trial.step == number]
        xs = [float((trial.env_steps if counted else trial.number) or 0) for trial in own]
        name, colour = f"step {number + 1}", COLOURS[number % len(COLOURS)]
        success.append(plots.Series(name, xs, [100 * t.success_rate for t in own], colour, True))
        if all(trial.mean_return is not None for trial in own):
            returns.append(plots.Series(name, xs, [t.mean_return or 0.0 for t in own], colour, True))
    return {
        "success": plots.line_chart(success, label, "success [%]", (0.0, 105.0), whole=True),
        "returns": plots.line_chart(returns, label, "mean return", whole=True),
    }


def _run(playback: Playback, tasks: Mapping[int, GroundedTask]) -> dict[str, Markup]:
    lines = []
    for number, task in tasks.items():
        samples = [Sample(t, number, s) for t, s in zip(playback.times, playback.scenes, strict=True)]
        gaps = [gap(sample, task) for sample in samples]
        what = str(task.spec.object or "robot")
        lines.append(plots.Series(what, playback.times, gaps, COLOURS[number % len(COLOURS)]))
    base = all(task.object_name is None for task in tasks.values())
    limit = (next(iter(tasks.values())).tolerance, "near enough") if base else None
    charts = {"distance": plots.line_chart(lines, "seconds", "metres to the goal", limit=limit)}
    if base:
        scenes = [true_scene(scene) for scene in playback.scenes]
        path = [scene.robot_position for scene in scenes]
        charts["map"] = plots.room_map(scenes[0], path, list(tasks.values()))
    return charts
