"""Where sentences wait that nobody waits for: room for one, and the newest wins."""

from __future__ import annotations


class Inbox:
    """Holds at most one sentence, however many come in; all of them are counted.

    ``limit`` [byte] is how long a sentence may be. Called from one thread, the executor's.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.heard = self.replaced = self.refused = 0
        self._waiting: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether a sentence waits."""
        return self._waiting is not None

    def put(self, text: str) -> bool:
        """Take a sentence in place of the one that waits; False where it is empty or over the limit."""
        self.heard += 1
        if not text.strip() or len(text.encode("utf-8", "replace")) > self._limit:
            self.refused += 1
            return False
        self.replaced += self.waiting
        self._waiting = text
        return True

    def take(self) -> str:
        """The sentence that waits, which then waits no more; empty where none does."""
        text, self._waiting = self._waiting or "", None
        return text
