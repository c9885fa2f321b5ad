"""What the nodes report about themselves, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

RUN_STATES = ("idle", "running", "done", "timeout", "stopped", "fault")


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """The policy node: which run, its state (:data:`RUN_STATES`), control ticks so far, why."""

    run_id: str = ""
    state: str = "idle"
    ticks: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The guard: its state (waiting, active, holding, paused, fault), commands counted, the last event.

    ``lifecycle`` is its lifecycle state, ``commander`` who holds the lease, ``estop`` whether it is latched.
    """

    state: str = "waiting"
    passed: int = 0
    limited: int = 0
    rejected: int = 0
    message: str = ""
    lifecycle: str = "active"
    commander: str = ""
    estop: bool = False
