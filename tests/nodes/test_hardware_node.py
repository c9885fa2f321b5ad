"""The mock hardware speaks as the real controllers do."""

from itertools import pairwise

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Bool, Float64
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ObjectStates
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.hardware_node import HardwareNode
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, JointCommand

pytestmark = pytest.mark.ros
UR5E, DEPLOYED = load_profile("ur5e"), load_deployment("ur5e")


def elbow(message: JointState) -> float:
    return message.position[list(message.name).index("elbow_joint")]


class Ur:
    def __init__(self, bench) -> None:
        self.bench = bench
        self.node = bench.make(HardwareNode, robot="ur5e")
        self.states = bench.listen(JointState, DEPLOYED.state_topic)
        self.scaling = bench.listen(Float64, DEPLOYED.speed_scaling_topic)
        self.arm = bench.speak(JointTrajectory, DEPLOYED.command_topic)
        bench.connected(self.arm)
        bench.until(lambda: self.states and self.scaling)

    def send(self, offset: float, duration: float) -> None:
        aim = tuple(np.array(UR5E.home) + offset)
        command = JointCommand(UR5E.joints, aim, 0.05, 20.0, duration)
        self.arm.publish(dialect.trajectory_message(command))

    @property
    def gap(self) -> float:
        return elbow(self.states[-1]) - UR5E.home[2]


@pytest.fixture
def ur(bench) -> Ur:
    return Ur(bench)


def test_joint_states_are_shuffled_stamped_and_by_name(bench, ur):
    first = ur.states[-1]
    assert set(first.name) == {*UR5E.joints, *UR5E.gripper_joints}
    assert tuple(first.name[:6]) != UR5E.joints
    assert dialect.arm_state_value(first, UR5E.joints).positions == pytest.approx(UR5E.home)
    count = len(ur.states)
    bench.until(lambda: len(ur.states) > count + 20)
    stamps = [dialect.stamp_of(m) for m in ur.states]
    assert all(a < b for a, b in pairwise(stamps))


def test_the_pause_freezes_a_motion_and_is_said_on_the_drivers_topics(bench, ur):
    running: list = []
    bench.peer.create_subscription(Bool, DEPLOYED.program_running_topic, running.append, dialect.LATCHED)
    bench.until(lambda: running and running[-1].data)
    assert ur.scaling[-1].data == 100.0
    ur.send(0.6, 1.5)
    bench.until(lambda: ur.gap > 0.05)
    assert bench.call(SetBool, "hardware/pause", SetBool.Request(data=True)).success
    bench.until(lambda: not running[-1].data and ur.scaling[-1].data == 0.0)
    count = len(ur.states)
    bench.until(lambda: len(ur.states) > count + 60)  # the lag has run out
    stood, count = ur.gap, len(ur.states)
    bench.until(lambda: len(ur.states) > count + 60)
    assert ur.gap == pytest.approx(stood, abs=1e-4) and stood < 0.55
    bench.call(SetBool, "hardware/pause", SetBool.Request(data=False))
    bench.until(lambda: running[-1].data and abs(ur.gap - 0.6) < 1e-3)


def test_a_wrong_trajectory_leaves_it_where_it_is_and_a_right_one_does_not(bench, ur):
    wrong = JointTrajectory(joint_names=[*UR5E.joints[:-1], "wrist_4_joint"])
    bench.until(lambda: ur.node.receivers.rejected > 0, each=lambda: ur.arm.publish(wrong))
    assert abs(ur.gap) < 1e-9
    ur.send(0.05, 0.1)
    bench.until(lambda: abs(ur.gap - 0.05) < 1e-3)


def test_a_base_measures_its_room_and_stops_without_commands(bench):
    bench.make(HardwareNode, robot="turtlebot3")
    profile = load_profile("turtlebot3")
    odometry, scene = bench.listen(Odometry, "odom"), bench.listen(ObjectStates, "object_states")
    scans: list = []
    bench.peer.create_subscription(LaserScan, "scan", scans.append, dialect.SENSOR)
    drive = bench.speak(TwistStamped, "cmd_vel")
    bench.connected(drive)
    bench.until(lambda: odometry and scans and scene)
    assert len(scans[-1].ranges) == 360
    assert dialect.scan_value(scans[-1], profile).shape == (profile.beams,)
    bench.until(
        lambda: odometry[-1].twist.twist.linear.x > 0.15,
        each=lambda: drive.publish(dialect.twist_message(BaseCommand(0.2, 0.0), 1)),
    )
    bench.until(lambda: abs(odometry[-1].twist.twist.linear.x) < 0.01, timeout=2.0)
    assert dialect.base_state_value(odometry[-1]).x > 0.0
