"""A graph of :mod:`metaagent_ros.graph` as one flat ``LaunchDescription``, for the files in ``launch/``."""

from __future__ import annotations

from typing import Any

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import EqualsSubstitution, LaunchConfiguration, NotEqualsSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from metaagent_ros.graph import ARGUMENTS, ENCLAVES, Argument, Graph, NodeDescription, find_graph

_TABLE = {argument.name: argument for argument in ARGUMENTS}


def describe(name: str) -> LaunchDescription:
    """Every argument with description and choices, then every node; one that ends ends the launch."""
    graph = find_graph(name)
    namespace = DeclareLaunchArgument(
        "namespace", default_value="", description="namespace of the whole graph"
    )
    arguments = [_declare(argument) for argument in graph.arguments]
    return LaunchDescription([*arguments, namespace, *(_node(graph, node) for node in graph.nodes)])


def _declare(argument: Argument) -> Any:
    default = argument.default
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return DeclareLaunchArgument(
        argument.name,
        default_value=text,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def _node(graph: Graph, node: NodeDescription) -> Any:
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=type(_TABLE[name].default))
        for name in node.arguments
    }
    return Node(
        package="metaagent_ros",
        executable=node.name,
        name=node.name,
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[parameters, {"use_sim_time": graph.follows_clock(node)}],
        remappings=[("/clock", "clock")],
        ros_arguments=["--enclave", f"{ENCLAVES}/{node.name}"],
        condition=_condition(node),
        on_exit=Shutdown(reason=f"{node.name} ended"),
    )


def _condition(node: NodeDescription) -> Any:
    if not node.needs:
        return None
    compare = EqualsSubstitution if node.value else NotEqualsSubstitution
    return IfCondition(compare(LaunchConfiguration(node.needs), node.value))
