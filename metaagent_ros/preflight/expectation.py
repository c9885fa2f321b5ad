"""What a robot's graph has to offer, from its profile and its deployment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metaagent_ros.deployment import CONTROL_MSGS, Deployment, load_deployment
from metaagent_ros.endpoints import DIALECTS
from metaagent_ros.preflight.observation import Need, QoS
from sim_envs.robots import load_profile

GUARD = "guard"
SENSOR = QoS(reliability="BEST_EFFORT")


def full(name: str, namespace: str = "") -> str:
    """The full name of a topic, node or action; a leading slash stays what it is."""
    if name.startswith("/"):
        return name
    return "/" + "/".join(part for part in (namespace.strip("/"), name) if part)


@dataclass(frozen=True, slots=True)
class Expectation:
    """A robot that is about to be commanded, in a namespace.

    ``at_home``: a person says that it stands there. ``shadow``: a dry run goes on.
    """

    profile: Any
    deployment: Deployment
    namespace: str = ""
    at_home: bool = False
    shadow: bool = False

    @classmethod
    def of(cls, robot: str, namespace: str = "", at_home: bool = False, shadow: bool = False) -> Expectation:
        """By the robot's name; an unknown one raises ``SpecError`` with the nearest match."""
        return cls(load_profile(robot), load_deployment(robot), namespace, at_home, shadow)

    def speaking(self, command: str = "", gripper: str = "") -> Expectation:
        """The same robot in other dialects than its profile's; ``SpecError`` for one that is none."""
        return dataclasses.replace(self, deployment=self.deployment.speaking(command, gripper))

    def name(self, relative: str) -> str:
        """The full name in this graph; empty stays empty."""
        return full(relative, self.namespace) if relative else ""

    @property
    def clock(self) -> str:
        """The topic of simulated time: each namespace has its own."""
        return self.name("clock")

    @property
    def shadow_topic(self) -> str:
        """Where the commands of a dry run go; empty without one."""
        return self.name(self.deployment.shadowed().command_topic) if self.shadow else ""

    @property
    def arm(self) -> bool:
        """Whether it is an arm; else it is a base."""
        return self.deployment.family == "arm"

    @property
    def joints(self) -> tuple[str, ...]:
        """Joints that must be reported: those of the arm, then the fingers."""
        return (*self.profile.joints, *self.profile.gripper_joints) if self.arm else ()

    @property
    def actions(self) -> tuple[str, ...]:
        """Full names of the actions through which this robot is commanded."""
        return tuple(self.name(topic) for dialect, topic in self._dialects() if dialect in CONTROL_MSGS)

    def needs(self) -> tuple[Need, ...]:
        """Every endpoint of ours that the robot has to be the other side of."""
        return tuple(self._states()) + tuple(self._commands())

    def _states(self) -> Iterator[Need]:
        said = self.deployment
        kind = "sensor_msgs/msg/JointState" if self.arm else "nav_msgs/msg/Odometry"
        yield Need(self.name(said.state_topic), "subscription", kind)
        if said.scan_topic:
            kind = "sensor_msgs/msg/LaserScan"
            yield Need(self.name(said.scan_topic), "subscription", kind, SENSOR)
        if said.speed_scaling_topic:
            topic = self.name(said.speed_scaling_topic)
            yield Need(topic, "subscription", "std_msgs/msg/Float64", SENSOR)
        if said.program_running_topic:
            topic = self.name(said.program_running_topic)
            yield Need(topic, "subscription", "std_msgs/msg/Bool", SENSOR)

    def _commands(self) -> Iterator[Need]:
        for dialect, topic in self._dialects():
            if dialect not in CONTROL_MSGS:
                yield Need(self.name(topic), "publisher", DIALECTS[dialect].type)

    def _dialects(self) -> Iterator[tuple[str, str]]:
        """What arm or base, then the gripper, are commanded in, each with its topic or action."""
        said = self.deployment
        yield said.command, said.command_topic
        if said.gripper != "none":
            yield said.gripper, said.gripper_topic
