"""The commands of a dry run, against the robot that stands still: names, numbers, limits, size of a step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.state import finite, name_difference
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.joint_checks import table
from metaagent_ros.preflight.observation import CommandSample, Observation
from metaagent_ros.preflight.rows import Line, Row

Array = NDArray[np.float64]
_ROUNDING = 1.01  # times the step that velocity limits allow
BASE_AXES = ("forward", "turning left")


def shadow(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """What the guard would have sent."""
    topic = wanted.shadow_topic
    if not topic:
        return
    line = Line(f"dry run {topic}", "finite commands for this robot")
    if not seen.commands:
        yield line.fail(
            "none heard", "give the graph a sentence, with shadow:=true; guard/status says what it holds back"
        )
        return
    if wrong := _wrong(seen.commands, wanted.profile.joints if wanted.arm else BASE_AXES):
        yield line.fail(wrong, "do not go on: please report this with the logs of policy and guard")
        return
    yield line.ok(f"{len(seen.commands)} in {seen.seconds:g} s")
    yield from _arm(seen, wanted) if wanted.arm else _base(seen, wanted)


def _wrong(commands: tuple[CommandSample, ...], names: tuple[str, ...]) -> str:
    for command in commands:
        if difference := name_difference(command.names, names):
            return difference
        values = command.positions or command.velocities
        if len(values) != len(command.names):
            return f"{len(command.names)} names with {len(values)} values"
        if broken := [f"{n} {v}" for n, v in zip(command.names, values, strict=True) if not finite(v)]:
            return ", ".join(broken)
    return ""


def _arm(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    profile, said = wanted.profile, wanted.deployment
    most = np.array(profile.max_velocity)
    if seen.commands[0].velocities:
        asked = np.abs([_ordered(c.names, c.velocities, profile.joints) for c in seen.commands]).max(axis=0)
        yield _share(Line("dry run velocities", "within the profile's"), profile.joints, asked, most, "rad/s")
        return
    longest = max(command.duration for command in seen.commands)
    line = Line("dry run durations", f"at most {said.controller_timeout:g} s, the controller's time-out")
    if longest > said.controller_timeout:
        yield line.fail(f"{longest:g} s", "the robot would go on for longer than it may when the guard dies")
    else:
        yield line.ok(f"{longest:g} s")
    here = np.median(table(seen.joints, profile.joints)[0], axis=0)
    aims = np.array([_ordered(c.names, c.positions, profile.joints) for c in seen.commands])
    step = most * (longest or 1.0 / said.control_rate) * _ROUNDING
    line = Line("dry run steps", "from the measured pose, as far as velocity limits allow")
    yield _share(line, profile.joints, np.abs(aims - here).max(axis=0), step, "rad")


def _share(line: Line, names: tuple[str, ...], asked: Array, most: Array, unit: str) -> Row:
    worst = int(np.argmax(asked / most))
    found = f"{names[worst]} most: {asked[worst]:.4f} of {most[worst]:.4f} {unit}"
    if asked[worst] <= most[worst]:
        return line.ok(found)
    return line.fail(found, "the robot moved meanwhile, or command and state do not mean the same joint")


def _base(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    profile = wanted.profile
    asked = np.abs([command.velocities for command in seen.commands]).max(axis=0)
    line = Line("dry run velocities", f"at most {profile.max_linear:g} m/s, {profile.max_angular:g} rad/s")
    found = f"{asked[0]:.3f} m/s, {asked[1]:.3f} rad/s"
    if asked[0] > profile.max_linear * _ROUNDING or asked[1] > profile.max_angular * _ROUNDING:
        yield line.fail(found, "do not go on: please report this with the logs of policy and guard")
    else:
        yield line.ok(found)


def _ordered(names: tuple[str, ...], values: tuple[float, ...], wanted: tuple[str, ...]) -> list[float]:
    return [values[names.index(name)] for name in wanted]
