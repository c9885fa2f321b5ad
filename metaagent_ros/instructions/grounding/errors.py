"""What a sentence cannot be bound for."""

from __future__ import annotations


class GroundingError(Exception):
    """What was asked is not there or cannot be (``status`` refuse), or is there more than once (clarify)."""

    def __init__(self, message: str, status: str = "refuse") -> None:
        super().__init__(message)
        self.status = status
