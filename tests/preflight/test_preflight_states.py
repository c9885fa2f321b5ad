"""What the robot says of itself: every verdict, both ways."""

import dataclasses
import math

import numpy as np
import pytest
from sightings import NOW, arm, arrivals, base, change, judged, row, scan

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.frames import Transform, position_in
from metaagent_ros.preflight.observation import Arrival, CommandSample, Endpoint, ToolPose
from metaagent_ros.preflight.rows import FAIL, OK, WARN
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import BaseState

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


def place(joints) -> tuple[float, float, float]:
    model = Kinematics(PANDA)
    model.arm.set_state([*joints, 0.04, 0.04], [0.0] * 9)
    tool = model.arm.read().tool
    model.close()
    return tool


def test_the_tool_pose_finds_an_offset_that_no_limit_shows():
    pose = ToolPose("/pose", place(HOME), "base_link")
    assert row(arm(tool=pose), "tool pose").verdict == OK
    true = HOME.copy()
    true[0] = 0.4  # what the robot really has where it reports something else
    reported = true.copy()
    reported[0] += math.pi / 2
    seen = arm(positions=[reported] * 50, tool=dataclasses.replace(pose, position=place(true)))
    found = row(seen, "tool pose")
    assert found.verdict == FAIL and "panda_joint1 has its zero -1.57 rad off" in found.remedy
    reported[0] = -0.4
    seen = arm(positions=[reported] * 50, tool=dataclasses.replace(pose, position=place(true)))
    assert "panda_joint1 counts the other way round" in row(seen, "tool pose").remedy
    far = dataclasses.replace(pose, position=(9.0, 9.0, 9.0))
    assert "another description" in row(arm(tool=far), "tool pose").remedy


def test_a_tool_pose_that_was_asked_for_and_never_came():
    for source, word in (("/pose", "PoseStamped"), ("tf", "base_link")):
        found = row(arm(tool_source=source), f"tool pose of {source}")
        assert found.verdict == FAIL and word in found.remedy


def test_a_tool_pose_in_the_makers_frame_and_in_another():
    x, y, z = place(HOME)
    for frame, position, verdict in (
        ("base", (-x, -y, z), OK),
        ("/base", (x, y, z), OK),
        ("base", (-x, -y, z + 0.1), FAIL),
        ("base_link", (-x, -y, z), FAIL),
        ("world", (x, y, z), WARN),
    ):
        found = row(arm(tool=ToolPose("/pose", position, frame)), "tool pose")
        assert found.verdict == verdict, (frame, found)
        assert ("half a turn" in found.found) == (frame == "base"), found
    assert "not compared" in found.remedy


def test_a_tool_outside_its_workspace_is_worth_a_word():
    assert row(arm(), "tool in workspace").verdict == OK
    up = [0.0, 0.0, 0.0, -0.1, 0.0, 0.5, 0.0]
    assert row(arm(positions=[up] * 50), "tool in workspace").verdict == WARN


def test_speed_scaling_and_program_of_a_robot_that_has_them():
    for value, verdict in (
        (100.0, OK),
        (30.0, WARN),
        (0.0, FAIL),
        (10000.0, FAIL),
        (None, FAIL),
        (math.nan, FAIL),
    ):
        assert row(arm("ur5e", speed_scaling=value), "speed scaling", "ur5e").verdict == verdict, value
    for value, verdict in ((True, OK), (False, FAIL), (None, FAIL)):
        assert row(arm("ur5e", program_running=value), "program", "ur5e").verdict == verdict
    names = [r.check.split()[0] for r in judged(arm())]
    assert "speed" not in names and "program" not in names


def driven(**changes):
    seen = base()
    states = [dataclasses.replace(s, state=dataclasses.replace(s.state, **changes)) for s in seen.odometry]
    return dataclasses.replace(seen, odometry=tuple(states))


def test_the_signs_of_a_base():
    for changes, word in (
        ({"linear": -0.1}, "opposite"),
        ({"angular": -0.4}, "opposite"),
        ({"linear": 0.0}, "differ"),
        ({"angular": 22.9}, "unit"),
    ):
        found = row(driven(**changes), "velocity signs", "diffbot")
        assert found.verdict == FAIL and word in found.remedy, changes


def test_the_noise_of_a_pose_at_rest_is_no_motion():
    noise = np.random.default_rng(0)
    rest = [BaseState(*noise.normal(0.0, 0.01, 3), 0.0, 0.0) for _ in range(300)]
    found = row(base(states=rest), "velocity signs", "diffbot")
    assert found.verdict == WARN and "not tried" in found.found


def test_odometry_frames_speed_and_faults():
    assert row(base(), "odometry frames", "diffbot").verdict == OK
    seen = base()
    odd = tuple(dataclasses.replace(s, frame="map") for s in seen.odometry)
    assert row(dataclasses.replace(seen, odometry=odd), "odometry frames", "diffbot").verdict == WARN
    assert row(base(), "speed", "diffbot").verdict == OK
    assert row(driven(linear=5.0), "speed", "diffbot").verdict == FAIL
    found = row(base(faults=("x is nan",)), "odometry values", "diffbot")
    assert found.verdict == FAIL and "x is nan" in found.found


def test_a_base_all_of_whose_odometry_is_broken_is_refused():
    found = row(base(states=[], faults=("x is nan",)), "odometry values", "diffbot")
    assert found.verdict == FAIL


def scanned(rate: float = 25.0, **changes):
    return base(scans=tuple(scan(at, **changes) for at in arrivals(25, rate)))


def test_the_layout_of_a_scan_is_judged_by_what_the_policy_reads():
    assert row(scanned(), "scan /scan", "diffbot").verdict == OK
    assert row(scanned(step=-math.radians(1)), "scan /scan", "diffbot").verdict == OK
    half = row(scanned(ranges=(1.0,) * 180), "scan /scan", "diffbot")
    assert half.verdict == FAIL and "180" in half.found
    assert row(scanned(step=0.0), "scan /scan", "diffbot").verdict == FAIL
    assert row(base(scans=()), "scan /scan", "diffbot").verdict == FAIL


def test_the_ranges_of_a_scan():
    assert row(scanned(), "ranges of", "diffbot").verdict == OK
    millimetres = tuple(1e3 * r for r in scan(arrivals(1, 1.0)[0]).ranges)
    assert "millimetres" in row(scanned(ranges=millimetres), "ranges of", "diffbot").remedy
    assert row(scanned(reach=3.5), "ranges of", "diffbot").verdict == WARN
    holes = row(scanned(ranges=(math.nan, *(1.0,) * 359)), "ranges of", "diffbot")
    assert holes.verdict == WARN and "1 not a number" in holes.found


@pytest.mark.parametrize(("rate", "verdict"), [(25.0, OK), (5.0, WARN), (1.0, FAIL)])
def test_the_rate_of_scans(rate, verdict):
    assert row(scanned(rate), "rate of /scan", "diffbot").verdict == verdict


def test_chains_of_frames():
    half = (0.0, 0.0, 1.0, 0.0)  # half a turn about z
    frames = {
        "shoulder": Transform("base_link", (0.0, 0.0, 0.5), half),
        "tool": Transform("shoulder", (0.2, 0.1, 0.3), (0.0, 0.0, 0.0, 1.0)),
    }
    assert position_in(frames, "base_link", "tool") == pytest.approx((-0.2, -0.1, 0.8))
    assert position_in(frames, "world", "tool") is None
    loop = {"a": Transform("b", (0.0,) * 3, half), "b": Transform("a", (0.0,) * 3, half)}
    assert position_in(loop, "base_link", "a") is None


def test_a_robot_that_says_nothing_is_refused_and_nothing_is_made_up():
    rows = judged(arm(joints=()))
    assert next(r for r in rows if r.check.startswith("rate")).verdict == FAIL
    assert not [r for r in rows if r.check.startswith(("joint", "tool", "gripper"))]


def dry(commands, robot="panda", **changes):
    seen = (arm if Expectation.of(robot).arm else base)(robot, commands=tuple(commands), **changes)
    return {r.check.split(" /")[0]: r for r in judged(seen, robot, shadow=True)}


def test_a_dry_run_that_says_nothing():
    found = dry([])["dry run"]
    assert found.verdict == FAIL and "sentence" in found.remedy
    assert not [r for r in judged(arm()) if r.check.startswith("dry run")]


def step(size: float, **changes):
    return CommandSample(
        **({"names": PANDA.joints, "positions": (size, *HOME[1:]), "duration": 0.04} | changes)
    )


def test_the_commands_of_a_dry_run():
    rows = dry([step(0.01), step(-0.08)])
    assert [r.verdict for name, r in rows.items() if name.startswith("dry run")] == [OK] * 3
    assert rows["dry run"].found == "2 in 0.5 s"
    assert rows["dry run steps"].found == "panda_joint1 most: 0.0800 of 0.0879 rad"
    backwards = step(0.01, names=PANDA.joints[::-1], positions=(*HOME[:0:-1], 0.01))
    assert dry([backwards])["dry run steps"].verdict == OK
    assert dry([step(0.2)])["dry run steps"].verdict == FAIL
    assert dry([step(0.01, duration=0.5)])["dry run durations"].verdict == FAIL


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"positions": (math.nan, *HOME[1:])}, "panda_joint1 nan"),
        ({"positions": (0.0,)}, "7 names with 1 values"),
        ({"names": ("elbow", *PANDA.joints[1:])}, "missing panda_joint1; unknown elbow"),
    ],
)
def test_a_broken_command_of_a_dry_run_ends_it(changes, words):
    found = dry([step(0.01), step(0.01, **changes)])
    assert found["dry run"].verdict == FAIL and words in found["dry run"].found
    assert "dry run steps" not in found


def test_the_velocities_of_a_dry_run():
    for speed, verdict in ((1.0, OK), (3.0, FAIL)):
        command = step(0.0, positions=(), velocities=(0.0, speed, *(0.0,) * 5))
        assert dry([command])["dry run velocities"].verdict == verdict
    for speed, verdict in ((0.2, OK), (0.5, FAIL)):
        command = CommandSample(("forward", "turning left"), (), (speed, -0.3))
        assert dry([command], "turtlebot3")["dry run velocities"].verdict == verdict
