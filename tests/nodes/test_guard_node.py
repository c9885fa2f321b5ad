"""Only what the guard lets through reaches the robot's topics."""

import math

import pytest
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ArmCommand, GuardStatus, PolicyAssignment
from metaagent_interfaces.srv import AbortRun
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.guard_node import GuardNode
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, BaseState

pytestmark = pytest.mark.ros
PANDA = load_profile("panda")
NAMES = PANDA.joints + PANDA.gripper_joints


class ArmBench:
    """A guard, and the robot and the policy that it stands between."""

    def __init__(self, bench):
        self.bench = bench
        self.node = bench.make(GuardNode, robot="panda")
        self.sent = bench.listen(JointTrajectory, "joint_trajectory_controller/joint_trajectory")
        self.grips = bench.listen(Float64MultiArray, "gripper_controller/commands")
        self.status = bench.listen(GuardStatus, "guard/status")
        self.states = bench.speak(JointState, "joint_states")
        self.commands = bench.speak(ArmCommand, "policy/arm_command")
        self.runs = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        bench.connected(self.states, self.commands, self.runs)

    def measure(self, *spoilt: float) -> None:
        positions = [*spoilt, *(*PANDA.home, 0.04, 0.04)[len(spoilt) :]]
        message = JointState(name=list(NAMES), position=positions)
        message.header.stamp = self.bench.stamp()
        self.states.publish(message)

    def want(self, first: float, width: float = 0.05) -> None:
        self.measure()
        message = ArmCommand(names=list(PANDA.joints), positions=[first, *PANDA.home[1:]])
        message.gripper_width, message.gripper_force, message.duration = width, 10.0, 0.05
        message.header.stamp = self.bench.stamp()
        self.commands.publish(message)

    @property
    def state(self) -> str:
        return self.status[-1].state if self.status else ""


@pytest.fixture
def arm(bench):
    return ArmBench(bench)


def test_commands_pass_clamped_and_the_silent_policy_is_held_for(bench, arm):
    bench.until(lambda: arm.sent, each=lambda: arm.want(1.0))
    step = PANDA.max_velocity[0] * 0.05
    assert arm.sent[0].joint_names == list(PANDA.joints)
    assert arm.sent[0].points[0].positions[0] == pytest.approx(step)
    bench.until(lambda: arm.state == "active", each=lambda: arm.want(0.01))
    assert list(arm.grips[-1].data) == [0.05, 10.0]
    bench.until(lambda: arm.state == "holding", each=arm.measure)
    assert arm.sent[-1].points[0].positions[0] == 0.0
    assert list(arm.grips[-1].data) == [0.05, 10.0]


def test_nothing_passes_without_a_measured_state(bench, arm):
    def shout():
        message = ArmCommand(names=list(PANDA.joints), positions=list(PANDA.home), duration=0.05)
        message.header.stamp = bench.stamp()
        arm.commands.publish(message)

    bench.until(lambda: arm.status and arm.status[-1].rejected > 3, each=shout)
    assert not arm.sent and "no measured state" in arm.status[-1].message


def test_bad_commands_and_bad_states_are_rejected_whole(bench, arm):
    bench.until(lambda: arm.sent, each=lambda: arm.want(0.0))
    before = arm.node.guard.counts.rejected
    bench.until(lambda: arm.node.guard.counts.rejected > before + 2, each=lambda: arm.want(math.nan))
    assert all(math.isfinite(p) for m in arm.sent for p in m.points[0].positions)
    bench.until(lambda: arm.state == "holding", each=lambda: arm.measure(math.nan))


def test_an_abort_is_latched_until_another_run(bench, arm):
    arm.runs.publish(PolicyAssignment(run_id="one"))
    bench.until(lambda: arm.sent and arm.node.guard.run_id == "one", each=lambda: arm.want(0.0))
    assert bench.call(AbortRun, "guard/abort", AbortRun.Request(reason="a person")).accepted
    bench.until(lambda: arm.state == "fault")
    assert "a person" in arm.status[-1].message
    count, rejected = len(arm.sent), arm.node.guard.counts.rejected
    bench.until(lambda: arm.node.guard.counts.rejected > rejected + 3, each=lambda: arm.want(0.1))
    assert len(arm.sent) == count
    arm.runs.publish(PolicyAssignment())
    arm.runs.publish(PolicyAssignment(run_id="two"))
    bench.until(lambda: len(arm.sent) > count, each=lambda: arm.want(0.1))


def test_a_guard_that_ends_leaves_the_robot_at_rest(bench, arm):
    bench.until(lambda: arm.sent, each=lambda: arm.want(0.05))
    count = len(arm.sent)
    bench.nodes.remove(arm.node)
    bench.executor.remove_node(arm.node)
    arm.node.destroy_node()
    bench.until(lambda: len(arm.sent) > count)
    assert arm.sent[-1].points[0].positions[0] == 0.0


def test_a_base_is_ramped_and_gets_zeros_when_the_policy_is_silent(bench):
    bench.make(GuardNode, robot="diffbot")
    profile = load_profile("diffbot")
    sent, status = bench.listen(TwistStamped, "cmd_vel"), bench.listen(GuardStatus, "guard/status")
    odometry = bench.speak(Odometry, "odom")
    commands = bench.speak(TwistStamped, "policy/base_command")
    bench.connected(odometry, commands)

    def measure():
        now = bench.peer.get_clock().now().nanoseconds
        odometry.publish(dialect.odometry_message(BaseState(0.0, 0.0, 0.0, 0.0, 0.0), now))
        return now

    def want(linear: float):
        commands.publish(dialect.twist_message(BaseCommand(linear, 0.0), measure()))

    bench.until(lambda: sent, each=lambda: want(9.0))
    # one step of the ramp is 0.1 s of acceleration; the first message heard may be the second one sent
    assert 0.0 < sent[0].twist.linear.x <= 0.15 * profile.max_linear_acceleration < profile.max_linear
    bench.until(lambda: sent[-1].twist.linear.x > 0.5 * profile.max_linear, each=lambda: want(9.0))
    assert max(m.twist.linear.x for m in sent) <= profile.max_linear
    bench.until(lambda: status[-1].state == "holding", each=measure)
    count = len(sent)
    bench.until(lambda: len(sent) > count + 3, each=measure)
    assert all(m.twist.linear.x == 0.0 for m in sent[-3:])
