"""What the guard must survive (docs/safety.md), each point over real topics in this process."""

import math

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from guard_bench import DURATION, NAMES, PANDA, ArmBench, sparse
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ArmCommand, GuardStatus
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import time_message
from metaagent_ros.nodes.guard_node import GuardNode
from sim_envs.robots import load_profile

pytestmark = pytest.mark.ros
LOSSY = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NS = 1_000_000_000


@pytest.fixture
def arm(bench):
    return ArmBench(bench)


def change(bench, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bench.call(ChangeState, "guard/change_state", request).success


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_1_ten_bad_commands_are_a_fault(bench, arm, bad):
    arm.move()
    bench.until(lambda: arm.state == "fault", each=lambda: arm.live(bad))
    assert "10 bad commands in a row" in arm.message and arm.counts.rejected >= 10
    assert all(math.isfinite(p) for m in arm.sent for p in m.points[0].positions)


def test_2_positions_end_at_the_soft_limit(bench, arm):
    bench.until(lambda: arm.counts.limited_position > 40, each=lambda: arm.live(9.0, joint=6))
    assert max(arm.firsts(6)) == pytest.approx(PANDA.upper[6] - 0.02) and "panda_joint7" in arm.message


def test_3_nothing_jumps(bench, arm):
    arm.arm.put([0.2, *PANDA.home[1:]])
    arm.start(2.0)
    bench.until(lambda: arm.counts.limited_velocity > 3, each=lambda: arm.live(2.0))
    assert arm.firsts()[0] == pytest.approx(0.2) and arm.counts.limited_acceleration > 0


def test_4_and_8_states_that_are_late_or_broken_are_none(bench, arm):
    for spoil in (
        lambda: arm.measure(stamp=time_message(bench.peer.get_clock().now().nanoseconds - 150_000_000)),
        lambda: arm.measure(positions=[math.nan] * len(NAMES)),
        lambda: arm.measure(positions=[0.0, 0.0]),
    ):
        arm.start()
        stale = arm.counts.stale
        bench.until(lambda: arm.state == "holding", 2.0, each=lambda: (spoil(), arm.want(0.0)))  # noqa: B023
        assert arm.counts.stale > stale and "stale in robot time" in arm.message
    bench.until(
        lambda: arm.state == "fault", 3.0, each=lambda: arm.measure(positions=[math.nan] * len(NAMES))
    )


def test_5_stamps_twice_are_dropped(bench, arm):
    arm.start()
    stamp = bench.stamp()
    bench.until(
        lambda: arm.counts.out_of_order >= 3, each=lambda: (arm.measure(), arm.want(0.0, stamp=stamp))
    )
    assert arm.node.guard.state in ("active", "holding")


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        (("panda_joint8", *NAMES[1:]), "missing panda_joint1; unknown panda_joint8"),
        (NAMES[1:], "missing panda_joint1"),
        ((*NAMES, "elbow"), "unknown elbow"),
    ],
)
def test_6_wrong_joint_names_refuse_the_activation_with_the_difference(bench, names, difference):
    arm = ArmBench(bench, autostart=False)
    assert change(bench, Transition.TRANSITION_CONFIGURE)
    positions = [0.0] * len(names)
    bench.until(lambda: arm.node.topics.wrong, each=lambda: arm.measure(names, positions))
    assert not change(bench, Transition.TRANSITION_ACTIVATE)
    bench.until(lambda: difference in arm.message)
    assert arm.node.lifecycle == "inactive" and not arm.sent
    bench.until(lambda: not arm.node.lacking(), each=arm.measure)
    assert change(bench, Transition.TRANSITION_ACTIVATE) and arm.node.active


def test_7_permuted_joints_mean_the_same_motion(bench, arm):
    pose = dict(zip(NAMES, [*PANDA.home, 0.04, 0.04], strict=True))
    names, joints = sorted(NAMES, reverse=True), sorted(PANDA.joints, reverse=True)

    def live():
        arm.measure(names, [pose[n] for n in names])
        message = ArmCommand(names=joints, positions=[pose[n] + 0.001 for n in joints], duration=DURATION)
        message.gripper_width, message.header.stamp, message.commander = 0.05, bench.stamp(), "/policy#1"
        arm.commands.publish(message)

    bench.until(lambda: len(arm.sent) > 2, each=sparse(live))
    assert arm.sent[-1].joint_names == list(PANDA.joints)
    # two commands in quick succession are limited in acceleration; a permutation would be off by more
    assert arm.sent[-1].points[0].positions == pytest.approx([p + 0.001 for p in PANDA.home], abs=1e-3)


def test_9_a_command_decided_on_an_old_state_is_dropped(bench, arm):
    bench.until(lambda: arm.node.active, each=arm.measure)

    def late():
        arm.measure()
        arm.want(0.0, stamp=time_message(bench.peer.get_clock().now().nanoseconds - 250_000_000))

    bench.until(lambda: arm.counts.stale > 2, each=late)
    assert not arm.sent


def test_12_the_second_commander_is_refused_by_name(bench, arm):
    arm.move()

    def both():
        arm.live(0.3, commander="/policy#1")
        arm.want(-2.0, commander="/intruder#2")

    bench.until(lambda: arm.counts.refused > 5, each=sparse(both, 3))
    bench.until(lambda: "/intruder#2" in arm.message and "/policy#1" in arm.message, each=sparse(both, 3))
    assert arm.status[-1].commander == "/policy#1" and min(arm.firsts()) > -0.05
    bench.until(lambda: arm.state == "holding", each=arm.measure)
    bench.until(
        lambda: arm.status[-1].commander == "/intruder#2", each=lambda: arm.live(0.0, commander="/intruder#2")
    )


def test_12_a_node_that_commands_past_the_guard_is_named(bench, arm):
    diagnostics = bench.listen(DiagnosticArray, "/diagnostics")
    bench.speak(JointTrajectory, "joint_trajectory_controller/joint_trajectory")

    def named():
        statuses = [s for m in diagnostics for s in m.status if s.name == "/guard"]
        return statuses and "/peer commands the robot past the guard" in statuses[-1].message

    bench.until(named, each=arm.measure)


@pytest.mark.parametrize("qos", [LOSSY, dialect.LATEST, dialect.LATCHED])
def test_13_an_e_stop_is_latched_until_a_reset_with_fresh_state_and_silence(bench, arm, qos):
    button = bench.speak(Bool, "estop", qos)
    arm.move()
    bench.until(lambda: arm.state == "fault", each=lambda: (button.publish(Bool(data=True)), arm.live(1.0)))
    assert arm.status[-1].estop and "e-stop" in arm.message

    def reset():
        arm.measure()
        return bench.call(Trigger, "guard/reset", Trigger.Request())

    bench.until(lambda: "still says true" in reset().message)
    button.publish(Bool(data=False))
    bench.until(lambda: "commands still come in" in reset().message, each=lambda: arm.live(0.0))
    assert arm.status[-1].estop
    bench.until(lambda: reset().success, 3.0)
    arm.start()


def test_13_the_service_stops_too_and_nothing_goes_on_by_itself(bench, arm):
    arm.move()
    assert bench.call(Trigger, "guard/estop", Trigger.Request()).success
    count = len(arm.sent)
    for _ in range(40):
        arm.live(1.0)
        bench.executor.spin_once(timeout_sec=0.01)
    assert arm.state == "fault" and len(arm.sent) - count <= PANDA.max_velocity[0] / 10.0 / 0.02 + 1


@pytest.mark.parametrize("jump", [-3.0, 20.0])
def test_14_simulated_time_that_jumps_holds(bench, jump):
    clock, now = bench.speak(Clock, "/clock"), [50.0]
    arm = ArmBench(bench, use_sim_time=True)

    def live():
        now[0] += 0.01
        stamp = time_message(round(now[0] * NS))
        clock.publish(Clock(clock=stamp))
        arm.measure(stamp=stamp)
        arm.want(0.0, stamp=stamp)

    bench.until(lambda: arm.state == "active", each=sparse(live))
    states = []
    now[0] += jump
    bench.until(lambda: states.append(arm.node.guard.state) or "holding" in states, each=sparse(live))
    bench.until(lambda: arm.state == "active", each=sparse(live))


def test_15_a_robot_that_is_not_there_is_named_in_time(bench):
    status = bench.listen(GuardStatus, "guard/status")
    bench.make(GuardNode, robot="panda")
    bench.until(lambda: status and "ROS_DOMAIN_ID" in status[-1].message, 4.0)
    assert "nobody publishes joint_states in ROS domain" in status[-1].message


def test_16_a_qos_mismatch_is_named_by_topic_policy_and_node(bench, arm):
    bench.speak(JointState, "joint_states", LOSSY)
    bench.until(lambda: "QoS mismatch on joint_states: RELIABILITY (not heard: /peer)" in arm.message, 4.0)


def test_18_a_paused_robot_is_sent_nothing_and_goes_on_from_where_it_is(bench):
    profile = load_profile("ur5e")
    node = bench.make(GuardNode, robot="ur5e")
    sent, status = (
        bench.listen(JointTrajectory, node.deployment.command_topic),
        bench.listen(GuardStatus, "guard/status"),
    )
    states, commands = bench.speak(JointState, "joint_states"), bench.speak(ArmCommand, "policy/arm_command")
    scaling = bench.speak(Float64, node.deployment.speed_scaling_topic)
    running = bench.speak(Bool, node.deployment.program_running_topic, dialect.LATCHED)
    bench.connected(states, commands, scaling, running)
    pose = list(profile.home)

    def live():
        message = JointState(name=list(profile.joints), position=pose)
        message.header.stamp = bench.stamp()
        states.publish(message)
        wish = ArmCommand(
            names=list(profile.joints), positions=[pose[0] + 0.01, *pose[1:]], duration=DURATION
        )
        wish.header.stamp, wish.commander = bench.stamp(), "/policy#1"
        commands.publish(wish)

    bench.until(lambda: sent and status and status[-1].state == "active", each=live)
    for stop, go in (
        (lambda: scaling.publish(Float64(data=0.0)), lambda: scaling.publish(Float64(data=100.0))),
        (lambda: running.publish(Bool(data=False)), lambda: running.publish(Bool(data=True))),
    ):
        stop()
        bench.until(lambda: status[-1].state == "paused", each=live)
        count = len(sent)
        pose[0] += 0.3  # moved by hand meanwhile
        for _ in range(30):
            live()
            bench.executor.spin_once(timeout_sec=0.01)
        assert len(sent) == count
        go()
        bench.until(lambda: len(sent) > count, each=live)  # noqa: B023
        assert sent[count].points[0].positions[0] == pytest.approx(pose[0], abs=2e-3)


def test_19_deactivating_in_mid_motion_ramps_to_rest_first(bench, arm):
    arm.move()
    count, moving = len(arm.sent), arm.firsts()[-1]
    assert change(bench, Transition.TRANSITION_DEACTIVATE)
    bench.until(lambda: arm.status[-1].lifecycle == "inactive" and len(arm.sent) > count)
    assert arm.firsts()[-1] > moving and "deactivated" in arm.message
    count = len(arm.sent)
    bench.until(lambda: arm.counts.rejected > 3, each=lambda: arm.live(1.0))
    assert len(arm.sent) == count and "inactive" in arm.message
    assert change(bench, Transition.TRANSITION_ACTIVATE)
    bench.until(lambda: len(arm.sent) > count, each=lambda: arm.live(1.0))


def test_diagnostics_say_how_it_is(bench, arm):
    diagnostics = bench.listen(DiagnosticArray, "/diagnostics")
    levels = lambda: {s.level for m in diagnostics for s in m.status if s.hardware_id == "panda"}  # noqa: E731
    bench.until(lambda: DiagnosticStatus.OK in levels(), each=lambda: arm.live(0.0))
    bench.call(Trigger, "guard/estop", Trigger.Request())
    bench.until(lambda: DiagnosticStatus.ERROR in levels(), each=arm.measure)
