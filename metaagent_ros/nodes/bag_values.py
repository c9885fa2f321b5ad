"""Recorded messages as values, by the functions that the nodes use: the graph's side of a replay."""

from __future__ import annotations

from typing import Any

from metaagent_ros.control.state import RobotState
from metaagent_ros.deployment import Deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_value, task_value
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, GroundedTask, JointCommand, Scene


class BagValues:
    """:class:`metaagent_ros.recording.runs.Values` of one robot."""

    def __init__(self, deployment: Deployment) -> None:
        self._profile: Any = load_profile(deployment.robot)
        self._arm = deployment.family == "arm"

    def task(self, message: Any) -> GroundedTask:
        """What the policy was asked to do."""
        return task_value(message)

    def scene(self, message: Any) -> Scene:
        """What the camera saw."""
        return scene_value(message)

    def state(self, message: Any, scan: Any) -> RobotState:
        """What the robot measured."""
        if self._arm:
            profile = self._profile
            return dialect.arm_state_value(message, profile.joints + profile.gripper_joints)
        ranges = None if scan is None else dialect.scan_value(scan, self._profile)
        return dialect.base_state_value(message, ranges)

    def command(self, message: Any) -> JointCommand | BaseCommand:
        """What the policy wanted."""
        return dialect.arm_command_value(message) if self._arm else dialect.base_command_value(message)
