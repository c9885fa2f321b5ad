"""The main loop of every node: start, spin, end cleanly on SIGINT and SIGTERM."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from metaagent_ros.nodes import realtime, transport

FAULT = 2
THROTTLE = 1.0  # [s] between two log lines about the same thing
_SPIN_S = 0.1


class NodeFault(Exception):
    """Why a node cannot do its work; the process says so and ends with code 2."""


class Done(Exception):
    """A node has done all that it was started for; the process ends with code 0."""


def run(make: Callable[[], Node], fast: bool = True, prompt: bool = False) -> None:
    """Make the node, spin it until a signal comes, destroy it, end the process.

    Signals only set a flag: no exception can then arrive in the middle of a callback, and the node
    may still publish a last message in ``destroy_node``. ``fast`` picks the events executor, ``prompt`` asks
    for a real-time priority.
    """
    stop = threading.Event()
    transport.prepare()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    node, code = None, 0
    urgency = realtime.ask() if prompt else ""  # before the node is made, so that its threads have it too
    try:
        node = _made(make)
        executor: Any = EventsExecutor() if fast else SingleThreadedExecutor()
        executor.add_node(node)
        gc.collect()
        gc.freeze()  # what the start left is not looked through again and again while commands wait
        node.get_logger().info(f"ready; {urgency}" if urgency else "ready")
        while not stop.is_set():  # spin() itself burns a core in the events executor of Jazzy
            executor.spin_once(timeout_sec=_SPIN_S)
    except (ExternalShutdownException, Done):
        pass
    except NodeFault as fault:
        get_logger("metaagent").error(str(fault))
        code = FAULT
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C under `ros2 launch` comes twice
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    sys.exit(code)


def _made(make: Callable[[], Node]) -> Node:
    """The node; bad parameters and files become a :class:`NodeFault`, other errors stay what they are."""
    try:
        return make()
    except (ValueError, OSError) as error:
        raise NodeFault(str(error)) from error


def wall_timer(node: Node, period: float, callback: Callable[[], None]) -> Any:
    """A timer on the steady clock: it also runs while robot time stands still."""
    return node.create_timer(period, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
