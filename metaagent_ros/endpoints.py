"""What every node of the graph offers and asks for: topics, services and actions, as data.

One table for the recorder (what is written), for the SROS2 policies (what is allowed) and for the tests,
which compare it with the running nodes. Names are relative to the graph's namespace unless they begin
with ``/``; ``{field}`` stands for that field of the robot's :class:`~metaagent_ros.deployment.Deployment`,
and a line whose field is empty there is left out.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from metaagent_ros.deployment import SHADOW, Deployment

PUBLISHES, SUBSCRIBES = "publishes", "subscribes"
SERVES, CALLS = "serves", "calls"
ACTION_SERVER, ACTION_CLIENT = "action server", "action client"
ROLES = (PUBLISHES, SUBSCRIBES, SERVES, CALLS, ACTION_SERVER, ACTION_CLIENT)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a topic, service or action: its role (:data:`ROLES`), name and type.

    ``only``: for which family of robots, or for those whose deployment has a value in that field.
    """

    role: str
    name: str
    type: str
    only: str = ""


def _publishes(name: str, kind: str, only: str = "") -> Endpoint:
    return Endpoint(PUBLISHES, name, kind, only)


def _subscribes(name: str, kind: str, only: str = "") -> Endpoint:
    return Endpoint(SUBSCRIBES, name, kind, only)


_OTHER_SIDE = {PUBLISHES: SUBSCRIBES, SUBSCRIBES: PUBLISHES, ACTION_CLIENT: ACTION_SERVER}


def _other(lines: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """The same as who is at the other end has them."""
    return tuple(replace(line, role=_OTHER_SIDE[line.role]) for line in lines)


_OWN = "metaagent_interfaces"
CLOCK = "/clock"
CLIENT = "client"
"""Stands in the table for the nodes of the command line, which are called ``metaagent_*``."""
LIFECYCLE = ("policy", "guard")
_FOLLOWS_CLOCK = _subscribes(CLOCK, "rosgraph_msgs/msg/Clock")
_STATES = (
    _subscribes("{state_topic}", "sensor_msgs/msg/JointState", "arm"),
    _subscribes("{state_topic}", "nav_msgs/msg/Odometry", "base"),
)
_SCAN = _subscribes("{scan_topic}", "sensor_msgs/msg/LaserScan")
_SCENE = _subscribes("object_states", f"{_OWN}/msg/ObjectStates")
_ASSIGNMENT = _subscribes("policy/assignment", f"{_OWN}/msg/PolicyAssignment")
_EPISODE = _subscribes("policy/episode", f"{_OWN}/msg/PolicyEpisode")
_POLICY_STATUS = _subscribes("policy/status", f"{_OWN}/msg/PolicyStatus")
_GUARD_STATUS = _subscribes("guard/status", f"{_OWN}/msg/GuardStatus")
_COMMANDS = (
    _subscribes("policy/arm_command", f"{_OWN}/msg/ArmCommand", "arm"),
    _subscribes("policy/base_command", f"{_OWN}/msg/BaseCommand", "base"),
)
_PROGRAM = (
    _subscribes("{speed_scaling_topic}", "std_msgs/msg/Float64"),
    _subscribes("{program_running_topic}", "std_msgs/msg/Bool"),
)
_BUTTONS = (
    _subscribes("session/success", "std_msgs/msg/Bool"),
    _subscribes("session/ready", "std_msgs/msg/Bool"),
)
_BASE_JOINTS = _publishes("joint_states", "sensor_msgs/msg/JointState", "base")
_DIAGNOSTICS = _publishes("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")

NODE_ENDPOINTS: dict[str, tuple[Endpoint, ...]] = {
    "simulator": (
        *_other((*_STATES, _SCAN, _SCENE)),
        _BASE_JOINTS,
        _publishes(CLOCK, "rosgraph_msgs/msg/Clock"),
        _publishes("simulator/ground_truth", f"{_OWN}/msg/ObjectStates"),
        Endpoint(SERVES, "simulator/reset", f"{_OWN}/srv/ResetScene"),
    ),
    "hardware": (
        *_other((*_STATES, _SCAN, _SCENE, *_PROGRAM)),
        _BASE_JOINTS,
        Endpoint(SERVES, "hardware/pause", "std_srvs/srv/SetBool", "program_running_topic"),
    ),
    "instruction": (
        _publishes("plan", f"{_OWN}/msg/Plan"),
        Endpoint(SERVES, "parse_instruction", f"{_OWN}/srv/ParseInstruction"),
    ),
    "meta_rl": (
        _SCENE,
        _STATES[0],
        _POLICY_STATUS,
        _GUARD_STATUS,
        _EPISODE,
        *_BUTTONS,
        *_other((_ASSIGNMENT,)),
        _subscribes("instruction", "std_msgs/msg/String"),
        _publishes("instruction/outcome", f"{_OWN}/msg/InstructionOutcome"),
        _publishes("adaptation/trial", f"{_OWN}/msg/SessionTrial"),
        Endpoint(CALLS, "parse_instruction", f"{_OWN}/srv/ParseInstruction"),
        Endpoint(CALLS, "guard/abort", f"{_OWN}/srv/AbortRun"),
        Endpoint(CALLS, "simulator/reset", f"{_OWN}/srv/ResetScene"),
        Endpoint(ACTION_SERVER, "execute_instruction", f"{_OWN}/action/ExecuteInstruction"),
        Endpoint(ACTION_SERVER, "adapt", f"{_OWN}/action/Adapt"),
        Endpoint(ACTION_SERVER, "adapt_on_robot", f"{_OWN}/action/AdaptOnRobot"),
    ),
    "policy": (
        *_STATES,
        _SCAN,
        _SCENE,
        _ASSIGNMENT,
        _GUARD_STATUS,
        *_other((_POLICY_STATUS, _EPISODE, *_COMMANDS)),
        _DIAGNOSTICS,
    ),
    "guard": (
        *_STATES,
        _SCAN,
        *_PROGRAM,
        *_COMMANDS,
        _ASSIGNMENT,
        _subscribes("estop", "std_msgs/msg/Bool"),
        *_other((_GUARD_STATUS,)),
        _DIAGNOSTICS,
        Endpoint(SERVES, "guard/abort", f"{_OWN}/srv/AbortRun"),
        Endpoint(SERVES, "guard/estop", "std_srvs/srv/Trigger"),
        Endpoint(SERVES, "guard/reset", "std_srvs/srv/Trigger"),
    ),
    "recorder": (
        _DIAGNOSTICS,
        Endpoint(SERVES, "recorder/switch", "std_srvs/srv/SetBool"),
    ),
    CLIENT: (
        *_STATES,
        _SCAN,
        _SCENE,
        *_PROGRAM,
        _POLICY_STATUS,
        _GUARD_STATUS,
        *_other(_BUTTONS),
        _FOLLOWS_CLOCK,
        _subscribes("simulator/ground_truth", f"{_OWN}/msg/ObjectStates"),
        Endpoint(CALLS, "parse_instruction", f"{_OWN}/srv/ParseInstruction"),
        Endpoint(CALLS, "guard/abort", f"{_OWN}/srv/AbortRun"),
        *(
            Endpoint(CALLS, f"{node}/get_parameters", "rcl_interfaces/srv/GetParameters")
            for node in ("simulator", "instruction", "meta_rl", "policy", "guard")
        ),
        Endpoint(ACTION_CLIENT, "execute_instruction", f"{_OWN}/action/ExecuteInstruction"),
        Endpoint(ACTION_CLIENT, "adapt_on_robot", f"{_OWN}/action/AdaptOnRobot"),
    ),
}
"""By node, without what a robot's dialect adds (:data:`DIALECTS`) and what the recorder hears."""

ROBOTS = ("simulator", "hardware")
"""Nodes that stand for a robot: they take what the guard sends."""
_STANDARD: tuple[Endpoint, ...] = (
    _publishes("/rosout", "rcl_interfaces/msg/Log"),
    _publishes("/parameter_events", "rcl_interfaces/msg/ParameterEvent"),
    Endpoint(SERVES, "~/describe_parameters", "rcl_interfaces/srv/DescribeParameters"),
    Endpoint(SERVES, "~/get_parameter_types", "rcl_interfaces/srv/GetParameterTypes"),
    Endpoint(SERVES, "~/get_parameters", "rcl_interfaces/srv/GetParameters"),
    Endpoint(SERVES, "~/list_parameters", "rcl_interfaces/srv/ListParameters"),
    Endpoint(SERVES, "~/set_parameters", "rcl_interfaces/srv/SetParameters"),
    Endpoint(SERVES, "~/set_parameters_atomically", "rcl_interfaces/srv/SetParametersAtomically"),
    Endpoint(SERVES, "~/get_type_description", "type_description_interfaces/srv/GetTypeDescription"),
)
_STANDARD_LIFECYCLE: tuple[Endpoint, ...] = (
    _publishes("~/transition_event", "lifecycle_msgs/msg/TransitionEvent"),
    Endpoint(SERVES, "~/change_state", "lifecycle_msgs/srv/ChangeState"),
    Endpoint(SERVES, "~/get_state", "lifecycle_msgs/srv/GetState"),
    Endpoint(SERVES, "~/get_available_states", "lifecycle_msgs/srv/GetAvailableStates"),
    Endpoint(SERVES, "~/get_available_transitions", "lifecycle_msgs/srv/GetAvailableTransitions"),
    Endpoint(SERVES, "~/get_transition_graph", "lifecycle_msgs/srv/GetAvailableTransitions"),
)

DIALECTS: dict[str, Endpoint] = {
    "joint_trajectory": _publishes("{command_topic}", "trajectory_msgs/msg/JointTrajectory"),
    "follow_joint_trajectory": Endpoint(
        ACTION_CLIENT, "{command_topic}", "control_msgs/action/FollowJointTrajectory"
    ),
    "forward_position": _publishes("{command_topic}", "std_msgs/msg/Float64MultiArray"),
    "forward_velocity": _publishes("{command_topic}", "std_msgs/msg/Float64MultiArray"),
    "twist": _publishes("{command_topic}", "geometry_msgs/msg/Twist"),
    "twist_stamped": _publishes("{command_topic}", "geometry_msgs/msg/TwistStamped"),
    "width_force": _publishes("{gripper_topic}", "std_msgs/msg/Float64MultiArray"),
    "gripper_command": Endpoint(ACTION_CLIENT, "{gripper_topic}", "control_msgs/action/GripperCommand"),
}
"""What the guard commands the robot with, by ``Deployment.command`` and ``Deployment.gripper``."""
_SHADOWS = {
    "follow_joint_trajectory": DIALECTS["joint_trajectory"],
    "gripper_command": DIALECTS["width_force"],
}


def endpoints(
    node: str, deployment: Deployment, simulated_time: bool = False, shadow: bool = False
) -> tuple[Endpoint, ...]:
    """Every endpoint of a node of the graph on one robot, sorted; an unknown node is a ``KeyError``.

    With ``simulated_time`` the nodes follow the clock of the simulator; in a dry run (``shadow``) the guard's
    commands go below ``shadow/``. What every ROS node has besides stands in :func:`standard`.
    """
    lines = [*NODE_ENDPOINTS[node]]
    if node == "guard":
        lines += _commands(deployment.shadowed() if shadow else deployment)
    if node == CLIENT:  # the check before a robot moves listens to what a dry run would send
        lines += _other(_commands(deployment.shadowed())[:1])
    if node in ROBOTS:
        lines += _other(_commands(deployment))
    found = set(_filled(lines, deployment))
    if node == "recorder":
        found |= {Endpoint(SUBSCRIBES, name, kind) for name, kind in topics(deployment).items()}
        if not simulated_time:
            found.discard(_FOLLOWS_CLOCK)
    elif simulated_time and node not in ROBOTS and node != CLIENT:
        found.add(_FOLLOWS_CLOCK)
    return tuple(sorted(found, key=_order))


def standard(node: str) -> tuple[Endpoint, ...]:
    """What rclpy gives every node: log, parameters, description of types; a lifecycle node its services."""
    return _STANDARD + (_STANDARD_LIFECYCLE if node in LIFECYCLE else ())


def topics(deployment: Deployment) -> dict[str, str]:
    """All topics of the graph on one robot, those of a dry run too, each with its type."""
    lines = [line for node in NODE_ENDPOINTS.values() for line in node]
    lines += [*_commands(deployment), *_commands(deployment.shadowed())]
    found = _filled(lines, deployment)
    return {e.name: e.type for e in found if e.role in (PUBLISHES, SUBSCRIBES)}


def _order(endpoint: Endpoint) -> tuple[int, str, str]:
    return ROLES.index(endpoint.role), endpoint.name, endpoint.type


def _commands(deployment: Deployment) -> tuple[Endpoint, ...]:
    """What the guard sends to the robot, then to the gripper where there is one."""
    table = DIALECTS | _SHADOWS if deployment.command_topic.startswith(SHADOW) else DIALECTS
    spoken = [table[dialect] for dialect in (deployment.command, deployment.gripper) if dialect != "none"]
    return tuple(line for named in spoken for line in _filled([named], deployment))


def _filled(lines: Iterable[Endpoint], deployment: Deployment) -> Iterator[Endpoint]:
    """The lines that hold for the robot, their names filled in."""
    for line in lines:
        if line.only in ("arm", "base") and line.only != deployment.family:
            continue
        wanted = [field for _, field, _, _ in string.Formatter().parse(line.name) if field]
        wanted += [line.only] if line.only not in ("", "arm", "base") else []
        if all(getattr(deployment, field) for field in wanted):
            name = line.name.format(**{field: getattr(deployment, field) for field in wanted})
            yield replace(line, name=name, only="")
