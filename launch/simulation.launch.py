"""The whole graph with a robot in physics.

    ros2 launch metaagent_ros simulation.launch.py robot:=panda

``metaagent up simulation`` starts the same where ``ros2 launch`` is not installed; both read
``metaagent_ros.graph``.
"""

from launch import LaunchDescription

from metaagent_ros.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """One flat description; ``--show-args`` lists the arguments with their choices."""
    return describe("simulation")
