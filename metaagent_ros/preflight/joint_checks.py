"""What the joint states of an arm are made of: names, their order, arrays and numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.state import name_difference
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import JointSample, Observation
from metaagent_ros.preflight.rows import Line, Row, listed, nearest
from sim_envs.robots import load_profile, robots

_RENAMED = 0.8  # likeness of a joint's name and the same name with a prefix
Array = NDArray[np.float64]


def names(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Missing, additional and doubled names, and whether one message has all of them."""
    topic, line = wanted.name(wanted.deployment.state_topic), Line("joint names", listed(wanted.joints, 12))
    reported = list(dict.fromkeys(name for sample in seen.joints for name in sample.names))
    missing = [name for name in wanted.joints if name not in reported]
    if difference := name_difference(reported, wanted.joints):
        yield line.fail(difference, _renamed(missing, reported, wanted.joints))
    elif doubled := next((s for s in seen.joints if len(set(s.names)) < len(s.names)), None):
        yield line.fail(
            name_difference(doubled.names, doubled.names), "one joint, one name: mend the publisher"
        )
    elif complete(seen, wanted):
        yield line.ok("all")
    else:
        sources = listed(end.node for end in seen.topic(topic).publishers)
        yield line.fail(
            f"never all in one message; sources: {sources}",
            "joint_state_publisher with source_list joins them into one topic: ros.state_topic",
        )


def _renamed(missing: Sequence[str], reported: Sequence[str], wanted: Sequence[str]) -> str:
    """Whose joints these are, or what the first one is called instead."""
    for robot in robots():
        joints = getattr(load_profile(robot), "joints", ())
        if joints and set(joints) <= set(reported) and not set(joints) <= set(wanted):
            return f"these are the joints of {robot}: --robot {robot}"
    if not missing:
        return (
            "the guard does not start with joints that it does not know: leave them out, or another profile"
        )
    spare = [name for name in reported if name not in wanted]
    for name in missing:
        if near := nearest(name, spare, _RENAMED):
            return f"{near} Give it no prefix (tf_prefix), or a profile with these names"
    return "is the state broadcaster of arm and gripper active? Is this the right --robot?"


def complete(seen: Observation, wanted: Expectation) -> list[JointSample]:
    """The messages that have every joint once, with a position each."""
    need = set(wanted.joints)
    return [
        sample
        for sample in seen.joints
        if need <= set(sample.names)
        and len(set(sample.names)) == len(sample.names) == len(sample.positions)
        and len(sample.velocities) in (0, len(sample.names))
    ]


def usable(seen: Observation, wanted: Expectation) -> Observation:
    """The observation with only those joint states that are complete and finite."""
    good = tuple(s for s in complete(seen, wanted) if not _broken(s, wanted.joints))
    return dataclasses.replace(seen, joints=good)


def order(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """The order may be any: joints are mapped by name."""
    orders = {tuple(n for n in s.names if n in wanted.joints) for s in complete(seen, wanted)}
    if not orders:
        return
    same = orders == {wanted.joints}
    first = listed(next(iter(orders)), 12)
    yield Line("joint order", "any, mapped by name").ok(
        "the profile's" if same else f"{first}: mapped by name"
    )


def numbers(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Arrays of the right length and finite throughout."""
    broken = [s for s in seen.joints if _broken(s, wanted.joints)]
    line = Line("joint values", "finite, one for each name")
    if broken or seen.faults:
        what = _broken(broken[0], wanted.joints) if broken else seen.faults[0]
        count = len(broken) + len(seen.faults)
        yield line.fail(
            f"{count} messages, the first: {what}",
            "mend the publisher: the guard takes such a state for none",
        )
    else:
        yield line.ok("all")


def _broken(sample: JointSample, joints: Sequence[str]) -> str:
    count = len(sample.names)
    if len(sample.positions) != count or len(sample.velocities) not in (0, count):
        return f"{count} names, {len(sample.positions)} positions, {len(sample.velocities)} velocities"
    for values, what in ((sample.positions, "position"), (sample.velocities, "velocity")):
        for name, value in zip(sample.names, values, strict=False):
            if name in joints and not math.isfinite(value):
                return f"{what} of {name} is {value}"
    return ""


def table(samples: Sequence[JointSample], joints: Sequence[str]) -> tuple[Array, Array | None]:
    """Positions (messages, joints) and velocities, by name; None where some message has no velocities."""
    at = [[sample.names.index(name) for name in joints] for sample in samples]
    positions = np.array([[s.positions[i] for i in row] for s, row in zip(samples, at, strict=True)])
    if not all(sample.velocities for sample in samples):
        return positions, None
    return positions, np.array([[s.velocities[i] for i in row] for s, row in zip(samples, at, strict=True)])
