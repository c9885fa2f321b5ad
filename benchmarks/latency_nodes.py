"""The processes that :mod:`benchmarks.latency` measures: ours, and what does nothing but pass messages on.

``python -m benchmarks.latency_nodes KIND ROBOT``; KIND is policy, guard, echo_policy, echo_guard, or one of
the echoes with ``prompt_`` before it, which asks for a real-time priority as ours do. The robot's profile is
named in ``METAAGENT_ROBOTS``: that of the Panda with another control period.
"""

from __future__ import annotations

import sys
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_interfaces.msg import ArmCommand, GuardStatus, ObjectStates, PolicyStatus
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.running import run, wall_timer
from sim_envs.robots import load_profile

ARM, HAND = "joint_trajectory_controller/joint_trajectory", "gripper_controller/commands"
STATUS_S = 0.1  # between two statuses, as in ours
ECHOES = ("echo_policy", "echo_guard")
KINDS = ("policy", "guard", *ECHOES, *(f"prompt_{echo}" for echo in ECHOES))


def ignore(message: Any) -> None:
    """A message that has come, and no more."""


class EchoPolicy(Node):
    """A measured state in, the same numbers out as what a policy sends; it hears and says what ours does."""

    def __init__(self, robot: str) -> None:
        super().__init__("policy")
        self.count = len(load_profile(robot).joints)
        self.out = self.create_publisher(ArmCommand, "policy/arm_command", dialect.LATEST)
        self.create_subscription(JointState, "joint_states", self.on_joints, dialect.LATEST)
        self.create_subscription(ObjectStates, "object_states", ignore, dialect.LATEST)
        self.create_subscription(GuardStatus, "guard/status", ignore, dialect.LATEST)
        self.status = self.create_publisher(PolicyStatus, "policy/status", dialect.LATEST)
        self.timer = wall_timer(self, STATUS_S, lambda: self.status.publish(PolicyStatus()))

    def on_joints(self, m: JointState) -> None:
        """Pass it on."""
        out = ArmCommand(names=m.name[: self.count], positions=m.position[: self.count])
        out.header, out.gripper_width, out.gripper_force, out.duration = m.header, 0.08, 10.0, 0.04
        self.out.publish(out)


class EchoGuard(Node):
    """What a policy sends in, the same numbers out as the messages that a robot takes."""

    def __init__(self, robot: str) -> None:
        super().__init__("guard")
        self.arm = self.create_publisher(JointTrajectory, ARM, dialect.LATEST)
        self.hand = self.create_publisher(Float64MultiArray, HAND, dialect.LATEST)
        self.create_subscription(JointState, "joint_states", ignore, dialect.LATEST)
        self.create_subscription(ArmCommand, "policy/arm_command", self.on_command, dialect.LATEST)
        self.status = self.create_publisher(GuardStatus, "guard/status", dialect.LATEST)
        self.timer = wall_timer(self, STATUS_S, lambda: self.status.publish(GuardStatus()))

    def on_command(self, m: ArmCommand) -> None:
        """Pass it on."""
        point = JointTrajectoryPoint(positions=m.positions)
        self.arm.publish(JointTrajectory(joint_names=m.names, points=[point]))
        self.hand.publish(Float64MultiArray(data=[m.gripper_width, m.gripper_force]))


def node(kind: str, robot: str) -> Node:
    """The node of that kind; ours takes the robot as its parameter, as everywhere."""
    if kind == "echo_policy":
        return EchoPolicy(robot)
    if kind == "echo_guard":
        return EchoGuard(robot)
    from rclpy.parameter import Parameter

    made: Any
    if kind == "policy":
        from metaagent_ros.nodes.policy_node import PolicyNode as made
    else:
        from metaagent_ros.nodes.guard_node import GuardNode as made
    return made(parameter_overrides=[Parameter("robot", value=robot)])  # type: ignore[no-any-return]


def main() -> None:
    """The process."""
    kind, robot = sys.argv[1:3]
    if kind not in KINDS:
        raise SystemExit(f"kind is {kind!r}; allowed: {', '.join(KINDS)}")
    run(lambda: node(kind.removeprefix("prompt_"), robot), prompt=kind not in ECHOES)


if __name__ == "__main__":
    main()
