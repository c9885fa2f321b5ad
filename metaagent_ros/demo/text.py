"""Text from outside, made harmless for a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """Text without control characters, so that no sentence or log drives the terminal."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "�" for c in text)


def one_line(text: str) -> str:
    """Printable text whose line ends are spaces, so that it cannot pass for a line of ours."""
    ends = str.maketrans(dict.fromkeys("\n\t\u2028\u2029", " "))
    return printable(text.replace("\r\n", " ").translate(ends))
