"""The simulated robot: ros2_control's topics in, measured states out, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ObjectStates
from metaagent_ros.control.pacing import NS, Pacer
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_message, time_message
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from sim_envs.recording import Recorder
from sim_envs.simulation import make_simulation

SLOW_PERIOD = 0.04  # [s] between two scenes or scans


class SimulatorNode(Node):
    """Owns the simulation; a wall timer advances it and publishes what a robot measures."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("simulator", context=context, **options)
        values = declare(self, "simulator")
        seeds = int(values["scene_seed"]), int(values["hidden_seed"])
        robot, record = str(values["robot"]), str(values["record"])
        self.simulation: Any = make_simulation(robot, *seeds)
        self.mobile = self.simulation.profile.family == "base"
        self.recorder = Recorder(Path(record), robot, *seeds) if record else None
        if not values["headless"]:
            self.get_logger().warning("there is no window yet; 'record' keeps states to draw afterwards")
        period = 1.0 / float(values["rate"])
        self.substeps = max(1, round(period / self.simulation.substep))
        self.pacer = Pacer(self.substeps * self.simulation.substep)
        self._slow_until = -1
        self._connect()
        self.timer = wall_timer(self, self.pacer.period, self.work)

    def _connect(self) -> None:
        def publisher(kind: type, topic: str) -> Any:
            return self.create_publisher(kind, topic, dialect.LATEST)

        self.clock_topic = publisher(Clock, "/clock")
        self.joints = publisher(JointState, "joint_states")
        self.seen = publisher(ObjectStates, "object_states")
        self.truth = publisher(ObjectStates, "simulator/ground_truth")
        if self.mobile:
            self.odometry, self.scan = publisher(Odometry, "odom"), publisher(LaserScan, "scan")
            self.create_subscription(TwistStamped, "cmd_vel", self.on_velocity, dialect.LATEST)
            return
        arm, hand = "joint_trajectory_controller/joint_trajectory", "gripper_controller/commands"
        self.create_subscription(JointTrajectory, arm, self.on_trajectory, dialect.LATEST)
        self.create_subscription(Float64MultiArray, hand, self.on_gripper, dialect.LATEST)

    def on_trajectory(self, message: JointTrajectory) -> None:
        """The last point is the target; anything wrong rejects the whole."""
        self._try(lambda: self.simulation.command_joints(*dialect.trajectory_target(message)))

    def on_gripper(self, message: Float64MultiArray) -> None:
        """Width and force."""
        self._try(lambda: self.simulation.command_gripper(*dialect.gripper_value(message)))

    def on_velocity(self, message: TwistStamped) -> None:
        """Wheel command."""
        wanted = dialect.twist_value(message)
        self._try(lambda: self.simulation.command_velocity(wanted.linear, wanted.angular))

    def _try(self, command: Callable[[], None]) -> None:
        try:
            command()
        except ValueError as error:
            self.get_logger().warning(f"command rejected: {error}", throttle_duration_sec=THROTTLE)
            return
        if self.recorder is not None:
            self.recorder.commanded(self.simulation.time)

    def work(self) -> None:
        """Work off the periods due, and publish after each."""
        late = self.pacer.dropped
        due = self.pacer.due(time.monotonic())
        if self.pacer.dropped > late:
            self.get_logger().warning("slower than real time", throttle_duration_sec=THROTTLE)
        for _ in range(due):
            for _ in range(self.substeps):
                self.simulation.advance()
            self.publish()

    def publish(self) -> None:
        """The scene before the joints: who waits for the joints then has both of the same instant."""
        stamp = round(self.simulation.time * NS)
        self.clock_topic.publish(Clock(clock=time_message(stamp)))
        slot = stamp // round(SLOW_PERIOD * NS)
        if slot != self._slow_until:
            self._slow_until = slot
            self._publish_slow(stamp)
        if self.mobile:
            self.odometry.publish(dialect.odometry_message(self.simulation.pose(), stamp))
        names, positions, velocities = self.simulation.joint_state()
        self.joints.publish(dialect.joint_state_message(names, positions, velocities, stamp))
        if self.recorder is not None:
            self.recorder.take(self.simulation)

    def _publish_slow(self, stamp: int) -> None:
        frame, simulation = ("odom" if self.mobile else "base_link"), self.simulation
        self.seen.publish(scene_message(simulation.scene(), stamp, frame, self.mobile))
        self.truth.publish(scene_message(simulation.truth(), stamp, frame, self.mobile))
        if self.mobile:
            self.scan.publish(dialect.scan_message(simulation.scan(), simulation.profile, stamp))

    def destroy_node(self) -> None:
        """Free the physics and the recording too."""
        super().destroy_node()
        self.simulation.close()
        if self.recorder is not None:
            self.recorder.close()


def main() -> None:
    """The process."""
    run(SimulatorNode)


if __name__ == "__main__":
    main()
