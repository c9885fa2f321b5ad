"""What the tests' worker processes load: no model, and quickly."""

from __future__ import annotations

import os
import time
from typing import Any

GRASP = (
    '{"status":"ok","reason":null,"steps":[{"skill":"grasp","object":{"color":"red","shape":"cube",'
    '"size":null},"target":null,"relation":null,"speed":"normal","force":"normal","avoid":[]}]}'
)


def obedient() -> Any:
    """Does what the sentence says: sleeps, crashes, fails, or answers."""

    def answer(text: str) -> dict[str, Any]:
        if "sleep" in text:
            time.sleep(600)
        if "crash" in text:
            os._exit(11)
        if "fail" in text:
            raise RuntimeError("out of ideas")
        if "wrong" in text:
            return {"plan": GRASP.replace("grasp", "push"), "confidence": 0.5}
        if "code" in text:
            return {"plan": "__import__('os').abort()", "confidence": 0.5}
        return {"plan": GRASP, "confidence": 0.75}

    return answer


def slow_to_load() -> Any:
    """Is not ready in time."""
    time.sleep(600)


def broken() -> Any:
    """Does not load."""
    raise OSError("no such weights")


def dead() -> Any:
    """Takes the process with it."""
    os._exit(12)
