"""Work that can wait for a moment in which nobody waits for this process."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from metaagent_ros.control.pacing import AGAIN_S, rehearsal_delay
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

    def stop(self) -> None:
        """Not now."""
        self._timer.cancel()

    def _fire(self) -> None:
        self._timer.cancel()
        self._callback()


class Rehearsals:
    """Two rehearsals shortly before what comes every ``period`` [s]; ``prepare`` is called before the first.

    The first finds the caches cold and pays for it; the second, right before, keeps them warm.
    """

    def __init__(
        self, node: Node, period: float, prepare: Callable[[], None], rehearse: Callable[[], None]
    ) -> None:
        self._prepare, self._rehearse = prepare, rehearse
        self._first = Later(node, rehearsal_delay(period), self._on_first)
        self._second = Later(node, AGAIN_S, rehearse)

    def start(self) -> None:
        """It has just come; what was to be rehearsed until now is not."""
        self._second.stop()
        self._first.start()

    def _on_first(self) -> None:
        self._prepare()
        self._rehearse()
        self._second.start()
