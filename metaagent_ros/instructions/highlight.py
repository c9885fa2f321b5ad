"""Which words of a sentence every slot of a plan came from: plain values, for whatever shows them.

Nothing here is made harmless for a terminal or a page; that is for the surface that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from metaagent_ros.instructions.schema import Plan, Words
from metaagent_ros.instructions.slots import QUERIES
from sim_envs.spec import ObjectRef, TaskSpec

INK = "#1d2228"
OTHER = "#dddddd"
COLOURS = {
    "skill": "#a8ccff", "color": "#ffb3b3", "shape": "#ffd089", "size": "#fff08a", "target": "#a6e6a6",
    "t_color": "#f5b0dc", "t_shape": "#d3b3ff", "t_size": "#b9bcff", "relation": "#8fe8dd",
    "speed": "#d9e27a", "force": "#e0bfa0", "avoid": "#ff9a6b", "x": "#7fd4ff", "y": "#c4d2da",
}  # fmt: skip
"""What is behind the words of a slot, under ``INK``; one colour a slot."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the sentence and whose words it is, the narrowest first; of nobody: no slot needed it."""

    text: str
    marks: tuple[Words, ...] = ()

    @property
    def slot(self) -> str | None:
        """The slot that gives the piece its colour."""
        return self.marks[0].slot if self.marks else None


@dataclass(frozen=True, slots=True)
class Row:
    """A slot of a step: its value (empty: none) and the words that it came from (none: not said)."""

    step: int
    slot: str
    value: str
    words: tuple[str, ...] = ()


def colour(slot: str | None) -> str:
    """The colour of a slot."""
    return COLOURS.get(slot or "", OTHER)


def title(slot: str) -> str:
    """The name of a slot for a person.

    >>> title("t_color")
    'target color'
    """
    return f"target {slot[2:]}" if slot.startswith("t_") else slot


def segments(sentence: str, words: Iterable[Words]) -> list[Segment]:
    """The sentence cut where words begin and end; joined together it is the sentence again.

    >>> [(s.text, s.slot) for s in segments("grasp it", [Words(0, "skill", 0, 5)])]
    [('grasp', 'skill'), (' it', None)]
    """
    marks = sorted(_within(sentence, words), key=lambda w: w.end - w.start)
    cuts = sorted({0, len(sentence)}.union(*((w.start, w.end) for w in marks)))
    return [
        Segment(sentence[start:end], tuple(w for w in marks if w.start <= start and end <= w.end))
        for start, end in pairwise(cuts)
    ]


def rows(sentence: str, plan: Plan) -> list[Row]:
    """Every slot that has a value or words, step by step; the normal speed and force only if said."""
    said: dict[tuple[int, str], list[str]] = {}
    for w in sorted(_within(sentence, plan.words), key=lambda w: w.start):
        said.setdefault((w.step, w.slot), []).append(sentence[w.start : w.end])
    filled = {(n, s): v for n, step in enumerate(plan.steps) for s, v in values(step).items() if v}
    order = {slot: number for number, slot in enumerate(QUERIES)}
    keys = sorted(filled.keys() | said.keys(), key=lambda k: (k[0], order.get(k[1], len(order)), k[1]))
    return [
        Row(*key, filled.get(key, ""), tuple(said.get(key, ())))
        for key in keys
        if key in said or not (key[1] in ("speed", "force") and filled[key] == "normal")
    ]


def values(step: TaskSpec) -> dict[str, str]:
    """What a step holds in every slot, in words; empty for nothing."""
    object_, target = step.object or ObjectRef(), step.target
    to = target.object if target is not None and target.kind == "object" else ObjectRef()
    out = {"skill": step.skill, "target": "", "relation": step.relation, "x": "", "y": ""}
    out |= {"color": object_.color, "shape": object_.shape, "size": object_.size}
    out |= {"t_color": to.color, "t_shape": to.shape, "t_size": to.size}
    out |= {"speed": step.speed, "force": step.force, "avoid": ", ".join(step.avoid)}
    if target is not None:
        out["target"] = target.kind if target.kind in ("object", "coordinate") else str(target)
    if target is not None and target.kind == "coordinate":
        out |= {"x": f"{target.x:g} m", "y": f"{target.y:g} m"}
    return {slot: value or "" for slot, value in out.items()}


def _within(sentence: str, words: Iterable[Words]) -> list[Words]:
    """The words that lie in the sentence and are not empty: a parser's mistake shows nothing."""
    return [w for w in words if 0 <= w.start < w.end <= len(sentence) and w.step >= 0]
