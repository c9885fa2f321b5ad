"""The newest measured state, and whether it can be trusted."""

from __future__ import annotations

from metaagent_ros.control.counts import Counts, Timeouts
from metaagent_ros.control.pacing import NS
from metaagent_ros.control.state import RobotState
from metaagent_ros.control.watchdog import Watchdog


class Measured:
    """Keeps the newest state; what is late, old or repeated is dropped and counted."""

    def __init__(self, times: Timeouts, counts: Counts) -> None:
        self.state: RobotState | None = None
        self.stamp_ns = 0
        self._times, self._counts = times, counts
        self._fed_at = float("-inf")
        self._robot, self._wall = Watchdog(times.state), Watchdog(times.wall)

    def feed(self, state: RobotState, stamp_ns: int, robot_now: float, wall_now: float) -> str:
        """Take a state; says what is wrong with it, else nothing."""
        age = robot_now - stamp_ns / NS
        if not abs(age) <= self._times.state:
            self._counts.stale += 1
            return f"state ignored: it is stamped {age:+.2f} s before robot time."
        if not self._robot.feed(stamp_ns, robot_now):
            self._counts.out_of_order += 1
            return "state ignored: it is not newer than the one before."
        self._wall.feed(stamp_ns, wall_now)
        self.state, self.stamp_ns, self._fed_at = state, stamp_ns, wall_now
        return ""

    def recent(self, wall_now: float) -> RobotState | None:
        """The newest state; None where it is too old to say where the robot is now."""
        return self.state if wall_now - self._fed_at <= self._times.state else None

    def stale(self, robot_now: float, wall_now: float) -> str:
        """Why the state cannot be trusted; empty where it can."""
        if self.state is None:
            return "no measured state yet."
        if not self._robot.fresh(robot_now):
            return "the measured state is stale in robot time."
        if not self._wall.fresh(wall_now):
            return "the measured state is stale in wall time."
        return ""

    def reset(self) -> None:
        """Time starts again: the next state counts whatever its stamp."""
        self._robot.reset()
        self._wall.reset()
