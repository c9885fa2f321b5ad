"""The whole graph in simulation: ``ros2 launch metaagent_ros simulation.launch.py robot:=panda``.

Nodes, their parameters and the arguments come from ``metaagent_ros.graph``; ``metaagent up simulation``
starts the same graph where ``ros2 launch`` is not installed.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from metaagent_ros.graph import ARGUMENTS, NODES, Argument, NodeDescription

TABLE = {argument.name: argument for argument in ARGUMENTS}


def _declare(argument: Argument) -> DeclareLaunchArgument:
    default = argument.default
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return DeclareLaunchArgument(
        argument.name,
        default_value=text,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def _node(node: NodeDescription) -> Node:
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=type(TABLE[name].default))
        for name in node.arguments
    }
    return Node(
        package="metaagent_ros",
        executable=node.name,
        name=node.name,
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[parameters, {"use_sim_time": node.use_sim_time}],
        on_exit=Shutdown(reason=f"{node.name} ended"),
    )


def generate_launch_description() -> LaunchDescription:
    """Every argument with its description, then every node; one that dies ends the launch."""
    namespace = DeclareLaunchArgument(
        "namespace", default_value="", description="namespace of the whole graph"
    )
    arguments = [_declare(argument) for argument in ARGUMENTS]
    return LaunchDescription([*arguments, namespace, *map(_node, NODES)])
