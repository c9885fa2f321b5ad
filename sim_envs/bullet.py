"""A Bullet client of one's own, without what the library prints when it starts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any


def connect() -> Any:
    """A client in this process; module-level calls of pybullet would all go to the first one."""
    with _no_output():
        import pybullet
        import pybullet_data
        from pybullet_utils.bullet_client import BulletClient

        client = BulletClient(pybullet.DIRECT)
        client.setAdditionalSearchPath(str(pybullet_data.getDataPath()))
    return client


@contextlib.contextmanager
def _no_output() -> Iterator[None]:
    """Silence standard output also for C, so that a verb's JSON stays JSON."""
    flush = ctypes.CDLL(None).fflush
    sys.stdout.flush()
    flush(None)
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        sys.stdout.flush()
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)
