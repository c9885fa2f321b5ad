"""One commander at a time: who came first keeps the lease until it is silent, or gives it back."""

from __future__ import annotations


class Lease:
    """Held by a name; free again ``timeout_s`` after its last command, or when the clock jumps back."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._name: str | None = None
        self._heard = 0.0

    def holder(self, now: float) -> str | None:
        """Who holds it at ``now`` [s]; None: nobody."""
        return self._name if 0.0 <= now - self._heard <= self.timeout_s else None

    def open_to(self, name: str, now: float) -> bool:
        """Whether ``name`` holds it or may take it."""
        return self.holder(now) in (None, name)

    def take(self, name: str, now: float) -> None:
        """Take or renew it, by a command that was good."""
        self._name, self._heard = name, now

    def release(self) -> None:
        """Nobody holds it."""
        self._name = None
