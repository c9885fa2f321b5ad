"""Training of a policy for a robot, with its progress on ``training/progress``.

    ros2 launch metaagent_ros training.launch.py robot:=ur5e out:=policies/ur5e

``metaagent up training`` starts the same where ``ros2 launch`` is not installed; both read
``metaagent_ros.graph``.
"""

from launch import LaunchDescription

from metaagent_ros.launch_description import describe


def generate_launch_description() -> LaunchDescription:
    """One flat description; ``--show-args`` lists the arguments with their choices."""
    return describe("training")
