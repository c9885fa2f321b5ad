"""A seeded generator of sentences, their plans and the words of every slot: the training data.

A meaning is drawn first (:mod:`.meanings`), then put into words (:mod:`.wording`) of one language with
the phrase banks, then joined, wrapped in politeness and bystanders, and roughened by typos the way
people talk. About a quarter of the sentences must not be carried out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from metaagent_ros.instructions.generator import noise, whole
from metaagent_ros.instructions.generator.context import CONTEXT, in_context
from metaagent_ros.instructions.generator.introducing import aimed_at_it, introduced
from metaagent_ros.instructions.generator.marks import Marked, fill
from metaagent_ros.instructions.generator.meanings import Meaning, draw_ref, draw_steps
from metaagent_ros.instructions.generator.spoiling import spoiled, swapped
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.schema import CLARIFY_REASONS, Plan, PlanError, clarify, refuse
from sim_envs.spec import LANDMARKS, ROOMS, ObjectRef, Target, TaskSpec

WHOLE = 0.4  # the share of sentences that are a line of the banks of whole ones
REFUSALS = 0.26  # of the others
SPOILED = {"out_of_scope": 0.45, "missing_target": 0.45, "ambiguous": 0.4}  # the rest from the banks
PLAIN = 0.2  # the share of sentences in the most usual words, which must not drown among the rare ones
PLAIN_PLANS = 0.5  # the same of several steps: else a row of plain commands is a mark of what is refused
TOO_MANY = 0.12  # the share of what is ambiguous that has more steps than a plan may have
CALM = 0.35  # the share of sentences that nothing wraps or roughens
REASONS = {
    "unsafe": 0.2, "out_of_scope": 0.2, "ambiguous": 0.15, "missing_target": 0.16, "impossible": 0.12,
    "injection": 0.09, "nonsense": 0.08,
}  # fmt: skip

DRIVE = ("go", "head", "move", "navigate", "roll", "travel")
GAPPED = (
    "pick_place",
    "push",
    "navigate",
    "reach",
)  # "the cube in the left bin and the ball in the right one"
_GAPS = (
    " and ",
    ", and ",
    " and then ",
    ", then ",
    ", ",
    "; ",
    " as well as ",
    ", after that ",
    " & ",
    " plus ",
)
_LINKS = {"en": (", ", " and ", ". ", "; ", ", and "), "zh": ("，", "。", "；", "，再", "，然后")}


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence with its marks, and the plan that it means."""

    words: Marked
    plan: Plan
    language: str

    @property
    def text(self) -> str:
        """The sentence."""
        return self.words.text


def _modified(speaker: Speaker, meaning: Meaning, short: bool = False) -> tuple[Marked, TaskSpec]:
    rng, step = speaker.rng, meaning.step
    before = (speaker.short(meaning), False) if short else introduced(speaker, meaning)
    said, forced = before or (speaker.clause(meaning), False)
    if meaning.near:
        said = aimed_at_it(speaker, said) or said
    if rng.random() < 0.04:
        other = draw_steps(rng, 1)[0]
        wrong = Marked.of(speaker.clause(other).text)
        said = speaker.fill("retraction", None, o=said, d=wrong)
    for slot, value in (("speed", step.speed), ("force", step.force)):
        if value != "normal" and not (forced and slot == "force"):
            said = _attach(speaker, said, value, slot)
    if rng.random() < (0.3 if step.skill in ("navigate", "follow") else 0.12):
        words, items = speaker.avoid(step)
        if not speaker.english and rng.random() < 0.15:
            said = said + Marked.of(rng.choice(("的时候", "的时候，", "时"))) + words
        else:
            said = _aside(speaker, said, words, front=0.2)
        step = replace(step, avoid=items)
    return said, step


def _attach(speaker: Speaker, said: Marked, value: str, slot: str) -> Marked:
    rng = speaker.rng
    if rng.random() < 0.45:
        adverb = Marked.of(speaker.phrases.draw(rng, f"{value}_pre"), slot)
        if speaker.english and rng.random() < 0.4:
            return said + Marked.of(" ") + adverb
        return adverb + Marked.of(" " if speaker.english else "") + said
    return _aside(speaker, said, speaker.fill(value, slot), front=0.25)


def _aside(speaker: Speaker, said: Marked, words: Marked, front: float) -> Marked:
    rng = speaker.rng
    ahead = rng.random() < front
    if not speaker.english:
        comma = Marked.of(rng.choice(("，", "，", "，", "，", "，", "。", "；", " ", "")))
        return words + comma + said if ahead else said + comma + words
    if ahead:
        return words + Marked.of(rng.choice((", ", ", ", ": ", " - ", " and ", ". "))) + said
    links = (" ", ", ", " and ", " but ", ", and ", "; ", ", but ", ". ", " - ", ", ")
    return said + Marked.of(rng.choice(links)) + words


def _joined(speaker: Speaker, clauses: list[Marked]) -> Marked:
    said, draw = clauses[0], speaker.rng.random()
    if len(clauses) == 2 and draw < 0.3:
        bank = "reverse" if draw < 0.15 else "pair"
        return speaker.fill(bank, None, a=clauses[0], b=clauses[1])
    if len(clauses) == 3 and draw < 0.45:
        bank = "list_mixed" if draw < 0.1 else "list"  # the order of the words is not that of the steps
        return speaker.fill(bank, None, a=clauses[0], b=clauses[1], c=clauses[2])
    for clause in clauses[1:]:
        if speaker.rng.random() < 0.25:
            links = _LINKS[speaker.phrases.language]
            said = said + Marked.of(speaker.rng.choice(links)) + clause
        else:
            said = speaker.fill("join", None, a=said, b=clause)
    return said


def _wrapped(speaker: Speaker, said: Marked, ref: ObjectRef | None = None) -> Marked:
    rng, space = speaker.rng, " " if speaker.english else ""
    if rng.random() < 0.09:
        ref = ref or draw_ref(rng)
        bank = rng.choice(("bystander", "bystander", "statement"))
        words = speaker.fill(bank, None, d=speaker.bystander(ref), o=speaker.ref(ref))
        if bank == "statement":
            said = Marked.of(words.text + (rng.choice((". ", ", ", "; ", ". ")) if space else "。")) + said
        else:
            said = _aside(speaker, said, Marked.of(words.text), front=0.6)
    if rng.random() < 0.32:
        polite = "opening_verb" if speaker.english and rng.random() < 0.5 else "opening"
        said = Marked.of(speaker.phrases.draw(rng, polite) + rng.choice((space, space, ", "))) + said
    if rng.random() < 0.16:
        said = said + Marked.of(rng.choice((space, ", ")) + speaker.phrases.draw(rng, "closing"))
    if rng.random() < CONTEXT:
        said = in_context(speaker, said, ref)
    return said


def fine(speaker: Speaker, count: int) -> tuple[Marked, Plan]:
    """An ordinary command of that many steps, not yet wrapped."""
    while True:
        clauses, steps = _clauses(speaker, draw_steps(speaker.rng, count))
        try:
            plan = Plan("ok", None, tuple(steps), parser="grammar")
        except PlanError:
            continue
        return _joined(speaker, clauses), plan


def _clauses(speaker: Speaker, meanings: list[Meaning]) -> tuple[list[Marked], list[TaskSpec]]:
    """The steps in words; one whose verb is left out stays with the clause that has the verb."""
    clauses, steps = list[Marked](), list[TaskSpec]()
    for number, meaning in enumerate(meanings):
        same = number > 0 and meaning.step.skill == meanings[number - 1].step.skill
        short = same and speaker.english and meaning.step.skill in GAPPED and speaker.rng.random() < 0.2
        words, step = _modified(speaker, meaning, short)
        steps.append(step)
        if short:
            clauses[-1] = clauses[-1] + Marked.of(speaker.rng.choice(_GAPS)) + words.at(number)
        else:
            clauses.append(words.at(number))
    return clauses, steps


def _refused(speaker: Speaker) -> tuple[Marked, Plan]:
    rng = speaker.rng
    reason = rng.choices(list(REASONS), list(REASONS.values()))[0]
    make = clarify if reason in CLARIFY_REASONS else refuse
    plan = make(reason, "", parser="grammar")
    if reason == "ambiguous" and rng.random() < TOO_MANY:  # said as those are that may be: only more of them
        clauses = _clauses(speaker, draw_steps(rng, rng.choice((4, 4, 5))))[0]
        return Marked.of(_joined(speaker, clauses).text), plan
    if reason in SPOILED and rng.random() < SPOILED[reason]:
        words = spoiled(speaker, *fine(speaker, rng.choices((1, 2), (0.8, 0.2))[0]), reason)
        if words is not None:
            return Marked.of(words.text), plan
    if reason == "nonsense" and rng.random() < 0.6:
        draw = rng.random() if speaker.english else 1.0
        make_text = noise.garbled if draw < 0.3 else noise.salad
        text = make_text(rng, fine(speaker, 1)[0]) if draw < 0.7 else noise.gibberish(rng, speaker.english)
        return Marked.of(text), plan
    template = speaker.phrases.draw(rng, reason)
    if rng.random() < 0.8:  # the word of most of these templates must not mark what is refused
        template = re.sub(r"\bdrive\b(?= (?:to|in|at|left|right|back|over)\b)", rng.choice(DRIVE), template)
    if reason != "injection" and rng.random() < 0.7:
        template = swapped(speaker, template)
    said = fill(template, None, **{name: _filler(speaker, name) for name in _names(template)})
    return Marked.of(said.text), plan


def _names(template: str) -> list[str]:
    return [part.split("}")[0] for part in template.split("{")[1:]]


def _filler(speaker: Speaker, name: str) -> Marked:
    rng, words = speaker.rng, speaker.phrases
    if name in ("o", "d"):
        return speaker.any_object()
    if name == "p":
        known = ("landmark", LANDMARKS) if rng.random() < 0.7 else ("room", ROOMS)
        return speaker.target(Target(known[0], rng.choice(known[1])))
    if name == "g":
        return fine(speaker, 1)[0]
    if name == "n":
        return Marked.of(str(rng.randint(120, 99999)))
    if name in ("c", "s"):
        slot = "color" if name == "c" else "shape"
        return Marked.of(words.word(rng, *rng.choice([key for key in words.words if key[0] == slot])))
    return Marked.of(words.draw(rng, name))


def sample(rng: random.Random, chinese: float = 0.25) -> Example:
    """One sentence; ``chinese`` is the share of the second language."""
    language = "zh" if rng.random() < chinese else "en"
    bank = phrases(language)
    refused = rng.random() < REFUSALS
    count = rng.choices((1, 2, 3), (0.55, 0.27, 0.18))[0]
    plain = PLAIN if refused or count == 1 else PLAIN_PLANS
    speaker = Speaker(rng, replace(bank, usual=(0.85, 0.85)) if rng.random() < plain else bank)
    calm = rng.random() < CALM
    if rng.random() < WHOLE:
        words, plan = whole.drawn(speaker)
        if not calm and plan.reason not in ("nonsense", "injection") and rng.random() < 0.2:
            words = _wrapped(speaker, words)
    elif refused:
        words, plan = _refused(speaker)
        if not calm and plan.reason not in ("nonsense", "injection") and rng.random() < 0.6:
            words = _wrapped(speaker, words)
    else:
        words, plan = fine(speaker, count)
        words = words if calm else _wrapped(speaker, words, plan.steps[0].object)
    return Example(noise.roughen(rng, words.tidy(), language, calm), plan, language)


def examples(seed: int, count: int, chinese: float = 0.25) -> Iterator[Example]:
    """``count`` examples; the same seed gives the same ones."""
    rng = random.Random(seed)
    for _ in range(count):
        yield sample(rng, chinese)
