"""The policy at the control rate: measured state in, wanted command out."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import JointState, LaserScan

from metaagent_interfaces.msg import ArmCommand, ObjectStates, PolicyAssignment, PolicyStatus
from metaagent_ros.control.pacing import Grid
from metaagent_ros.control.runner import Assignment, Runner
from metaagent_ros.control.state import RobotState
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_value, task_value
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from sim_envs.robots import load_profile
from sim_envs.spec import JointCommand, Scene

STATUS_PERIOD = 0.1


class PolicyNode(Node):
    """Feeds the runner; a tick falls on the first measured state of every control period."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("policy", context=context, **options)
        robot = str(declare(self, "policy")["robot"])
        self.profile: Any = load_profile(robot)
        self.runner = Runner(robot)
        self.grid = Grid(self.runner.period)
        self.scene: Scene | None = None
        self.seen_ns = 0
        self.ranges: Any = None
        self.status = self.create_publisher(PolicyStatus, "policy/status", dialect.LATEST)
        assignment = "policy/assignment"
        self.create_subscription(PolicyAssignment, assignment, self.on_assignment, dialect.LATCHED)
        self.create_subscription(ObjectStates, "object_states", self.on_scene, dialect.LATEST)
        (self._connect_arm if self.runner.is_arm else self._connect_base)()
        self.timer = wall_timer(self, STATUS_PERIOD, self.on_status)

    def _connect_arm(self) -> None:
        self.command = self.create_publisher(ArmCommand, "policy/arm_command", dialect.LATEST)
        self.create_subscription(JointState, "joint_states", self.on_joints, dialect.LATEST)

    def _connect_base(self) -> None:
        self.command = self.create_publisher(TwistStamped, "policy/base_command", dialect.LATEST)
        self.create_subscription(LaserScan, "scan", self.on_scan, dialect.LATEST)
        self.create_subscription(Odometry, "odom", self.on_odometry, dialect.LATEST)

    def on_assignment(self, message: PolicyAssignment) -> None:
        """Another policy and task from the next tick on; an empty run_id holds."""
        if not message.run_id:
            self.runner.stop()
        else:
            try:
                task = task_value(message.task)
            except ValueError as error:
                self.runner.fault(message.run_id, f"task: {error}")
            else:
                parameters, limit = bytes(message.parameters), float(message.time_limit)
                self.runner.assign(Assignment(message.run_id, task, parameters, message.sha256, limit))
        self.grid.restart()
        self._log()
        self.on_status()

    def on_scene(self, message: ObjectStates) -> None:
        """What the camera sees."""
        try:
            self.scene, self.seen_ns = scene_value(message), dialect.stamp_of(message)
        except ValueError as error:
            self.get_logger().warning(f"scene ignored: {error}", throttle_duration_sec=THROTTLE)

    def on_scan(self, message: LaserScan) -> None:
        """What the lidar measures."""
        try:
            self.ranges = dialect.scan_value(message, self.profile)
        except ValueError as error:
            self.get_logger().warning(f"scan ignored: {error}", throttle_duration_sec=THROTTLE)

    def on_joints(self, message: JointState) -> None:
        """A measured arm."""
        names = self.profile.joints + self.profile.gripper_joints
        self._tick(message, lambda: dialect.arm_state_value(message, names))

    def on_odometry(self, message: Odometry) -> None:
        """A measured base; ticks need a scan."""
        if self.ranges is not None:
            self._tick(message, lambda: dialect.base_state_value(message, self.ranges))

    def _tick(self, message: Any, convert: Any) -> None:
        stamp = dialect.stamp_of(message)
        if not self.grid.due(stamp) or not self.runner.running:
            return
        try:
            state: RobotState = convert()
        except ValueError as error:
            self.get_logger().warning(f"state ignored: {error}", throttle_duration_sec=THROTTLE)
            return
        command = self.runner.tick(stamp, state, self.scene, self.seen_ns)
        if isinstance(command, JointCommand):
            self.command.publish(dialect.arm_command_message(command, stamp))
        elif command is not None:
            self.command.publish(dialect.twist_message(command, stamp))
        if self.runner.report.state != "running":
            self._log()
            self.on_status()

    def on_status(self) -> None:
        """How the run stands."""
        now = self.get_clock().now()
        self.runner.expire(now.nanoseconds)
        report = self.runner.report
        out = PolicyStatus(run_id=report.run_id, state=report.state, ticks=report.ticks)
        out.message, out.header.stamp = report.message, now.to_msg()
        self.status.publish(out)

    def _log(self) -> None:
        report = self.runner.report
        text, logger = f"run {report.run_id or '-'}: {report.state}: {report.message}", self.get_logger()
        if report.state == "fault":  # two lines: rclpy allows one severity a line
            logger.error(text)
        else:
            logger.info(text)

    def destroy_node(self) -> None:
        """Free the kinematics too."""
        super().destroy_node()
        self.runner.close()


def main() -> None:
    """The process."""
    run(PolicyNode)


if __name__ == "__main__":
    main()
