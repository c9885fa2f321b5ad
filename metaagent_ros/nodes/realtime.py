"""A real-time priority for the processes between the robot's state and its command, where it is allowed.

What ros2_control's controller manager does for its update thread: SCHED_FIFO, and a plain word where that
cannot be had (``docs/deploy.md``). The priority is below the controller manager's 50, so that the robot's own
controllers go first. ``METAAGENT_REALTIME=0`` leaves the process as it is.
"""

from __future__ import annotations

import os

PRIORITY = 40
SWITCH = "METAAGENT_REALTIME"


def ask() -> str:
    """Ask for it, for this thread and those that it starts from now on; returns what came of it."""
    if os.environ.get(SWITCH, "") == "0":
        return f"no real-time priority: {SWITCH} is 0"
    if not hasattr(os, "sched_setscheduler"):
        return "no real-time priority: this system knows none"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        return f"no real-time priority: {error.strerror} (docs/deploy.md says how to allow it)"
    return f"real-time priority {PRIORITY}"
