"""One job at a time; and a run's end is noticed whatever ends it."""

import threading

import pytest

from metaagent_ros.control import worker as module
from metaagent_ros.control.reports import GuardReport, PolicyReport
from metaagent_ros.control.worker import Monitor, Worker


def test_a_second_job_is_refused_until_the_first_ended():
    worker, gate = Worker(), threading.Event()
    assert worker.claim() and not worker.claim()
    worker.start(lambda: gate.wait(5.0) and None)
    assert not worker.claim()
    worker.cancel()
    assert worker.cancelled() and not worker.join(0.01)
    gate.set()
    assert worker.join(5.0)
    assert worker.claim() and not worker.cancelled()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_fails_frees_the_worker():
    worker = Worker()
    assert worker.claim()
    worker.start(lambda: 1 / 0)
    assert worker.join(5.0) and worker.claim()


def run_of(state: str, run_id: str = "mine") -> PolicyReport:
    return PolicyReport(run_id, state, 7, "why")


def test_the_end_of_the_own_run_is_returned():
    monitor = Monitor()
    monitor.feed_policy(run_of("done", "another"))
    threading.Timer(0.05, lambda: monitor.feed_policy(run_of("timeout"))).start()
    assert monitor.wait("mine", 5.0, lambda: False) == run_of("timeout")


def test_cancel_silence_and_patience_end_the_waiting(monkeypatch):
    monitor = Monitor()
    assert monitor.wait("mine", 5.0, lambda: True).state == "stopped"
    assert monitor.wait("mine", 0.01, lambda: False).state == "timeout"
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    report = monitor.wait("mine", 5.0, lambda: False)
    assert report.state == "fault" and "silent" in report.message


def test_an_abort_at_the_guard_ends_the_run_but_not_one_before_it():
    monitor = Monitor()
    monitor.feed_guard(GuardReport("fault", message="aborted: earlier"))
    monitor.feed_policy(run_of("running"))
    assert not monitor.wait("mine", 0.1, lambda: False).message.startswith("guard")
    monitor.feed_guard(GuardReport("active"))
    threading.Timer(0.15, lambda: monitor.feed_guard(GuardReport("fault", message="aborted: now"))).start()
    report = monitor.wait("mine", 5.0, lambda: False)
    assert report.state == "fault" and "now" in report.message
    assert monitor.heard
