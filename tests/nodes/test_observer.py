"""A live graph of a fake robot, watched and judged: what is wrong with it is named, and nothing is sent."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fake_robot import (
    ARM,
    BEST_EFFORT,
    HAND,
    NAMES,
    NS,
    NUMBERS,
    PANDA,
    Robot,
    joints,
    judge,
    panda,
    refused,
    running,
)
from geometry_msgs.msg import PoseStamped, TransformStamped, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Bool, Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ObjectStates
from metaagent_ros.nodes import dialect, graph_view, samples
from metaagent_ros.nodes.conversions import time_message
from metaagent_ros.nodes.observer import TF, Observer, ObserverError, observe
from metaagent_ros.preflight.checks import examine
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.qos import incompatible
from metaagent_ros.preflight.rows import FAIL, OK, WARN
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, JointCommand

pytestmark = pytest.mark.ros


def test_a_good_robot_is_refused_by_nothing_whatever_the_order_of_its_joints():
    shuffled = tuple(NAMES[k] for k in (3, 8, 0, 6, 1, 7, 5, 2, 4))
    rows = judge(panda(joints(shuffled)))
    assert refused(rows) == []
    assert "mapped by name" in rows["joint order"].found
    assert rows["velocity signs"].found == "1 of 7 joints moved, all agree"
    assert rows["joint limits"].verdict == rows["tool in workspace"].verdict == OK
    assert rows["scene /object_states"].verdict == WARN


def test_a_wrong_joint_name_and_an_absent_controller():
    names = ("fr3_joint1", *NAMES[1:])
    rows = judge(panda(joints(names), controller=False), patience=1.5)
    assert refused(rows) == [f"topic /{ARM}", f"topic /{HAND}", "joint names"]
    assert "missing panda_joint1; unknown fr3_joint1" in rows["joint names"].found


def test_best_effort_states_and_a_demanding_controller_are_named():
    robot = panda(qos=BEST_EFFORT, controller=False)
    robot.hear(JointTrajectory, ARM, dialect.LATCHED)
    robot.hear(Float64MultiArray, HAND)
    rows = judge(robot)
    assert refused(rows) == ["topic /joint_states", f"topic /{ARM}"]
    said = rows["topic /joint_states"].found
    assert f"/{robot.name}: reliability offered BEST_EFFORT" in said
    assert "durability offered VOLATILE, requested TRANSIENT_LOCAL" in rows[f"topic /{ARM}"].found
    assert rows["rate of /joint_states"].verdict == OK


def test_a_second_commander_and_a_second_node_of_a_name():
    robot = panda()
    for name in ("teleop", "guard"):
        robot.add(name).create_publisher(JointTrajectory, ARM, 1)
    twin = f"twin{next(NUMBERS)}"
    robot.add(twin)
    robot.add(twin)
    rows = judge(robot)
    assert refused(rows) == [f"commanders of /{ARM}"]
    assert rows[f"commanders of /{ARM}"].found == "/teleop"
    assert rows["node names"].verdict == FAIL and f"/{twin}" in rows["node names"].found


def test_degrees_and_a_velocity_of_the_wrong_sign():
    degrees = (*(math.degrees(q) for q in PANDA.home), 0.04, 0.04)
    rows = judge(panda(joints(positions=degrees)))
    assert "joint limits" in refused(rows) and "degrees" in rows["joint limits"].remedy
    rows = judge(panda(joints(wrong_sign=True)))
    assert refused(rows) == ["velocity signs"]


def test_stale_stamps_and_a_slow_rate():
    rows = judge(panda(joints(behind=0.4), rate=10.0), seconds=1.0)
    assert refused(rows) == ["rate of /joint_states", "age of /joint_states"]
    message = joints()
    rows = judge(panda(lambda stamp, count: message(12 * NS + count, count)))
    assert "nobody publishes /clock" in rows["clock of /joint_states"].found


def test_a_topic_of_another_type():
    robot = panda(controller=False)
    robot.hear(Float64MultiArray, ARM)
    robot.hear(Float64MultiArray, HAND)
    rows = judge(robot)
    assert refused(rows) == [f"topic /{ARM}"]
    assert rows[f"topic /{ARM}"].found == "std_msgs/msg/Float64MultiArray"


def test_the_pose_that_the_robot_says_its_tool_has():
    def pose(x):
        def message(stamp, count):
            out = PoseStamped()
            out.header.stamp, out.header.frame_id = time_message(stamp), "base_link"
            out.pose.position.x, out.pose.position.y, out.pose.position.z = x, 0.0, 0.255
            return out

        return message

    still = [(0.537, OK), (0.7, FAIL)]
    for x, verdict in still:
        robot = panda(lambda stamp, count: joints()(stamp, 0))
        robot.say(PoseStamped, "tcp_pose", pose(x))
        assert judge(robot, tool_pose="tcp_pose")["tool pose of tcp_pose"].verdict == verdict


def test_a_dry_run_is_heard_on_the_shadow_topic():
    robot = panda(lambda stamp, count: joints()(stamp, 0))
    aim = (0.02, *PANDA.home[1:])
    command = JointCommand(PANDA.joints, aim, 0.04, 10.0, 0.04)
    robot.say(JointTrajectory, f"shadow/{ARM}", lambda stamp, count: dialect.trajectory_message(command))
    wanted = Expectation.of("panda", shadow=True)
    with running(robot):
        rows = {row.check: row for row in examine(observe(wanted, 0.6, 6.0), wanted)}
    assert rows[f"dry run /shadow/{ARM}"].verdict == rows["dry run durations"].verdict == OK
    assert rows["dry run steps"].found == "panda_joint1 most: 0.0200 of 0.0879 rad"


@pytest.mark.parametrize("command", ["forward_position", "forward_velocity", "twist", "twist_stamped"])
def test_the_shadow_of_every_dialect_is_read(command):
    names = ("a", "b")
    kind, read = samples.command_reader(command, names)
    if command.startswith("forward"):
        found = read(kind(data=[0.25, 0.5]))
        assert found.names == names and (found.positions or found.velocities) == (0.25, 0.5)
        assert bool(found.positions) == (command == "forward_position")
    else:
        twist = BaseCommand(0.25, 0.5)
        stamped = dialect.twist_message(twist, 0)
        assert read(stamped if kind is TwistStamped else stamped.twist).velocities == (0.25, 0.5)


def test_tf_needs_its_messages_and_is_composed_without_a_library():
    wanted = Expectation.of("panda")
    if not has_tf():
        with pytest.raises(ObserverError, match="tf2_msgs is not installed"):
            Observer(wanted, TF)
    observer = Observer(wanted)
    observer._tool_pose = TF
    for parent, child, z in (
        ("base_link", "panda_hand", 0.5),
        ("panda_hand", wanted.deployment.tool_frame, -0.2),
    ):
        it = TransformStamped(child_frame_id=child)
        it.header.frame_id, it.transform.translation.z = parent, z
        observer.on_tf(SimpleNamespace(transforms=[it]))
    assert observer._tool().position == pytest.approx((0.0, 0.0, 0.3))
    observer.close()
    observer.close()


def has_tf() -> bool:
    try:
        import tf2_msgs.msg  # noqa: F401
    except ImportError:
        return False
    return True


def test_names_that_are_none():
    with pytest.raises(ObserverError, match="topic name"):
        Observer(Expectation.of("panda"), "a b")
    with pytest.raises(ObserverError, match="namespace"):
        Observer(Expectation.of("panda", "a b"))


def test_a_universal_robot_that_is_paused():
    ur5e = load_profile("ur5e")
    names, home = (*ur5e.joints, *ur5e.gripper_joints), (*ur5e.home, 0.04, 0.04)

    def states(stamp, count):
        return dialect.joint_state_message(names, np.array(home), np.zeros(len(names)), stamp)

    said = Expectation.of("ur5e").deployment
    robot = Robot(100.0)
    robot.say(JointState, "joint_states", states)
    robot.say(Float64, said.speed_scaling_topic, lambda stamp, count: Float64(data=0.0))
    once = robot.node.create_publisher(Bool, said.program_running_topic, dialect.LATCHED)
    once.publish(Bool(data=True))
    robot.hear(JointTrajectory, said.command_topic)
    robot.hear(Float64MultiArray, said.gripper_topic)
    rows = judge(robot, "ur5e")
    assert refused(rows) == [f"speed scaling /{said.speed_scaling_topic}"]
    assert rows[f"program /{said.program_running_topic}"].found == "running"
    assert rows["rate of /joint_states"].verdict == WARN


def burger(twist=TwistStamped, broken=False) -> Robot:
    start: list[int] = []

    def odometry(stamp, count):
        start.append(stamp)
        out = Odometry(child_frame_id="base_footprint")
        out.header.stamp, out.header.frame_id = time_message(stamp), "odom"
        out.pose.pose.position.x, out.twist.twist.linear.x = 0.1 * (stamp - start[0]) / NS, 0.1
        out.pose.pose.orientation.w = math.nan if broken and count % 2 else 1.0
        return out

    def scan(stamp, count):
        out = LaserScan(angle_min=0.0, angle_max=6.28, angle_increment=math.radians(1), range_min=0.12)
        out.header.stamp, out.header.frame_id = time_message(stamp), "base_scan"
        out.range_max, out.ranges = 3.5, [1.5] * 360
        return out

    def scene(stamp, count):
        out = ObjectStates()
        out.header.frame_id = "odom"
        return out

    robot = Robot(20.0)
    robot.say(Odometry, "odom", odometry)
    robot.say(LaserScan, "scan", scan, BEST_EFFORT, rate=12.0)
    robot.say(ObjectStates, "object_states", scene)
    robot.hear(twist, "cmd_vel")
    return robot


def test_a_turtlebot_with_a_best_effort_lidar():
    rows = judge(burger(), "turtlebot3", seconds=1.5)
    assert refused(rows) == []
    assert rows["velocity signs"].verdict == OK and "forward" in rows["velocity signs"].found
    assert rows["scan /scan"].verdict == rows["scene /object_states"].verdict == OK
    assert "360 readings hit" in rows["ranges of /scan"].found


def test_a_turtlebot_with_broken_odometry():
    rows = judge(burger(broken=True), "turtlebot3", seconds=1.0)
    assert "odometry values" in refused(rows)


@pytest.mark.parametrize("offered", range(8))
@pytest.mark.parametrize("requested", range(8))
def test_our_rule_of_qos_is_the_middlewares(offered, requested):
    def kind(number):
        return QoSProfile(
            depth=1,
            reliability=(ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE)[number & 1],
            durability=(DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL)[number >> 1 & 1],
            liveliness=(LivelinessPolicy.AUTOMATIC, LivelinessPolicy.MANUAL_BY_TOPIC)[number >> 2],
        )

    verdict, _ = qos_check_compatible(kind(offered), kind(requested))
    apart = incompatible(graph_view.qos_value(kind(offered)), graph_view.qos_value(kind(requested)))
    assert bool(apart) == (verdict == QoSCompatibility.ERROR)
