"""Text from outside, made harmless for a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """Text without control characters, so that no sentence or log drives the terminal."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "�" for c in text)
