"""What became of the commands, and the times that the guard goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How old [s] things may be.

    ``command`` and ``state`` are in robot time, ``wall`` is for the state on the monotonic clock, which also
    notices when robot time stands still. A state that is missing for ``fault`` [s] more is a fault.
    """

    command: float = 0.2
    state: float = 0.1
    wall: float = 0.5
    fault: float = 0.5


@dataclass(slots=True)
class Counts:
    """How many there were: see ``metaagent_interfaces/msg/GuardStatus.msg``."""

    passed: int = 0
    started: int = 0
    limited: int = 0
    limited_position: int = 0
    limited_velocity: int = 0
    limited_acceleration: int = 0
    slowed: int = 0
    rejected: int = 0
    collisions: int = 0
    stale: int = 0
    out_of_order: int = 0
    refused: int = 0

    def limit(self, kinds: Iterable[str]) -> None:
        """A command was let through after limiting these kinds of things."""
        self.limited += 1
        for kind in kinds:
            if hasattr(self, name := f"limited_{kind}"):
                setattr(self, name, getattr(self, name) + 1)

    @property
    def dropped(self) -> int:
        """Commands and states that were not used."""
        return self.rejected + self.stale + self.out_of_order + self.refused
