"""One way to end early: SIGINT, SIGTERM and SIGHUP all become a ``KeyboardInterrupt``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPATIENT = 3


class Interrupts:
    """Use as a context manager, in the main thread.

    The first signal raises ``KeyboardInterrupt``. The second is only noted, because things are being
    ended then; from the third on each raises again.
    """

    def __init__(self) -> None:
        self.count = 0
        self._shielded = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise for a signal whose exception was swallowed somewhere."""
        if self.count:
            raise KeyboardInterrupt

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Only note signals meanwhile: for the second that it takes to write files."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if not self._shielded and (self.count == 1 or self.count >= _IMPATIENT):
            raise KeyboardInterrupt
