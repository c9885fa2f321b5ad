"""The whole graph around a robot: a mock of its controllers, or the real ones, started elsewhere.

    ros2 launch metaagent_ros robot.launch.py robot:=ur5e hardware:=mock

``metaagent up robot`` starts the same where ``ros2 launch`` is not installed; both read
``metaagent_ros.graph``.
"""

from launch import LaunchDescription

from metaagent_ros.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """One flat description; ``--show-args`` lists the arguments with their choices."""
    return describe("robot")
