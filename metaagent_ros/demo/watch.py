"""Watches a run: what the graph reports is shown and noted, the truth is sampled, deaths are noticed."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import Protocol

from metaagent_ros.control.execution import Outcome, Progress
from metaagent_ros.control.reports import GuardReport
from metaagent_ros.demo.records import Bound, Counts, Record, Sample, Trial
from metaagent_ros.demo.verdict import gap, still, true_tasks
from metaagent_ros.demo.view import View
from metaagent_ros.graph import ACTING
from metaagent_ros.launcher import Died
from sim_envs.spec import GroundedTask, Scene

SAMPLE_PERIOD, SHOW_PERIOD, POLL_PERIOD = 0.05, 0.12, 0.25  # [s]
SETTLE = 3.0  # [s] for everything to come to rest after the run
ALONE = 30.0  # [s] without a single node seen: a busy machine shows some by then
PATIENCE = 240.0  # [s] a step may take beyond its adaptation before it is cancelled


class Peer(Protocol):
    """The part of ``metaagent_ros.nodes.client.Client`` that a watcher needs."""

    def truth(self) -> Scene:
        """The scene as it is."""

    def scene(self) -> Scene:
        """The scene as the camera sees it."""

    def guard(self) -> GuardReport:
        """What the guard last said."""


class Processes(Protocol):
    """The part of a stack that a watcher needs."""

    def poll(self) -> Died | None:
        """The first process that ended."""


class ProcessDied(Exception):
    """A process of the graph ended by itself."""

    def __init__(self, died: Died) -> None:
        super().__init__(str(died))
        self.died = died


class NoDiscovery(RuntimeError):
    """The processes run, but nothing of them is seen over DDS."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"DDS discovery does not work here: the processes run, but none was seen in {seconds:.0f} s."
            " Bring the loopback interface up (ip link set lo up), allow UDP on it, free /dev/shm;"
            " 'metaagent doctor' tries it by itself"
        )


class Watcher:
    """``feedback`` may be called from any thread; everything else belongs to one."""

    def __init__(self, record: Record, view: View, peer: Peer, stack: Processes, max_seconds: float) -> None:
        self.record, self.view, self.peer, self.stack = record, view, peer, stack
        self._queue: queue.Queue[Progress] = queue.Queue()
        self._start = self._stage_start = time.monotonic()
        self._limit = len(record.plan.steps) * (2.0 * max_seconds + PATIENCE)
        self._stage, self._step = "", 0
        self._next = dict.fromkeys(("sample", "show", "poll"), 0.0)
        self._goals: dict[int, GroundedTask] = {}

    def feedback(self, progress: Progress) -> None:
        """What the graph reports."""
        self._queue.put(progress)

    def waiting(self, missing: tuple[str, ...]) -> None:
        """What is not there yet, while the graph comes up."""
        self.look()
        waited = time.monotonic() - self._start
        if waited > ALONE and all(f"node {name}" in missing for name in ACTING):
            raise NoDiscovery(waited)
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        self.view.waiting(f"waiting for {shown}")

    def look(self) -> None:
        """Raise :class:`ProcessDied` where a process has ended."""
        if (died := self.stack.poll()) is not None:
            raise ProcessDied(died)

    def begin(self) -> None:
        """The sentence is about to be sent: time counts from here."""
        self._start = self._stage_start = time.monotonic()
        self.sample()

    def tick(self) -> bool:
        """Called many times a second; True where it takes too long and shall be cancelled."""
        now = time.monotonic()
        while not self._queue.empty():
            self._take(self._queue.get())
        if self._due("poll", now, POLL_PERIOD):
            self.look()
        if self._due("sample", now, SAMPLE_PERIOD):
            self.sample()
        if self._stage == "run" and self._due("show", now, SHOW_PERIOD):
            self.view.running(time.monotonic() - self._stage_start, self._distance(), self.counts())
        return now - self._start > self._limit

    def finish(self, outcome: Outcome) -> None:
        """Take what is left of the feedback, and watch until everything lies still."""
        deadline = time.monotonic() + SETTLE
        self.tick()
        self._end_stage("")
        self.record.rolled_back = outcome.rolled_back
        with self.record.timed("settle"):
            while outcome.status in ("done", "failed") and time.monotonic() < deadline:
                self.tick()
                if still([s for s in self.record.samples if s.time >= deadline - SETTLE - self._start]):
                    break
                time.sleep(SAMPLE_PERIOD)
        self.record.counts = self.counts()

    def sample(self) -> None:
        """Note where everything truly is."""
        elapsed = time.monotonic() - self._start
        self.record.samples.append(Sample(elapsed, self._step, self.peer.truth()))

    def counts(self) -> Counts:
        """What the guard has done so far."""
        said = self.peer.guard()
        return Counts(said.passed, said.limited, said.rejected, said.state, said.message)

    def _due(self, what: str, now: float, period: float) -> bool:
        if now < self._next[what]:
            return False
        self._next[what] = now + period
        return True

    def _take(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._end_stage(progress.stage)
            self._step = progress.step
            self._begin_stage(progress)
        if progress.trial is not None and progress.success_rate is not None:
            self._trial(progress)

    def _begin_stage(self, progress: Progress) -> None:
        number = f" (step {progress.step + 1} of {len(self.record.plan.steps)})"
        said = number if len(self.record.plan.steps) > 1 else ""
        if progress.stage == "adapt" and progress.task is not None:
            bound = self._bound(progress.step, progress.task)
            self.record.bound.append(bound)
            self.view.stage(f"Binding to the scene{said}")
            self.view.bound(bound)
            self.view.stage(f"Adapting to what nobody said{said}")
        elif progress.stage == "run":
            self.sample()
            self.view.stage(f"Running{said}")

    def _end_stage(self, following: str) -> None:
        now, seconds = time.monotonic(), self.record.seconds
        if self._stage and self._stage != "done":
            seconds[self._stage] = seconds.get(self._stage, 0.0) + now - self._stage_start
        if self._stage == "adapt":
            own = [trial for trial in self.record.trials if trial.step == self._step]
            self.view.adapted(own)
        if self._stage == "run":
            self.view.ran(now - self._stage_start, self._distance(), self.counts())
        self._stage, self._stage_start = following, now

    def _bound(self, step: int, task: GroundedTask) -> Bound:
        at = None
        if task.object_name is not None:
            at = self.peer.scene().item(task.object_name).position
        return Bound(step, task.object_name, at, task.target_name, task.goal, task.tolerance, task.avoid)

    def _trial(self, progress: Progress) -> None:
        trial = Trial(
            progress.step,
            progress.trial or 0,
            progress.success_rate or 0.0,
            time.monotonic() - self._stage_start,
            progress.env_steps,
            progress.mean_return,
        )
        self.record.trials.append(trial)
        self.view.trial(trial)

    def _distance(self) -> float | None:
        samples: Sequence[Sample] = self.record.samples
        if self._step not in self._goals:
            self._goals |= true_tasks(self.record.plan.steps, self.record.robot, samples)
        task = self._goals.get(self._step)
        return gap(samples[-1], task) if task is not None and samples else None
