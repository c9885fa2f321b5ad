"""Fine commands with one thing wrong: the refusals that only a word tells from what is to be carried out.

Without them a network learns the outline of the refused wordings and refuses plain commands of that outline.
"""

from __future__ import annotations

import functools
import re

from metaagent_ros.instructions.generator.introducing import ARTICLES
from metaagent_ros.instructions.generator.marks import Marked
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.schema import Plan

_OBJECT = ("color", "shape", "size")
_AIM = ("relation", "target", "t_color", "t_shape", "t_size", "x", "y")
_SWAPPED = ("color", "side", "bin")
Span = tuple[int, int, int, str]


def spoiled(speaker: Speaker, words: Marked, plan: Plan, reason: str) -> Marked | None:
    """The command, spoiled in its last step so that it has that reason; ``None`` where that cannot be."""
    last = len(plan.steps) - 1
    spans = [span for span in words.spans() if span[2] == last]
    if reason == "out_of_scope" and speaker.rng.random() < 0.2:
        return _beyond(speaker, words)
    if reason == "out_of_scope":
        return _unknown(speaker, words, plan, spans)
    if reason == "missing_target":
        return _cut(words, spans) if plan.steps[last].skill != "stack" else None
    if reason == "ambiguous" and last == 0:
        return _vague(speaker, words, plan, spans)
    return None


@functools.cache
def _known(language: str) -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """Every word of a slot that may be swapped, and all words of its slot."""
    bank = phrases(language)
    peers = {word: tuple(table) for slot in _SWAPPED for table in [bank.table(slot)] for word in table}
    words = sorted((w for w in peers if len(w) > 1), key=len, reverse=True)
    listed = "|".join(map(re.escape, words))
    return re.compile(rf"\b(?:{listed})\b" if language == "en" else listed), peers


def swapped(speaker: Speaker, text: str) -> str:
    """Other colours, sides and bins, so that a wording of the banks is not known by its fixed words."""
    pattern, peers = _known(speaker.phrases.language)
    return pattern.sub(lambda match: speaker.rng.choice(peers[match[0]]), text)


def _unknown(speaker: Speaker, words: Marked, plan: Plan, spans: list[Span]) -> Marked | None:
    """One word that the vocabulary lacks: a colour, a thing or a place."""
    target = plan.steps[-1].target
    place = target is not None and target.kind in ("landmark", "room") and target.name != "corridor"
    place = place and target is not None and "wall" not in str(target.name)
    banks = {"color": "unknown_color", "shape": "unknown_shape"}
    found = [
        (span, banks[span[3].removeprefix("t_")]) for span in spans if span[3].removeprefix("t_") in banks
    ]
    found += [(span, "unknown_place") for span in spans if place and span[3] == "target"]
    if not found:
        return None
    (start, end, _, _), bank = speaker.rng.choice(found)
    the = "the " if bank == "unknown_place" and speaker.english else ""
    return words.edited(start, end, the + speaker.phrases.draw(speaker.rng, bank))


def _beyond(speaker: Speaker, words: Marked) -> Marked:
    """The command, and after it something that no robot of ours does."""
    plain = [line for line in speaker.phrases.banks["out_of_scope"] if "{" not in line]
    return speaker.fill("join", None, a=words, b=Marked.of(speaker.rng.choice(plain)))


def _cut(words: Marked, spans: list[Span]) -> Marked | None:
    """Without the place, where the place stands apart from the object."""
    aims = [span for span in spans if span[3] in _AIM]
    things = [span for span in spans if span[3] in _OBJECT]
    if not aims or not any(span[3] in ("target", "t_color", "t_shape") for span in aims):
        return None
    start, end = min(s for s, *_ in aims), max(e for _, e, *_ in aims)
    if any(s < end and e > start for s, e, *_ in things):
        return None
    return (words[:start] + words[end:]).tidy()


def _vague(speaker: Speaker, words: Marked, plan: Plan, spans: list[Span]) -> Marked | None:
    """A pronoun for the object, or a bin of which nobody said which."""
    rng, target = speaker.rng, plan.steps[0].target
    bins = [s for s in spans if s[3] == "target"] if target is not None and target.kind == "bin" else []
    if bins and rng.random() < 0.5:
        return words.edited(bins[0][0], bins[-1][1], speaker.phrases.draw(rng, "vague_bin"))
    things = [span for span in spans if span[3] in _OBJECT]
    if not things:
        return None
    start, end = min(s for s, *_ in things), max(e for _, e, *_ in things)
    before = words.text[:start]
    start -= next((len(article) for article in ARTICLES if before.endswith(article)), 0)
    return words.edited(start, end, speaker.phrases.draw(rng, "vague"))
