"""A run begins with an assignment and ends in exactly one way."""

import dataclasses
import hashlib

import numpy as np
import pytest

from metaagent_ros.control import ArmState, BaseState
from metaagent_ros.control.runner import APPROACH_S, CONFIRM, Assignment, Runner
from metaagent_ros.control.state import RobotState
from sim_envs.robots import load_profile
from sim_envs.spec import GroundedTask, ObjectRef, Scene, SceneItem, Target, TaskSpec

PANDA = load_profile("panda")
NAMES = PANDA.joints + PANDA.gripper_joints
MS = 1_000_000
PERIOD = 50 * MS
TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube")


def scene(z: float = 0.022) -> Scene:
    return Scene(
        (SceneItem("red_cube", "object", (0.5, 0.0, z), (0.022,) * 3, 0.0, "red", "cube", "medium"),)
    )


def state(width: float = 0.08, off: float = 0.0) -> ArmState:
    joints = tuple(p + off for p in PANDA.home)
    return ArmState(NAMES, (*joints, width / 2, width / 2), (0.0,) * len(NAMES))


@pytest.fixture
def runner():
    it = Runner("panda")
    yield it
    it.close()


@pytest.fixture
def assignment(make_policy):
    data = make_policy("panda", (0.1, 0.2, 0.3, -0.5)).dumps()
    return Assignment("one", TASK, data, hashlib.sha256(data).hexdigest(), 1.0)


def test_an_idle_runner_commands_nothing(runner):
    assert runner.report.state == "idle"
    assert runner.tick(0, state(), scene(), 0) is None


def test_a_run_ends_by_its_time_limit_in_robot_time(runner, assignment):
    runner.assign(assignment)
    stamps = range(0, 30 * PERIOD, PERIOD)
    commands = [runner.tick(stamp, state(), scene(), stamp) for stamp in stamps]
    assert runner.report.state == "timeout" and runner.report.run_id == "one"
    assert runner.report.ticks == 21
    sent = [c for c in commands if c is not None]
    assert len(sent) == 22  # the last one holds
    np.testing.assert_allclose(sent[-1].positions, PANDA.home)


def test_success_must_be_measured_several_times_in_a_row(runner, assignment):
    runner.assign(assignment)
    lifted, dropped = (scene(0.16), state(0.044)), (scene(), state(0.044))
    for number, (seen, now) in enumerate([lifted] * (CONFIRM - 1) + [dropped] + [lifted] * CONFIRM):
        assert runner.running
        runner.tick(number * PERIOD, now, seen, number * PERIOD)
    assert runner.report.state == "done"


def test_the_start_pose_comes_first_and_has_its_own_limit(runner, assignment):
    runner.assign(assignment)
    command = runner.tick(0, state(off=0.2), scene(), 0)
    assert command is not None and runner.report.ticks == 0
    late = round((APPROACH_S + 1.0) * 1e9)
    runner.tick(late, state(off=0.2), scene(), late)
    assert runner.report.state == "timeout" and "start pose" in runner.report.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": "0" * 64}, "sha256"),
        ({"time_limit": float("nan")}, "time limit"),
        ({"time_limit": 0.0}, "time limit"),
        ({"task": dataclasses.replace(TASK, spec=TaskSpec("navigate"))}, "skill"),
    ],
)
def test_a_broken_assignment_is_a_fault_with_its_cause(runner, assignment, change, words):
    runner.assign(dataclasses.replace(assignment, **change))
    assert runner.report.state == "fault" and words in runner.report.message
    assert runner.tick(0, state(), scene(), 0) is None


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff" * 100])
def test_bytes_that_are_no_policy_are_a_fault(runner, assignment, data):
    digest = hashlib.sha256(data).hexdigest()
    runner.assign(dataclasses.replace(assignment, parameters=data, sha256=digest))
    assert runner.report.state == "fault" and "policy" in runner.report.message


def test_a_missing_or_old_scene_is_a_fault_and_holds(runner, assignment):
    for seen, seen_ns in ((None, 0), (scene(), 0)):
        runner.assign(assignment)
        command = runner.tick(600 * MS, state(), seen, seen_ns)
        assert runner.report.state == "fault" and "scene" in runner.report.message
        np.testing.assert_allclose(command.positions, PANDA.home)


def test_another_assignment_replaces_the_first_and_stop_holds(runner, assignment):
    runner.assign(assignment)
    runner.tick(0, state(), scene(), 0)
    runner.assign(dataclasses.replace(assignment, run_id="two"))
    assert runner.report.run_id == "two" and runner.report.ticks == 0 and runner.running
    runner.stop()
    assert runner.report.state == "stopped" and runner.tick(PERIOD, state(), scene(), PERIOD) is None


def test_a_run_without_states_expires(runner, assignment):
    runner.assign(assignment)
    runner.expire(1)
    assert runner.running
    runner.expire(round(9e9))
    assert runner.report.state == "timeout"


def test_a_pause_stops_the_clock_of_the_run(runner, assignment):
    runner.assign(assignment)
    stamp = 0
    for _ in range(10):
        stamp += PERIOD
        runner.tick(stamp, state(), scene(), stamp)
    ticks = runner.report.ticks
    for _ in range(100):
        stamp += PERIOD
        runner.wait(stamp)
        runner.expire(stamp)
    assert runner.running and runner.report.ticks == ticks
    while runner.running:
        stamp += PERIOD
        runner.tick(stamp, state(), scene(), stamp)
    assert runner.report.state == "timeout" and runner.report.ticks == 21


def test_robot_time_that_jumps_back_ends_the_run(runner, assignment):
    runner.assign(assignment)
    runner.tick(100 * PERIOD, state(), scene(), 100 * PERIOD)
    runner.tick(PERIOD, state(), scene(), PERIOD)
    assert runner.report.state == "fault" and "jumped back by 4.95 s" in runner.report.message


def arm_run() -> list[tuple[RobotState, Scene]]:
    return [(state(off=1e-3 * number), scene()) for number in range(15)]


def base_run() -> list[tuple[RobotState, Scene]]:
    """A base that drives past a chair, which is moved on the way: it plans anew."""
    out: list[tuple[RobotState, Scene]] = []
    for number in range(15):
        chair = SceneItem("chair", "landmark", (1.5, 0.3 if number < 8 else -0.3, 0.4), (0.25, 0.25, 0.4))
        door = SceneItem("door", "landmark", (3.0, 0.0, 1.0), (0.05, 0.4, 1.0))
        pose = BaseState(0.05 * number, 0.0, 0.02 * number, 0.3, 0.1, ranges=np.full(64, 4.0))
        out.append((pose, Scene((chair, door))))
    return out


NAVIGATE = GroundedTask(TaskSpec("navigate", None, Target("landmark", "door")), (3.0, 0.0, 0.0), 0.5, "door")


@pytest.mark.parametrize(
    ("robot", "task", "run"), [("panda", TASK, arm_run()), ("diffbot", NAVIGATE, base_run())]
)
@pytest.mark.parametrize("other", [False, True])
def test_a_rehearsal_changes_nothing(random_policy, robot, task, run, other):
    """Of commands, episode, report; whether state and scene are those of the last tick or others."""
    data = random_policy(robot).dumps()
    first = Assignment("one", task, data, hashlib.sha256(data).hexdigest(), 1.0)
    plain, rehearsed = Runner(robot), Runner(robot)
    for runner in (plain, rehearsed):
        runner.rehearse(*run[0])  # nothing to rehearse yet
        runner.assign(first)
    for number, now in enumerate(run):
        stamp = number * PERIOD
        sent = [r.tick(stamp, *now, stamp) for r in (plain, rehearsed)]
        assert sent[0] is not None and sent[0] == sent[1]
        assert plain.report == rehearsed.report and plain.running
        rehearsed.rehearse(*(run[(number + 8) % 15] if other else now))
    a, b = plain.log.episode(), rehearsed.log.episode()
    assert a is not None and b is not None
    assert np.array_equal(a.observations, b.observations) and np.array_equal(a.actions, b.actions)
    plain.close()
    rehearsed.close()


def test_what_a_rehearsal_cannot_do_is_left_to_the_tick(runner, assignment):
    runner.assign(assignment)
    runner.tick(0, state(), scene(), 0)
    runner.rehearse(state(), Scene(()))  # the cube is gone
    runner.rehearse(state(), None)
    assert runner.running
    runner.tick(PERIOD, state(), Scene(()), PERIOD)
    assert runner.report.state == "fault"
