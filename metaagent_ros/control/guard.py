"""Between the policy and the robot: lets checked commands through, and holds when they stop coming.

States: ``waiting`` (nothing sent yet), ``active``, ``holding`` (commands or state went missing),
``fault`` (aborted; latched until another run begins). Two clocks are passed in: robot time, in
which commands and states must be recent, and a monotonic wall clock, which also notices when robot
time itself has stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from metaagent_ros.control.limiter import CommandT, Limiter
from metaagent_ros.control.state import ArmState, RobotState
from metaagent_ros.control.watchdog import Watchdog
from sim_envs.spec import BaseCommand, JointCommand

HOLD_DURATION_S = 0.1


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How old [s] things may be: command and state in robot time, state also in wall time."""

    command: float = 0.2
    state: float = 0.1
    wall: float = 0.5


@dataclass(slots=True)
class Counts:
    """Commands let through unchanged, let through after clamping, and dropped."""

    passed: int = 0
    limited: int = 0
    rejected: int = 0


def hold_command(last: CommandT, state: RobotState | None) -> CommandT:
    """What keeps a robot where it is measured: zero velocity, or its pose with the grip kept."""
    if isinstance(last, BaseCommand):
        return BaseCommand(0.0, 0.0)
    positions = last.positions
    if isinstance(state, ArmState):
        positions = tuple(state.position(name) for name in last.names)
    return JointCommand(last.names, positions, last.gripper_width, last.gripper_force, HOLD_DURATION_S)


class Guard(Generic[CommandT]):
    """One limiter, its watchdogs and counters; every method returns what shall be sent, or None."""

    def __init__(self, limiter: Limiter[CommandT], timeouts: Timeouts | None = None) -> None:
        times = timeouts or Timeouts()
        self.limiter: Limiter[CommandT] = limiter
        self.counts = Counts()
        self.state, self.message, self.run_id = "waiting", "", ""
        self._commands = Watchdog(times.command)
        self._states, self._wall = Watchdog(times.state), Watchdog(times.wall)
        self._measured: RobotState | None = None
        self._last: CommandT | None = None

    def feed_state(self, state: RobotState, stamp_ns: int, robot_now: float, wall_now: float) -> None:
        """Take a checked measured state; old and repeated stamps are dropped and counted."""
        if self._states.feed(stamp_ns, robot_now):
            self._wall.feed(stamp_ns, wall_now)
            self._measured = state

    def feed_command(
        self, command: CommandT, stamp_ns: int, robot_now: float, wall_now: float
    ) -> CommandT | None:
        """Judge a command of the policy; what comes back may be sent to the robot."""
        if self.state == "fault":
            return self._reject(self.message)
        if stale := self.stale(robot_now, wall_now):
            return self._reject(stale)
        verdict = self.limiter.check(command, self._measured, wall_now)
        if verdict.command is None:
            return self._reject(verdict.reason)
        if not self._commands.feed(stamp_ns, robot_now):
            return self._reject("the command is not newer than the one before.")
        if verdict.limited:
            self.counts.limited, self.message = self.counts.limited + 1, verdict.reason
        else:
            self.counts.passed += 1
        self.state, self._last = "active", verdict.command
        return verdict.command

    def tick(self, robot_now: float, wall_now: float) -> CommandT | None:
        """Called at a steady rate: one hold when something went missing; for bases all the time."""
        if self.state == "active":
            stale = self.stale(robot_now, wall_now)
            if stale or not self._commands.fresh(robot_now):
                return self._hold("holding", stale or "no command from the policy in time.")
        elif self.state in ("holding", "fault") and isinstance(self._last, BaseCommand):
            return self._last
        return None

    def abort(self, reason: str) -> CommandT | None:
        """Stop and refuse every command until :meth:`new_run`."""
        return self._hold("fault", f"aborted: {reason or 'no reason given'}")

    def new_run(self, run_id: str) -> None:
        """Another run begins: an abort is forgotten and time may have started again."""
        if run_id in ("", self.run_id):
            return
        self.run_id, self.message = run_id, f"run {run_id}"
        if self.state == "fault":
            self.state = "waiting" if self._last is None else "holding"
        for watchdog in (self._commands, self._states, self._wall):
            watchdog.reset()

    def stale(self, robot_now: float, wall_now: float) -> str:
        """Why the measured state cannot be trusted; empty where it can."""
        if self._measured is None:
            return "no measured state yet."
        if not self._states.fresh(robot_now):
            return "the measured state is stale in robot time."
        if not self._wall.fresh(wall_now):
            return "the measured state is stale in wall time."
        return ""

    def _hold(self, state: str, message: str) -> CommandT | None:
        self.state, self.message = state, message
        if self._last is not None:
            self._last = hold_command(self._last, self._measured)
        return self._last

    def _reject(self, reason: str) -> CommandT | None:
        self.counts.rejected += 1
        self.message = f"rejected: {reason}"
        return None
