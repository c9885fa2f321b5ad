"""Every dialect, from the guard's side to the robot's over real topics; what is not installed is named."""

import importlib
import time

import numpy as np
import pytest
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_ros.control.mock_robot import MockArm, MockBase
from metaagent_ros.control.robot_side import CommandError
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import adapters, dialect
from metaagent_ros.nodes.receivers import Receivers
from metaagent_ros.nodes.simulator_node import SimulatorNode
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, JointCommand

pytestmark = pytest.mark.ros
UR5E = load_profile("ur5e")
HOME = np.array(UR5E.home)


def joint_command(offset: float, width: float = 0.05) -> JointCommand:
    return JointCommand(UR5E.joints, tuple(HOME + offset), width, 20.0, 0.1)


class Arm:
    """A guard's adapter at one end, a mock robot with its controllers at the other."""

    def __init__(self, bench, command: str, gripper: str = "width_force") -> None:
        self.bench = bench
        self.deployment = load_deployment("ur5e").speaking(command, gripper)
        self.robot = MockArm(UR5E, self.deployment)
        self.sender = bench.add(Node("sender", context=bench.context))
        self.adapter = adapters.command_adapter(self.sender, self.deployment, UR5E)
        self.states = bench.speak(JointState, self.deployment.state_topic)
        self.receivers = Receivers(bench.peer, self.deployment, self.robot)

    def live(self) -> None:
        self.robot.step(time.monotonic())
        message = dialect.joint_state_message(*self.robot.joint_state(), 1)
        self.states.publish(message)

    def at(self, joint: str) -> float:
        names, positions, _ = self.robot.joint_state()
        return float(positions[names.index(joint)])

    @property
    def gap(self) -> float:
        return self.at("elbow_joint") - UR5E.home[2]

    def live_and_send(self, offset: float) -> None:
        self.live()
        self.adapter.send(joint_command(offset))


@pytest.mark.parametrize("command", ["joint_trajectory", "forward_position", "forward_velocity"])
def test_an_arm_moves_where_it_is_sent_in_every_dialect_and_stays(bench, command: str):
    arm = Arm(bench, command)

    bench.until(lambda: abs(arm.gap - 0.05) < 2e-3, each=lambda: arm.live_and_send(0.05))
    assert arm.receivers.rejected == 0
    finger = "gripper_finger_joint1"
    bench.until(lambda: abs(arm.at(finger) - 0.025) < 1e-6, each=lambda: arm.live_and_send(0.05))


def test_a_velocity_controller_gets_zeros_when_commands_or_states_stop(bench):
    arm = Arm(bench, "forward_velocity")
    heard = bench.listen(Float64MultiArray, arm.deployment.command_topic)
    bench.until(lambda: heard and heard[-1].data[2] > 0.1, each=lambda: arm.live_and_send(0.5))
    assert max(abs(v) for m in heard for v in m.data) <= UR5E.max_velocity[0]
    stopped = time.monotonic()
    bench.until(lambda: not any(heard[-1].data), each=arm.live)
    assert time.monotonic() - stopped < arm.deployment.controller_timeout + 0.2
    bench.until(lambda: heard[-1].data[2] > 0.1, each=lambda: arm.live_and_send(0.5))
    blind = time.monotonic()
    bench.until(lambda: not any(heard[-1].data), each=lambda: arm.adapter.send(joint_command(0.5)))
    assert time.monotonic() - blind < arm.deployment.controller_timeout + 0.2


def test_positions_go_out_in_the_profiles_order_whatever_the_commands(bench):
    arm = Arm(bench, "forward_position")
    heard = bench.listen(Float64MultiArray, arm.deployment.command_topic)
    positions = tuple(HOME[::-1])
    command = JointCommand(UR5E.joints[::-1], positions, 0.05, 20.0, 0.1)
    bench.until(lambda: heard, each=lambda: arm.adapter.send(command))
    assert list(heard[0].data) == list(UR5E.home)


def test_a_dry_run_reaches_no_controller(bench):
    deployment = load_deployment("ur5e")
    sender = bench.add(Node("sender", context=bench.context))
    adapter = adapters.command_adapter(sender, deployment.shadowed(), UR5E)
    shadow = bench.listen(JointTrajectory, "shadow/scaled_joint_trajectory_controller/joint_trajectory")
    real = bench.listen(JointTrajectory, deployment.command_topic)
    grips = bench.listen(Float64MultiArray, deployment.gripper_topic)
    bench.until(lambda: len(shadow) > 5, each=lambda: adapter.send(joint_command(0.05)))
    assert not real and not grips
    topics = {name for name, _ in sender.get_publisher_names_and_types_by_node("sender", "/")}
    assert f"/{deployment.command_topic}" not in topics and f"/{deployment.gripper_topic}" not in topics


@pytest.mark.parametrize(("command", "kind"), [("twist", Twist), ("twist_stamped", TwistStamped)])
def test_a_base_drives_in_both_dialects_and_stops_by_itself(bench, command: str, kind: type):
    profile, deployment = load_profile("turtlebot3"), load_deployment("turtlebot3").speaking(command)
    robot = MockBase(profile, deployment)
    adapter = adapters.command_adapter(bench.add(Node("sender", context=bench.context)), deployment, profile)
    receivers = Receivers(bench.peer, deployment, robot)
    heard = bench.listen(kind, "cmd_vel")

    def live() -> None:
        robot.step(time.monotonic())

    bench.until(
        lambda: robot.pose().linear > 0.15, each=lambda: (live(), adapter.send(BaseCommand(0.2, -0.1)))
    )
    twist = heard[-1].twist if command == "twist_stamped" else heard[-1]
    assert (twist.linear.x, twist.angular.z) == (0.2, -0.1) and receivers.rejected == 0
    bench.until(lambda: abs(robot.pose().linear) < 0.01, timeout=2.0, each=live)


def test_what_a_controller_rejects_is_counted_and_said_and_nothing_moves(bench):
    arm = Arm(bench, "joint_trajectory")
    wrong = bench.speak(JointTrajectory, arm.deployment.command_topic)
    bench.connected(wrong)
    bad = JointTrajectory(joint_names=["x"])
    bench.until(lambda: arm.receivers.rejected > 0, each=lambda: wrong.publish(bad))
    arm.live()
    assert arm.gap == 0.0
    with pytest.raises(CommandError, match="MockArm does not drive"):
        arm.robot.drive(0.0, 0.0)


@pytest.mark.parametrize(("command", "gripper"), [("follow_joint_trajectory", ""), ("", "gripper_command")])
def test_an_action_that_is_not_installed_is_named_with_a_way_around(bench, command, gripper, monkeypatch):
    def absent(name: str):
        raise ImportError(name)

    monkeypatch.setattr(dialect.importlib, "import_module", absent)
    deployment = load_deployment("ur5e").speaking(command, gripper)
    for make in (
        lambda: adapters.command_adapter(bench.peer, deployment, UR5E),
        lambda: Receivers(bench.peer, deployment, MockArm(UR5E, deployment)),
    ):
        with pytest.raises(dialect.MissingInterface, match="ros-jazzy-control-msgs"):
            make()


class Future:
    """An answer that comes when the test says so."""

    def __init__(self) -> None:
        self.then = None

    def add_done_callback(self, then) -> None:
        self.then = then


class Client:
    """Stands in for the action client: keeps the goals and lets the test answer them."""

    def __init__(self, node, kind, name) -> None:
        self.name, self.goals, self.ready = name, [], True
        self.answers: list[Future] = []

    def server_is_ready(self) -> bool:
        return self.ready

    def send_goal_async(self, goal) -> Future:
        self.goals.append(goal)
        self.answers.append(Future())
        return self.answers[-1]


class Parts:
    """As much of a generated action as the adapters use."""

    class Goal:
        def __init__(self, trajectory=None) -> None:
            self.trajectory, self.command = trajectory, type("Command", (), {})()


@pytest.fixture
def clients(monkeypatch):
    made: list[Client] = []
    monkeypatch.setattr(adapters, "ActionClient", lambda *a: made.append(Client(*a)) or made[-1])
    monkeypatch.setattr(dialect, "control_action", lambda name: Parts)
    return made


def test_goals_are_asked_for_one_at_a_time_and_the_newest_wins(bench, clients):
    deployment = load_deployment("ur5e").speaking("follow_joint_trajectory", "none")
    adapter = adapters.command_adapter(bench.peer, deployment, UR5E)
    (arm,) = clients
    assert arm.name == "joint_trajectory_controller/follow_joint_trajectory"
    for offset in (0.01, 0.02, 0.03):
        adapter.send(joint_command(offset))
    assert len(arm.goals) == 1
    arm.answers[0].then(None)
    assert len(arm.goals) == 2
    sent = arm.goals[1].trajectory.points[0]
    assert list(sent.positions) == pytest.approx(HOME + 0.03) and sent.time_from_start.nanosec == 100_000_000
    arm.answers[1].then(None)
    assert len(arm.goals) == 2  # nothing newer
    arm.ready = False
    adapter.send(joint_command(0.04))
    assert len(arm.goals) == 2


def test_a_grippers_action_is_asked_only_for_what_changes(bench, clients):
    fr3 = load_profile("fr3")
    adapter = adapters.command_adapter(bench.peer, load_deployment("fr3"), fr3)
    (hand,) = clients
    assert hand.name == "fr3_gripper/gripper_action"

    def grip(width: float, force: float) -> None:
        adapter.send(JointCommand(fr3.joints, fr3.home, width, force, 0.04))
        if hand.answers:
            hand.answers[-1].then(None)

    for width, force in ((0.08, 30.0), (0.08, 30.0), (0.0795, 30.2), (0.02, 30.0), (0.02, 10.0)):
        grip(width, force)
    asked = [(goal.command.position, goal.command.max_effort) for goal in hand.goals]
    assert asked == [(0.04, 30.0), (0.01, 30.0), (0.01, 10.0)]  # of one finger


def test_the_real_actions_are_those_of_control_msgs():
    try:
        module = importlib.import_module("control_msgs.action")
    except ImportError:
        with pytest.raises(dialect.MissingInterface):
            dialect.control_action("GripperCommand")
    else:
        assert dialect.control_action("GripperCommand") is module.GripperCommand


@pytest.mark.parametrize("command", ["", "forward_position"])
def test_the_simulated_robot_takes_the_dialect_of_its_profile_or_another(bench, command: str):
    deployment = load_deployment("ur5e").speaking(command)
    simulator = bench.make(SimulatorNode, robot="ur5e", command=command)
    sender = bench.add(Node("sender", context=bench.context))
    adapter = adapters.command_adapter(sender, deployment, UR5E)
    states = bench.listen(JointState, deployment.state_topic)

    def there() -> bool:
        if not states:
            return False
        state = dialect.arm_state_value(states[-1], UR5E.joints)
        return bool(np.allclose(state.positions, HOME + 0.05, atol=0.01))

    bench.until(there, timeout=20.0, each=lambda: adapter.send(joint_command(0.05)))
    assert simulator.receivers.rejected == 0
