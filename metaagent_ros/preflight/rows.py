"""The verdict on one thing that was looked at."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"
_ORDER = (OK, WARN, FAIL)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was looked at, what it should be, what it is, how that stands, what to do."""

    check: str
    expected: str
    found: str
    verdict: str = OK
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A check and what is expected; the verdict on what was found makes a :class:`Row` of it."""

    check: str
    expected: str

    def ok(self, found: str) -> Row:
        """As it should be."""
        return Row(self.check, self.expected, found)

    def warn(self, found: str, remedy: str) -> Row:
        """Not as it should be, but nothing that forbids a start; or not tried."""
        return Row(self.check, self.expected, found, WARN, remedy)

    def fail(self, found: str, remedy: str) -> Row:
        """The robot must not be commanded so."""
        return Row(self.check, self.expected, found, FAIL, remedy)


def worst(rows: Iterable[Row]) -> str:
    """The worst verdict among the rows; ``ok`` where there are none."""
    return max((row.verdict for row in rows), key=_ORDER.index, default=OK)


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names in one line, the first ``most`` of them."""
    all_names = list(names)
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more


def nearest(given: str, known: Sequence[str], alike: float = 0.6) -> str:
    """``did you mean``, with the nearest of the known names; empty where none is ``alike`` (0 to 1)."""
    near = difflib.get_close_matches(given, known, n=1, cutoff=alike)
    return f"did you mean {near[0]}?" if near else ""
