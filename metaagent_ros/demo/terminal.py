"""The terminal belongs to the view: what C libraries and loggers print goes to a file meanwhile."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import TextIO


class Terminal:
    """Holds copies of standard output and error; use as a context manager."""

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = os.dup(1), os.dup(2)
        self.out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", buffering=1)
        self.err: TextIO = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)

    def divert(self, path: Path) -> None:
        """From now on, everything but the view is appended to this file."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.close(handle)

    def __enter__(self) -> Terminal:
        self.divert(Path(os.devnull))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, saved in enumerate(self._saved, 1):
            os.dup2(saved, number)
            os.close(saved)
        for stream in (self.out, self.err):
            try:
                stream.close()
            except OSError:  # whoever read it is gone
                pass
