"""The mock keeps the rules of the real controllers."""

import math

import numpy as np
import pytest

from metaagent_ros.control.mock_robot import JOINT_LAG, MockArm, MockBase
from metaagent_ros.control.robot_side import CommandError, SimulatedSide, Waypoint
from metaagent_ros.control.scans import ScanLayout, resampled
from metaagent_ros.deployment import load_deployment
from sim_envs.robots import load_profile
from sim_envs.simulation import make_simulation

UR5E, BURGER = load_profile("ur5e"), load_profile("turtlebot3")
HOME = np.array(UR5E.home)


def play(robot, seconds: float, start: float, period: float = 0.002) -> float:
    count = round(seconds / period)
    for number in range(count + 1):
        robot.step(start + number * period)
    return start + count * period


def where(arm: MockArm) -> np.ndarray:
    names, positions, _ = arm.joint_state()
    return np.array([positions[names.index(name)] for name in UR5E.joints])


@pytest.fixture
def arm() -> MockArm:
    return MockArm(UR5E, load_deployment("ur5e"))


@pytest.fixture
def base() -> MockBase:
    return MockBase(BURGER, load_deployment("turtlebot3"))


def test_a_trajectory_is_followed_in_its_time_in_any_order_of_names(arm: MockArm):
    aim = HOME + np.linspace(-0.1, 0.1, 6)
    arm.trajectory(UR5E.joints[::-1], [Waypoint(0.2, tuple(aim[::-1]))])
    now = play(arm, 0.1, 0.0)
    assert np.allclose(where(arm) - HOME, (aim - HOME) / 2, atol=0.5 * JOINT_LAG)
    play(arm, 0.4, now)
    assert np.allclose(where(arm), aim, atol=1e-4)


def test_a_trajectory_replaces_the_last_and_begins_where_that_one_is(arm: MockArm):
    arm.trajectory(UR5E.joints, [Waypoint(1.0, tuple(HOME + 0.5))])
    now = play(arm, 0.2, 0.0)
    before = where(arm)
    arm.trajectory(UR5E.joints, [Waypoint(0.2, tuple(before))])
    fastest = 0.0
    for _ in range(200):
        last = where(arm)
        now = play(arm, 0.002, now)
        fastest = max(fastest, float(np.abs(where(arm) - last).max()) / 0.002)
    assert np.allclose(where(arm), before, atol=1e-3) and fastest < 1.5


@pytest.mark.parametrize(
    ("names", "points", "words"),
    [
        (UR5E.joints[:-1], [Waypoint(0.1, (0.0,) * 5)], "missing wrist_3_joint"),
        ((*UR5E.joints, "seventh"), [Waypoint(0.1, (0.0,) * 7)], "unknown seventh"),
        ((*UR5E.joints[:-1], "elbow_joint"), [Waypoint(0.1, (0.0,) * 6)], "twice elbow_joint"),
        (UR5E.joints, [], "no points"),
        (UR5E.joints, [Waypoint(0.1, (0.0,) * 5)], "5 positions"),
        (UR5E.joints, [Waypoint(0.1, (0.0,) * 6, (0.0,) * 2)], "2 velocities"),
        (UR5E.joints, [Waypoint(0.1, (0.0,) * 6), Waypoint(0.1, (0.0,) * 6)], "increase"),
        (UR5E.joints, [Waypoint(0.1, (0.0,) * 6, (0.1,) * 6)], "must be 0"),
        (UR5E.joints, [Waypoint(0.1, (math.nan,) + (0.0,) * 5)], "nan"),
        (UR5E.joints, [Waypoint(math.nan, (0.0,) * 6)], "nan s"),
    ],
)
@pytest.mark.parametrize("kind", ["mock", "simulation"])
def test_what_the_trajectory_controller_rejects_is_rejected_whole(kind: str, names, points, words: str):
    simulation = make_simulation("ur5e", 0, 0) if kind == "simulation" else None
    robot = SimulatedSide(simulation) if simulation else MockArm(UR5E, load_deployment("ur5e"))
    with pytest.raises(CommandError, match=words):
        robot.trajectory(names, points)
    if isinstance(robot, MockArm):
        play(robot, 0.2, 0.0)
        assert np.array_equal(where(robot), HOME)
    else:
        simulation.close()


def test_a_pause_freezes_the_trajectory_and_it_goes_on_without_a_jump(arm: MockArm):
    arm.trajectory(UR5E.joints, [Waypoint(0.4, tuple(HOME + 0.2))])
    now = play(arm, 0.2, 0.0)
    arm.running = False
    assert arm.scaling == 0.0
    now = play(arm, 0.3, now)  # the lag runs out
    stood = where(arm)
    now = play(arm, 1.0, now)
    assert np.allclose(where(arm), stood, atol=1e-5) and np.all(stood < HOME + 0.15)
    arm.running = True
    assert arm.scaling == 100.0
    last = where(arm)
    for _ in range(20):
        now = play(arm, 0.02, now)
        assert np.all(where(arm) - last <= 0.02)
        last = where(arm)
    play(arm, 0.2, now)
    assert np.allclose(where(arm), HOME + 0.2, atol=1e-3)
    arm.speed = 0.5
    assert arm.scaling == 50.0


def test_forward_commands_are_taken_as_they_are_and_velocities_never_end(arm: MockArm):
    arm.positions([*(HOME + 0.05)])
    now = play(arm, 0.3, 0.0)
    assert np.allclose(where(arm), HOME + 0.05, atol=1e-4)
    arm.velocities([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    now = play(arm, 2.0, now)  # no time-out: that is the sender's duty
    assert where(arm)[0] == pytest.approx(HOME[0] + 0.05 + 0.2, abs=0.01)
    arm.velocities([0.0] * 6)
    now = play(arm, 0.2, now)
    assert where(arm)[0] == pytest.approx(where(arm)[0])
    for bad in ([0.0] * 5, [math.inf] + [0.0] * 5):
        for take in (arm.positions, arm.velocities):
            with pytest.raises(CommandError):
                take(bad)
    stood = where(arm)
    play(arm, 0.2, now)
    assert np.allclose(where(arm), stood, atol=1e-6)


def test_joint_states_come_in_an_order_of_their_own_with_fingers(arm: MockArm):
    names, positions, velocities = arm.joint_state()
    assert set(names) == {*UR5E.joints, *UR5E.gripper_joints} and names[:6] != UR5E.joints
    assert len(positions) == len(velocities) == 8
    arm.gripper(0.02, 10.0)
    play(arm, 1.0, 0.0)
    names, positions, _ = arm.joint_state()
    assert positions[names.index("gripper_finger_joint1")] == pytest.approx(0.01, abs=1e-6)


def test_a_base_drives_as_commanded_and_stops_after_the_controllers_timeout(base: MockBase):
    now = 0.0
    for _ in range(50):  # a command every 20 ms for a second
        base.drive(0.2, 0.0)
        now = play(base, 0.02, now, 0.01)
    assert base.pose().linear == pytest.approx(0.2, abs=0.01)
    went = base.pose().x
    assert 0.15 < went < 0.21
    now = play(base, 0.45, now, 0.01)
    assert base.pose().linear > 0.19  # still within it
    play(base, 0.5, now, 0.01)
    assert base.pose().linear == pytest.approx(0.0, abs=1e-3)
    assert base.pose().x < went + 0.2 * 0.6
    with pytest.raises(CommandError):
        base.drive(math.nan, 0.0)
    for refuse in (
        lambda: base.positions([]),
        lambda: base.gripper(0.0, 0.0),
        lambda: base.trajectory([], []),
    ):
        with pytest.raises(CommandError, match="MockBase"):
            refuse()


def test_the_mock_lidar_is_read_onto_the_beams(base: MockBase):
    readings = base.scan()
    assert len(readings) == 360
    layout = ScanLayout(0.0, math.tau / 360, 0.0, BURGER.range)
    assert resampled(readings, layout, BURGER.beams, BURGER.range).min() > BURGER.radius


def test_a_step_after_a_long_pause_or_back_in_time_leaps_nowhere(arm: MockArm):
    arm.velocities([0.5] * 6)
    arm.step(0.0)
    arm.step(100.0)
    assert np.all(np.abs(where(arm) - HOME) < 0.1)
    before = where(arm)
    arm.step(50.0)
    assert np.array_equal(where(arm), before)
