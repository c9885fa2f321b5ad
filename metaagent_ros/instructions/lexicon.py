"""The words that name a colour, a shape, a place: one list for rules, generator and messages.

Each table maps a phrase (lower case) to the value of the closed vocabulary in ``sim_envs.spec``.
"""

from __future__ import annotations

import re

from sim_envs.spec import COLORS, LANDMARKS, ROOMS

COLOR_WORDS = {c: c for c in COLORS} | {
    "crimson": "red", "scarlet": "red", "navy": "blue", "azure": "blue", "lime": "green",
    "emerald": "green", "golden": "yellow", "lemon": "yellow", "violet": "purple",
    "dark": "black", "ebony": "black", "ivory": "white",
}  # fmt: skip
SHAPE_WORDS = {
    "cube": "cube", "box": "cube", "block": "cube", "brick": "cube", "dice": "cube",
    "sphere": "sphere", "ball": "sphere", "orb": "sphere", "marble": "sphere",
    "cylinder": "cylinder", "can": "cylinder", "tin": "cylinder", "tube": "cylinder",
}  # fmt: skip
SIZE_WORDS = {
    "small": "small", "little": "small", "tiny": "small", "mini": "small", "smallish": "small",
    "medium": "medium", "medium-sized": "medium", "mid-sized": "medium", "middle-sized": "medium",
    "large": "large", "big": "large", "huge": "large", "giant": "large", "bulky": "large",
}  # fmt: skip
GENERIC_WORDS = ("object", "thing", "item", "piece", "one", "part", "something", "stuff")
BIN_WORDS = ("bin", "container", "basket", "tray", "bucket", "crate")
LANDMARK_WORDS = {name: name for name in LANDMARKS} | {
    "doorway": "door", "entrance": "door", "exit": "door", "charging station": "charger",
    "charging dock": "charger", "dock": "charger", "docking station": "charger",
    "corridor": "corridor", "passage": "corridor", "bookshelf": "shelf", "shelves": "shelf",
    "rack": "shelf", "writing desk": "desk", "wall on the left": "left wall",
    "wall on the right": "right wall", "left-hand wall": "left wall",
    "right-hand wall": "right wall",
}  # fmt: skip
ROOM_WORDS = {name: name for name in ROOMS} | {
    "laboratory": "lab", "storage room": "storage", "store room": "storage",
    "storeroom": "storage", "warehouse": "storage", "hall": "hallway", "bureau": "office",
}  # fmt: skip
DIRECTION_WORDS = {
    "forward": "forward", "forwards": "forward", "ahead": "forward", "straight ahead": "forward",
    "straight on": "forward", "away": "forward", "away from you": "forward",
    "backward": "backward", "backwards": "backward", "back": "backward", "in reverse": "backward",
    "left": "left", "leftward": "left", "leftwards": "left", "right": "right",
    "rightward": "right", "rightwards": "right", "to the left": "left", "to the right": "right",
    "toward you": "backward", "towards you": "backward",
}  # fmt: skip
RELATION_WORDS = {
    "on top of": "on", "onto": "on", "on to": "on", "atop": "on", "upon": "on", "on": "on",
    "to the left of": "left_of", "on the left of": "left_of", "left of": "left_of",
    "on the left side of": "left_of", "to the right of": "right_of", "on the right of": "right_of",
    "right of": "right_of", "on the right side of": "right_of", "in front of": "in_front_of",
    "before": "in_front_of", "behind": "behind", "in back of": "behind", "at the back of": "behind",
    "next to": "next_to", "beside": "next_to", "alongside": "next_to", "near": "next_to",
    "close to": "next_to", "by": "next_to", "adjacent to": "next_to", "above": "above",
    "over": "above", "into": "in", "inside": "in", "in": "in", "at": "at", "to": "at",
}  # fmt: skip
SPEED_WORDS = {
    "slowly": "slow", "slow": "slow", "take your time": "slow", "no rush": "slow",
    "no hurry": "slow", "unhurried": "slow", "leisurely": "slow", "at low speed": "slow",
    "quickly": "fast", "fast": "fast", "quick": "fast", "asap": "fast", "hurry": "fast",
    "rapidly": "fast", "full speed": "fast", "as soon as possible": "fast", "swiftly": "fast",
    "right away": "fast", "at top speed": "fast", "speedily": "fast",
}  # fmt: skip
FORCE_WORDS = {
    "gently": "gentle", "gentle": "gentle", "carefully": "gentle", "careful": "gentle",
    "softly": "gentle", "fragile": "gentle", "delicate": "gentle", "delicately": "gentle",
    "lightly": "gentle", "firmly": "firm", "firm": "firm", "tightly": "firm", "hard": "firm",
    "strongly": "firm", "with a strong grip": "firm", "securely": "firm",
}  # fmt: skip
AVOID_WORDS = {
    "person": "person", "people": "person", "human": "person", "humans": "person",
    "anyone": "person", "anybody": "person", "man": "person", "woman": "person",
    "someone": "person", "persons": "person", "chair": "chair", "chairs": "chair",
    "table": "table", "tables": "table", "wall": "wall", "walls": "wall",
}  # fmt: skip

_NUMBERS = "zero one two three four five six seven eight nine ten".split()
NUMBER_WORDS = {word: float(value) for value, word in enumerate(_NUMBERS)}
_UNITS = {"cm": 0.01, "centimeters": 0.01, "centimetres": 0.01, "mm": 0.001}
_WORD_NUMBER = "|".join(_NUMBERS)
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>-|−|minus |negative )?"
    rf"(?P<value>\d{{1,6}}(?:\.\d{{1,6}})?|\.\d{{1,6}}|(?:{_WORD_NUMBER})(?: point (?:{_WORD_NUMBER}))?)"
    rf"(?![\w]|\.\d)(?:\s?(?P<unit>{'|'.join(_UNITS)})\b)?|"
    rf"(?<![\w.])(?P<tight>-?\d{{1,6}}(?:\.\d{{1,6}})?)(?P<tight_unit>cm|mm|m)\b",
    re.IGNORECASE,
)  # fmt: skip


def numbers(text: str) -> list[tuple[int, float]]:
    """Every number in the text as (start offset, value); centimetres are turned into metres.

    >>> numbers("go to x 0.4 and y minus two")
    [(8, 0.4), (18, -2.0)]
    """
    return [(m.start(), _value(m)) for m in _NUMBER.finditer(text)]


def _value(match: re.Match[str]) -> float:
    if match["tight"]:
        return float(match["tight"]) * _UNITS.get(match["tight_unit"].lower(), 1.0)
    raw = match["value"].lower()
    if raw[0].isdigit() or raw[0] == ".":
        value = float(raw)
    else:
        whole, _, part = raw.partition(" point ")
        value = NUMBER_WORDS[whole] + (NUMBER_WORDS[part] / 10 if part else 0.0)
    value *= _UNITS.get((match["unit"] or "").lower(), 1.0)
    return -value if match["sign"] else value
