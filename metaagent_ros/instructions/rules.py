"""The floor and the fall-back: a small grammar over the phrases of :mod:`.lexicon`, English here.

Chinese has its own in :mod:`.rules_zh`.

Each verb opens a step, and what stands in a step fills its slots. A word that the lexicon does not know is
never read over: the sentence is refused instead.
"""

from __future__ import annotations

import re

from metaagent_ros.instructions import guard, lexicon, rules_zh
from metaagent_ros.instructions.clauses import ACTING, Clause, Unread, clauses_of
from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.quantities import places
from metaagent_ros.instructions.questions import WHY
from metaagent_ros.instructions.schema import CLARIFY_REASONS, MAX_STEPS, Plan, PlanError, clarify, refuse
from metaagent_ros.instructions.scripts import is_chinese, readable
from sim_envs.spec import MAX_COORDINATE, ObjectRef, SpecError, Target, TaskSpec

_DISTANCE = re.compile(
    r"\b(?:\d{1,4}(?:\.\d{1,3})?|one|two|three|four|five)(?: ?c?m| (?:centi)?met(?:er|re)s?| steps?)\b"
)
_LANES = ("corridor", "left wall", "right wall")


class RuleParser:
    """Reads what it knows word for word; asks back about, or refuses, the rest."""

    name = "rules"

    def parse(self, text: str) -> Plan:
        """The plan of a sentence; never raises."""
        if (vetoed := guard.check(text)) is not None:
            return vetoed
        try:
            read = rules_zh.steps if is_chinese(text) else _steps
            return Plan("ok", None, read(readable(text).lower()), parser=self.name)
        except Unread as unread:
            reason, *words = unread.args
            message = f"{WHY[reason]} ({', '.join(words)})" if words else WHY[reason]
            return (clarify if reason in CLARIFY_REASONS else refuse)(reason, message, self.name)
        except (PlanError, SpecError) as error:
            return clarify("ambiguous", str(error), self.name)


def _steps(text: str) -> tuple[TaskSpec, ...]:
    text, points = places(text)
    tokens = lexicon.tokens(_DISTANCE.sub("#", text))
    _check_words(tokens)
    if any(max(abs(x), abs(y)) > MAX_COORDINATE for x, y in points):
        raise Unread("impossible")
    clauses, turned = clauses_of(tokens, points), any("swap" in t for t in tokens)
    if len(clauses) > MAX_STEPS or (turned and len(clauses) != 2):
        raise Unread("ambiguous")
    steps: list[TaskSpec] = []
    for clause in clauses[::-1] if turned else clauses:
        steps.append(_step(clause, _spoken_of(steps[-1]) if steps else None))
    return tuple(steps)


def _spoken_of(step: TaskSpec) -> ObjectRef | None:
    """What "it" is after that step."""
    at_object = step.object is None and step.target is not None and step.target.kind == "object"
    return step.target.object if at_object and step.target else step.object


def _check_words(tokens: list[lexicon.Token]) -> None:
    """Refuse by single words: those that name what is not done, and those that nobody knows."""
    if refused := [t["refused"] for t in tokens if "refused" in t]:
        raise Unread("unsafe" if "unsafe" in refused else refused[0])
    unknown = [t["unknown"] for t in tokens if "unknown" in t]
    words = [t for t in tokens if not t.keys() & {"unknown", "pause"}]
    if not any("verb" in t for t in tokens) and not (words and unknown):
        raise Unread("nonsense")
    if unknown:
        raise Unread("out_of_scope", *unknown[:3])


def _step(clause: Clause, last: ObjectRef | None) -> TaskSpec:
    skill, items = clause.skill, list(clause.items)
    if (None, None) in items[1:]:
        items.remove((None, None))  # "the ball, push it": what was named just before
    if last is None and any(thing is None for _, thing in items):
        raise Unread("ambiguous")
    ref: ObjectRef | None = None
    if skill in ACTING:
        first, *items = items or [("", None)]
        if first[0] is not None:
            raise Unread("missing_target")
        ref = _held(first[1] or last)
        if skill == "grasp" and any(said == "at" for said, _ in items[:1]):
            skill = "pick_place"
        elif skill == "grasp":  # where it lies is not kept
            items = [item for item in items if item[0] is None]
    if len(items) > 1 or (skill == "grasp" and items):
        raise Unread("ambiguous")
    if not items:
        return _task(skill, ref, None, None, clause)
    return _task(skill, ref, items[0][1] or last, items[0][0], clause)


def _held(thing: ObjectRef | Target | None) -> ObjectRef | None:
    if isinstance(thing, Target):
        raise Unread("impossible" if thing.kind == "landmark" else "missing_target")
    return thing


def _task(
    skill: str, ref: ObjectRef | None, thing: ObjectRef | Target | None, said: str | None, clause: Clause
) -> TaskSpec:
    target = _target(thing) if isinstance(thing, ObjectRef) else thing
    if skill != "grasp" and target is None:
        raise Unread("missing_target")
    if target is not None and skill == "pick_place":
        on_object = target.kind == "object" and said in ("on", "under")
        skill = "stack" if on_object else "push" if target.kind == "direction" else skill
    if skill == "stack" and said == "under" and isinstance(thing, ObjectRef) and ref is not None:
        ref, target = thing, _target(ref)
    if skill == "follow" and target == Target("room", "hallway"):
        target = Target("landmark", "corridor")
    toward = target is not None and target.kind == "direction"
    lost = ref is not None and said is None and target is not None and not toward
    if (
        lost
        or (clause.distance and not toward)
        or (skill == "follow" and target is not None and target.name not in _LANES)
    ):
        raise Unread("ambiguous")
    relation = relation_for(skill, target, said)
    return TaskSpec(skill, ref, target, relation, avoid=tuple(clause.avoid), **clause.modifiers)


def _target(ref: ObjectRef) -> Target:
    return Target("object", None, ref.color, ref.shape, ref.size)
