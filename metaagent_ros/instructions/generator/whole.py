"""Whole sentences of the banks ``whole.txt``, each with its plan: what no joining of clauses says.

A line is ``SENTENCE => PLAN``, such as ``have {a} in {k} before you leave for {p} => place a in k ; go p``.
Letters stand for things and places that are drawn anew each time: a to e objects, p to r landmarks or
rooms, s and t surfaces, k and l bins, x and y coordinates. A plan is ``!REASON``, ``?REASON`` or steps ``VERB
OBJECT RELATION TARGET +slow +gentle +avoid:person`` (as far as said) in the order of execution;
``[red cube]`` and ``left bin`` are things that the sentence itself names.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace

from metaagent_ros.instructions.conventions import SURFACES, relation_for
from metaagent_ros.instructions.generator.marks import Marked, fill
from metaagent_ros.instructions.generator.meanings import draw_coordinate, draw_ref, other_ref
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.schema import (
    CLARIFY_REASONS,
    MAX_STEPS,
    REFUSE_REASONS,
    Plan,
    PlanError,
    clarify,
    refuse,
)
from sim_envs.spec import (
    AVOIDABLE,
    BINS,
    COLORS,
    DIRECTIONS,
    FORCES,
    LANDMARKS,
    RELATIONS,
    ROOMS,
    SHAPES,
    SIZES,
    SPEEDS,
    ObjectRef,
    SpecError,
    Target,
    TaskSpec,
    require,
)

BANK = "whole"
OBJECTS, PLACES, TOPS, BOXES, POINTS = "abcde", "pqr", "st", "kl", "xy"
VERBS = {"grasp": "grasp", "place": "pick_place", "push": "push", "reach": "reach", "stack": "stack",
         "go": "navigate", "follow": "follow"}  # fmt: skip
_HAS_OBJECT = ("grasp", "place", "push", "stack")
_AVOID = "avoid:"
_TOKEN = re.compile(r"\[[^\]]*\]|\S+")
_LETTER = re.compile(r"\{(.)\}")
Value = ObjectRef | Target


class WholeError(ValueError):
    """A line that is no sentence with its plan; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """One step as the line writes it: words that are letters, or names."""

    verb: str
    object: str | None
    relation: str | None
    target: str | None
    manner: tuple[str, ...]
    avoid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A sentence with its letters, and the reason why not or the steps."""

    text: str
    reason: str | None
    parts: tuple[Part, ...]


def parse(line: str) -> Whole:
    """A line of the bank; raises :class:`WholeError`."""
    text, arrow, said = line.partition("=>")
    text, said = text.strip(), said.strip()
    if not arrow or not text or not said:
        raise WholeError("expected SENTENCE => PLAN")
    letters = set(re.findall(r"\{(.*?)\}", text))
    if unknown := letters - set(OBJECTS + PLACES + TOPS + BOXES + POINTS):
        raise WholeError(f"unknown letters {sorted(unknown)}; allowed: a-e, p-r, s-t, k-l, x-y")
    if said[0] in "!?":
        allowed = CLARIFY_REASONS if said[0] == "?" else REFUSE_REASONS
        if said[1:] not in allowed:
            raise WholeError(f"reason is {said[1:]!r}; after {said[0]!r} allowed: {', '.join(allowed)}")
        return Whole(text, said[1:], ())
    parts = tuple(_part(words) for words in said.split(";"))
    if len(parts) > MAX_STEPS:
        raise WholeError(f"{len(parts)} steps; allowed: at most {MAX_STEPS}")
    used = {w for p in parts for w in (p.object, p.target, *p.avoid)}
    if lacking := {w for w in used if w and len(w) == 1} - letters:
        raise WholeError(f"the plan uses {sorted(lacking)}, which the sentence does not say")
    return Whole(text, None, parts)


def _part(said: str) -> Part:
    words = _TOKEN.findall(said)
    flags = [w[1:] for w in words if w.startswith("+")]
    avoid = tuple(flag.removeprefix(_AVOID) for flag in flags if flag.startswith(_AVOID))
    manner = tuple(flag for flag in flags if not flag.startswith(_AVOID))
    words = [w for w in words if not w.startswith("+")]
    if not words or words[0] not in VERBS:
        raise WholeError(f"a step begins with one of {', '.join(VERBS)}; given: {said.strip()!r}")
    verb, rest = words[0], words[1:]
    thing = rest.pop(0) if verb in _HAS_OBJECT and rest else None
    relation = rest.pop(0) if rest and rest[0] in RELATIONS else None
    target = " ".join(rest) or None
    if unknown := set(manner) - {*SPEEDS, *FORCES}:
        allowed = "+slow, +fast, +gentle, +firm, +avoid:person, +avoid:a"
        raise WholeError(f"unknown +{unknown.pop()}; allowed: {allowed}")
    return Part(verb, thing, relation, target, manner, avoid)


def _literal(name: str) -> Value:
    """What a name that is no letter stands for."""
    name = name.strip("[]")
    if name.removesuffix(" bin") in BINS and name.endswith(" bin"):
        return Target("bin", name.removesuffix(" bin"))
    for kind, names in (("direction", DIRECTIONS), ("landmark", LANDMARKS), ("room", ROOMS)):
        if name in names:
            return Target(kind, name)
    words = name.split()
    for word in words:
        require("word of an object or place", word, (*COLORS, *SHAPES, *SIZES))
    found = [next((w for w in words if w in allowed), None) for allowed in (COLORS, SHAPES, SIZES)]
    return ObjectRef(*found)


def _drawn(speaker: Speaker, whole: Whole) -> dict[str, Value]:
    """A value for each letter; no two of a kind are the same, and none is one that the line names itself."""
    named = [
        str(each) for part in whole.parts for each in (part.object, part.target) if each and len(each) > 1
    ]
    text = " ".join([whole.text.lower(), *named])
    out: dict[str, Value] = {}
    for letter in sorted(set(_LETTER.findall(whole.text))):
        value = _one(speaker, letter, out)
        for _ in range(20):
            if value not in out.values() and not re.search(rf"\b{re.escape(str(value))}\b", text):
                break
            value = _one(speaker, letter, out)
        out[letter] = value
    return out


def _one(speaker: Speaker, letter: str, known: dict[str, Value]) -> Value:
    rng = speaker.rng
    if letter in OBJECTS:
        others = [value for value in known.values() if isinstance(value, ObjectRef)]
        return other_ref(rng, others[-1]) if others else draw_ref(rng)
    if letter in PLACES:
        kind, names = ("landmark", LANDMARKS) if rng.random() < 0.6 else ("room", ROOMS)
        return Target(kind, rng.choice(names))
    if letter in TOPS:
        return Target("landmark", rng.choice(SURFACES))
    return Target("bin", rng.choice(BINS)) if letter in BOXES else draw_coordinate(rng)


def _value(word: str | None, values: dict[str, Value]) -> Value | None:
    if word is None:
        return None
    return values[word] if word in values else _literal(word)


def _step(part: Part, values: dict[str, Value]) -> TaskSpec:
    skill, thing, aim = VERBS[part.verb], _value(part.object, values), _value(part.target, values)
    if isinstance(thing, Target):
        raise WholeError(f"{part.object!r} is no object")
    target = Target("object", None, aim.color, aim.shape, aim.size) if isinstance(aim, ObjectRef) else aim
    step = TaskSpec(skill, thing, target, relation_for(skill, target, part.relation))
    for word in part.manner:
        step = replace(step, speed=word) if word in SPEEDS else replace(step, force=word)
    avoid = [item if item in AVOIDABLE else str(_value(item, values)) for item in part.avoid]
    return replace(step, avoid=tuple(sorted(avoid)))


def _uses(whole: Whole) -> dict[str, list[tuple[int, str]]]:
    """For each letter the (step, "" or "t_" or "avoid") that it speaks for, in the order of the plan."""
    out: dict[str, list[tuple[int, str]]] = {}
    for number, part in enumerate(whole.parts):
        avoided = ((word, "avoid") for word in part.avoid)
        for word, prefix in ((part.object, ""), (part.target, "t_"), *avoided):
            if word and len(word) == 1:
                out.setdefault(word, []).append((number, prefix))
    return out


def said(speaker: Speaker, whole: Whole) -> tuple[Marked, Plan]:
    """The line in words with what is drawn for its letters, and its plan.

    Raises ``PlanError`` or ``SpecError`` where what was drawn contradicts itself.
    """
    values, uses, again = _drawn(speaker, whole), _uses(whole), dict[str, Marked]()
    text, words = whole.text, dict[str, Marked]()
    for number, letter in enumerate(_LETTER.findall(text)):
        # each mention gets a name of its own in the template, as each has its own marks
        value, at = values[letter], uses.get(letter) or []
        step, prefix = at.pop(0) if at else (-1, "")
        if isinstance(value, ObjectRef):
            spoken = again.get(letter) if speaker.rng.random() < 0.5 else None
            spoken = spoken or speaker.ref(value, prefix)
        else:
            spoken = speaker.target(value)
        again.setdefault(letter, Marked.of(spoken.text))
        words[f"m{number}"] = spoken.at(step) if step >= 0 else Marked.of(spoken.text)
        text = text.replace(f"{{{letter}}}", f"{{m{number}}}", 1)
    filled = fill(text, None, **words)
    if whole.reason is not None:
        make = clarify if whole.reason in CLARIFY_REASONS else refuse
        return Marked.of(filled.text), make(whole.reason, "", parser="grammar")
    steps = tuple(_step(part, values) for part in whole.parts)
    return filled, Plan("ok", None, steps, parser="grammar")


_parsed = functools.cache(parse)


def drawn(speaker: Speaker) -> tuple[Marked, Plan]:
    """Any line of the speaker's bank in words, and its plan."""
    while True:
        line = speaker.phrases.anything(speaker.rng, BANK)
        try:
            return said(speaker, _parsed(line))
        except (PlanError, SpecError):  # what was drawn contradicts itself, as two names for one thing do
            continue
