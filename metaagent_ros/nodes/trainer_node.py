"""Training as a process of a graph: a policy for a robot, made in a thread, its progress on a topic."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import String

from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import Done, NodeFault, run, wall_timer

LOOK_S = 0.2  # [s] between two looks whether it has ended


class TrainerNode(Node):
    """The process ends when the policy is written, with code 2 where it could not be."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("trainer", context=context, **options)
        values = declare(self, "trainer")
        robot = str(values["robot"])
        self.folder = Path(str(values["out"]) or f"runs/train-{robot}")
        self.progress = self.create_publisher(String, "training/progress", dialect.LATCHED)
        self.error: str | None = None
        arguments = robot, int(values["seed"]), bool(values["quick"])
        self.thread = threading.Thread(target=self._train, args=arguments, daemon=True)
        self.timer = wall_timer(self, LOOK_S, self.on_look)

    def _train(self, robot: str, seed: int, quick: bool) -> None:
        """In the thread. Started again after a stop, it goes on from the last checkpoint."""
        try:
            from metaagent_ros.meta.training import train_robot

            train_robot(robot, seed, self.folder, quick, self.say)
        except (ValueError, OSError) as error:
            self.error = str(error)

    def say(self, line: str) -> None:
        """A line of progress, to the log and to whoever listens."""
        self.get_logger().info(line)
        self.progress.publish(String(data=line))

    def on_look(self) -> None:
        """Begin, and end the process with the training."""
        if self.thread.ident is None:
            self.thread.start()
        if self.thread.is_alive():
            return
        if self.error is not None:
            raise NodeFault(self.error)
        self.say(f"wrote {self.folder}")
        raise Done


def main() -> None:
    """The process."""
    run(TrainerNode, fast=False)


if __name__ == "__main__":
    main()
