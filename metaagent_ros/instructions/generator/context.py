"""What people tell around a command and what does not change it: reasons, stories, what was yesterday."""

from __future__ import annotations

from metaagent_ros.instructions.generator.marks import Marked
from metaagent_ros.instructions.generator.meanings import draw_ref
from metaagent_ros.instructions.generator.wording import Speaker
from sim_envs.spec import LANDMARKS, ROOMS, ObjectRef, Target

CONTEXT = 0.4  # the share of wrapped sentences that tell something around the command
_PAST = 0.12  # of these, what was at another time
_BEFORE = {
    "en": (", ", ". ", ". ", ", so ", "; ", " - ", ": ", ", and "),
    "zh": ("，", "。", "，", "；", "，所以"),
}
_AFTER = {"en": (", ", ". ", "; ", " - ", " ", ", "), "zh": ("，", "。", "，", "；")}


def in_context(speaker: Speaker, said: Marked, ref: ObjectRef | None = None) -> Marked:
    """The command with a clause before it, after it, or both; ``ref`` is an object that it speaks of."""
    rng, language = speaker.rng, speaker.phrases.language
    draw = rng.random()
    if draw < _PAST:
        pause = rng.choice(
            (". ", ". ", "; ", ", but ", " - ") if speaker.english else ("。", "，", "；", "，但是")
        )
        return _past(speaker, ref) + Marked.of(pause) + said
    if draw < 0.7:
        before = speaker.phrases.anything(rng, "context_before")
        said = Marked.of(before + rng.choice(_BEFORE[language])) + said
    if draw > 0.6:
        after = speaker.phrases.anything(rng, "context_after")
        said = said + Marked.of(rng.choice(_AFTER[language]) + after)
    return said


def _past(speaker: Speaker, ref: ObjectRef | None) -> Marked:
    """What was, or what another does: it speaks for no slot."""
    known = ("landmark", LANDMARKS) if speaker.rng.random() < 0.7 else ("room", ROOMS)
    place = speaker.target(Target(known[0], speaker.rng.choice(known[1])))
    thing = speaker.bystander(ref or draw_ref(speaker.rng))
    return Marked.of(speaker.fill("past", None, d=thing, q=place).text)
