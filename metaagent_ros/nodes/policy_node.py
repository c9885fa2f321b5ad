"""The policy at the control rate: measured state in, wanted command out."""

from __future__ import annotations

from typing import Any

from nav_msgs.msg import Odometry
from rclpy.context import Context
from sensor_msgs.msg import JointState, LaserScan

from metaagent_interfaces.msg import (
    ArmCommand,
    GuardStatus,
    ObjectStates,
    PolicyAssignment,
    PolicyEpisode,
    PolicyStatus,
)
from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_ros.control.pacing import Grid
from metaagent_ros.control.runner import Assignment, Runner
from metaagent_ros.control.state import RobotState
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_value, task_value
from metaagent_ros.nodes.diagnostics import Diagnostics
from metaagent_ros.nodes.lifecycle import ManagedNode
from metaagent_ros.nodes.offered import Mismatches, identity, unheard
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from metaagent_ros.nodes.session_messages import episode_message
from sim_envs.robots import load_profile
from sim_envs.spec import JointCommand, Scene

STATUS_PERIOD, HEALTH_EVERY = 0.1, 10  # [s], statuses
_LEVELS = {"fault": "error", "timeout": "warn", "stopped": "warn"}


class PolicyNode(ManagedNode):
    """Feeds the runner; a tick falls on the first measured state of every control period."""

    runner: Runner | None = None

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("policy", context, **options)
        self.status = self.create_publisher(PolicyStatus, "policy/status", dialect.LATEST)
        self.diagnostics = Diagnostics(self, str(self.values["robot"]))
        self._told = 0
        self.timer = wall_timer(self, STATUS_PERIOD, self.on_status)

    def set_up(self) -> None:
        """The runner of the robot, and its topics."""
        robot = str(self.values["robot"])
        self.profile: Any = load_profile(robot)
        self.deployment = load_deployment(robot)
        connected = self.runner is not None
        self.runner = Runner(robot)
        self.grid = Grid(self.runner.period)
        self.scene: Scene | None = None
        self.seen_ns = self.scanned_ns = 0
        self.ranges: Any = None
        self.paused, self.wrong = False, "no measured state yet."
        self._waiting: PolicyAssignment | None = None
        if not connected:
            self._connect()

    def tear_down(self) -> None:
        """Free the kinematics."""
        if self.runner is not None:
            self.runner.close()

    def lacking(self) -> str:
        """A usable measured state; for a base a scan too."""
        if self.wrong:
            unheard_ = self.mismatches.text() or unheard(self, self.deployment.state_topic)
            return self.wrong if self._heard else unheard_
        if self.deployment.scan_topic and self.ranges is None:
            return f"no usable scan yet: {unheard(self, self.deployment.scan_topic)}"
        return ""

    def begin(self) -> None:
        """What was assigned while it was starting."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._assign(waiting)

    def rest(self) -> None:
        """The run ends; the guard stops the robot."""
        if self.runner is not None:
            self.runner.stop()
            self.on_status()

    def _connect(self) -> None:
        self._heard, self.commander, self.mismatches = False, identity(self), Mismatches(self)
        self.episodes = self.create_publisher(PolicyEpisode, "policy/episode", dialect.LATCHED)
        self._hear(PolicyAssignment, "policy/assignment", self.on_assignment, dialect.LATCHED)
        self._hear(ObjectStates, "object_states", self.on_scene)
        self._hear(GuardStatus, "guard/status", self.on_guard)
        arm = self.profile.family == "arm"
        kind: type = ArmCommand if arm else BaseCommandMessage
        topic = f"policy/{self.profile.family}_command"
        events = self.mismatches.speaking(topic, dialect.LATEST)
        self.command = self.create_publisher(kind, topic, dialect.LATEST, event_callbacks=events)
        if arm:
            self._hear(JointState, self.deployment.state_topic, self.on_joints)
        else:
            self._hear(LaserScan, self.deployment.scan_topic, self.on_scan, dialect.SENSOR)
            self._hear(Odometry, self.deployment.state_topic, self.on_odometry)

    def _hear(self, kind: type, topic: str, callback: Any, qos: Any = dialect.LATEST) -> None:
        events = self.mismatches.hearing(topic, qos)
        self.create_subscription(kind, topic, callback, qos, event_callbacks=events)

    def on_guard(self, message: GuardStatus) -> None:
        """While the robot's own program stands, the run stands too."""
        self.paused = message.state == "paused"

    def on_assignment(self, message: PolicyAssignment) -> None:
        """Another policy and task from the next tick on; an empty run_id holds."""
        if self.active:
            self._assign(message)
        elif self.starting:
            self._waiting = message
        elif message.run_id:
            self._runner.fault(message.run_id, f"the policy node is {self.lifecycle}.")
            self._log()

    def _assign(self, message: PolicyAssignment) -> None:
        if not message.run_id:
            self._runner.stop()
        else:
            try:
                task = task_value(message.task)
            except ValueError as error:
                self._runner.fault(message.run_id, f"task: {error}")
            else:
                parameters, limit = bytes(message.parameters), float(message.time_limit)
                self._runner.assign(Assignment(message.run_id, task, parameters, message.sha256, limit))
        self.grid.restart()
        self._log()
        self.on_status()

    @property
    def _runner(self) -> Runner:
        assert self.runner is not None  # no callback comes before set_up
        return self.runner

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
            self.scanned_ns = dialect.stamp_of(message)
        except ValueError as error:
            self.get_logger().warning(f"scan ignored: {error}", throttle_duration_sec=THROTTLE)

    def on_joints(self, message: JointState) -> None:
        """A measured arm."""
        names = self.profile.joints + self.profile.gripper_joints
        self._tick(message, lambda: dialect.arm_state_value(message, names))

    def on_odometry(self, message: Odometry) -> None:
        """A measured base."""
        self._tick(message, lambda: dialect.base_state_value(message, self.ranges))

    def _tick(self, message: Any, convert: Any) -> None:
        stamp, self._heard, runner = dialect.stamp_of(message), True, self._runner
        if self.active and not (self.grid.due(stamp) and runner.running):
            return
        try:
            state: RobotState = convert()
        except ValueError as error:
            self.wrong = str(error)
            self.get_logger().warning(f"state ignored: {error}", throttle_duration_sec=THROTTLE)
            return
        self.wrong = ""
        if not self.active:
            return
        if self.paused:
            runner.wait(stamp)
            return
        command = runner.tick(stamp, state, self.scene, self.seen_ns)
        if isinstance(command, JointCommand):
            self.command.publish(dialect.arm_command_message(command, stamp, self.commander, self.seen_ns))
        elif command is not None:
            sources = self.seen_ns, self.scanned_ns
            self.command.publish(dialect.base_command_message(command, stamp, self.commander, *sources))
        if runner.report.state != "running":
            self._log()
            if (episode := runner.log.episode()) is not None:
                self.episodes.publish(episode_message(episode))
            self.on_status()

    def on_status(self) -> None:
        """How the run stands."""
        now = self.get_clock().now()
        if self.runner is None:
            return
        self.runner.expire(now.nanoseconds)
        report = self.runner.report
        out = PolicyStatus(run_id=report.run_id, state=report.state, ticks=report.ticks)
        out.message, out.header.stamp = report.message, now.to_msg()
        self.status.publish(out)
        self._told += 1
        if self._told % HEALTH_EVERY == 0:
            self._publish_health()

    def _publish_health(self) -> None:
        report, mismatch = self._runner.report, self.mismatches.text()
        level, text = _LEVELS.get(report.state, "ok"), f"{report.state}: {report.message}"
        if not self.active:
            level, text = "warn", f"{self.lifecycle}: {self.refusal}"
        values = {"run": report.run_id, "ticks": report.ticks, "paused": self.paused}
        self.diagnostics.publish("error" if mismatch else level, mismatch or text, values)

    def _log(self) -> None:
        report = self._runner.report
        text, logger = f"run {report.run_id or '-'}: {report.state}: {report.message}", self.get_logger()
        if report.state == "fault":  # two lines: rclpy allows one severity a line
            logger.error(text)
        else:
            logger.info(text)


def main() -> None:
    """The process."""
    run(PolicyNode)


if __name__ == "__main__":
    main()
