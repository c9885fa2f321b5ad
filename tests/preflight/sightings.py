"""Observations of robots that are as they should be, to be spoilt by a test."""

import dataclasses
import math
from functools import cache

from metaagent_ros.preflight.checks import examine
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import (
    ActionEndpoint,
    Arrival,
    BaseSample,
    Endpoint,
    JointSample,
    Observation,
    QoS,
    ScanSample,
    Topic,
)
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import BaseState

NOW = 1.8e9  # [s] wall time
DRIVER = "/driver"


def arrivals(count: int, rate: float, start: float = NOW, age: float = 0.005) -> list[Arrival]:
    return [Arrival(start + k / rate + age, start + k / rate, age) for k in range(count)]


def endpoints(wanted: Expectation) -> tuple[Topic, ...]:
    """The other side of each endpoint of ours, with the QoS that goes with it."""
    found = []
    for need in wanted.needs():
        end = (Endpoint(DRIVER, need.topic_type, QoS(durability=need.qos.durability)),)
        found.append(
            Topic(need.topic, end, ()) if need.role == "subscription" else Topic(need.topic, (), end)
        )
    return tuple(found)


def arm(robot: str = "panda", positions=None, velocities=None, **changes) -> Observation:
    """At home and at rest, a second long; ``positions`` and ``velocities``: one sequence a message."""
    wanted = Expectation.of(robot)
    count = 50 if positions is None else len(positions)
    profile, rate = wanted.profile, wanted.deployment.state_rate
    fingers = (profile.gripper_max_width / 2,) * 2
    samples = []
    for k, at in enumerate(arrivals(count, rate)):
        here = (*(profile.home if positions is None else positions[k]), *fingers)
        speeds = (0.0,) * len(profile.joints) if velocities is None else velocities[k]
        samples.append(JointSample(at, wanted.joints, here, (*speeds, 0.0, 0.0)))
    values = {
        "seconds": count / rate,
        "nodes": (DRIVER,),
        "topics": endpoints(wanted),
        "actions": tuple(ActionEndpoint(name, (DRIVER,)) for name in wanted.actions),
        "joints": tuple(samples),
        "scene_frame": wanted.deployment.base_frame,
        "speed_scaling": wanted.deployment.speed_scaling_full,
        "program_running": True,
    }
    return Observation(**(values | changes))


def base(robot: str = "diffbot", states=None, **changes) -> Observation:
    """Driving a left curve, as it reports."""
    wanted = Expectation.of(robot)
    rate = wanted.deployment.state_rate
    v, w, dt, count = 0.1, 0.4, 1.0 / rate, round(3.0 * rate)
    if states is None:
        states = [
            BaseState(v / w * math.sin(w * k * dt), v / w * (1 - math.cos(w * k * dt)), w * k * dt, v, w)
            for k in range(count)
        ]
    values = {
        "seconds": len(states) / rate,
        "nodes": (DRIVER,),
        "topics": endpoints(wanted),
        "odometry": tuple(
            BaseSample(at, state) for at, state in zip(arrivals(len(states), rate), states, strict=True)
        ),
        "scans": tuple(scan(at) for at in arrivals(25, 25.0)),
        "scene_frame": "odom",
    }
    return Observation(**(values | changes))


def scan(at: Arrival, **changes) -> ScanSample:
    """360 readings of a round room, as an LDS-01 gives them."""
    ranges = tuple(2.0 + 0.5 * math.cos(math.radians(k)) for k in range(360))
    return dataclasses.replace(ScanSample(at, ranges, 0.0, math.radians(1), 0.12, 4.0, "laser"), **changes)


def row(seen: Observation, check: str, robot: str = "panda", **wanted):
    """The one row of a check whose name begins so."""
    return only(judged(seen, robot, **wanted), check)


def judged(seen: Observation, robot: str = "panda", **wanted):
    """All rows, with one model of the robot for all tests."""
    expected = Expectation.of(robot, **wanted)
    return examine(seen, expected, _kinematics(robot) if expected.arm else None)


@cache
def _kinematics(robot: str):
    model = Kinematics(load_profile(robot))

    def tool(joints):
        model.arm.set_state(joints, [0.0] * len(joints))
        return model.arm.read().tool

    return tool


def only(rows, check: str):
    found = [r for r in rows if r.check.startswith(check)]
    assert len(found) == 1, (check, [r.check for r in rows])
    return found[0]


def change(seen: Observation, name: str, **changes) -> Observation:
    """The observation with another version of one topic."""
    topics = tuple(dataclasses.replace(t, **changes) if t.name == name else t for t in seen.topics)
    assert topics != seen.topics
    return dataclasses.replace(seen, topics=topics)
