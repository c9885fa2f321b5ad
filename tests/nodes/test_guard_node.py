"""Only what the guard lets through reaches the robot's topics."""

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from guard_bench import DURATION, PANDA, ArmBench
from nav_msgs.msg import Odometry
from sensor_msgs.msg import LaserScan

from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_interfaces.msg import GuardStatus, PolicyAssignment
from metaagent_interfaces.srv import AbortRun
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.guard_node import GuardNode
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, BaseState

pytestmark = pytest.mark.ros


@pytest.fixture
def arm(bench):
    return ArmBench(bench)


def test_the_first_command_is_the_measured_pose_then_it_is_ramped_and_silence_is_held_for(bench, arm):
    arm.start(1.0)
    assert arm.sent[0].joint_names == list(PANDA.joints)
    assert arm.firsts()[0] == 0.0 and arm.counts.started == 1
    count = len(arm.sent)
    bench.until(lambda: len(arm.sent) > count + 5, each=lambda: arm.live(1.0))
    speeds = [b - a for a, b in zip([0.0, *arm.firsts()], arm.firsts(), strict=False)]
    assert 0.0 < max(speeds) <= PANDA.max_velocity[0] * DURATION + 1e-9
    assert arm.counts.limited_velocity > 0 and "velocity" in arm.message
    assert list(arm.grips[-1].data) == [0.05, 10.0]
    bench.until(lambda: arm.state == "holding", each=arm.measure)
    assert list(arm.grips[-1].data) == [0.05, 10.0]


def test_nothing_passes_without_a_measured_state(bench, arm):
    bench.until(lambda: arm.status and arm.status[-1].rejected > 3, each=lambda: arm.want(0.0))
    assert not arm.sent and "no measured state" in arm.message
    assert arm.status[-1].lifecycle == "inactive"


def test_after_a_command_the_next_one_is_rehearsed_and_nothing_is_sent(bench, arm, monkeypatch):
    arm.start()
    before = []
    monkeypatch.setattr(arm.node.guard, "rehearse", lambda _: before.append(len(arm.sent)))
    count = len(arm.sent)
    bench.until(lambda: len(arm.sent) > count, each=lambda: arm.live(0.0))
    bench.until(lambda: before, each=arm.measure)
    commanded = len(arm.sent)
    bench.until(
        lambda: arm.state == "holding", each=arm.measure
    )  # in silence there is nothing to rehearse for
    assert len(before) <= 2 * commanded


def test_an_abort_is_latched_until_another_run(bench, arm):
    arm.runs.publish(PolicyAssignment(run_id="one"))
    bench.until(lambda: arm.node.guard.run_id == "one", each=arm.measure)
    arm.start()
    assert bench.call(AbortRun, "guard/abort", AbortRun.Request(reason="a person")).accepted
    bench.until(lambda: arm.state == "fault")
    assert "a person" in arm.message
    count, rejected = len(arm.sent), arm.counts.rejected
    bench.until(lambda: arm.counts.rejected > rejected + 3, each=lambda: arm.live(0.1))
    assert len(arm.sent) == count
    arm.runs.publish(PolicyAssignment())
    arm.runs.publish(PolicyAssignment(run_id="two"))
    bench.until(lambda: len(arm.sent) > count, each=lambda: arm.live(0.1))


def test_a_guard_that_ends_leaves_the_robot_at_rest(bench, arm):
    arm.move()
    count = len(arm.sent)
    bench.nodes.remove(arm.node)
    bench.executor.remove_node(arm.node)
    arm.node.destroy_node()
    bench.until(lambda: len(arm.sent) > count)
    stopped = arm.firsts()[-1]
    assert 0.0 < stopped - arm.firsts()[count - 1] < PANDA.max_velocity[0] ** 2 / 20.0  # on, braking


def test_a_base_is_ramped_and_gets_zeros_when_the_policy_is_silent(bench):
    node = bench.make(GuardNode, robot="diffbot")
    profile = load_profile("diffbot")
    sent, status = bench.listen(TwistStamped, "cmd_vel"), bench.listen(GuardStatus, "guard/status")
    odometry, scans = bench.speak(Odometry, "odom"), bench.speak(LaserScan, "scan")
    commands = bench.speak(BaseCommandMessage, "policy/base_command")
    bench.connected(odometry, commands, scans)
    free, wall = np.full(profile.beams, profile.range), np.full(profile.beams, profile.radius + 0.05)
    seen = [free]

    def measure():
        now = bench.peer.get_clock().now().nanoseconds
        if seen:
            scans.publish(dialect.scan_message(seen[-1], profile, now))
        odometry.publish(dialect.odometry_message(BaseState(0.0, 0.0, 0.0, 0.0, 0.0), now))
        return now

    def want(linear: float):
        commands.publish(dialect.base_command_message(BaseCommand(linear, 0.0), measure(), "/policy#1"))

    bench.until(lambda: node.active, each=measure)
    bench.until(lambda: sent, each=lambda: want(9.0))
    # one step of the ramp is 0.1 s of acceleration; the first message heard may be the second one sent
    assert 0.0 < sent[0].twist.linear.x <= 0.15 * profile.max_linear_acceleration < profile.max_linear
    bench.until(lambda: sent[-1].twist.linear.x > 0.5 * profile.max_linear, each=lambda: want(9.0))
    assert max(m.twist.linear.x for m in sent) <= profile.max_linear
    bench.until(lambda: status[-1].state == "holding", each=measure)
    count = len(sent)
    bench.until(lambda: len(sent) > count + 3, each=measure)
    assert all(m.twist.linear.x == 0.0 for m in sent[-3:])
    seen.append(wall)
    bench.until(lambda: "something 0.25 m away" in status[-1].message, each=lambda: want(0.5))
    bench.until(lambda: abs(sent[-1].twist.linear.x) < 0.11, each=lambda: want(0.5))
    seen.clear()  # the lidar falls silent
    bench.until(lambda: status[-1].collisions > 0, each=lambda: want(0.5))
    assert "no scan within 0.5 s" in status[-1].message and sent[-1].twist.linear.x == 0.0
