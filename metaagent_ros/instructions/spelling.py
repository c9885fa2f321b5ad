"""Put misspelt English words right before a parser reads them: "tabel", "yelow", "leftbin", "pleeease".

A word is misspelt where neither the encoder's vocabulary (30 000 words) nor the phrase banks have it. It
becomes the word of the banks that is one slip away (Damerau 1964, doi:10.1145/363958.363994: a letter lost,
added, changed, or two swapped), or two words without the space between. Where two words are as near, or
none is, it stays as it is: what the parser makes of it is then the parser's matter.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from metaagent_ros.instructions.phrases import phrases

_WORD = re.compile(r"[A-Za-z]{4,24}")
_DRAWN = re.compile(r"(.)\1{2,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LITTLE = frozenset("the to it in on at of and up down then with".split())
_USUAL = 4  # a word that speaks for no slot is a remedy from so many wordings on
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Spelled:
    """A corrected text, and where each replaced word stood: (its place now, its place before)."""

    text: str
    moved: tuple[tuple[Span, Span], ...] = ()

    def before(self, start: int, end: int) -> Span:
        """The place in the text as it was given; a piece of a replaced word means the whole word."""
        shift = 0
        for (now, then), (was, until) in self.moved:
            if end <= now:
                break
            if start < then:
                return was, until
            shift = until - then
        return start + shift, end + shift


@functools.cache
def _remedies() -> dict[str, int]:
    """The words of the banks and how often they are said; those of slots count as said most often."""
    bank = phrases("en")
    said = Counter(
        word for lines in bank.banks.values() for line in lines for word in re.findall(r"[a-z]{2,}", line)
    )
    for words in bank.words.values():
        said.update({word: 1000 for line in words for word in re.findall(r"[a-z]{2,}", line)})
    return dict(said)


class Speller:
    """Corrects against the phrase banks; ``known`` are words in lower case that are right as they are."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known) | _remedies().keys()

    def __call__(self, text: str) -> Spelled:
        """The text with its misspelt words put right."""
        out, at, moved = "", 0, list[tuple[Span, Span]]()
        for match in _WORD.finditer(text):
            right = self._right(match[0].lower())
            if right is None:
                continue
            out += text[at : match.start()]
            moved.append(((len(out), len(out) + len(right)), match.span()))
            out, at = out + right, match.end()
        return Spelled(out + text[at:], tuple(moved))

    def _right(self, word: str) -> str | None:
        if word in self._known:
            return None
        for drawn in (_DRAWN.sub(r"\1\1", word), _DRAWN.sub(r"\1", word)):
            if drawn != word and drawn in self._known:
                return drawn
        plain = _DRAWN.sub(r"\1", word)
        return _nearest(plain) or _divided(plain)


def _nearest(word: str) -> str | None:
    """The one word that is a slip away; ``None`` where several are equally usual, or none."""
    said = _remedies()
    found = {
        near: said[near]
        for near in _slips(word)
        if said.get(near, 0) >= _USUAL and len(near) > 2 and word.endswith("s") == near.endswith("s")
    }
    best = sorted(found, key=lambda near: (found[near], near), reverse=True)[:2]
    if not best or (len(best) == 2 and found[best[1]] >= 1000):
        return None
    return best[0]


def _slips(word: str) -> set[str]:
    """All that is one slip away from the word; its first letter may only change places."""
    cuts = [(word[:i], word[i:]) for i in range(1, len(word) + 1)]
    swapped = {a[:-1] + b[0] + a[-1] + b[1:] for a, b in cuts if b}
    lost = {a + b[1:] for a, b in cuts if b}
    changed = {a + letter + b[1:] for a, b in cuts if b for letter in _LETTERS}
    added = {a + letter + b for a, b in cuts for letter in _LETTERS}
    return (swapped | lost | changed | added) - {word}


def _divided(word: str) -> str | None:
    """Two words of the banks that were written as one."""
    said = _remedies()
    for cut in range(2, len(word) - 1):
        parts = word[:cut], word[cut:]
        if all(part in _LITTLE or (len(part) > 2 and said.get(part, 0) >= _USUAL) for part in parts):
            return " ".join(parts)
    return None
