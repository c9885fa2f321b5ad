"""The real-time priority of guard and policy."""

import multiprocessing
import os

import pytest

from metaagent_ros.nodes import realtime


def _asked(queue, switch):
    os.environ[realtime.SWITCH] = switch
    said = realtime.ask()
    queue.put((said, os.sched_getscheduler(0)))


def _ask(switch):
    """In a process of its own: what it was told, and how it is scheduled afterwards."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_asked, args=(queue, switch))
    process.start()
    found = queue.get(timeout=60)
    process.join()
    return found


def test_what_is_said_is_how_the_process_is_scheduled():
    said, policy = _ask("")
    assert (
        said == f"real-time priority {realtime.PRIORITY}"
        if policy == os.SCHED_FIFO
        else "docs/deploy.md" in said
    )


def test_it_can_be_switched_off():
    said, policy = _ask("0")
    assert realtime.SWITCH in said and policy == os.SCHED_OTHER


def test_a_system_that_does_not_allow_it_is_named(monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.delenv(realtime.SWITCH, raising=False)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert realtime.ask() == (
        "no real-time priority: Operation not permitted (docs/deploy.md says how to allow it)"
    )


@pytest.mark.parametrize("other", ["1", ""])
def test_only_zero_switches_it_off(monkeypatch, other):
    asked = []
    monkeypatch.setenv(realtime.SWITCH, other)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given))
    assert realtime.ask().startswith("real-time priority") and asked[0][1] == os.SCHED_FIFO
