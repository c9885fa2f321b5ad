"""The simulated robot: ros2_control's topics in, measured states out, in real time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState, LaserScan

from metaagent_interfaces.msg import ObjectStates
from metaagent_interfaces.srv import ResetScene
from metaagent_ros.control.pacing import NS, Pacer
from metaagent_ros.control.robot_side import SimulatedSide
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_message, time_message
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.receivers import Receivers
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
        self.simulation: Any = make_simulation(robot, *seeds, physics=str(values["physics"]))
        spoken = str(values["command"]), str(values["gripper"])
        self.deployment = load_deployment(robot).speaking(*spoken)
        self.mobile = self.deployment.family == "base"
        self.recorder = Recorder(Path(record), robot, *seeds) if record else None
        if not values["headless"]:
            self.get_logger().warning("there is no window yet; 'record' keeps states to draw afterwards")
        period = 1.0 / float(values["rate"])
        self.substeps = max(1, round(period / self.simulation.substep))
        self.pacer = Pacer(self.substeps * self.simulation.substep)
        self._slow_until = -1
        self._connect()
        side = SimulatedSide(self.simulation)
        self.receivers = Receivers(self, self.deployment, side, self.on_commanded)
        self.create_service(ResetScene, "simulator/reset", self.on_reset)
        self.timer = wall_timer(self, self.pacer.period, self.work)

    def _connect(self) -> None:
        def publisher(kind: type, topic: str) -> Any:
            return self.create_publisher(kind, topic, dialect.LATEST)

        self.clock_topic = publisher(Clock, "/clock")
        joints = "joint_states" if self.mobile else self.deployment.state_topic
        self.joints = publisher(JointState, joints)
        self.seen = publisher(ObjectStates, "object_states")
        self.truth = publisher(ObjectStates, "simulator/ground_truth")
        if self.mobile:
            self.odometry = publisher(Odometry, self.deployment.state_topic)
            self.scan = publisher(LaserScan, self.deployment.scan_topic)

    def on_reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        """Objects back, robot home, as a person does it between two trials."""
        self.simulation.reset(int(request.number))
        response.success, response.message = True, f"put back, number {request.number}"
        return response

    def on_commanded(self) -> None:
        """A command was taken: the recording says when."""
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
        self.receivers.destroy()
        super().destroy_node()
        self.simulation.close()
        if self.recorder is not None:
            self.recorder.close()


def main() -> None:
    """The process."""
    run(SimulatorNode)


if __name__ == "__main__":
    main()
