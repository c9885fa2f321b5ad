"""What the guard must survive (docs/safety.md), between real processes: killed, stopped, flooded."""

import math
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from guard_cell import LOOK, PANDA, PERIOD, Cell
from lifecycle_msgs.msg import Transition
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from spinning import known_to
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from metaagent_interfaces.msg import ArmCommand
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect

pytestmark = [pytest.mark.ros, pytest.mark.slow]
TIMEOUT, CONTROLLER = 0.2, 0.2  # [s] of the panda's deployment
SEEN = LOOK * 0.01 + 0.02  # [s] that measuring adds: the look back, and one more state in each direction


@pytest.fixture(scope="module")
def cell(make_policy, tmp_path_factory):
    policy = make_policy("panda", (0.0, 0.4, 0.1, 0.0)).dumps()
    it = Cell(policy, tmp_path_factory.mktemp("cell"))
    yield it
    it.close()


@pytest.fixture
def running(cell):
    cell.start()
    yield cell
    cell.end()


def test_the_first_motion_is_not_limited(running):
    time.sleep(0.5)
    status = running.status
    assert status.started >= 1 and status.passed > 0 and status.limited <= 0.1 * status.passed
    assert status.commander.startswith("/policy#")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_10_a_policy_that_is_stopped_or_killed_leaves_the_robot_at_rest(cell, number):
    cell.start()
    rest = cell.rest_after(lambda: cell.signal("policy", number))
    print(f"policy {number.name}: at rest after {rest:.3f} s")
    assert rest <= TIMEOUT + 2 * PERIOD + SEEN
    assert cell.status.state == "holding" and "no command" in cell.status.message
    if number == signal.SIGSTOP:
        cell.signal("policy", signal.SIGCONT)
        cell.end()
    else:
        cell.replace("policy")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_11_a_guard_that_is_stopped_or_killed_leaves_it_to_the_controller_to_rest(cell, number):
    cell.start()
    rest = cell.rest_after(lambda: cell.signal("guard", number))
    print(f"guard {number.name}: at rest after {rest:.3f} s")
    assert rest <= CONTROLLER + SEEN
    if number == signal.SIGSTOP:
        cell.signal("guard", signal.SIGCONT)
    else:
        cell.replace("guard")
    cell.end()


def test_4_a_simulator_that_is_stopped_is_held_for_then_a_fault(running):
    running.signal("simulator", signal.SIGSTOP)
    try:
        held = running.until(lambda: running.status.state == "holding", 2.0, "holding")
        running.until(lambda: running.status.state == "fault", 2.0, "the fault")
        assert held < 0.8 and "stale" in running.status.message
    finally:
        running.signal("simulator", signal.SIGCONT)


def test_12_a_second_commander_is_refused_by_name_and_disturbs_nothing(running):
    before, spec = running.status, replace(running.specs["policy"], name="second")
    running.spawn(spec, "second")
    running.until(lambda: running.status.refused > 10, 20.0, "a refusal")
    assert "/second#" in running.status.message and running.status.commander.startswith("/policy#")
    process = running.stack.processes.pop("second")
    process.kill()
    process.wait()
    assert running.status.state == "active" and running.status.rejected == before.rejected


def test_1_and_12_a_flood_of_nonsense_disturbs_nothing(running):
    commands = running.node.create_publisher(ArmCommand, "policy/arm_command", dialect.LATEST)
    running.until(lambda: commands.get_subscription_count() > 0, 5.0, "the guard")
    known_to(running.node, "guard")
    before, ticks, sent = running.status, running.report.ticks, 0
    begun, message = time.monotonic(), ArmCommand(names=["x"], positions=[math.nan], commander="/flood")
    while time.monotonic() - begun < 1.5:
        commands.publish(message)
        sent += 1
        time.sleep(max(0.0, begun + sent * 0.001 - time.monotonic()))
    running.node.destroy_publisher(commands)
    running.until(lambda: running.status.refused > before.refused + 100, 2.0, "refusals")
    passed = (running.status.passed + running.status.limited) - (before.passed + before.limited)
    ticks = running.report.ticks - ticks
    print(f"{sent} nonsense commands in 1.5 s; of the policy's {ticks} passed {passed}")
    assert sent > 700 and running.status.state == "active" and running.status.rejected == before.rejected
    assert passed > 0.7 * ticks > 10


def test_13_the_e_stop_brakes_in_bounded_time_and_stays(cell):
    cell.start()
    button = cell.node.create_publisher(Bool, "estop", QoSProfile(depth=1))
    cell.until(lambda: button.get_subscription_count() > 0, 5.0, "the guard")
    known_to(cell.node, "guard")
    rest = cell.rest_after(lambda: button.publish(Bool(data=True)))
    print(f"e-stop: at rest after {rest:.3f} s")
    assert rest <= 0.3 and cell.status.estop and cell.status.state == "fault"
    button.publish(Bool(data=False))
    cell.end()
    time.sleep(0.6)
    answer = cell.call(Trigger, "guard/reset", Trigger.Request())
    assert answer.success, answer.message
    cell.start()
    assert cell.call(Trigger, "guard/estop", Trigger.Request()).success
    assert not cell.call(Trigger, "guard/reset", Trigger.Request()).success
    cell.end()
    time.sleep(0.6)
    assert cell.call(Trigger, "guard/reset", Trigger.Request()).success


def test_14_a_simulator_that_starts_anew_jumps_back_in_time_and_is_held_for(cell):
    cell.start()
    before = cell.states[-1][0]
    cell.replace("simulator")
    assert cell.states[-1][0] < before
    assert any(status.state in ("holding", "fault") for status in cell.guard), "the guard took no notice"
    ended = lambda: cell.report.state == "fault" and cell.status.state in ("holding", "fault")  # noqa: E731
    cell.until(ended, 3.0, "the end of the run")
    assert "jumped back" in cell.report.message
    cell.start()
    cell.end()


def test_15_a_guard_in_the_wrong_domain_names_it(cell, tmp_path):
    other = {"ROS_DOMAIN_ID": str(int(cell.stack.env["ROS_DOMAIN_ID"]) % 101 + 1)}
    with Stack((cell.specs["guard"],), tmp_path, cell.stack.env | other) as alone:
        log = alone.log_path("guard")
        words = f"nobody publishes joint_states in ROS domain {other['ROS_DOMAIN_ID']}"
        took = cell.until(lambda: words in log.read_text(), 15.0, "the words")
        cell.until(lambda: "ready" in log.read_text(), 1.0, "the start")
    print(f"wrong domain: named {took:.1f} s after the start of the process")


def test_16_a_qos_mismatch_is_named(cell):
    lossy = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = cell.node.create_publisher(JointState, "joint_states", lossy)
    words = "QoS mismatch on joint_states: RELIABILITY (not heard: /cell)"
    cell.until(lambda: words in cell.status.message, 5.0, "the words")
    cell.node.destroy_publisher(publisher)
    cell.until(lambda: words not in cell.status.message, 5.0, "the end of it")


def test_6_a_guard_of_another_robot_is_not_activated(cell):
    spec = cell.specs["guard"]
    wrong = replace(spec, name="other", parameters={**spec.parameters, "robot": "ur5e"}, namespace="other")
    wrong = replace(wrong, remappings=(("joint_states", "/joint_states"),))
    cell.spawn(wrong, "other")
    log = cell.stack.log_path("other")
    cell.until(lambda: "missing shoulder_pan_joint" in log.read_text(), 15.0, "the difference")
    assert "reported: panda_joint1" in log.read_text()
    process = cell.stack.processes.pop("other")
    process.kill()
    process.wait()


def test_19_deactivating_in_mid_motion_ramps_to_rest(cell):
    cell.start()
    since = len(cell.states) - LOOK
    rest = cell.rest_after(lambda: cell.change("guard", Transition.TRANSITION_DEACTIVATE))
    print(f"deactivated: at rest {rest:.3f} s after the answer")
    assert rest <= 0.1 + SEEN and cell.status.lifecycle == "inactive"
    positions = np.array([p for _, p in cell.states[since:]])
    assert (positions > np.array(PANDA.lower)).all() and (positions < np.array(PANDA.upper)).all()
    assert cell.change("guard", Transition.TRANSITION_ACTIVATE)
    cell.end()
    cell.start()
    assert cell.change("policy", Transition.TRANSITION_DEACTIVATE)
    cell.until(lambda: cell.report.state == "stopped" and not cell.moving, 2.0, "rest")
    assert cell.change("policy", Transition.TRANSITION_ACTIVATE)
