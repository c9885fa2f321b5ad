"""Tool, program, bases, scans and dry runs: every verdict, both ways."""

import dataclasses
import math

import numpy as np
import pytest
from sightings import arm, arrivals, base, judged, row, scan

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.frames import Transform, position_in
from metaagent_ros.preflight.observation import CommandSample, ToolPose
from metaagent_ros.preflight.rows import FAIL, OK, WARN
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import BaseState

PANDA = load_profile("panda")
HOME = np.array(PANDA.home)


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
