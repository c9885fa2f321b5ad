"""What the robot says of itself: every verdict, both ways."""

import dataclasses
import math

import numpy as np
import pytest
from sightings import NOW, arm, arrivals, base, change, judged, row

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import Arrival, Endpoint
from metaagent_ros.preflight.rows import FAIL, OK, WARN
from sim_envs.robots import load_profile

PANDA = load_profile("panda")
HOME = np.array(PANDA.home)


def spoilt(**changes):
    """An arm each of whose joint states has other fields."""
    seen = arm()
    return dataclasses.replace(seen, joints=tuple(dataclasses.replace(s, **changes) for s in seen.joints))


def renamed(*names):
    return spoilt(names=(*names, *Expectation.of("panda").joints[len(names) :]))


def timed(ats, **changes):
    seen = arm(**changes)
    return dataclasses.replace(
        seen, joints=tuple(dataclasses.replace(seen.joints[0], at=at) for at in ats), seconds=1.0
    )


def test_a_missing_joint_and_what_it_is_called_instead():
    assert row(arm(), "joint names").found == "all"
    found = row(renamed("left_panda_joint1"), "joint names")
    assert found.verdict == FAIL and "missing panda_joint1; unknown left_panda_joint1" in found.found
    assert "did you mean left_panda_joint1?" in found.remedy


def test_another_robots_joints_are_known():
    found = row(arm("ur5e"), "joint names")
    assert found.verdict == FAIL and "--robot ur5e" in found.remedy


def test_a_joint_that_is_named_twice():
    names = Expectation.of("panda").joints
    found = row(spoilt(names=(*names, names[0]), positions=(0.0,) * 10, velocities=()), "joint names")
    assert found.verdict == FAIL and found.found == "named twice panda_joint1"


def test_additional_joints_are_named_as_the_guard_refuses_them():
    names = (*Expectation.of("panda").joints, "lift_joint")
    sample = arm().joints[0]
    found = row(spoilt(names=names, positions=(*sample.positions, 9.0), velocities=()), "joint names")
    assert found.verdict == FAIL and found.found == "unknown lift_joint" and "guard" in found.remedy


def test_joints_that_never_come_in_one_message():
    seen = arm()
    parts = []
    for sample in seen.joints:
        for cut in (slice(None, 7), slice(7, None)):
            fields = {n: getattr(sample, n)[cut] for n in ("names", "positions", "velocities")}
            parts.append(dataclasses.replace(sample, **fields))
    two = tuple(Endpoint(n, "sensor_msgs/msg/JointState") for n in ("/arm", "/hand"))
    found = row(
        change(dataclasses.replace(seen, joints=tuple(parts)), "/joint_states", publishers=two), "joint names"
    )
    assert found.verdict == FAIL and "/arm, /hand" in found.found and "source_list" in found.remedy


def test_joints_are_mapped_by_name_whatever_their_order():
    backwards = {
        n: tuple(reversed(getattr(arm().joints[0], n))) for n in ("names", "positions", "velocities")
    }
    rows = judged(spoilt(**backwards), at_home=True)
    assert {r.check: r.verdict for r in rows if r.verdict != OK} == {"velocity signs": WARN}
    assert "mapped by name" in next(r for r in rows if r.check == "joint order").found


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("positions", (math.nan, *arm().joints[0].positions[1:]), "position of panda_joint1 is nan"),
        ("velocities", (math.inf, *arm().joints[0].velocities[1:]), "velocity of panda_joint1 is inf"),
        ("positions", (0.0, 0.0), "9 names, 2 positions"),
    ],
)
def test_broken_arrays_and_numbers(field, values, words):
    found = row(spoilt(**{field: values}), "joint values")
    assert found.verdict == FAIL and words in found.found
    assert row(arm(), "joint values").verdict == OK


def test_degrees_are_suspected_and_a_joint_beyond_its_limit_is_named():
    assert row(arm(), "joint limits").verdict == OK
    degrees = np.degrees(HOME)
    found = row(arm(positions=[degrees] * 50), "joint limits")
    assert found.verdict == FAIL and "degrees" in found.remedy
    beyond = [*HOME[:-1], 2.95]
    found = row(arm(positions=[beyond] * 50), "joint limits")
    assert found.verdict == FAIL and found.found == "panda_joint7 2.950 rad"
    near = [*HOME[:-1], 2.89]
    assert row(arm(positions=[near] * 50), "joint limits").verdict == WARN


@pytest.mark.parametrize(
    ("finger", "verdict", "word"),
    [(0.04, OK, ""), (0.042, OK, ""), (40.0, FAIL, "milli"), (0.08, FAIL, "each")],
)
def test_the_gripper_in_metres(finger, verdict, word):
    found = row(spoilt(positions=(*HOME, finger, finger)), "gripper")
    assert found.verdict == verdict and word in found.remedy


@pytest.mark.parametrize(
    ("joint", "value", "words"),
    [
        (3, 2.2, "panda_joint4 counts the other way round"),
        (6, 0.785 + math.pi / 2, "panda_joint7 has its zero +1.57 rad off"),
        (6, 44.98, "panda_joint7 is in degrees"),
        (0, 0.3, "does not stand at home"),
    ],
)
def test_the_home_pose_shows_signs_and_offsets(joint, value, words):
    here = HOME.copy()
    here[joint] = value
    found = row(arm(positions=[here] * 50), "home pose", at_home=True)
    assert found.verdict == FAIL and words in found.remedy and PANDA.joints[joint] in found.found
    assert row(arm(), "home pose", at_home=True).verdict == OK
    assert not [r for r in judged(arm()) if r.check == "home pose"]


def moving(factor: float, offset: float = 0.0, count: int = 200):
    """Joint 2 swings by 0.1 rad a second, and says ``factor`` times its velocity."""
    times = np.arange(count) / 100.0
    positions = np.tile(HOME, (count, 1))
    positions[:, 1] += 0.1 * times
    velocities = np.zeros_like(positions)
    velocities[:, 1] = 0.1 * factor + offset
    return arm(positions=positions, velocities=velocities)


@pytest.mark.parametrize(
    ("factor", "verdict", "word"),
    [
        (1.0, OK, ""),
        (-1.0, FAIL, "opposite signs"),
        (57.3, FAIL, "degrees"),
        (1 / 57.3, FAIL, "degrees"),
        (0.0, FAIL, "filter"),
        (5.0, FAIL, "another unit"),
    ],
)
def test_velocities_against_the_motion(factor, verdict, word):
    found = row(moving(factor), "velocity signs")
    assert found.verdict == verdict and word in found.remedy
    assert "panda_joint2" in found.found or "1 of 7 joints moved" in found.found


def test_the_noise_of_a_joint_at_rest_is_no_motion():
    noise = np.random.default_rng(0)
    positions = HOME + noise.normal(0.0, 1e-5, (400, 7)) + np.linspace(0.0, 0.02, 400)[:, None]
    found = row(arm(positions=positions, velocities=noise.normal(0.0, 1e-3, (400, 7))), "velocity signs")
    assert found.verdict == WARN and "not tried" in found.found


def test_velocities_at_rest_are_not_tried_and_none_are_worth_a_word():
    assert "not tried" in row(arm(), "velocity signs").found
    assert "no velocities" in row(spoilt(velocities=()), "velocity signs").found


@pytest.mark.parametrize(
    ("count", "rate", "verdict"),
    [(100, 100.0, OK), (60, 60.0, WARN), (20, 20.0, FAIL), (1, 1.0, FAIL), (0, 1.0, FAIL)],
)
def test_the_rate(count, rate, verdict):
    assert row(timed(arrivals(count, rate)), "rate of").verdict == verdict


def test_a_gap_that_stops_the_robot():
    ats = arrivals(100, 100.0)
    late = [dataclasses.replace(at, received=at.received + 0.15 * (k > 50)) for k, at in enumerate(ats)]
    found = row(timed(late), "rate of")
    assert found.verdict == FAIL and "160 ms" in found.found


def test_a_base_whose_nominal_rate_is_below_the_control_rate_gets_a_word():
    found = row(base("turtlebot3"), "rate of /odom", "turtlebot3")
    assert found.verdict == WARN and "25 Hz" in found.remedy


@pytest.mark.parametrize(
    ("age", "verdict"), [(0.005, OK), (0.07, WARN), (0.5, FAIL), (-0.02, OK), (-3.0, FAIL), (86400.0, FAIL)]
)
def test_the_age_of_stamps(age, verdict):
    assert row(timed(arrivals(50, 100.0, age=age)), "age of").verdict == verdict


def test_the_order_of_stamps():
    ats = arrivals(50, 100.0)
    assert row(timed(ats), "order of").verdict == OK
    assert row(timed([*ats, dataclasses.replace(ats[-1], received=NOW + 1)]), "order of").verdict == WARN
    back = [*ats, Arrival(NOW + 1, NOW, 1.0)]
    assert row(timed(back), "order of").verdict == FAIL


@pytest.mark.parametrize(
    ("start", "sim_time", "verdict"),
    [(NOW, False, OK), (12.0, True, OK), (12.0, False, FAIL), (NOW, True, FAIL)],
)
def test_simulated_and_wall_time_are_not_mixed(start, sim_time, verdict):
    assert row(timed(arrivals(50, 100.0, start), sim_time=sim_time), "clock of").verdict == verdict


def test_stamps_that_were_never_set():
    zero = [Arrival(NOW + k, 0.0, NOW) for k in range(5)]
    assert "zero" in row(timed(zero), "clock of").found
