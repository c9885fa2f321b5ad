"""What comes before a command and is part of it: "the can is in my way; push it to the right"."""

from __future__ import annotations

from dataclasses import replace

from metaagent_ros.instructions.marks import Marked
from metaagent_ros.instructions.meanings import Meaning
from metaagent_ros.instructions.wording import Speaker

_PAUSES = {"en": ("; ", ". ", ", ", " - ", ", so ", " and ", ", "), "zh": ("，", "。", "；", "，", "，请")}
SHARE = 0.06


def introduced(speaker: Speaker, meaning: Meaning) -> tuple[Marked, bool] | None:
    """The clause with its object named before it, and whether that says the force; mostly ``None``."""
    ref = meaning.step.object
    if ref is None or meaning.again or speaker.rng.random() > SHARE:
        return None
    gentle = meaning.step.force == "gentle" and speaker.rng.random() < 0.7
    bank, slot = ("intro_gentle", "force") if gentle else ("intro", None)
    before = speaker.fill(bank, slot, o=speaker.ref(ref), d=speaker.bystander(ref))
    pause = Marked.of(speaker.rng.choice(_PAUSES[speaker.phrases.language]))
    return before + pause + speaker.clause(replace(meaning, again=True)), gentle
