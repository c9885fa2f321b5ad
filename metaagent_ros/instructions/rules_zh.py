"""The Chinese half of :mod:`.rules`: the wordings of the phrase banks, read backwards.

Every thing and place becomes the sign X and every direction D, in the sentence ("把红色方块放进左箱里" is
"把X放进X") and in the wordings of the banks alike; a clause is read where it is such a wording to the last
character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from metaagent_ros.instructions.clauses import Unread
from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.lexicon_zh import (
    MODIFIERS,
    Thing,
    Wording,
    adverbs,
    courtesies,
    signed,
    wordings,
)
from metaagent_ros.instructions.schema import MAX_STEPS
from sim_envs.spec import AVOIDABLE, ObjectRef, Target, TaskSpec

_PAUSE = re.compile(
    r"[，。；,;.!！?？\s]+|(?:[做走弄干]完)?(?:然后|接着|随后|之后|最后|了)再?|[做走弄干]完再?|并且|再(?!见)|"
    r"第[一二三]步|的时候"
)
_ENDS = "，。；,;.!！?？ "
_LANES = ("corridor", "left wall", "right wall")


@dataclass
class _Clause:
    wording: Wording
    things: list[Thing]
    modifiers: dict[str, Any] = field(default_factory=dict)


def steps(text: str) -> tuple[TaskSpec, ...]:
    """The steps of a sentence of simplified characters; raises :class:`.clauses.Unread`."""
    out, avoided, modifiers = list[TaskSpec](), list[str](), dict[str, Any]()
    for clause in _clauses(*signed(text)):
        skill = clause.wording.skill
        if skill == "avoid":
            avoided += [_avoided(thing) for thing in clause.things]
        elif skill in MODIFIERS:
            modifiers |= clause.modifiers | {MODIFIERS[skill]: skill}
        else:
            _add(out, clause)
    if not 0 < len(out) <= MAX_STEPS or (len(out) > 1 and (avoided or modifiers)):
        raise Unread("ambiguous")
    return (*out[:-1], replace(out[-1], avoid=(*out[-1].avoid, *sorted(avoided)), **modifiers))


def _add(out: list[TaskSpec], clause: _Clause) -> None:
    """The step of a clause, in the place of the grasp that it carries on ("pick it up and put it there")."""
    step = _step(clause, next(filter(None, map(_spoken_of, reversed(out))), None))
    again = clause.wording.object_at >= 0 and clause.things[clause.wording.object_at].what is None
    if again and out and out[-1].skill == "grasp" and step.skill in ("pick_place", "stack"):
        if out.pop() != TaskSpec("grasp", step.object):
            raise Unread("ambiguous")
    out.append(step)


def _spoken_of(step: TaskSpec) -> ObjectRef | None:
    """What "it" is after that step."""
    aim = step.target.object if step.target and step.target.kind == "object" else None
    return step.object or aim


def _avoided(thing: Thing) -> str:
    name = thing.what.name if isinstance(thing.what, Target) else thing.what
    if isinstance(name, ObjectRef) or name in AVOIDABLE:
        return str(name)
    raise Unread("out_of_scope")


def _step(clause: _Clause, last: ObjectRef | None) -> TaskSpec:
    wording, things, ref = clause.wording, list(clause.things), None
    if wording.object_at >= 0:
        ref = _held(things.pop(wording.object_at), last)
    if wording.skill == "grasp":
        return replace(TaskSpec("grasp", ref), **clause.modifiers)
    aim = Thing(None, Target("direction", wording.way)) if wording.way else things[0]
    skill, target = wording.skill, _target(aim)
    beside = target.kind == "object"
    if beside and target.object == ref:
        raise Unread("impossible")
    if skill == "pick_place" and beside and aim.said == "on":
        skill = "stack"
    over = skill == "navigate" and aim.said in ("on", "above")  # a hand may be there, a base not
    if over or (skill == "stack" and not beside) or (skill == "follow" and target.name not in _LANES):
        raise Unread("ambiguous")
    relation = relation_for(skill, target, aim.said or wording.said)
    return replace(TaskSpec(skill, ref, target, relation), **clause.modifiers)


def _held(thing: Thing, last: ObjectRef | None) -> ObjectRef:
    ref = last if thing.what is None else thing.what
    if not isinstance(ref, ObjectRef) or thing.said is not None:
        raise Unread("ambiguous")
    return ref


def _target(aim: Thing) -> Target:
    if isinstance(aim.what, ObjectRef):
        return Target("object", None, aim.what.color, aim.what.shape, aim.what.size)
    if isinstance(aim.what, Target):
        return aim.what
    raise Unread("ambiguous")


def _clauses(signs: str, things: list[Thing]) -> Iterator[_Clause]:
    """The longest wordings from the left; one may hold pauses of its own."""
    parts = [part for part in re.split(f"({_PAUSE.pattern})", signs) if part]
    at, used = 0, 0
    while at < len(parts):
        if _PAUSE.fullmatch(parts[at]):
            at += 1
            continue
        tried = ((end, _clause("".join(parts[at:end]), used == 0)) for end in range(len(parts), at, -1))
        end, clause = next(((end, clause) for end, clause in tried if clause), (0, None))
        if clause is None:
            raise Unread("out_of_scope", parts[at].replace("X", "…").replace("D", "…"))
        count = len(clause.things)
        clause.things = things[used : used + count]
        at, used = end, used + count
        yield clause


def _clause(said: str, first: bool) -> _Clause | None:
    """The wording that it is, without courtesies and adverbs; its things are still empty."""
    said, modifiers = said.strip(_ENDS), dict[str, Any]()
    said = said.removeprefix("先") if first else said
    while said not in wordings():
        plain = courtesies().sub("", said).strip(_ENDS)
        adverb = next((word for word in adverbs() if plain.startswith(word)), None)
        if plain == said and adverb is not None:
            modifiers[MODIFIERS[adverbs()[adverb]]] = adverbs()[adverb]
            plain = plain.removeprefix(adverb).strip(_ENDS)
        if plain in ("", said):
            return None
        said = plain
    return _Clause(wordings()[said], [Thing(None, None)] * (said.count("X") + said.count("D")), modifiers)
