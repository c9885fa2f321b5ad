"""A node of a test, spun by a thread of its own."""

import threading

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from metaagent_ros.nodes.asking import Greetings


def spinner(executor: SingleThreadedExecutor, context: Context) -> threading.Thread:
    """A thread, not yet started, that spins until the context is shut down."""

    def spin() -> None:
        try:
            while context.ok():
                executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass

    return threading.Thread(target=spin, daemon=True)


def known_to(node: Node, *names: str) -> None:
    """Wait until these nodes know every endpoint that the node has now: they hear it from here on."""
    greetings = Greetings(node, names)
    greetings.exchange(names, 20.0)
    greetings.close()
