"""Shared memory that killed processes of Fast DDS left behind: it fills the memory, and can stall the living.

A participant holds a lock on ``NAME_el`` or ``NAME_sl`` beside each of its segments as long as it lives. The
files stay after ``kill -9``; a process that was killed while it made a port leaves that half made, and who
sends there later waits for ever (Fast DDS 2.14). The rule is that of ``fastdds shm clean``: no wheel has it.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path

FOLDER = Path("/dev/shm")
YOUNG_S = 10.0  # [s] a file may be without its lock while its owner still makes it
_SEGMENT = re.compile(r"fastrtps_(port\d{1,5}|[0-9a-f]{16})")


def sweep(folder: Path = FOLDER, young: float = YOUNG_S) -> int:
    """Remove what belongs to no living process, as far as it may; says how many segments."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return 0
    return sum(_swept(folder, name, young) for name in names if _SEGMENT.fullmatch(name))


def _swept(folder: Path, name: str, young: float) -> bool:
    locks = [folder / f"{name}{end}" for end in ("_el", "_sl")]
    segment = folder / name
    try:
        if time.time() - segment.stat().st_mtime < young or any(map(_held, locks)):
            return False
        for path in (segment, *locks, folder / f"sem.{name}_mutex"):
            path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _held(lock: Path) -> bool:
    """Whether somebody holds it; a lock that is not there is held by nobody."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
