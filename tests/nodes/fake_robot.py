"""A fake robot in a context of its own, and what the observer and the checks make of it."""

import itertools
import threading
from contextlib import contextmanager

import numpy as np
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    QoSProfile,
    ReliabilityPolicy,
)
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.observer import observe
from metaagent_ros.preflight.checks import examine
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.rows import FAIL
from sim_envs.robots import load_profile

PANDA = load_profile("panda")
NAMES = (*PANDA.joints, *PANDA.gripper_joints)
HOME = (*PANDA.home, 0.04, 0.04)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
ARM, HAND = "joint_trajectory_controller/joint_trajectory", "gripper_controller/commands"
NS = 1_000_000_000
NUMBERS = itertools.count()


class Robot:
    """Nodes of a context of their own, spun in a thread; a test adds what it publishes and hears."""

    def __init__(self, rate: float = 100.0):
        self.context = Context()
        rclpy.init(context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.rate, self.heard, self.over = rate, [], False
        self.name = f"robot{next(NUMBERS)}"  # discovery may remember that of the test before
        self.node = self.add(self.name)
        self.thread = threading.Thread(target=self._spin, daemon=True)

    def add(self, name: str) -> Node:
        node = Node(name, context=self.context)
        self.executor.add_node(node)
        return node

    def say(self, kind, topic, message, qos=dialect.LATEST, rate=None):
        """Publish ``message(stamp in ns, count)`` regularly."""
        sender, counter = self.node.create_publisher(kind, topic, qos), iter(range(10**9))

        def work():
            sender.publish(message(self.node.get_clock().now().nanoseconds, next(counter)))

        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.node.create_timer(1.0 / (rate or self.rate), work, clock=steady)

    def hear(self, kind, topic, qos=dialect.LATEST):
        self.node.create_subscription(kind, topic, self.heard.append, qos)

    def _spin(self):
        while not self.over:
            self.executor.spin_once(timeout_sec=0.1)


@contextmanager
def running(robot: Robot):
    robot.thread.start()
    try:
        yield robot
    finally:
        robot.over = True
        robot.thread.join(2.0)
        for node in robot.executor.get_nodes():
            node.destroy_node()
        robot.executor.shutdown()
        robot.context.try_shutdown()


def joints(names=NAMES, positions=HOME, behind=0.0, wrong_sign=False):
    """A joint state whose first joint swings by 0.2 rad/s, ``behind`` [s] its time."""
    order = [NAMES.index(n) if n in NAMES else k for k, n in enumerate(names)]
    start: list[int] = []

    def message(stamp, count):
        start.append(stamp)
        here = np.array(positions, dtype=float)
        here[0] += 0.2 * (stamp - start[0]) / NS
        velocities = np.zeros(len(names))
        velocities[0] = -0.2 if wrong_sign else 0.2
        stamp -= round(behind * NS)
        return dialect.joint_state_message(names, here[order], velocities[order], stamp)

    return message


def panda(states=None, qos=dialect.LATEST, rate: float = 100.0, controller: bool = True) -> Robot:
    robot = Robot(rate)
    robot.say(JointState, "joint_states", states or joints(), qos)
    if controller:
        robot.hear(JointTrajectory, ARM)
        robot.hear(Float64MultiArray, HAND)
    return robot


def judge(robot: Robot, name: str = "panda", seconds: float = 0.6, patience: float = 6.0, **options):
    """Rows by name, after the observer has watched."""
    wanted = Expectation.of(name)
    with running(robot):
        rows = examine(observe(wanted, seconds, patience, **options), wanted)
    assert robot.heard == []
    return {row.check: row for row in rows}


def refused(rows) -> list[str]:
    """Without doubled names: discovery may remember nodes of other tests for a while."""
    return [check for check, row in rows.items() if row.verdict == FAIL and check != "node names"]
