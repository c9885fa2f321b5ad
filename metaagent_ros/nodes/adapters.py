"""From the guard's judgement to what the robot's controllers take: one adapter for each dialect.

``adapter = command_adapter(node, deployment, profile)``, then ``adapter.send(command)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_ros.control.following import VelocityFollower
from metaagent_ros.control.state import StateError
from metaagent_ros.deployment import SHADOW, Deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.running import wall_timer
from sim_envs.spec import BaseCommand, JointCommand

VELOCITY_PERIOD = 0.01  # [s] between two messages to a velocity controller
_WIDTH_STEP, _FORCE_STEP = 0.001, 1.0  # [m], [N]: a smaller change is no new goal of a gripper's action


class Adapter(Protocol):
    """Sends what the guard has let through."""

    def send(self, command: Any) -> None:
        """One command; the numbers in it are finite and within limits."""
        ...

    def rehearse(self, command: Any) -> None:
        """What :meth:`send` does before anything leaves, where that takes time."""
        ...


class _Publishing:
    """An adapter whose dialect is one message a command."""

    def __init__(self, node: Node, kind: type, topic: str, message: Callable[[Any], Any]) -> None:
        self._topic = node.create_publisher(kind, topic, dialect.LATEST)
        self._message = message

    def send(self, command: Any) -> None:
        """Publish it."""
        self._topic.publish(self._message(command))

    def rehearse(self, command: Any) -> None:
        """Build the message."""
        self._message(command)


class _Velocities:
    """A forward velocity controller: it has no time-out, so zeros follow where commands end."""

    def __init__(self, node: Node, deployment: Deployment, profile: Any) -> None:
        joints = profile.joints
        self._follower = VelocityFollower(joints, profile.max_velocity, deployment.controller_timeout)
        self._topic = node.create_publisher(Float64MultiArray, deployment.command_topic, dialect.LATEST)
        node.create_subscription(JointState, deployment.state_topic, self._on_joints, dialect.LATEST)
        self._timer = wall_timer(node, VELOCITY_PERIOD, self._work)
        self._begun = False

    def _on_joints(self, message: JointState) -> None:
        try:
            state = dialect.arm_state_value(message, self._follower.names)
        except StateError:
            return  # the guard complains; here it ages, and the joints come to rest
        self._follower.measure(state, time.monotonic())

    def send(self, command: JointCommand) -> None:
        """Another target, followed from now on."""
        self._begun = True
        self._follower.aim(command, time.monotonic())

    def rehearse(self, command: JointCommand) -> None:
        """Nothing leaves at once here."""

    def _work(self) -> None:
        if self._begun:
            self._topic.publish(dialect.values_message(self._follower.velocities(time.monotonic())))


class _Goals:
    """An action to which every command is a goal that replaces the last; the newest waits for an answer."""

    def __init__(self, node: Node, kind: Any, name: str, goal: Callable[[Any], Any]) -> None:
        self._client, self._goal = ActionClient(node, kind, name), goal
        self._asking = False
        self._next: Any = None

    def send(self, command: Any) -> None:
        """Ask for it at once, or after the answer to the one before, unless a newer one comes."""
        self._next = command
        self._ask()

    def rehearse(self, command: Any) -> None:
        """Build the goal."""
        self._goal(command)

    def _ask(self) -> None:
        if self._asking or self._next is None or not self._client.server_is_ready():
            return
        goal, self._next = self._goal(self._next), None
        self._asking = True
        self._client.send_goal_async(goal).add_done_callback(self._answered)

    def _answered(self, _: Any) -> None:
        self._asking = False
        self._ask()


class _GripperGoals:
    """A gripper's action takes a goal only where width or force change: each one is a motion to its end."""

    def __init__(self, goals: Adapter) -> None:
        self._goals = goals
        self._last: JointCommand | None = None

    def send(self, command: JointCommand) -> None:
        """Ask for it unless it is what was asked for last."""
        last = self._last
        if last is not None:
            wider = abs(command.gripper_width - last.gripper_width) >= _WIDTH_STEP
            if not wider and abs(command.gripper_force - last.gripper_force) < _FORCE_STEP:
                return
        self._last = command
        self._goals.send(command)

    def rehearse(self, command: JointCommand) -> None:
        """Most commands are no goal."""


class _Both:
    """An arm and its gripper."""

    def __init__(self, *parts: Adapter) -> None:
        self._parts = parts

    def send(self, command: JointCommand) -> None:
        """To each."""
        for part in self._parts:
            part.send(command)

    def rehearse(self, command: JointCommand) -> None:
        """Both."""
        for part in self._parts:
            part.rehearse(command)


def command_adapter(node: Node, deployment: Deployment, profile: Any) -> Adapter:
    """The adapter of a deployment, with its publishers and clients on ``node``.

    Raises ``dialect.MissingInterface`` where the dialect takes an action of ``control_msgs`` and that
    package is not there.
    """
    if deployment.family == "base":
        return _base(node, deployment)
    arm = _arm(node, deployment, profile)
    if deployment.gripper == "none":
        return arm
    return _Both(arm, _gripper(node, deployment))


def _base(node: Node, deployment: Deployment) -> Adapter:
    def stamped(command: BaseCommand) -> TwistStamped:
        return dialect.twist_message(command, node.get_clock().now().nanoseconds)

    topic = deployment.command_topic
    if deployment.command == "twist":
        return _Publishing(node, Twist, topic, dialect.plain_twist_message)
    return _Publishing(node, TwistStamped, topic, stamped)


def _arm(node: Node, deployment: Deployment, profile: Any) -> Adapter:
    spoken, topic = deployment.command, deployment.command_topic
    if spoken == "joint_trajectory" or (spoken == "follow_joint_trajectory" and topic.startswith(SHADOW)):
        return _Publishing(node, JointTrajectory, topic, dialect.trajectory_message)
    if spoken == "follow_joint_trajectory":
        kind = dialect.control_action("FollowJointTrajectory")
        return _Goals(node, kind, topic, lambda c: kind.Goal(trajectory=dialect.trajectory_message(c)))
    if spoken == "forward_velocity":
        return _Velocities(node, deployment, profile)
    return _Publishing(node, Float64MultiArray, topic, lambda c: dialect.positions_message(c, profile.joints))


def _gripper(node: Node, deployment: Deployment) -> Adapter:
    topic, scale = deployment.gripper_topic, deployment.gripper_scale
    if deployment.gripper == "width_force" or topic.startswith(SHADOW):
        return _Publishing(node, Float64MultiArray, topic, dialect.gripper_message)
    kind = dialect.control_action("GripperCommand")
    return _GripperGoals(_Goals(node, kind, topic, lambda c: dialect.gripper_goal(c, kind, scale)))
