"""One job at a time in a thread, claimed before it starts; and waiting for a run to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from metaagent_ros.control.reports import GuardReport, PolicyReport

SILENCE_S = 3.0  # [s] without a status before its node counts as gone
LATCHED_S = 1.0  # [s] for the guard to forget a fault of the run before; one that stays is latched
_POLL_S = 0.05


class Worker:
    """Learning takes long, callbacks must not: a job runs here, and a second one is refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self) -> bool:
        """Reserve the worker; False where it is taken."""
        with self._lock:
            if self._busy:
                return False
            self._busy = True
            self._cancel.clear()
            return True

    def start(self, job: Callable[[], None]) -> None:
        """Run the job of a claim; the claim ends with it, however it ends."""

        def work() -> None:
            try:
                job()
            finally:
                with self._lock:
                    self._busy = False

        self._thread = threading.Thread(target=work, name="worker", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the job to end."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Whether it was asked to; jobs look here."""
        return self._cancel.is_set()

    def join(self, timeout: float) -> bool:
        """Wait for the job; whether it ended in time."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()


class Monitor:
    """What policy and guard last said, and waiting for the end of a run."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._policy = PolicyReport()
        self._guard: GuardReport | None = None
        self._heard: float | None = None

    @property
    def heard(self) -> bool:
        """Whether both nodes have spoken."""
        return self._heard is not None and self._guard is not None

    def feed_policy(self, report: PolicyReport) -> None:
        """Take a status of the policy node."""
        with self._changed:
            self._policy, self._heard = report, time.monotonic()
            self._changed.notify_all()

    def feed_guard(self, report: GuardReport) -> None:
        """Take a status of the guard."""
        with self._changed:
            self._guard = report
            self._changed.notify_all()

    def wait(self, run_id: str, patience: float, cancelled: Callable[[], bool]) -> PolicyReport:
        """Block until the run is over, aborted, cancelled, silent, or ``patience`` [s, wall time] is over."""
        start, armed = time.monotonic(), False
        before = start
        while True:
            with self._changed:
                self._changed.wait(_POLL_S)
                report, guard, heard = self._policy, self._guard, self._heard or 0.0
            mine = report.run_id == run_id
            if mine and report.state != "running":
                return report
            armed = armed or (mine and guard is not None and guard.state != "fault")
            ticks, now = (report.ticks if mine else 0), time.monotonic()
            if guard is not None and guard.state == "paused":
                start += now - before  # a pause of the robot's own program takes as long as it takes
            before = now
            if cancelled():
                return PolicyReport(run_id, "stopped", ticks, "cancelled")
            late = mine and now - start > LATCHED_S
            if (armed or late) and guard is not None and guard.state == "fault":
                return PolicyReport(run_id, "fault", ticks, f"guard: {guard.message}")
            if now - max(heard, start) > SILENCE_S:
                return PolicyReport(run_id, "fault", ticks, "the policy node is silent")
            if now - start > patience:
                return PolicyReport(run_id, "timeout", ticks, f"no end of the run within {patience:g} s")
