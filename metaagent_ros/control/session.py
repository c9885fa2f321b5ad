"""A budgeted session on the robot itself: trial by trial, judged from outside, with a way back. No ROS.

Each trial: the scene is put back, the policy runs (through the guard, as always), its success is told, the
adapter learns from what the policy saw and did, and :mod:`.versions` says which policy acts next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from metaagent_ros.control.episode import Episode, EpisodeError
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.versions import Versions
from metaagent_ros.policies.files import PolicyFile
from sim_envs.spec import GroundedTask

STAGES = ("parse", "restore", "run", "judge", "learn")
Over = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class SessionBudget:
    """At most so many trials and so much wall time [s]; ``confirm`` successes in a row end it earlier."""

    trials: int = 10
    seconds: float = 600.0
    confirm: int = 3

    def __post_init__(self) -> None:
        if self.trials < 1 or self.confirm < 1 or not 0.0 < self.seconds < float("inf"):
            raise ValueError(
                f"budget is {self.trials} trials, {self.seconds:g} s, {self.confirm} to confirm; "
                "allowed: 1 or more, above 0 and finite, 1 or more"
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask for: robot, a sentence of one step, who tells success, who puts the scene back.

    Empty ``reset``: the simulator where there is one, else a person.
    """

    robot: str
    instruction: str
    budget: SessionBudget
    success: str = "object"
    reset: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the curve; number 0: none has ended yet.

    ``success_rate`` (0..1) is that of the ``version`` which acted, over its own trials so far; ``context``
    what it believes of the hidden part, in [-1, 1]; ``seconds`` of wall time since the session began.
    """

    number: int = 0
    version: int = 0
    success: bool = False
    success_rate: float = 0.0
    rolled_back: bool = False
    context: tuple[float, ...] = ()
    outcome: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionResult:
    """How it ended: done, not_better, refused, clarify, failed or cancelled; the policy kept all the same."""

    status: str
    message: str
    policy: PolicyFile
    version: int = 0
    curve: tuple[Attempt, ...] = ()
    before: float = 0.0
    after: float = 0.0


class SessionRobot(Protocol):
    """The robot and its surroundings.

    Each call blocks and raises :class:`Stopped` with the cause where it cannot go on; once ``over()`` is true
    it does so within a second, with status "cancelled" and the robot brought to rest.
    """

    def restore(self, number: int, over: Over) -> GroundedTask:
        """Put the scene back before trial ``number``; the task as the scene now is."""

    def run(self, task: GroundedTask, policy: PolicyFile, over: Over) -> tuple[PolicyReport, Episode | None]:
        """Let the policy act until the run ends; what it reports, what it saw and did."""

    def judge(self, task: GroundedTask, episode: Episode, over: Over) -> bool:
        """Whether the trial was a success."""


class Adapter(Protocol):
    """Learns from episodes on the robot."""

    def add(self, episode: Episode) -> None:
        """One more, whether it was a success or not."""

    def propose(self, failed: Sequence[PolicyFile]) -> PolicyFile:
        """What to try next; ``failed`` are the versions that have failed, in order."""

    def context(self, policy: PolicyFile) -> tuple[float, ...]:
        """What a policy believes of the hidden part, for the curve."""


class Session:
    """One session; ``tell`` hears the stage, a sentence and the last row of the curve."""

    def __init__(
        self,
        robot: SessionRobot,
        adapter: Adapter,
        start: PolicyFile,
        budget: SessionBudget,
        tell: Callable[[str, str, Attempt], None] = lambda stage, message, attempt: None,
        cancelled: Over = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._robot, self._adapter, self._budget = robot, adapter, budget
        self._tell, self._cancelled, self._clock = tell, cancelled, clock
        self._versions, self._curve = Versions(start), [Attempt()]
        self._began = clock()

    def over(self) -> bool:
        """Whether it was cancelled or its time is spent."""
        return self._cancelled() or self._late()

    def run(self) -> SessionResult:
        """All trials; never raises :class:`Stopped`."""
        try:
            return self._result(self._trials())
        except Stopped as stop:
            if self._cancelled():
                return self._result("cancelled", "cancelled")
            if stop.status == "cancelled" and self._late():
                return self._result(self._spent())
            return self._result(str(stop), stop.status)
        except EpisodeError as error:
            return self._result(str(error), "failed")

    def _trials(self) -> str:
        budget = self._budget
        for number in range(1, budget.trials + 1):
            if self.over():
                raise Stopped("cancelled", "over")
            self._trial(number)
            if self._versions.tallies[self._versions.current].streak >= budget.confirm:
                return f"{budget.confirm} successes in a row"
        return f"{budget.trials} trials"

    def _trial(self, number: int) -> None:
        versions, robot = self._versions, self._robot
        acting, of = versions.current, f"trial {number} of {self._budget.trials}"
        self._say("restore", f"{of}: the scene is put back")
        task = robot.restore(number, self.over)
        self._say("run", f"{of}: version {acting} acts")
        report, episode = robot.run(task, versions.policy, self.over)
        episode = _checked(report, episode, self.over)
        self._say("judge", f"{of}: was it a success?")
        success = robot.judge(task, episode, self.over)
        self._adapter.add(episode)
        rolled_back = versions.record(success)
        self._curve.append(
            Attempt(
                number,
                acting,
                success,
                versions.tallies[acting].rate,
                rolled_back,
                self._adapter.context(versions.file(acting)),
                f"{report.state}: {report.message}",
                self._clock() - self._began,
            )
        )
        if not (success or rolled_back):
            versions.propose(self._adapter.propose(versions.failed))
        self._say("learn", _words(self._curve[-1]))

    def _say(self, stage: str, message: str) -> None:
        self._tell(stage, message, self._curve[-1])

    def _late(self) -> bool:
        return self._clock() - self._began > self._budget.seconds

    def _spent(self) -> str:
        return f"the {self._budget.seconds:g} s are spent"

    def _result(self, message: str, status: str = "") -> SessionResult:
        versions = self._versions
        best, start = versions.best, versions.tallies[0]
        kept = versions.tallies[best]
        if not status:
            status = "done" if versions.improved else "not_better"
            which = f"version {best}" if best else "the start"
            message += f"; kept: {which}, {kept.successes} of {kept.trials} trials"
        policy = versions.file(best)
        if best:
            policy = replace(policy, card={**policy.card, "adapted": best})
        return SessionResult(status, message, policy, best, tuple(self._curve[1:]), start.rate, kept.rate)


def _checked(report: PolicyReport, episode: Episode | None, over: Over) -> Episode:
    """A run that was no trial ends the session with its cause."""
    if over():
        raise Stopped("cancelled", "over")
    if report.state not in ("done", "timeout"):
        raise Stopped("failed", report.message or report.state)
    if report.state == "timeout" and report.ticks == 0:
        raise Stopped("failed", report.message or "the policy never acted")
    if episode is None:
        raise Stopped("failed", f"run {report.run_id}: the policy node did not say what it saw and did")
    return episode


def _words(row: Attempt) -> str:
    said = "success" if row.success else "no success"
    back = ", rolled back" if row.rolled_back else ""
    return f"trial {row.number}: {said} (version {row.version}, {row.success_rate:.0%} so far{back})"
