"""What the guard must survive (docs/safety.md), between processes: a stalling policy, a paused program."""

import hashlib
import time

import numpy as np
import pytest
from guard_rig import Rig
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from metaagent_interfaces.msg import PolicyAssignment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import task_message
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

pytestmark = [pytest.mark.ros, pytest.mark.slow]
TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red", "cube")), (0.5, 0.0, 0.142), 0.001, "red_cube")


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    it = Rig("ur5e", tmp_path_factory.mktemp("program"), ("hardware", "policy", "guard"))
    yield it
    it.close()


@pytest.fixture
def ur(rig):
    rig.settle()
    return rig


@pytest.fixture
def running(ur, make_policy):
    """The policy's process has a run, and moves the arm."""
    policy = make_policy("ur5e", (0.0, 0.4, 0.1, 0.0)).dumps()
    run = PolicyAssignment(run_id="run", task=task_message(TASK), time_limit=60.0, parameters=policy)
    run.sha256 = hashlib.sha256(policy).hexdigest()
    ur.quiet()
    ur.runs.publish(run)
    ur.until(lambda: ur.report.state == "running" and ur.report.ticks > 5 and ur.moving, 10.0, "motion")
    yield ur
    ur.runs.publish(PolicyAssignment())


def test_9_a_policy_that_stalls_again_and_again_never_makes_it_jump(running):
    since = len(running.states)
    for _ in range(2):
        with running.stopped("policy"):
            running.until(lambda: running.status.state == "holding" and running.still, 5.0, "a hold")
            rest = running.now.position
            running.sent.clear()
        running.until(lambda: running.sent, 5.0, "commands again")
        assert running.sent[0] == pytest.approx(rest, abs=2e-3)
        running.until(lambda: running.moving, 5.0, "motion")
    running.assert_smooth(since)


def paused(rig, words: str) -> bool:
    return rig.status.state == "paused" and words in rig.status.message


def pause(rig, data: bool) -> None:
    assert rig.call(SetBool, "hardware/pause", SetBool.Request(data=data)).success


def off(rig, number: int, since: int) -> float:
    """How far [rad] a pose that was sent is from what was measured after the first ``since`` states."""
    return float(min(np.abs(s.position - rig.sent[number]).max() for s in rig.states[since:]))


def test_18_a_paused_robot_is_sent_nothing_and_goes_on_from_where_it_is(ur):
    says = ur.node.create_publisher(Bool, ur.deployment.program_running_topic, dialect.LATCHED)
    ur.until(lambda: says.get_subscription_count() > 1, 5.0, "the guard")
    since, goal = len(ur.states), ur.turned(0, 1.0)
    ahead = ur.toward(goal, lambda: 0.5)

    def both() -> None:
        pause(ur, True)
        ur.follow(goal, lambda: paused(ur, "the robot's program is not running."), "not running")
        says.publish(Bool(data=True))
        ur.follow(goal, lambda: paused(ur, "the robot's speed scaling is 0."), "scaled to nothing")

    def program() -> None:
        says.publish(Bool(data=False))
        ur.follow(goal, lambda: paused(ur, "the robot's program is not running."), "not running")

    for stop, go in ((both, lambda: pause(ur, False)), (program, lambda: says.publish(Bool(data=True)))):
        ur.follow(ahead, lambda: ur.moving and ur.now.velocity[0] > 0.1, "motion")
        stop()
        count = len(ur.sent)
        ur.follow(goal, ur.after(0.4), "time")
        assert len(ur.sent) == count and ur.still
        begun = len(ur.states)
        go()
        ur.follow(goal, lambda: len(ur.sent) > count, "commands again")  # noqa: B023
        assert off(ur, count, begun - 1) < 2e-3  # from where it is, not where it is asked to go
    ur.assert_smooth(since)
    ur.node.destroy_publisher(says)


def fresh_report(rig):
    """What the policy says from now on."""
    now_ns = time.time_ns()
    rig.until(lambda: dialect.stamp_of(rig.report) > now_ns, 5.0, "a report")
    return rig.report


def test_18_the_policy_waits_while_the_program_stands(running):
    since = len(running.states)
    pause(running, True)
    running.until(lambda: paused(running, "") and running.still, 5.0, "a pause")
    ticks = fresh_report(running).ticks
    count = len(running.sent)
    running.until(running.after(0.5), 5.0, "time")
    assert (fresh_report(running).ticks, running.report.state) == (ticks, "running")
    assert len(running.sent) == count and running.still
    begun = len(running.states)
    pause(running, False)
    running.until(lambda: len(running.sent) > count, 5.0, "commands again")
    assert off(running, count, begun - 1) < 2e-3
    running.until(lambda: running.report.ticks > ticks + 5 and running.moving, 5.0, "motion")
    running.assert_smooth(since)
