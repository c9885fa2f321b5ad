"""Node parameters from the table in :mod:`metaagent_ros.graph`: names, types, descriptions."""

from __future__ import annotations

from collections.abc import Mapping

from rcl_interfaces.msg import ParameterDescriptor  # type: ignore[import-untyped]
from rclpy.node import Node

from metaagent_ros.graph import ARGUMENTS, NODES, GraphError, GraphOptions, Value

_TABLE = {argument.name: argument for argument in ARGUMENTS}


def declare(node: Node, description: str) -> Mapping[str, Value]:
    """Declare the arguments that the graph gives to the node so described; their checked values.

    Raises ``GraphError`` for a value of another type or outside the choices.
    """
    (wanted,) = [d for d in NODES if d.name == description]
    values: dict[str, Value] = {}
    for name in wanted.arguments:
        argument = _TABLE[name]
        # dynamic: YAML writes 60 for 60.0, and our own check says more than rclpy's
        about = ParameterDescriptor(description=argument.description, read_only=True, dynamic_typing=True)
        value = node.declare_parameter(name, argument.default, about).value
        if value is None:
            raise GraphError(f"{name} has no value")
        values[name] = float(value) if isinstance(argument.default, float) and type(value) is int else value
    GraphOptions(**values)  # type: ignore[arg-type]
    return values
