"""What several verbs need: an error line, and one way to be interrupted."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from metaagent_ros.demo.text import printable


def fail(message: str, code: int = 2) -> typer.Exit:
    """Say what is wrong; raise what comes back."""
    print(f"error: {printable(message)}", file=sys.stderr)
    return typer.Exit(code)


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGHUP a ``KeyboardInterrupt`` too, so that there is one way to end cleanly."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
