"""Work that can wait for a moment in which nobody waits for this process."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from metaagent_ros.nodes.running import wall_timer


class Later:
    """Calls back once, ``delay`` [s] of the steady clock after the last :meth:`start`."""

    def __init__(self, node: Node, delay: float, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._timer = wall_timer(node, delay, self._fire)
        self._timer.cancel()

    def start(self) -> None:
        """From now on; a start that has not come to its end counts no more."""
        self._timer.reset()

    def _fire(self) -> None:
        self._timer.cancel()
        self._callback()
