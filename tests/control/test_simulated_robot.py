"""A session over simulation, runner and guard: the shipped policy learns what it was not told."""

import numpy as np
import pytest

from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.inferring import NEAR, BlindAdapter
from metaagent_ros.control.session import Session, SessionBudget
from metaagent_ros.control.simulated_robot import SimulatedRobot
from metaagent_ros.deployment import load_deployment
from metaagent_ros.instructions.grounding import ground
from metaagent_ros.instructions.rules import RuleParser
from metaagent_ros.policies.context import context_of, with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped_policy
from sim_envs.spec import ObjectRef, TaskSpec

GRASP = TaskSpec("grasp", ObjectRef("red", "cube"))
SCENE, HIDDEN = 0, 100  # the camera is 33 mm off along x: the start closes beside the cube


@pytest.fixture(scope="module")
def start():
    return PolicyFile.load(shipped_policy("panda"))


@pytest.fixture
def robot():
    it = SimulatedRobot("panda", SCENE, HIDDEN, lambda scene: ground(GRASP, scene, "panda"))
    yield it
    it.close()


def never() -> bool:
    return False


def test_a_session_on_other_dynamics_finds_what_the_camera_hides(robot, start):
    result = Session(robot, BlindAdapter(start), start, SessionBudget(8, 300.0)).run()
    assert result.status == "done" and result.before < 0.6 and result.after == 1.0 and result.version > 0
    assert context_of(result.policy)[0] > 0.2  # toward the true 0.95 along x
    assert robot.guard.counts.passed > 100 and robot.guard.state != "fault"


def test_every_command_goes_through_the_guard(robot, start):
    task, let_through, sent = robot.restore(0, never), [], []
    feed, drive = robot.guard.feed_command, robot.simulation.command_joints
    tick = robot.guard.tick

    def noted(judge):
        def call(*given):
            command = judge(*given)
            if command is not None:
                let_through.append(tuple(command.positions))
            return command

        return call

    robot.guard.feed_command, robot.guard.tick = noted(feed), noted(tick)
    robot.simulation.command_joints = lambda names, at: (sent.append(tuple(at)), drive(names, at))
    robot.run(task, start, never)
    assert sent and sent == let_through


def test_an_abort_ends_the_run_with_the_guards_words_and_a_cancel_stops_it(robot, start):
    task, steps = robot.restore(0, never), []

    def aborting():
        steps.append(robot.simulation.time)
        if len(steps) == 50:
            robot.guard.abort("a person", robot.simulation.time)
        return False

    with pytest.raises(Stopped, match="guard: aborted: a person") as stopped:
        robot.run(task, start, aborting)
    assert stopped.value.status == "failed" and not robot.runner.running
    with pytest.raises(Stopped) as stopped:
        robot.run(robot.restore(1, never), start, lambda: True)
    assert stopped.value.status == "cancelled" and not robot.runner.running


def test_within_a_real_arms_accelerations_a_run_is_slowed_and_goes_on(start):
    (step,) = RuleParser().parse("put the green cylinder in the left bin").steps
    bind = lambda scene: ground(step, scene, "panda")  # noqa: E731
    robot = SimulatedRobot("panda", 204, 304, bind, real_limits=True)
    try:
        assert robot.guard.limiter.limits.acceleration == load_deployment("panda").max_acceleration
        robot.run(robot.restore(1, never), start, never)  # halted 24 mm above the table before, and a fault
        counts = robot.guard.counts
        assert counts.limited_acceleration > 10 and counts.slowed > 0 and counts.collisions == 0
    finally:
        robot.close()


def test_the_scene_is_put_back_as_it_was_and_a_little_moved(robot, start):
    truth, time = robot.simulation.truth(), robot.simulation.time
    robot.run(robot.restore(0, never), start, never)
    moved = [robot.restore(n, never) and robot.simulation.truth() for n in (0, 3, 3)]
    assert robot.simulation.time > time  # it never goes back
    gaps = [
        max(
            np.abs(np.array(a.position) - b.position).max()
            for a, b in zip(scene.items, truth.items, strict=True)
        )
        for scene in moved
    ]
    assert gaps[0] < 1e-6 and 0.001 < gaps[1] <= 0.01 + 1e-6
    assert moved[1] == moved[2]


def test_what_has_failed_is_not_proposed_again(start):
    adapter, failed = BlindAdapter(start), [with_context(start, np.zeros(2))]
    for _ in range(6):
        proposed = adapter.propose(failed)
        gaps = [np.abs(np.subtract(context_of(proposed), context_of(f))).max() for f in failed]
        assert min(gaps) > NEAR - 1e-6
        failed.append(proposed)
    assert np.abs([context_of(f) for f in failed]).max() <= 1.0 + 1e-6


def test_a_policy_that_cannot_infer_is_refused(make_policy):
    with pytest.raises(PolicyFileError, match="no network"):
        BlindAdapter(make_policy("panda", (0.0,) * 4))
