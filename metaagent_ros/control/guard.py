"""Between the policy and the robot: lets checked commands through, and stops when something is wrong.

States: ``waiting`` (nothing sent yet), ``active``, ``holding`` (stopped; goes on by itself once commands
and state are good again), ``paused`` (the robot's own program stands; nothing is sent), ``fault`` (latched
until another run begins; an e-stop until :meth:`Guard.reset`). Two clocks are passed in: robot time, in
which commands and states must be recent, and a monotonic wall clock, which also notices when robot time has
stopped or jumped.
"""

from __future__ import annotations

from collections import deque
from typing import Generic

from metaagent_ros.control.collision import Forecast, pace
from metaagent_ros.control.counts import Counts, Timeouts
from metaagent_ros.control.lease import Lease
from metaagent_ros.control.limiter import CommandT, Limiter
from metaagent_ros.control.measured import Measured
from metaagent_ros.control.pacing import NS
from metaagent_ros.control.state import RobotState
from metaagent_ros.control.watchdog import JumpDetector, Watchdog

TICK_S = 0.02  # how often :meth:`Guard.tick` is called
FAULT_AFTER = 10  # bad commands in a row
_NAMELESS = "a commander without a name"


class Guard(Generic[CommandT]):
    """Limiter, watchdogs, lease and counters; every method returns what shall be sent, or None."""

    def __init__(
        self,
        limiter: Limiter[CommandT],
        timeouts: Timeouts | None = None,
        forecast: Forecast | None = None,
        fault_after: int = FAULT_AFTER,
    ) -> None:
        self.times = timeouts or Timeouts()
        self.limiter: Limiter[CommandT] = limiter
        self._forecast, self._fault_after = forecast, fault_after
        self.state, self.message, self.run_id = "waiting", "", ""
        self.estopped, self.scale = False, 1.0
        self.counts, self.lease = Counts(), Lease(self.times.command)
        self._commands, self._measured = Watchdog(self.times.command), Measured(self.times, self.counts)
        self._last: CommandT | None = None
        self._ramp: deque[CommandT] = deque()
        self._sent_at = self._heard_at = float("-inf")
        self._fresh_at: float | None = None  # a state was fresh last, in this run
        self._bad, self._time = 0, JumpDetector()

    @property
    def stopping(self) -> bool:
        """Whether the robot is on its way to rest."""
        return bool(self._ramp)

    def feed_state(self, state: RobotState, stamp_ns: int, robot_now: float, wall_now: float) -> None:
        """Take a checked measured state; old and repeated ones are dropped and counted."""
        self._compare_clocks(robot_now, wall_now)
        problem = self._measured.feed(state, stamp_ns, robot_now, wall_now)
        if problem and self.state != "fault":
            self.message = problem

    def feed_command(
        self, command: CommandT, stamp_ns: int, robot_now: float, wall_now: float, commander: str = ""
    ) -> CommandT | None:
        """Judge a command of the policy; what comes back may be sent to the robot."""
        self._compare_clocks(robot_now, wall_now)
        self._heard_at = wall_now
        if self.state == "fault":
            return self.reject(self.message)
        if self.state == "paused" or not self._accepted(stamp_ns, robot_now, commander):
            return None
        if missing := self.stale(robot_now, wall_now):
            return self.reject(missing)
        self._fresh_at = wall_now
        sent = None if self._ramp else self._judged(command, stamp_ns, wall_now, commander)
        if self.state == "active":
            self._commands.feed(stamp_ns, robot_now)
            self.lease.take(commander, robot_now)
        return sent

    def tick(self, robot_now: float, wall_now: float) -> CommandT | None:
        """Called every :data:`TICK_S`: the next step to rest, or a hold when something went missing."""
        self._compare_clocks(robot_now, wall_now)
        if self._ramp:
            return self._next()
        missing = self.stale(robot_now, wall_now)
        if not missing:
            self._fresh_at = wall_now
        if self.state == "active":
            if missing:
                return self._stop("holding", missing, wall_now)
            if not self._commands.fresh(robot_now):
                return self._stop("holding", "no command from the policy in time.", wall_now)
        elif self.state == "holding" and self._fresh_at is not None:
            if wall_now - self._fresh_at > self.times.fault:
                self.state, self.message = "fault", f"stopped for good: {missing}"
        if self.state in ("holding", "fault") and self.limiter.repeats:
            return self._last
        return None

    def abort(self, reason: str, wall_now: float) -> CommandT | None:
        """Stop and refuse every command until :meth:`new_run`."""
        why = f"aborted: {reason or 'no reason given'}"
        return None if self.estopped else self._stop("fault", why, wall_now)

    def estop(self, reason: str, wall_now: float) -> CommandT | None:
        """Stop and refuse every command until :meth:`reset`."""
        if self.estopped:
            return None
        self.estopped = True
        return self._stop("fault", f"e-stop: {reason}", wall_now)

    def reset(self, robot_now: float, wall_now: float) -> str:
        """Leave ``fault`` on a person's word; says why not where that cannot be, else nothing."""
        if missing := self.stale(robot_now, wall_now):
            return f"a fresh state is needed: {missing}"
        if self._ramp:
            return "the robot is still on its way to rest."
        if wall_now - self._heard_at <= self.times.wall:
            holder = self.lease.holder(robot_now)
            return f"commands still come in{f' from {holder}' if holder else ''}: end them first."
        self.estopped, self._bad = False, 0
        self._settle("reset")
        return ""

    def pause(self, reason: str) -> None:
        """The robot's own program stands: send nothing, forget the motion. A fault stays one."""
        if self.state == "fault":
            return
        self._ramp.clear()
        if self._last is not None:
            self._last = self.limiter.hold(self._last, self._measured.state)
        self.state, self.message = "paused", reason

    def resume(self) -> None:
        """It goes on: from the measured pose, with the next command."""
        if self.state == "paused":
            self._settle("goes on after a pause")
            self._commands.reset()

    def new_run(self, run_id: str) -> None:
        """Another run begins: a fault is forgotten, an e-stop is not; time may have started again."""
        self.lease.release()
        if run_id in ("", self.run_id):
            return
        self.run_id, self._fresh_at = run_id, None
        self._commands.reset()
        self._measured.reset()
        if self.estopped:
            return
        self._bad, self.message = 0, f"run {run_id}"
        if self.state == "fault":
            self._settle(self.message)

    def rest(self, reason: str, wall_now: float) -> tuple[CommandT, ...]:
        """The whole way to rest within the acceleration limits, one command every :data:`TICK_S`."""
        moving = self.state == "active" or self.stopping
        if self.state == "active":
            self._plan(wall_now, planned=True)
        way = list(self._ramp)
        self._ramp.clear()
        if moving and self._last is not None:
            self._last = self.limiter.hold(way[-1] if way else self._last, None)
            way.append(self._last)
        if self.state != "fault":
            self._settle(reason)
        return tuple(way)

    def stale(self, robot_now: float, wall_now: float) -> str:
        """Why the measured state cannot be trusted; empty where it can."""
        return self._measured.stale(robot_now, wall_now)

    def bad_state(self, reason: str) -> None:
        """A measured state that cannot be used: as if it had not come."""
        self.counts.stale += 1
        if self.state != "fault":
            self.message = f"state ignored: {reason}"

    def rehearse(self, command: CommandT) -> CommandT | None:
        """Judge a command that has come, without consequences, shortly before the next one does.

        So the code is warm then (as :meth:`~metaagent_ros.control.runner.Runner.rehearse`).
        """
        state = self._measured.state
        if self.state != "active" or state is None:
            return None
        found = self.limiter.check(command, state, self._measured.stamp_ns / NS).command
        if found is not None and self._forecast is not None and self.scale == 1.0:  # long near something
            self._forecast.scale(found, state)
        return found

    def prepare(self) -> None:
        """Between two commands: what makes judging the next one quick."""
        state = self._measured.state
        if self._forecast is not None and self.state == "active" and self.scale == 1.0 and state is not None:
            self._forecast.prepare(self._last, state)

    def close(self) -> None:
        """Free what the forecast holds; twice is fine."""
        if self._forecast is not None:
            self._forecast.close()

    def refuses(self, commander: str, robot_now: float) -> bool:
        """Whether somebody else holds the lease; counted. A cheap look before a message is unpacked."""
        if self.lease.open_to(commander, robot_now):
            return False
        self.counts.refused += 1
        holder = self.lease.holder(robot_now) or _NAMELESS
        self.message = f"refused {commander or _NAMELESS}: {holder} holds the lease."
        return True

    def _accepted(self, stamp_ns: int, robot_now: float, commander: str) -> bool:
        """Whether it comes from who holds the lease, is newer than the last, and was decided just now."""
        if self.refuses(commander, robot_now):
            return False
        if not self._commands.newer(stamp_ns):
            self.counts.out_of_order += 1
            self.message = "dropped: the command is not newer than the one before."
            return False
        age = (self._measured.stamp_ns - stamp_ns) / NS
        if self._measured.state is not None and abs(age) > self.times.command:
            self.counts.stale += 1
            self.message = f"dropped: the command was decided {age:+.2f} s before the newest state."
            return False
        return True

    def _judged(self, command: CommandT, stamp_ns: int, wall_now: float, commander: str) -> CommandT | None:
        state, when = self._measured.state, stamp_ns / NS
        verdict = self.limiter.check(command, state, when)
        near, self.scale = "", 1.0
        if verdict.command is not None and self._forecast is not None and state is not None:
            self.scale, near = pace(
                self._forecast, state, lambda share: self.limiter.check(command, state, when, share).command
            )
            if self.scale <= 0.0:
                self.counts.collisions += 1
                return self._bad_command(near, wall_now, commander)
            if self.scale < 1.0:
                slower = self.limiter.check(command, state, when, self.scale)
                self.counts.slowed += slower.command != verdict.command
                verdict = slower
        if verdict.command is None:
            return self._bad_command(verdict.reason, wall_now, commander)
        sent = verdict.command
        if self.state != "active":
            sent, self.message = self.limiter.first(sent, state), "commands pass."
        self._count(sent == command, verdict.limited, near or verdict.reason)
        self.limiter.sent(sent, state, when)
        self.state, self._last, self._sent_at, self._bad = "active", sent, wall_now, 0
        return sent

    def _count(self, same: bool, kinds: tuple[str, ...], reason: str) -> None:
        if self.state != "active" and not same:
            self.counts.started += 1
        elif kinds:
            self.counts.limit(kinds)
            self.message = reason
        else:
            self.counts.passed += 1

    def _bad_command(self, reason: str, wall_now: float, commander: str) -> CommandT | None:
        self.reject(reason)
        self._bad += 1
        if self._bad >= self._fault_after:
            by = f" of {commander}" if commander else ""
            return self._stop("fault", f"{self._bad} bad commands in a row{by}: {reason}", wall_now)
        if self.state == "active":
            return self._stop("holding", self.message, wall_now)
        return None

    def _stop(self, state: str, message: str, wall_now: float) -> CommandT | None:
        """To that state, and the first step on the way to rest."""
        moving = self.state == "active"
        self.state, self.message = state, message
        if moving:
            self._plan(wall_now, planned=False)
        if self._ramp:
            return self._next()
        if self._last is not None:
            self._last = self.limiter.hold(self._last, self._measured.recent(wall_now))
        return self._last

    def _plan(self, wall_now: float, planned: bool) -> None:
        if self._last is not None:
            self._ramp.extend(self.limiter.ramp(self._last, wall_now - self._sent_at, TICK_S, planned))

    def _next(self) -> CommandT:
        self._last = self._ramp.popleft()
        return self._last

    def _settle(self, message: str) -> None:
        self._fresh_at = None
        self.state, self.message = "waiting" if self._last is None else "holding", message

    def reject(self, reason: str) -> CommandT | None:
        """Drop a command."""
        self.counts.rejected += 1
        if self.state != "fault":
            self.message = f"rejected: {reason}"
        return None

    def _compare_clocks(self, robot_now: float, wall_now: float) -> None:
        """A jump of robot time ends the motion; states and commands are judged in the new time."""
        if not (jumped := self._time.jump(robot_now, wall_now)):
            return
        self.lease.release()
        self._commands.reset()
        self._measured.reset()
        if self.state == "active":
            self._plan(wall_now, planned=False)
            if not self._ramp and self._last is not None:
                self._ramp.append(self.limiter.hold(self._last, None))
            self.state, self.message = "holding", f"robot time jumped by {jumped:+.2f} s."
