"""The robot's end of a dialect: what its controllers are sent, handed to a :class:`RobotSide`.

The counterpart of :mod:`metaagent_ros.nodes.adapters`, for the simulator and the mock hardware.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_ros.control.robot_side import RobotSide
from metaagent_ros.deployment import Deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.running import THROTTLE
from sim_envs.spec import BaseCommand


class Receivers:
    """Subscriptions and action servers of a deployment's commands on ``node``.

    What the robot rejects is said in the log, at most once a second, and counted in ``rejected``;
    ``on_command`` is told of what it takes. Raises ``dialect.MissingInterface`` as the adapters do.
    """

    def __init__(
        self,
        node: Node,
        deployment: Deployment,
        robot: RobotSide,
        on_command: Callable[[], None] = lambda: None,
    ) -> None:
        self._node, self._robot, self._on_command = node, robot, on_command
        self.rejected = 0
        self._servers: list[Any] = []
        self._commands(deployment.command, deployment.command_topic)
        self._gripper(deployment)

    def _commands(self, spoken: str, topic: str) -> None:
        if spoken == "joint_trajectory":
            self._hear(JointTrajectory, topic, self._trajectory)
        elif spoken == "follow_joint_trajectory":
            self._serve("FollowJointTrajectory", topic, lambda goal: self._trajectory(goal.trajectory))
        elif spoken == "forward_position":
            self._hear(Float64MultiArray, topic, lambda m: self._robot.positions(list(map(float, m.data))))
        elif spoken == "forward_velocity":
            self._hear(Float64MultiArray, topic, lambda m: self._robot.velocities(list(map(float, m.data))))
        elif spoken == "twist":
            self._hear(Twist, topic, lambda m: self._drive(dialect.plain_twist_value(m)))
        else:
            self._hear(TwistStamped, topic, lambda m: self._drive(dialect.twist_value(m)))

    def _gripper(self, deployment: Deployment) -> None:
        topic, scale = deployment.gripper_topic, deployment.gripper_scale
        if deployment.gripper == "width_force":
            self._hear(Float64MultiArray, topic, lambda m: self._robot.gripper(*dialect.gripper_value(m)))
        elif deployment.gripper == "gripper_command":
            self._serve(
                "GripperCommand",
                topic,
                lambda goal: self._robot.gripper(goal.command.position / scale, goal.command.max_effort),
            )

    def _trajectory(self, message: JointTrajectory) -> None:
        self._robot.trajectory(*dialect.trajectory_value(message))

    def _drive(self, command: BaseCommand) -> None:
        self._robot.drive(command.linear, command.angular)

    def _hear(self, kind: type, topic: str, take: Callable[[Any], None]) -> None:
        self._node.create_subscription(kind, topic, lambda m: self._try(lambda: take(m)), dialect.LATEST)

    def _serve(self, name: str, topic: str, take: Callable[[Any], None]) -> None:
        """An action whose goals are taken at once and replaced by the next; a goal ends when it is taken."""
        kind = dialect.control_action(name)

        def execute(handle: Any) -> Any:
            taken = self._try(lambda: take(handle.request))
            (handle.succeed if taken else handle.abort)()
            return kind.Result()

        cancel = CancelResponse.ACCEPT
        self._servers.append(ActionServer(self._node, kind, topic, execute, cancel_callback=lambda _: cancel))

    def _try(self, command: Callable[[], None]) -> bool:
        try:
            command()
        except ValueError as error:
            self.rejected += 1
            self._node.get_logger().warning(f"command rejected: {error}", throttle_duration_sec=THROTTLE)
            return False
        self._on_command()
        return True

    def destroy(self) -> None:
        """Destroy the action servers before their node."""
        for server in self._servers:
            server.destroy()
