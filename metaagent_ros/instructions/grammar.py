"""A seeded generator of (sentence, plan) pairs: the parser's training data.

``sample(rng)`` composes one to three clauses from the phrases below and wraps them the way people
talk: politeness, fillers, corrections, bystanders that are named but not meant, typos. About a
quarter of the sentences must not be executed (see :mod:`.grammar_refusals`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from metaagent_ros.instructions import lexicon
from metaagent_ros.instructions.conventions import relation_for
from metaagent_ros.instructions.grammar_refusals import not_ok
from metaagent_ros.instructions.noise import roughen, wrap
from metaagent_ros.instructions.schema import Plan, PlanError
from sim_envs.spec import BINS, COLORS, LANDMARKS, ROOMS, SHAPES, SIZES, ObjectRef, Target, TaskSpec

Clause = tuple[str, TaskSpec]

GRASP = (
    "pick up {o}", "grab {o}", "grasp {o}", "take {o}", "lift {o}", "get hold of {o}", "raise {o}",
    "pick {o} up", "get {o}", "hold {o}", "take hold of {o}", "lift {o} up", "fetch {o}",
    "seize {o}", "grip {o}", "clutch {o}", "lift {o} off the table", "pick {o} up from the table",
    "i want you to hold {o}", "bring up {o}", "hoist {o}", "close your gripper on {o}",
)  # fmt: skip
PLACE = (
    "put {o} {t}", "place {o} {t}", "pick up {o} and put it {t}", "grab {o} and place it {t}",
    "take {o} and drop it {t}", "move {o} {t}", "set {o} {t}", "drop {o} {t}", "bring {o} {t}",
    "pick {o} up and set it down {t}", "transfer {o} {t}", "get {o} and leave it {t}",
    "lift {o} and put it {t}", "{o} goes {t}", "{o} belongs {t}", "stow {o} {t}", "lay {o} {t}",
    "carry {o} and put it {t}", "i want {o} {t}", "deposit {o} {t}", "position {o} {t}",
    "{o} should end up {t}", "shift {o} so that it is {t}", "sort {o} {t}", "relocate {o} {t}",
    "grasp {o}, then release it {t}", "take {o}, put it {t}", "i would like {o} {t}",
    "have {o} moved {t}", "make sure {o} ends up {t}",
)  # fmt: skip
STACK = (
    "stack {o} on {t}", "put {o} on top of {t}", "place {o} on {t}", "stack {o} onto {t}",
    "pile {o} on {t}", "set {o} atop {t}", "balance {o} on {t}", "put {o} on {t}",
    "{o} goes on top of {t}", "build a tower: {o} on {t}", "pick up {o} and put it on {t}",
    "take {o} and stack it on top of {t}", "put {t} underneath {o}", "place {t} below {o}",
    "put {t} under {o}", "stack {o} over {t}", "rest {o} on {t}", "i want {o} on top of {t}",
    "slide {t} beneath {o}", "make {t} the base for {o}", "lay {o} upon {t}",
)  # fmt: skip
PUSH = (
    "push {o} {t}", "shove {o} {t}", "slide {o} {t}", "nudge {o} {t}", "push {o} over {t}",
    "give {o} a push {t}", "scoot {o} {t}", "press {o} {t}", "move {o} {t} by pushing it",
    "without lifting it, slide {o} {t}", "sweep {o} {t}", "use your hand to push {o} {t}",
)  # fmt: skip
REACH = (
    "reach {t}", "reach for {t}", "reach out to {t}", "move your hand to {t}", "touch {t}",
    "move the gripper to {t}", "point the arm at {t}", "bring your gripper to {t}",
    "move the arm to {t}", "stretch out to {t}", "get the end effector to {t}", "hover {a} {t}",
    "move the gripper {a} {t}", "position your hand {a} {t}", "extend the arm to {t}", "tap {t}",
)  # fmt: skip
NAVIGATE = (
    "go {t}", "drive {t}", "move {t}", "navigate {t}", "head {t}", "travel {t}", "roll {t}",
    "make your way {t}", "proceed {t}", "come {t}", "get yourself {t}", "run {t}", "walk {t}",
    "find your way {t}", "drive over {t}", "you should go {t}", "ride {t}",
    "go over {t}", "steer {t}", "relocate yourself {t}",
)  # fmt: skip
VISIT = (
    "visit {p}", "approach {p}", "reach {p}", "find {p}", "park at {p}", "stop at {p}",
    "wait at {p}", "go back to {p}", "return to {p}", "meet me at {p}", "dock at {p}",
    "drive up to {p}", "head toward {p}", "move towards {p}", "go near {p}",
)  # fmt: skip
FOLLOW = (
    "follow {p}", "drive along {p}", "go along {p}", "keep following {p}", "track {p}",
    "stay along {p}", "trail {p}", "move along {p}", "continue along {p}", "hug {p}",
)  # fmt: skip
AVOID = (
    "avoid {a}", "keep away from {a}", "stay away from {a}", "stay clear of {a}", "don't touch {a}",
    "without touching {a}", "do not hit {a}", "while avoiding {a}", "steer clear of {a}",
    "don't bump into {a}", "mind {a}", "watch out for {a}", "without hitting {a}", "avoiding {a}",
    "keep your distance from {a}", "don't get close to {a}", "give {a} a wide berth",
    "go around {a}", "be careful not to hit {a}", "without running into {a}", "look out for {a}",
    "don't go near {a}", "dodge {a}", "make sure you do not knock over {a}", "bypassing {a}",
)  # fmt: skip
SLOW = (
    "slowly", "take your time", "no rush", "nice and slow", "at a slow pace", "there is no hurry",
    "without rushing", "at low speed", "don't hurry", "as slow as you like", "unhurriedly",
)  # fmt: skip
FAST = (
    "quickly", "fast", "asap", "as fast as you can", "hurry up", "at full speed", "right away",
    "as soon as possible", "be quick", "rapidly", "make it quick", "full speed", "swiftly",
    "speed it up", "i'm in a hurry", "on the double", "without delay",
)  # fmt: skip
GENTLE = (
    "gently", "carefully", "softly", "it is fragile", "be careful", "with care", "lightly",
    "it's delicate", "with a light touch", "it breaks easily", "handle it with care", "be gentle",
    "with little force", "it is made of glass", "with a soft grip", "don't squeeze it",
)  # fmt: skip
FIRM = (
    "firmly", "with a firm grip", "tightly", "hold it tight", "with a strong grip", "it's slippery",
    "with force", "grip it hard", "securely", "squeeze it well", "don't let it slip", "strongly",
)  # fmt: skip
SAYS = {
    "next_to": ("next to", "beside", "near", "close to", "by", "alongside", "adjacent to",
                "right beside", "right next to"),
    "left_of": ("left of", "to the left of", "on the left side of", "on the left of"),
    "right_of": ("right of", "to the right of", "on the right side of", "on the right of"),
    "behind": ("behind", "at the back of", "in back of"),
    "in_front_of": ("in front of", "before", "ahead of"),
    "above": ("above", "over"),
    "on": ("on", "on top of", "onto"),
}  # fmt: skip


def _words(table: dict[str, str], value: str) -> list[str]:
    return [word for word, meaning in table.items() if meaning == value]


def _pick(rng: random.Random, table: dict[str, str], value: str) -> str:
    words = _words(table, value)
    return words[0] if rng.random() < 0.5 else rng.choice(words)


def draw_ref(rng: random.Random) -> ObjectRef:
    """A description that says at least a colour or a shape."""
    color = rng.choice(COLORS) if rng.random() < 0.88 else None
    shape = rng.choice(SHAPES) if color is None or rng.random() < 0.85 else None
    size = rng.choice(SIZES) if rng.random() < 0.22 else None
    return ObjectRef(color, shape, size)


def say_ref(rng: random.Random, ref: ObjectRef, article: bool = True) -> str:
    """Words for a description, with a correction now and then."""
    noun = _pick(rng, lexicon.SHAPE_WORDS, ref.shape) if ref.shape else None
    noun = noun or rng.choice(lexicon.GENERIC_WORDS[:6])
    size = _pick(rng, lexicon.SIZE_WORDS, ref.size) if ref.size else ""
    color = _pick(rng, lexicon.COLOR_WORDS, ref.color) if ref.color else ""
    said = " ".join(w for w in (size, color, noun) if w)
    draw = rng.random()
    if ref.color and ref.shape and draw < 0.06:
        said = f"{size} {noun} that is {color}".strip()
    elif ref.color and draw < 0.16:
        other = rng.choice([c for c in COLORS if c != ref.color])
        said = rng.choice(
            (f"{said}, not the {other} one,", f"{other}, no sorry, {said}", f"{said} (not {other})",
             f"{said} rather than the {other} one", f"{said} instead of the {other} {noun}")
        )  # fmt: skip
    head = rng.choice(("the", "the", "the", "the", "that", "this", "a", "")) if article else ""
    return f"{head} {said}".strip()


def _place(rng: random.Random) -> tuple[str, Target]:
    if rng.random() < 0.75:
        name = rng.choice(LANDMARKS)
        return f"the {_pick(rng, lexicon.LANDMARK_WORDS, name)}", Target("landmark", name)
    name = rng.choice(ROOMS)
    return f"the {_pick(rng, lexicon.ROOM_WORDS, name)}", Target("room", name)


def _coordinate(rng: random.Random) -> tuple[str, Target]:
    top = rng.choice((1.0, 1.0, 5.0))
    x, y = (round(rng.uniform(-top, top), rng.choice((0, 1, 1, 2))) + 0.0 for _ in "xy")
    form = rng.choice(
        ("({x}, {y})", "x {x} y {y}", "x={x}, y={y}", "x = {x} and y = {y}", "{x} {y}", "[{x}, {y}]",
         "coordinates {x}, {y}", "position ({x}, {y})", "the point {x}, {y}", "{x}, {y}",
         "the position x={x} y={y}", "point ({x},{y})", "coordinate {x} and {y}")
    )  # fmt: skip
    if rng.random() < 0.1:
        x, y = float(rng.randint(0, 9)), float(rng.randint(0, 9))
        said = {v: w for w, v in lexicon.NUMBER_WORDS.items()}
        return form.format(x=said[x], y=said[y]), Target("coordinate", x=x, y=y)
    return form.format(x=f"{x:g}", y=f"{y:g}"), Target("coordinate", x=x, y=y)


def _bin(rng: random.Random) -> tuple[str, Target]:
    name = rng.choice(BINS)
    noun = lexicon.BIN_WORDS[0] if rng.random() < 0.5 else rng.choice(lexicon.BIN_WORDS)
    forms = (f"the {name} {noun}", f"the {name} {noun}", f"the {noun} on the {name}",
             f"the {name}-hand {noun}", f"the {name} one of the {noun}s")  # fmt: skip
    return rng.choice(forms), Target("bin", name)


def _direction(rng: random.Random) -> tuple[str, Target]:
    word, name = rng.choice(list(lexicon.DIRECTION_WORDS.items()))
    amount = rng.choice(("", "", "", "", " a bit", " a little", " one meter", " for two metres"))
    return word + amount, Target("direction", name)


def _related(rng: random.Random, target: tuple[str, Target]) -> tuple[str, str, Target]:
    relation = rng.choice(("next_to", "left_of", "right_of", "behind", "in_front_of"))
    return f"{rng.choice(SAYS[relation])} {target[0]}", relation, target[1]


def _object(rng: random.Random) -> tuple[str, Target]:
    ref = draw_ref(rng)
    return say_ref(rng, ref), Target("object", None, ref.color, ref.shape, ref.size)


def _place_target(rng: random.Random) -> tuple[str, str | None, Target]:
    draw = rng.random()
    if draw < 0.45:
        said, target = _bin(rng)
        return f"{rng.choice(('in', 'into', 'inside', 'in', 'to'))} {said}", "in", target
    if draw < 0.75:
        return _related(rng, _object(rng))
    if draw < 0.82:
        return _related(rng, _bin(rng) if rng.random() < 0.5 else _place(rng))
    if draw < 0.92:
        said, target = _coordinate(rng)
        return f"{rng.choice(('at', 'to', 'at'))} {said}", None, target
    name = rng.choice(("table", "shelf", "desk"))
    return f"{rng.choice(SAYS['on'])} the {name}", "on", Target("landmark", name)


def _manipulate(rng: random.Random, object_said: str, ref: ObjectRef) -> Clause:
    skill = rng.choices(("grasp", "pick_place", "push", "stack"), (0.24, 0.42, 0.16, 0.18))[0]
    relation: str | None = None
    target: Target | None = None
    if skill == "grasp":
        return rng.choice(GRASP).format(o=object_said), TaskSpec("grasp", ref)
    if skill == "pick_place":
        said, relation, target = _place_target(rng)
        text = rng.choice(PLACE).format(o=object_said, t=said)
    elif skill == "stack":
        said, target = _object(rng)
        text = rng.choice(STACK).format(o=object_said, t=said)
    else:
        said, relation, target = _push_target(rng)
        text = rng.choice(PUSH).format(o=object_said, t=said)
    return text, TaskSpec(skill, ref, target, relation_for(skill, target, relation))


def _push_target(rng: random.Random) -> tuple[str, str | None, Target]:
    draw = rng.random()
    if draw < 0.4:
        said, target = _direction(rng)
        return said, None, target
    if draw < 0.55:
        return _related(rng, _object(rng))
    maker = _bin if draw < 0.7 else _object if draw < 0.85 else _coordinate
    said, target = maker(rng)
    return f"{rng.choice(('to', 'towards', 'toward', 'up to'))} {said}", None, target


def _reach(rng: random.Random) -> Clause:
    maker = rng.choices((_object, _coordinate, _bin), (0.6, 0.25, 0.15))[0]
    said, target = maker(rng)
    form = rng.choice(REACH)
    relation = "above" if "{a}" in form else None
    text = form.format(t=said, a=rng.choice(SAYS["above"]))
    return text, TaskSpec("reach", None, target, relation_for("reach", target, relation))


def _navigate(rng: random.Random) -> Clause:
    draw = rng.random()
    if draw < 0.13:
        said, target = _place(rng)
        if target.name == "hallway":
            target = Target("landmark", "corridor")
        return rng.choice(FOLLOW).format(p=said), TaskSpec("follow", None, target)
    relation: str | None = None
    if draw < 0.55:
        said, target = _place(rng) if rng.random() < 0.85 else _object(rng)
        if rng.random() < 0.4 and target.kind != "object":
            text = rng.choice(VISIT).format(p=said)
        else:
            text = rng.choice(NAVIGATE).format(t=f"to {said}")
    elif draw < 0.75:
        said, relation, target = _related(rng, _place(rng) if rng.random() < 0.7 else _object(rng))
        text = rng.choice(NAVIGATE).format(t=said)
    elif draw < 0.87:
        said, target = _direction(rng)
        text = rng.choice(("go", "drive", "move", "turn and go", "roll", "head")) + f" {said}"
    else:
        said, target = _coordinate(rng)
        text = rng.choice(NAVIGATE).format(t=f"to {said}")
    return text, TaskSpec("navigate", None, target, relation_for("navigate", target, relation))


def _avoid(rng: random.Random, base: bool) -> tuple[str, str]:
    if base or rng.random() < 0.4:
        word, item = rng.choice(list(lexicon.AVOID_WORDS.items()))
        bare = word in ("people", "humans", "anyone", "anybody", "someone", "persons")
        return (word if bare else f"the {word}"), item
    ref = draw_ref(rng)
    return say_ref(rng, ref), str(ref)


def _modify(rng: random.Random, clause: Clause) -> Clause:
    text, step = clause
    base = step.skill in ("navigate", "follow")
    speed, force, avoid = "normal", "normal", list[str]()
    if rng.random() < 0.2:
        speed = rng.choice(("slow", "fast"))
        text = _attach(rng, text, rng.choice(SLOW if speed == "slow" else FAST))
    if rng.random() < 0.16:
        force = rng.choice(("gentle", "gentle", "firm"))
        text = _attach(rng, text, rng.choice(GENTLE if force == "gentle" else FIRM))
    if rng.random() < (0.35 if base else 0.12):
        said, item = _avoid(rng, base)
        avoid.append(item)
        if base and rng.random() < 0.15:
            more, item = _avoid(rng, base)
            said, avoid = f"{said} and {more}", list(dict.fromkeys([*avoid, item]))
        join = rng.choice((" ", ", ", " and ", " but ", ", and ", "; ", ", but "))
        text += join + rng.choice(AVOID).format(a=said)
    return text, TaskSpec(
        step.skill, step.object, step.target, step.relation, speed, force, tuple(sorted(avoid))
    )


def _attach(rng: random.Random, text: str, adverb: str) -> str:
    if adverb.endswith("ly") and rng.random() < 0.4:
        return f"{adverb} {text}"
    join = rng.choice((" ", ", ", ", "))
    return f"{adverb}{rng.choice((', ', ': '))}{text}" if rng.random() < 0.2 else text + join + adverb


def _clauses(rng: random.Random) -> list[Clause]:
    count = rng.choices((1, 2, 3), (0.66, 0.25, 0.09))[0]
    base = rng.random() < 0.36
    clauses: list[Clause] = []
    for _ in range(count):
        last = clauses[-1][1].object if clauses else None
        if base:
            clause = _navigate(rng)
        elif rng.random() < 0.12:
            clause = _reach(rng)
        elif last is not None and rng.random() < 0.25:
            clause = _manipulate(rng, "it", last)
        else:
            ref = draw_ref(rng)
            clause = _manipulate(rng, say_ref(rng, ref), ref)
        clauses.append(_modify(rng, clause) if rng.random() < 0.75 else clause)
    return clauses


def _join(rng: random.Random, texts: list[str]) -> str:
    if len(texts) == 2 and rng.random() < 0.12:
        return f"{texts[1]}, but first {texts[0]}"
    if len(texts) == 2 and rng.random() < 0.1:
        return f"after you {texts[0]}, {texts[1]}"
    joins = (", then ", " and then ", ". then ", ", after that ", " and ", "; ", ". next, ", ", ",
             ". after that, ", ", and finally ", " then ", ", and afterwards ")  # fmt: skip
    out = rng.choice(("", "", "first ", "first, ")) + texts[0] if len(texts) > 1 else texts[0]
    for text in texts[1:]:
        out += rng.choice(joins) + text
    return out


def sample(rng: random.Random, refusals: float = 0.24) -> tuple[str, Plan]:
    """One sentence and its plan; ``refusals`` is the share that must not be executed."""
    if rng.random() < refusals:
        text, plan = not_ok(rng)
        return roughen(rng, text), plan
    while True:
        clauses = _clauses(rng)
        try:
            plan = Plan("ok", None, tuple(step for _, step in clauses), parser="grammar")
        except PlanError:
            continue  # object and target came out the same: draw again
        text = _join(rng, [text for text, _ in clauses])
        return roughen(rng, wrap(rng, text)), plan


def pairs(seed: int, count: int) -> Iterator[tuple[str, Plan]]:
    """``count`` pairs; the same seed gives the same pairs."""
    rng = random.Random(seed)
    for _ in range(count):
        yield sample(rng)
