"""The floor and the fall-back: a small grammar of verbs, descriptions and places in English."""

from __future__ import annotations

import re

from metaagent_ros.instructions import guard, lexicon
from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.schema import MAX_STEPS, Plan, PlanError, clarify, refuse
from sim_envs.spec import ObjectRef, SpecError, Target, TaskSpec


def _any(words: object) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_SPLIT = re.compile(r"\s*(?:[;.]\s+|,?\s*\b(?:and then|then|after that)\b,?)\s*")
_AVOID = re.compile(
    r"(?:,|;|\band\b|\bbut\b|\s)*\b(?:avoid(?:ing)?|(?:keep|stay) (?:away|clear) (?:from|of)|"
    r"without (?:touching|hitting)|(?:don't|do not) (?:touch|hit))\s+(?:the |a |an )?(?P<what>[\w ]+)"
)
_VERBS = (
    ("stack", r"stack|pile"), ("push", r"push|shove|slide|nudge"),
    ("pick_place", r"put|place|move|bring|set|drop|transfer"), ("follow", r"follow|drive along"),
    ("reach", r"reach|touch"), ("grasp", r"pick|grab|grasp|take|lift|get"),
    ("navigate", r"go|drive|navigate|head|travel|return"),
)  # fmt: skip
_REF = re.compile(
    rf"\b(?P<size>{_any(lexicon.SIZE_WORDS)})?\s*(?P<color>{_any(lexicon.COLOR_WORDS)})?\s*"
    rf"\b(?P<noun>{_any([*lexicon.SHAPE_WORDS, *lexicon.GENERIC_WORDS])})\b"
)
_BIN = re.compile(rf"\b(left|right)(?:-hand)? (?:{_any(lexicon.BIN_WORDS)})\b")
_RELATION = re.compile(rf"\b({_any(lexicon.RELATION_WORDS)})\b")


class RuleParser:
    """Reads what it knows word for word and asks back about the rest."""

    name = "rules"

    def parse(self, text: str) -> Plan:
        """The plan of a sentence; never raises."""
        vetoed = guard.check(text)
        if vetoed is not None:
            return vetoed
        try:
            parts = [part for part in _SPLIT.split(text.lower().strip(" .!?")) if part]
            if len(parts) > MAX_STEPS:
                return clarify("ambiguous", f"At most {MAX_STEPS} steps, please.", self.name)
            return Plan("ok", None, tuple(_step(part) for part in parts), parser=self.name)
        except LookupError as error:
            return refuse("out_of_scope", str(error.args[0]), self.name)
        except (PlanError, SpecError) as error:
            return clarify("missing_target", str(error), self.name)


def _step(text: str) -> TaskSpec:
    avoided = _AVOID.search(text)
    avoid = (_avoided(avoided["what"]),) if avoided else ()
    text = text[: avoided.start()] + text[avoided.end() :] if avoided else text
    skill = next((s for s, verbs in _VERBS if re.search(rf"\b(?:{verbs})\b", text)), None)
    if skill is None:
        raise LookupError("I know: pick up, put, push, reach, stack, drive to, follow.")
    refs = [(m.start(), _ref(m)) for m in _REF.finditer(text)]
    acts = skill in ("grasp", "pick_place", "push", "stack")
    aim = refs[1:] if acts else refs
    target = _target(text, aim[0][1] if aim else None)
    after = text[refs[0][0] :] if acts and refs else text
    said = _RELATION.search(after)
    relation = lexicon.RELATION_WORDS[said[1]] if said else None
    if skill == "pick_place" and relation == "on" and target and target.kind == "object":
        skill = "stack"
    ref = refs[0][1] if acts and refs else None
    target = None if skill == "grasp" else target
    relation = relation_for(skill, target, relation)
    return TaskSpec(skill, ref, target, relation, _word(text, lexicon.SPEED_WORDS),
                    _word(text, lexicon.FORCE_WORDS), avoid)  # fmt: skip


def _ref(match: re.Match[str]) -> ObjectRef:
    color, size = match["color"], match["size"]
    return ObjectRef(
        lexicon.COLOR_WORDS[color] if color else None,
        lexicon.SHAPE_WORDS.get(match["noun"]),
        lexicon.SIZE_WORDS[size] if size else None,
    )


def _avoided(text: str) -> str:
    for word in text.split():
        if word in lexicon.AVOID_WORDS:
            return lexicon.AVOID_WORDS[word]
    found = _REF.search(text)
    if found is None:
        raise SpecError(f"What is {text!r}? I can avoid a person, chair, table, wall or object.")
    return str(_ref(found))


def _target(text: str, ref: ObjectRef | None) -> Target | None:
    if found := _BIN.search(text):
        return Target("bin", found[1])
    values = [value for _, value in lexicon.numbers(text)]
    if len(values) == 2:
        return Target("coordinate", x=values[0], y=values[1])
    if ref is not None:
        return Target("object", None, ref.color, ref.shape, ref.size)
    tables = (("landmark", lexicon.LANDMARK_WORDS), ("room", lexicon.ROOM_WORDS),
              ("direction", lexicon.DIRECTION_WORDS))  # fmt: skip
    for kind, table in tables:
        if found := re.search(rf"\b({_any(table)})\b", text):
            return Target(kind, table[found[1]])
    return None


def _word(text: str, table: dict[str, str]) -> str:
    found = re.search(rf"\b({_any(table)})\b", text)
    return table[found[1]] if found else "normal"
