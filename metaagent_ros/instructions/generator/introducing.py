"""What comes before a command and is part of it: "the can is in my way; push it to the right"."""

from __future__ import annotations

from dataclasses import replace

from metaagent_ros.instructions.generator.marks import Marked
from metaagent_ros.instructions.generator.meanings import Meaning
from metaagent_ros.instructions.generator.wording import Speaker

ARTICLES = ("the ", "that ", "this ", "a ", "an ", "one ", "my ", "那个", "这个", "一个", "那块", "那只")
_PAUSES = {"en": ("; ", ". ", ", ", " - ", ", so ", " and ", ", "), "zh": ("，", "。", "；", "，", "，请")}
_AIM_PAUSES = {"en": ("? ", ". ", ", ", "; ", "? ", " - "), "zh": ("，", "。", "；", "，", "？")}
_AIM = ("t_color", "t_shape", "t_size")
SHARE = 0.06


def introduced(speaker: Speaker, meaning: Meaning) -> tuple[Marked, bool] | None:
    """The clause with its object or aim named before it, and whether that says the force; mostly ``None``."""
    ref, draw = meaning.step.object, speaker.rng.random()
    if draw > SHARE:
        return _aim_first(speaker, meaning) if draw < 2 * SHARE else None
    if ref is None or meaning.again:
        return None
    gentle = meaning.step.force == "gentle" and speaker.rng.random() < 0.7
    bank, slot = ("intro_gentle", "force") if gentle else ("intro", None)
    before = speaker.fill(bank, slot, o=speaker.ref(ref), d=speaker.bystander(ref))
    pause = Marked.of(speaker.rng.choice(_PAUSES[speaker.phrases.language]))
    return before + pause + speaker.clause(replace(meaning, again=True)), gentle


def _aim_first(speaker: Speaker, meaning: Meaning) -> tuple[Marked, bool] | None:
    """ "See the small box? Put the ball on it"."""
    target = meaning.step.target
    if target is None or target.kind != "object" or meaning.again or meaning.near:
        return None
    clause = aimed_at_it(speaker, speaker.clause(meaning))
    if clause is None:
        return None
    before = speaker.fill("intro_aim", None, p=speaker.target(target))
    return before + Marked.of(speaker.rng.choice(_AIM_PAUSES[speaker.phrases.language])) + clause, False


def aimed_at_it(speaker: Speaker, clause: Marked) -> Marked | None:
    """The clause with a pronoun for the object that is its aim; ``None`` where the noun is not marked."""
    spans = [span for span in clause.spans() if span[3] in _AIM]
    if not any(span[3] == "t_shape" for span in spans):
        return None
    start, end = min(s for s, *_ in spans), max(e for _, e, *_ in spans)
    before = clause.text[:start]
    start -= next((len(article) for article in ARTICLES if before.endswith(article)), 0)
    words = ("it", "it", "it", "that one", "that") if speaker.english else ("它", "它", "那个")
    return clause[:start] + Marked.of(speaker.rng.choice(words)) + clause[end:]
