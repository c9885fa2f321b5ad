"""What a robot's controllers speak and promise: the optional block ``ros:`` of its profile.

Simulation, mock hardware and the real robot are commanded by the same :class:`Deployment`; without a block
it is what the simulated robot offers.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import Any

from sim_envs.robots import ArmProfile, load_profile, ros_block
from sim_envs.spec import SpecError, require

ARM_COMMANDS = ("joint_trajectory", "follow_joint_trajectory", "forward_position", "forward_velocity")
BASE_COMMANDS = ("twist", "twist_stamped")
GRIPPERS = ("none", "width_force", "gripper_command")
CONTROL_MSGS = ("follow_joint_trajectory", "gripper_command")
"""The dialects that take actions of ``control_msgs``."""
SHADOW = "shadow/"
_COMMAND_TOPICS = {
    "joint_trajectory": "joint_trajectory_controller/joint_trajectory",
    "follow_joint_trajectory": "joint_trajectory_controller/follow_joint_trajectory",
    "forward_position": "forward_position_controller/commands",
    "forward_velocity": "forward_velocity_controller/commands",
    "twist": "cmd_vel",
    "twist_stamped": "cmd_vel",
}
_GRIPPER_TOPICS = {
    "none": "",
    "width_force": "gripper_controller/commands",
    "gripper_command": "gripper_controller/gripper_cmd",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Dialect, topics (relative names) and time-outs of a robot.

    ``command`` is how joints or wheels are commanded, on ``command_topic`` (for an action: its name);
    ``gripper`` and ``gripper_topic`` the same for the gripper, ``gripper_scale`` the position that a goal of
    its action names for each metre of width: 0.5 where it is that of one finger. ``controller_timeout`` [s]
    is how long the controller itself goes on with the last command at most: no trajectory sent is longer.
    ``speed_scaling_topic`` and ``program_running_topic`` are empty where the robot has none;
    ``speed_scaling_full`` is what the first says at full speed. ``max_acceleration`` is one value for each
    joint of an arm [rad/s^2], empty for a base; ``soft_margin`` [rad] is kept inside the hard limits.
    Raises ``SpecError`` for a value outside what is allowed.
    """

    robot: str
    family: str
    command: str
    command_topic: str
    gripper: str
    gripper_topic: str
    gripper_scale: float
    state_topic: str
    scan_topic: str
    state_rate: float
    control_rate: float
    state_timeout: float
    command_timeout: float
    controller_timeout: float
    speed_scaling_topic: str
    speed_scaling_full: float
    program_running_topic: str
    max_acceleration: tuple[float, ...]
    soft_margin: float
    base_frame: str
    tool_frame: str

    def __post_init__(self) -> None:
        arm = self.family == "arm"
        require(f"{self.robot}: ros.command", self.command, ARM_COMMANDS if arm else BASE_COMMANDS)
        require(f"{self.robot}: ros.gripper", self.gripper, GRIPPERS if arm else GRIPPERS[:1])
        positive = ("state_rate", "control_rate", "state_timeout", "command_timeout", "controller_timeout")
        for name in (*positive, "speed_scaling_full", "gripper_scale"):
            self._check(name, getattr(self, name), 0.0, inclusive=False)
        self._check("soft_margin", self.soft_margin, 0.0)
        if self.controller_timeout * self.control_rate < 1.0:
            raise SpecError(
                f"{self.robot}: ros.controller_timeout is {self.controller_timeout!r} s, less than the period"
                f" {1.0 / self.control_rate:g} s between two commands"
            )
        for value in self.max_acceleration:
            self._check("max_acceleration", value, 0.0, inclusive=False)

    def _check(self, name: str, value: object, least: float, inclusive: bool = True) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < least or (value == least and not inclusive):  # type: ignore[arg-type, operator]
            bound = "at least" if inclusive else "above"
            raise SpecError(f"{self.robot}: ros.{name} is {value!r}; it must be a number {bound} {least:g}")

    def speaking(self, command: str = "", gripper: str = "") -> Deployment:
        """The same robot in another dialect, on that dialect's usual topic; empty: as the profile says."""
        changes: dict[str, str] = {}
        if command and command != self.command:
            require("command", command, ARM_COMMANDS if self.family == "arm" else BASE_COMMANDS)
            changes |= {"command": command, "command_topic": _COMMAND_TOPICS[command]}
        if gripper and gripper != self.gripper:
            require("gripper", gripper, GRIPPERS if self.family == "arm" else GRIPPERS[:1])
            changes |= {"gripper": gripper, "gripper_topic": _GRIPPER_TOPICS[gripper]}
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def shadowed(self) -> Deployment:
        """The same with commands that go to topics of no controller, below ``shadow/``: for a dry run."""
        gripper = SHADOW + self.gripper_topic if self.gripper_topic else ""
        return dataclasses.replace(self, command_topic=SHADOW + self.command_topic, gripper_topic=gripper)


def missing_interfaces(deployment: Deployment) -> str:
    """Why a deployment's dialect cannot be spoken on this machine; empty where it can."""
    spoken = (deployment.command, deployment.gripper)
    wanted = [dialect for dialect in spoken if dialect in CONTROL_MSGS]
    if not wanted or find_spec("control_msgs") is not None:
        return ""
    return (
        f"{deployment.robot} is commanded by {' and '.join(wanted)}, an action of control_msgs, which is not"
        " installed: sudo apt install ros-jazzy-control-msgs. Or choose another dialect: command:="
        "joint_trajectory, gripper:=width_force or gripper:=none"
    )


def load_deployment(robot: str) -> Deployment:
    """The deployment of a robot; an unknown one, or a block that does not hold, raises ``SpecError``."""
    profile, block = load_profile(robot), dict(ros_block(robot))
    known = tuple(f.name for f in fields(Deployment) if f.name not in ("robot", "family"))
    for key in block:
        require(f"{robot}: key of ros", key, known)
    values = _defaults(profile) | block
    if "command_topic" not in block:
        values["command_topic"] = _COMMAND_TOPICS.get(str(values["command"]), "")
    if "gripper_topic" not in block:
        values["gripper_topic"] = _GRIPPER_TOPICS.get(str(values["gripper"]), "")
    values["max_acceleration"] = tuple(values["max_acceleration"])
    joints = len(profile.joints) if isinstance(profile, ArmProfile) else 0
    if len(values["max_acceleration"]) != joints:
        given = len(values["max_acceleration"])
        raise SpecError(f"{robot}: ros.max_acceleration has {given} values for {joints} joints")
    return Deployment(robot=robot, family=profile.family, **values)


def _defaults(profile: Any) -> dict[str, Any]:
    """What the simulated robot offers."""
    arm = isinstance(profile, ArmProfile)
    return {
        "command": "joint_trajectory" if arm else "twist_stamped",
        "gripper": "width_force" if arm else "none",
        "gripper_scale": 0.5,
        "state_topic": "joint_states" if arm else "odom",
        "scan_topic": "" if arm else "scan",
        "state_rate": 100.0,
        "control_rate": 1.0 / profile.control_period,
        "state_timeout": 0.1,
        "command_timeout": 0.2,
        "controller_timeout": 0.2 if arm else 0.5,
        "speed_scaling_topic": "",
        "speed_scaling_full": 1.0,
        "program_running_topic": "",
        "max_acceleration": (10.0,) * len(profile.joints) if arm else (),
        "soft_margin": 0.02 if arm else 0.0,
        "base_frame": "base_link",
        "tool_frame": profile.tool_link if arm else "",
    }
