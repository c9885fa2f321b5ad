"""From the tokens of :mod:`.lexicon` to clauses, one a verb: what :mod:`.rules` makes steps of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from metaagent_ros.instructions.lexicon import Token
from sim_envs.spec import ObjectRef, Target

ACTING = ("push", "stack", "pick_place", "grasp")
MUTE = frozenset({"pause", "filler", "swap"})
Item = tuple[str | None, ObjectRef | Target | None]  # the relation said, and the thing; None: "it"


class Unread(Exception):
    """The reason, and the words that stand in the way."""


@dataclass
class Clause:
    """What stands in one step."""

    verb: tuple[str, ...] = ()
    items: list[Item] = field(default_factory=list)
    avoid: list[str] = field(default_factory=list)
    modifiers: dict[str, str] = field(default_factory=dict)
    hand: bool = False
    distance: bool = False

    @property
    def skill(self) -> str:
        """The skill of the verb that suits the things of the clause."""
        acting = bool(self.items) and self.items[0][0] is None and not isinstance(self.items[0][1], Target)
        if self.hand and not acting:
            return "reach"
        order: tuple[str, ...] = ("follow", "reach", "navigate", *ACTING)
        if acting:
            order = (*ACTING, "reach") if len(self.items) > 1 else ("grasp", "reach", *ACTING)
        return next((skill for skill in (*order, "navigate", "follow") if skill in self.verb), "grasp")


def clauses_of(tokens: Sequence[Token], places: Sequence[tuple[float, float]]) -> list[Clause]:
    """The clauses in the order of the words; ``places`` are the coordinates that stand as ``@``."""
    points = iter(Target("coordinate", x=x, y=y) for x, y in places)
    out: list[Clause] = []
    for part in _parts(tokens):
        clause = _clause(part, points)
        there = len(clause.items) == 2 and clause.items[0] == (None, None)
        if there and out and clause.skill in ("pick_place", "stack") and out[-1].skill == "grasp":
            held = out.pop()  # "pick it up and put it there" is one step
            clause.items[:1] = held.items[:1]
            clause.avoid, clause.modifiers = held.avoid + clause.avoid, held.modifiers | clause.modifiers
        out.append(clause)
    return out


def _parts(tokens: Sequence[Token]) -> list[list[Token]]:
    """One part a verb; what stands between the last pause and a verb goes with that verb."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        verbs = [i for i, t in enumerate(parts[-1]) if "verb" in t]
        if "verb" in token and verbs:
            pauses = [i for i, t in enumerate(parts[-1]) if "pause" in t and i > verbs[0]]
            cut = pauses[-1] if pauses else len(parts[-1])
            parts[-1:] = [parts[-1][:cut], parts[-1][cut:]]
        parts[-1].append(token)
    return parts


def _clause(tokens: Sequence[Token], points: Iterator[Target]) -> Clause:
    clause, relation, keep = Clause(), None, False
    for token in tokens:
        waits = keep
        keep = "keep" in token or (keep and bool(token.keys() & {"avoid", "ref", "or", *MUTE}))
        if keep and token.keys() & {"avoid", "ref"}:
            clause.avoid.append(token.get("avoid") or str(_ref(token)))
        elif waits and "it" in token:
            raise Unread("impossible")  # "take it without touching it"
        elif not keep and not token.keys() & MUTE:
            relation = _filled(clause, token, relation, points)
    return clause


def _filled(clause: Clause, token: Token, relation: str | None, points: Iterator[Target]) -> str | None:
    """Put the token into its slot; what comes back is the relation that waits for its thing."""
    if "or" in token or token.get("bin") == "bin":
        raise Unread("ambiguous")
    if "verb" in token:
        clause.verb = token["verb"]
    elif token.keys() & {"relation", "not"}:
        return str(token.get("relation", "not"))
    if "hand" in token:
        clause.hand = True
        return None
    clause.distance = clause.distance or "distance" in token
    clause.modifiers |= {kind: token[kind] for kind in ("speed", "force") if kind in token}
    kind = next((k for k in ("landmark", "room", "bin", "direction") if k in token), None)
    thing = Target(kind, token[kind]) if kind else _ref(token) if "ref" in token else None
    thing = next(points) if "coordinate" in token else thing
    if not thing and "it" not in token:
        return relation
    if relation not in ("not", "from"):
        clause.items.append((relation, thing))
    return None


def _ref(token: Token) -> ObjectRef:
    ref = ObjectRef(*(token["ref"].get(kind) for kind in ("color", "shape", "size")))
    if ref == ObjectRef():
        raise Unread("ambiguous")
    return ref
