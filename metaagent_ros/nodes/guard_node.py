"""The only node that commands the robot: the guard's judgement, in the robot's own dialect."""

from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ArmCommand, GuardStatus, PolicyAssignment
from metaagent_interfaces.srv import AbortRun
from metaagent_ros.control.limits import guard_for
from metaagent_ros.control.pacing import NS
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, JointCommand

TICK, STATUS_EVERY = 0.05, 2  # [s], ticks


class GuardNode(Node):
    """Feeds the guard with states and commands, and sends on what it lets through."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("guard", context=context, **options)
        robot = str(declare(self, "guard")["robot"])
        self.profile: Any = load_profile(robot)
        self.guard = guard_for(robot)
        self._ticks = 0
        self.status = self.create_publisher(GuardStatus, "guard/status", dialect.LATEST)
        self.create_subscription(
            PolicyAssignment, "policy/assignment", lambda m: self.guard.new_run(m.run_id), dialect.LATCHED
        )
        self.create_service(AbortRun, "guard/abort", self.on_abort)
        (self._connect_arm if self.profile.family == "arm" else self._connect_base)()
        self.timer = wall_timer(self, TICK, self.on_tick)

    def _connect_arm(self) -> None:
        arm, hand = "joint_trajectory_controller/joint_trajectory", "gripper_controller/commands"
        self.trajectory = self.create_publisher(JointTrajectory, arm, dialect.LATEST)
        self.gripper = self.create_publisher(Float64MultiArray, hand, dialect.LATEST)
        self.create_subscription(JointState, "joint_states", self.on_joints, dialect.LATEST)
        self.create_subscription(ArmCommand, "policy/arm_command", self.on_command, dialect.LATEST)

    def _connect_base(self) -> None:
        self.velocity = self.create_publisher(TwistStamped, "cmd_vel", dialect.LATEST)
        self.create_subscription(Odometry, "odom", self.on_odometry, dialect.LATEST)
        self.create_subscription(TwistStamped, "policy/base_command", self.on_command, dialect.LATEST)

    def now(self) -> tuple[float, float]:
        """Robot time and wall time [s]."""
        return self.get_clock().now().nanoseconds / NS, time.monotonic()

    def on_joints(self, message: JointState) -> None:
        """A measured arm."""
        self._state(message, lambda: dialect.arm_state_value(message, self.profile.joints))

    def on_odometry(self, message: Odometry) -> None:
        """A measured base."""
        self._state(message, lambda: dialect.base_state_value(message))

    def _state(self, message: Any, convert: Any) -> None:
        try:
            self.guard.feed_state(convert(), dialect.stamp_of(message), *self.now())
        except ValueError as error:
            self.get_logger().warning(f"state ignored: {error}", throttle_duration_sec=THROTTLE)

    def on_command(self, message: ArmCommand | TwistStamped) -> None:
        """What the policy wants."""
        arm = isinstance(message, ArmCommand)
        wanted = dialect.arm_command_value(message) if arm else dialect.twist_value(message)
        rejected = self.guard.counts.rejected
        self.send(self.guard.feed_command(wanted, dialect.stamp_of(message), *self.now()))
        if self.guard.counts.rejected > rejected:
            self.get_logger().warning(self.guard.message, throttle_duration_sec=THROTTLE)

    def on_tick(self) -> None:
        """Hold where something went missing; say how things stand."""
        before = self.guard.state
        self.send(self.guard.tick(*self.now()))
        if self.guard.state != before:
            self.get_logger().info(f"{self.guard.state}: {self.guard.message}")
        self._ticks += 1
        if self._ticks % STATUS_EVERY == 0:
            self._publish_status()

    def on_abort(self, request: AbortRun.Request, response: AbortRun.Response) -> AbortRun.Response:
        """Stop now; nothing passes until another run begins."""
        self.send(self.guard.abort(request.reason))
        self.get_logger().warning(self.guard.message)
        self._publish_status()
        response.accepted = True
        return response

    def send(self, command: JointCommand | BaseCommand | None) -> None:
        """To the robot."""
        if isinstance(command, JointCommand):
            self.trajectory.publish(dialect.trajectory_message(command))
            self.gripper.publish(dialect.gripper_message(command))
        elif isinstance(command, BaseCommand):
            self.velocity.publish(dialect.twist_message(command, self.get_clock().now().nanoseconds))

    def _publish_status(self) -> None:
        guard, stamp = self.guard, self.get_clock().now().to_msg()
        counts = guard.counts
        out = GuardStatus(state=guard.state, message=guard.message)
        out.header.stamp = stamp
        out.passed, out.limited, out.rejected = counts.passed, counts.limited, counts.rejected
        self.status.publish(out)

    def destroy_node(self) -> None:
        """Leave the robot at rest."""
        self.send(self.guard.abort("the guard ends") if self.guard.state == "active" else None)
        super().destroy_node()


def main() -> None:
    """The process."""
    run(GuardNode)


if __name__ == "__main__":
    main()
