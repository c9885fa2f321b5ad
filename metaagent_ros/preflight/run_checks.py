"""What of an arm decides whether a command will be carried out: speed scaling, program, where the tool is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.joint_checks import table
from metaagent_ros.preflight.observation import Observation
from metaagent_ros.preflight.rows import Line, Row
from sim_envs.spec import Vec3

TOOL_TOLERANCE = 0.02  # [m] calibrated robots differ from the data sheet by some mm
MAKERS_BASE = "base"
"""The frame in which a maker's own controller gives poses; turned against ``base_link`` or not (REP 199)."""
_TURN, _TURNS = math.pi / 2, (-2, -1, 1, 2)
Kinematics = Callable[[Sequence[float]], Vec3]
"""Where the tool of our description is [m] in the base frame, for joint positions [rad]."""


def speed_scaling(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Whether the robot runs at the speed that is asked for."""
    said = wanted.deployment
    if not _published(seen, wanted, said.speed_scaling_topic):
        return
    line = Line(
        f"speed scaling {wanted.name(said.speed_scaling_topic)}", f"{said.speed_scaling_full:g} (full speed)"
    )
    value = seen.speed_scaling
    if value is None:
        yield line.fail("none heard", "the speed scaling broadcaster does not speak: its log says why")
        return
    share = value / said.speed_scaling_full
    found = f"{value:g}, {100.0 * share:.0f} %"
    if not math.isfinite(value) or share <= 0.0:
        yield line.fail(found, "paused, in a protective stop, or the slider is at 0: nothing would move")
    elif share > 1.01:
        yield line.fail(found, "another unit than the profile's: ros.speed_scaling_full is 1 or 100")
    elif share < 0.99:
        yield line.warn(found, "good for a first motion; every motion takes longer")
    else:
        yield line.ok(found)


def program(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Whether the robot's own program, which takes commands from outside, runs."""
    said = wanted.deployment
    if not _published(seen, wanted, said.program_running_topic):
        return
    line = Line(f"program {wanted.name(said.program_running_topic)}", "running")
    if seen.program_running:
        yield line.ok("running")
    else:
        found = "none heard" if seen.program_running is None else "not running"
        yield line.fail(found, "start External Control on the pendant (play)")


def _published(seen: Observation, wanted: Expectation, topic: str) -> bool:
    """Whether the robot has such a topic and somebody publishes it; where not, the topic's row says so."""
    return bool(topic and seen.topic(wanted.name(topic)).publishers)


def tool(seen: Observation, wanted: Expectation, kinematics: Kinematics) -> Iterator[Row]:
    """Where the robot says its tool is, against our description at the measured joints."""
    joints = table(seen.joints, wanted.joints)[0][-1].tolist()
    ours = kinematics(joints)
    yield _workspace(ours, wanted)
    if seen.tool is None:
        if seen.tool_source:
            yield Line(f"tool pose of {seen.tool_source}", _place(ours)).fail(
                "none heard", _silent(seen, wanted)
            )
        return
    frame, said = seen.tool.frame.lstrip("/"), wanted.deployment.base_frame
    line = Line(f"tool pose of {seen.tool.source}", f"{_place(ours)} within {TOOL_TOLERANCE:g} m in {said}")
    found = f"{_place(seen.tool.position)} in {frame or 'no frame'}"
    if frame not in (said, MAKERS_BASE):
        yield line.warn(found, f"not compared: have it published in {said}, or take --tool-pose tf")
        return
    candidates = [seen.tool.position] + ([_turned(seen.tool.position)] if frame != said else [])
    theirs = min(candidates, key=lambda place: math.dist(ours, place))
    turned = "" if theirs == seen.tool.position else " after half a turn about z"
    found += f", {1e3 * math.dist(ours, theirs):.0f} mm away{turned}"
    if math.dist(ours, theirs) <= TOOL_TOLERANCE:
        yield line.ok(found)
    else:
        yield line.fail(found, _pose_remedy(joints, theirs, wanted, kinematics))


def _turned(place: Vec3) -> Vec3:
    """After half a turn about z, by which the base frame of a UR differs from ``base_link``."""
    return (-place[0], -place[1], place[2])


def _silent(seen: Observation, wanted: Expectation) -> str:
    said = wanted.deployment
    if seen.tool_source == "tf":
        return (
            f"no chain of frames from {said.base_frame} to {said.tool_frame}: ros.base_frame, ros.tool_frame"
        )
    return "no such messages of geometry_msgs/PoseStamped: ros2 topic list -t"


def _workspace(ours: Vec3, wanted: Expectation) -> Row:
    low, high = wanted.profile.workspace_lower, wanted.profile.workspace_upper
    line = Line("tool in workspace", f"{_place(low)} to {_place(high)}")
    inside = all(a <= v <= b for a, v, b in zip(low, ours, high, strict=True))
    if inside:
        return line.ok(_place(ours))
    return line.warn(
        _place(ours), "jog it into the box first: the way to the start pose leads from where it is"
    )


def _pose_remedy(joints: list[float], theirs: Vec3, wanted: Expectation, kinematics: Kinematics) -> str:
    """The one sign or the one zero that would explain the difference."""
    for number, name in enumerate(wanted.profile.joints):
        for changed, what in (
            (-joints[number], "counts the other way round"),
            *(
                (joints[number] + turns * _TURN, f"has its zero {turns * _TURN:+.2f} rad off")
                for turns in _TURNS
            ),
        ):
            if (
                math.dist(kinematics([*joints[:number], changed, *joints[number + 1 :]]), theirs)
                <= TOOL_TOLERANCE
            ):
                return f"it fits if {name} {what}"
    return "an encoder offset, a sign, another tool (TCP) on the robot, or another description than ours"


def _place(p: Sequence[float]) -> str:
    return f"({p[0]:.3f}, {p[1]:.3f}, {p[2]:.3f})"
