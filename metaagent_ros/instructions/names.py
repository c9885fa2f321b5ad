"""The whole name around a pointed word: from "bin" to "left bin", from "wall" to "wall on your left".

A pointer may rest on one word of a name, because one is enough to read the slot; a person who looks at the
provenance wants to see the side as well.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from metaagent_ros.instructions.phrases import LANGUAGES, phrases

_KINDS = {
    "color": ("color",),
    "shape": ("shape",),
    "size": ("size",),
    "target": ("landmark", "room", "bin"),
    "avoid": ("avoid",),
}


def whole_name(text: str, slot: str, start: int, end: int) -> tuple[int, int]:
    """The span of the longest name of the slot around ``text[start:end]``; the span itself where none is.

    >>> text = "put it in the left bin"
    >>> text[slice(*whole_name(text, "target", 19, 22))]
    'left bin'
    """
    slot = slot.removeprefix("t_")
    if slot not in _KINDS:
        return start, end
    for match in _pattern(slot).finditer(text):
        if match.start() <= start and end <= match.end():
            return match.span()
    return start, end


@functools.cache
def _pattern(slot: str) -> re.Pattern[str]:
    names = sorted({name for kind in _KINDS[slot] for name in _names(kind)}, key=len, reverse=True)
    listed = "|".join(rf"\b{re.escape(n)}\b" if n.isascii() else re.escape(n) for n in names)
    return re.compile(listed, re.I)


def _names(kind: str) -> Iterator[str]:
    for language in LANGUAGES:
        bank = phrases(language)
        if kind != "bin":
            yield from bank.table(kind)
            continue
        for bin_ in bank.table("bin"):
            for side, name in bank.table("side").items():
                yield f"{side} {bin_}" if language == "en" else f"{side}{bin_}"
                if language == "en":
                    yield from (f"{bin_} on {whose} {name}" for whose in ("the", "your", "my"))
