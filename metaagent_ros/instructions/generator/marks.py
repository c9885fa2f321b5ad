"""Text in which every character knows the slot that it speaks for.

The generator builds sentences from such pieces, so that the network learns not only what a slot is
but also from which words it came: the provenance that a person sees beside a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from metaagent_ros.instructions.slots import QUERIES

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def mark(slot: str) -> int:
    """The number that stands for a slot of a clause that has no place among the steps yet."""
    return QUERIES.index(slot) + 1


@dataclass(frozen=True, slots=True)
class Marked:
    """``text`` and one mark a character: 0 for none, else 1 + step * len(QUERIES) + slot."""

    text: str
    marks: tuple[int, ...]

    @classmethod
    def of(cls, text: str, slot: str | None = None) -> Marked:
        """All of the text speaks for one slot, or for none."""
        return cls(text, ((mark(slot) if slot else 0),) * len(text))

    def __add__(self, other: Marked) -> Marked:
        return Marked(self.text + other.text, self.marks + other.marks)

    def __getitem__(self, part: slice) -> Marked:
        return Marked(self.text[part], self.marks[part])

    def at(self, step: int) -> Marked:
        """The same words as a part of that step."""
        move = step * len(QUERIES)
        return Marked(self.text, tuple(m + move if m else 0 for m in self.marks))

    def edited(self, start: int, end: int, words: str) -> Marked:
        """With the characters from ``start`` to ``end`` replaced; they keep the mark of ``start``."""
        keep = self.marks[start] if start < len(self.marks) else 0
        new = Marked(words, (keep,) * len(words))
        return self[:start] + new + self[end:]

    def tidy(self) -> Marked:
        """Without doubled spaces, spaces before a comma and spaces at the ends."""
        text, keep = self.text, list[int]()
        for i, char in enumerate(text):
            after = text[i + 1] if i + 1 < len(text) else " "
            if char == " " and (not keep or after in " ,.;:!?"):
                continue
            keep.append(i)
        return Marked("".join(text[i] for i in keep), tuple(self.marks[i] for i in keep))

    def spans(self) -> Iterator[tuple[int, int, int, str]]:
        """(start, end, step, slot) of every run of characters with one mark."""
        start = 0
        for i in range(1, len(self.marks) + 1):
            if i == len(self.marks) or self.marks[i] != self.marks[start]:
                if self.marks[start]:
                    step, slot = divmod(self.marks[start] - 1, len(QUERIES))
                    yield start, i, step, QUERIES[slot]
                start = i


def fill(template: str, slot: str | None, **values: Marked) -> Marked:
    """The template with its placeholders filled; its own words speak for ``slot``.

    >>> fill("pick up {o}", "skill", o=Marked.of("it")).text
    'pick up it'
    """
    out, done = Marked.of(""), 0
    for found in _PLACEHOLDER.finditer(template):
        out += Marked.of(template[done : found.start()], slot) + values[found[1]]
        done = found.end()
    return out + Marked.of(template[done:], slot)
