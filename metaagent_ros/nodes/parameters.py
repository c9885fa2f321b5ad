"""Node parameters from the table in :mod:`metaagent_ros.graph`: names, types, descriptions, ranges."""

from __future__ import annotations

from collections.abc import Mapping

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
)
from rclpy.node import Node

from metaagent_ros.graph import ARGUMENTS, NODES, Argument, GraphError, GraphOptions, Value

_TABLE = {argument.name: argument for argument in ARGUMENTS}


def declare(node: Node, description: str) -> Mapping[str, Value]:
    """Declare the arguments that the graph gives to the node so described; their checked values.

    Raises ``GraphError`` for a value of another type or outside choices and bounds.
    """
    (wanted,) = [d for d in NODES if d.name == description]
    values: dict[str, Value] = {}
    for name in wanted.arguments:
        argument = _TABLE[name]
        value = node.declare_parameter(name, argument.default, _descriptor(argument)).value
        if value is None:
            raise GraphError(f"{name} has no value")
        values[name] = float(value) if isinstance(argument.default, float) and type(value) is int else value
    GraphOptions(**values)  # type: ignore[arg-type]
    return values


def _descriptor(argument: Argument) -> ParameterDescriptor:
    """What ``ros2 param describe`` tells. The check is :class:`GraphOptions`', which says more."""
    about = ParameterDescriptor(description=argument.description, read_only=True)
    about.dynamic_typing = True  # YAML writes 60 for 60.0
    about.additional_constraints = f"one of {', '.join(argument.choices)}" if argument.choices else ""
    if argument.bounds is not None:
        low, high = argument.bounds
        if isinstance(argument.default, int):
            about.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
        else:
            about.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return about
