"""Whether the robot's own program lets it move: a controller that is paused, or scaled down to nothing."""

from __future__ import annotations

from metaagent_ros.control.state import finite

_STANDS = 0.01  # share of full speed below which nothing moves any more


class Program:
    """What a robot says on its speed scaling (``full`` at full speed) and on whether its program runs.

    Until it has said anything it is taken to run.
    """

    def __init__(self, full: float = 1.0) -> None:
        self._full, self._share, self._runs = full, 1.0, True

    def scaling(self, value: float) -> None:
        """Its speed scaling now; what is not a number counts as standing still."""
        self._share = value / self._full if finite(value) else 0.0

    def running(self, value: bool) -> None:
        """Whether its program runs now."""
        self._runs = value

    @property
    def stands(self) -> str:
        """Why the robot does not move; empty where it does."""
        if not self._runs:
            return "the robot's program is not running."
        return "" if self._share >= _STANDS else "the robot's speed scaling is 0."
