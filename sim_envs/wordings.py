"""How a task is said in English: many sentences for one :class:`~sim_envs.spec.TaskSpec`, in two languages.

Each language is a small grammar: templates a skill, synonyms for what they name, frames around them. In a
text ``[a|b]`` is a choice and ``{slot}`` the text of that slot. The held-out language shares no template,
no frame and (colours aside) hardly a synonym with the other one. Every sentence states all that its
specification says, and :func:`language` recognises which language a sentence is of.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from sim_envs.spec import COLORS, SHAPES, SIZES, ObjectRef, SpecError, Target, TaskSpec

Pair: TypeAlias = tuple[str, str]
"""What the two languages say: for training, held out."""

TEMPLATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "grasp": (
        ("pick up {object}", "pick {object} up", "[grasp|grab] {object}", "lift {object} up",
         "lift {object} off the table", "take {object} off the table", "get hold of {object} and lift it",
         "[grab|take] {object} and hold it up", "raise {object}"),
        ("hoist {object}", "seize {object} and bring it up", "close your [gripper|fingers] on {object} and"
         " hoist it", "fetch {object} from the table", "clutch {object} and elevate it"),
    ),
    "pick_place": (
        ("[put|place] {object} {where}", "pick up {object} and put it {where}", "drop {object} {where}",
         "[grab|take] {object} and [place|drop] it {where}", "move {object} {where}", "set {object} {where}",
         "bring {object} {where}", "lift {object} and set it down {where}",
         "take {object}, then put it {where}"),
        ("deposit {object} {where}", "stow {object} {where}", "fetch {object} and leave it {where}",
         "transfer {object} {where}", "make sure {object} ends up {where}"),
    ),
    "push": (
        ("push {object} {where}", "[shove|nudge] {object} {where}", "slide {object} {where}",
         "give {object} a push {where}", "move {object} {where} by pushing it", "slide {object} {where} over"
         " the table", "push {object} {where} without lifting it", "use your hand to push {object} {where}"),
        ("sweep {object} {where}", "scoot {object} {where}", "propel {object} {where} along the table",
         "use your fingers to shift {object} {where}"),
    ),
    "reach": (
        ("move [the|your] gripper {where}", "bring [the|your] hand {where}", "move the arm {where}",
         "reach out {where}", "stretch the arm out {where}", "guide the gripper {where}",
         "lead your hand {where}", "go {where} with [the|your] gripper"),
        ("extend the arm {where}", "send your fingertips {where}", "direct the end effector {where}",
         "steer the tool {where}"),
    ),
    "stack": (
        ("stack {object} {where}", "[put|place] {object} {where}", "pile {object} {where}",
         "set {object} {where}", "pick up {object} and put it {where}", "take {object} and stack it {where}",
         "lift {object} and place it {where}", "build a tower with {object} {where}"),
        ("rest {object} {where}", "balance {object} {where}", "perch {object} {where}",
         "use {target} as the base for {object}"),
    ),
    "navigate": (
        ("go {where}", "drive {where}", "move {where}", "head {where}", "travel {where}", "roll {where}",
         "make your way {where}", "navigate {where}"),
        ("proceed {where}", "steer {where}", "get yourself {where}", "journey {where}"),
    ),
    "follow": (
        ("follow {target}", "keep following {target}", "drive along {target}", "go along {target}",
         "move along {target}", "stay along {target}", "continue along {target}", "keep close to {target}"),
        ("track {target}", "trail {target}", "hug {target}", "stick to {target}"),
    ),
}  # fmt: skip
FRAMES = (
    ("{clause}", "please {clause}", "{clause}, please", "could you {clause}", "can you {clause}",
     "can you please {clause}", "I want you to {clause}", "robot, {clause}", "now {clause}"),
    ("kindly {clause}", "would you {clause}", "I'd like you to {clause}", "your job is to {clause}",
     "{clause}, if you would"),
)  # fmt: skip
FRONTED = ("{manner}, {rest}", "{manner}, kindly {rest}")
AVOIDANCE = (
    "[ without touching {avoid}|, and avoid {avoid}|, but keep away from {avoid}|, and stay clear of"
    " {avoid}]",
    "[, and steer clear of {avoid}|, but give {avoid} a wide berth|, dodging {avoid}]",
)
SHAPE_WORDS: dict[str | None, Pair] = {
    "cube": ("[cube|box|block]", "brick"), "sphere": ("[sphere|ball]", "orb"),
    "cylinder": ("[cylinder|can]", "[tin|tube]"), None: ("[object|thing]", "item"),
}  # fmt: skip
SIZE_WORDS: dict[str, Pair] = {
    "small": ("[small|little]", "tiny"), "medium": ("[medium|medium-sized]", "mid-sized"),
    "large": ("[large|big]", "huge"),
}  # fmt: skip
PLACE_WORDS: dict[str, Pair] = {
    "door": ("[door|doorway]", "entrance"), "charger": ("[charger|charging station]", "dock"),
    "table": ("table", "table"), "desk": ("desk", "writing desk"), "shelf": ("shelf", "bookshelf"),
    "corridor": ("corridor", "passage"), "left wall": ("left wall", "left-hand wall"),
    "right wall": ("right wall", "right-hand wall"), "lab": ("lab", "laboratory"),
    "storage": ("storage room", "store room"), "office": ("office", "bureau"), "hallway": ("hallway", "hall"),
    "person": ("person", "human"), "wall": ("wall", "walls"),
}  # fmt: skip
"""Of landmarks, rooms and what a base keeps away from; those that are missing are called by their name."""
BIN_WORDS = (
    "[the {side} [bin|container]|the [bin|container] on the {side}]",
    "the {side}-hand [basket|tray]",
)
DIRECTION_WORDS: dict[str, Pair] = {
    "left": ("[left|to the left]", "leftward"), "right": ("[right|to the right]", "rightward"),
    "forward": ("[forward|ahead]", "straight on"), "backward": ("[backward|back]", "in reverse"),
}  # fmt: skip
RELATION_WORDS: dict[str | None, Pair] = {
    "in": ("[in|into]", "inside"), "on": ("[on|on top of]", "[atop|upon]"), "at": ("to", "up to"),
    None: ("to", "up to"), "above": ("[above|over]", "directly above"),
    "next_to": ("[next to|beside]", "alongside"),
    "left_of": ("to the left of", "on the left side of"), "behind": ("behind", "at the back of"),
    "right_of": ("to the right of", "on the right side of"), "in_front_of": ("in front of", "before"),
}  # fmt: skip
SPEED_WORDS: dict[str, Pair] = {
    "slow": ("[slowly|at a slow pace]", "[unhurriedly|without rushing]"),
    "fast": ("[quickly|fast|rapidly]", "[swiftly|at top speed]"),
}
FORCE_WORDS: dict[str, Pair] = {
    "gentle": ("[gently|softly|carefully]", "[delicately|with a light touch]"),
    "firm": ("[firmly|with a firm hand]", "[strongly|with force]"),
}
_QUESTIONS = ("could", "can", "would")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_SPECIAL = {"[": "(?:", "]": ")", "|": "|"}


def instruction(spec: TaskSpec, rng: np.random.Generator, held_out: bool = False) -> str:
    """A sentence that states the specification, of the language for training or of the held-out one."""
    slots = _slots(spec, held_out)
    said = _say("{sentence}", slots, rng)
    end = "?" if said.startswith(_QUESTIONS) else ("." if rng.random() < 0.5 else "")
    return said[0].upper() + said[1:] + end


def language(spec: TaskSpec, text: str) -> str | None:
    """Which language says the specification so: ``train``, ``held_out``; None where neither or both do."""
    said = text.strip().rstrip(".?!").lower()
    names = [name for name, out in (("train", False), ("held_out", True)) if _of(spec, said, out)]
    return names[0] if len(names) == 1 else None


def _of(spec: TaskSpec, said: str, held_out: bool) -> bool:
    """Whether the lower-case text is a sentence of the grammar."""
    framed, fronted = _patterns(spec, held_out)
    if fronted.fullmatch(said):
        return True
    for frame in FRAMES[held_out]:
        head, _, tail = frame.lower().partition("{clause}")
        inner = said[len(head) : len(said) - len(tail)]
        if said == f"{head}{inner}{tail}" and framed.fullmatch(inner):
            return True
    return False


@lru_cache(maxsize=4096)
def _patterns(spec: TaskSpec, held_out: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of what stands in a frame, and of sentences that begin with the manner."""
    slots = _slots(spec, held_out)
    fronted = FRONTED[held_out] if slots["manner"] else "{clause}"
    framed, whole = (_expression(text, slots).lower() for text in ("{clause}", fronted))
    return re.compile(framed), re.compile(whole)


def _say(text: str, slots: dict[str, str], rng: np.random.Generator) -> str:
    """One sentence of the grammar."""
    while found := _CHOICE.search(text):
        choices = found[1].split("|")
        text = text[: found.start()] + choices[int(rng.integers(len(choices)))] + text[found.end() :]
    out = "".join(
        _say(slots[part], slots, rng) if number % 2 else part for number, part in enumerate(_SLOT.split(text))
    )
    return out.rstrip()


def _expression(text: str, slots: dict[str, str]) -> str:
    """A regular expression for all sentences of the grammar."""
    parts = []
    for number, part in enumerate(_SLOT.split(text)):
        if number % 2:
            parts.append(f"(?:{_expression(slots[part], slots)})")
        else:
            parts.append("".join(_SPECIAL.get(letter) or re.escape(letter) for letter in part))
    return "".join(parts)


def _slots(spec: TaskSpec, held_out: bool) -> dict[str, str]:
    """What each slot of the grammar stands for."""
    which = int(held_out)
    slots = {
        "core": _choice(TEMPLATES[spec.skill][which]),
        "object": _object(spec.object or ObjectRef(), which),
    }
    if spec.target is not None:
        slots["target"] = _target(spec.target, which)
        slots["where"] = _where(spec, spec.target, which)
    elif spec.skill != "grasp":
        raise SpecError(f"{spec.skill} without a target cannot be said")
    words = {"speed": SPEED_WORDS.get(spec.speed), "force": FORCE_WORDS.get(spec.force)}
    manner = {name: pair[which] for name, pair in words.items() if pair}
    slots |= manner
    both = "[{speed} and {force}|{force} and {speed}]"
    slots["manner"] = both if len(manner) == 2 else "".join(f"{{{name}}}" for name in manner)
    slots["avoid"] = " and ".join(_avoided(item, which) for item in spec.avoid)
    slots["rest"] = "{core}" + (AVOIDANCE[which] if spec.avoid else "")
    slots["clause"] = ("{core} {manner}" if manner else "{core}") + (AVOIDANCE[which] if spec.avoid else "")
    slots["sentence"] = _choice((*FRAMES[which], FRONTED[which]) if manner else FRAMES[which])
    return slots


def _choice(texts: tuple[str, ...]) -> str:
    return f"[{'|'.join(texts)}]"


def _object(ref: ObjectRef, which: int) -> str:
    size = SIZE_WORDS[ref.size][which] if ref.size else None
    return "the " + " ".join(word for word in (size, ref.color, SHAPE_WORDS[ref.shape][which]) if word)


def _target(target: Target, which: int) -> str:
    if target.kind == "object":
        return _object(target.object, which)
    if target.kind == "coordinate":
        x, y = f"{target.x:.12g}", f"{target.y:.12g}"
        return (f"[the point ({x}, {y})|x = {x}, y = {y}]", f"the coordinates {x}, {y}")[which]
    if target.kind == "bin":
        return BIN_WORDS[which].replace("{side}", str(target.name))
    if target.kind == "direction":
        return DIRECTION_WORDS[str(target.name)][which]
    return "the " + _place(str(target.name), which)


def _where(spec: TaskSpec, target: Target, which: int) -> str:
    if target.kind == "direction":
        return "{target}"
    return RELATION_WORDS[spec.relation][which] + " {target}"


def _place(name: str, which: int) -> str:
    return PLACE_WORDS.get(name, (name, name))[which]


def _avoided(item: str, which: int) -> str:
    """Words for what shall be avoided: a thing of a room, or an object by its description."""
    words = item.split()
    said = {
        kind: next((word for word in words if word in values), None)
        for kind, values in (("color", COLORS), ("shape", SHAPES), ("size", SIZES))
    }
    if any(said.values()) or item == "object":
        return _object(ObjectRef(**said), which)
    return "the " + _place(item, which)
