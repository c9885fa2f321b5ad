"""Mock hardware: the controllers of a robot as its profile describes them, in front of a kinematic model."""

from __future__ import annotations

import time
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import JointState, LaserScan
from std_msgs.msg import Bool, Float64
from std_srvs.srv import SetBool

from metaagent_interfaces.msg import ObjectStates
from metaagent_ros.control.mock_robot import MockArm, MockBase
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_message
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.receivers import Receivers
from metaagent_ros.nodes.running import run, wall_timer
from sim_envs.robots import load_profile

SLOW_PERIOD = 0.05  # [s] between two scenes, scans, speed scalings


class HardwareNode(Node):
    """Commands in the robot's dialect in, measured states out, at the rate that the robot has."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("hardware", context=context, **options)
        values = declare(self, "hardware")
        robot, seed = str(values["robot"]), int(values["scene_seed"])
        spoken = str(values["command"]), str(values["gripper"])
        self.deployment, self.profile = load_deployment(robot).speaking(*spoken), load_profile(robot)
        self.mobile = self.deployment.family == "base"
        self.robot: Any = (MockBase if self.mobile else MockArm)(self.profile, self.deployment, seed)
        self.receivers = Receivers(self, self.deployment, self.robot)
        self._connect()
        self.timer = wall_timer(self, 1.0 / self.deployment.state_rate, self.work)
        self.slow_timer = wall_timer(self, SLOW_PERIOD, self.work_slowly)

    def _connect(self) -> None:
        deployment = self.deployment
        joints = "joint_states" if self.mobile else deployment.state_topic
        self.joints = self.create_publisher(JointState, joints, dialect.LATEST)
        self.seen = self.create_publisher(ObjectStates, "object_states", dialect.LATEST)
        if self.mobile:
            self.odometry = self.create_publisher(Odometry, deployment.state_topic, dialect.LATEST)
            self.scan = self.create_publisher(LaserScan, deployment.scan_topic, dialect.SENSOR)
        self.scaling: Any = None
        self.running: Any = None
        if deployment.speed_scaling_topic:
            self.scaling = self.create_publisher(Float64, deployment.speed_scaling_topic, dialect.LATEST)
        if deployment.program_running_topic:
            topic = deployment.program_running_topic
            self.running = self.create_publisher(Bool, topic, dialect.LATCHED)
            self.create_service(SetBool, "hardware/pause", self.on_pause)
            self.running.publish(Bool(data=True))

    def on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Pause the program as on the teach pendant, or let it go on."""
        self.robot.running = not request.data
        self.running.publish(Bool(data=self.robot.running))
        self.work_slowly()
        response.success, response.message = True, "running" if self.robot.running else "paused"
        return response

    def work(self) -> None:
        """Step, and say where the robot is."""
        self.robot.step(time.monotonic())
        stamp = self.get_clock().now().nanoseconds
        names, positions, velocities = self.robot.joint_state()
        self.joints.publish(dialect.joint_state_message(names, positions, velocities, stamp))
        if self.mobile:
            self.odometry.publish(dialect.odometry_message(self.robot.pose(), stamp))

    def work_slowly(self) -> None:
        """What a camera, a lidar and the controller box say."""
        stamp, frame = self.get_clock().now().nanoseconds, "odom" if self.mobile else "base_link"
        self.seen.publish(scene_message(self.robot.seen, stamp, frame, self.mobile))
        if self.mobile:
            self.scan.publish(dialect.scan_message(self.robot.scan(), self.profile, stamp))
        if self.scaling is not None:
            self.scaling.publish(Float64(data=float(self.robot.scaling)))

    def destroy_node(self) -> None:
        """Servers first."""
        self.receivers.destroy()
        super().destroy_node()


def main() -> None:
    """The process."""
    run(HardwareNode)


if __name__ == "__main__":
    main()
