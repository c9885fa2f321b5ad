"""Chinese names and wordings for :mod:`.rules_zh`, all from the phrase banks."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from metaagent_ros.instructions.clauses import Unread
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.quantities import places
from sim_envs.spec import DIRECTIONS, MAX_COORDINATE, RELATIONS, ObjectRef, Target

_BANKS = {
    "grasp": "grasp", "place": "pick_place", "place_in": "pick_place", "stack": "stack", "push_to": "push",
    "push_dir": "push", "reach": "reach", "reach_above": "reach", "go": "navigate", "go_in": "navigate",
    "go_direction": "navigate", "follow": "follow", "avoid": "avoid",
}  # fmt: skip
_SAID = {"reach_above": "above", "go_in": "in", "place_in": "in"}  # of a thing of which nothing is said
MODIFIERS = {"slow": "speed", "fast": "speed", "gentle": "force", "firm": "force"}
_ARTICLE = "(?:[那这一][个块只张颗把道面座]|[那这个])?"
_DISTANCE = re.compile(
    r"(?<!第)(?:\d{1,3}(?:\.\d{1,2})?|[一二两三四五六七八九十半几]{1,3}) ?(?:米|厘米|公分|公尺|步|点)"
)
_COORDINATE = re.compile(r"(?:[坐座]标点?|位置|点)? ?[(（]? ?@ ?[)）]? ?米?(?:的?位置|的地方)?")


class Thing(NamedTuple):
    """What a sign stands for, with the relation that is said of it; ``None``: "it"."""

    said: str | None
    what: ObjectRef | Target | str | None


class Wording(NamedTuple):
    """What a wording of the banks means; ``object_at`` is the place of the object among its things, or -1.

    ``said`` is the relation, where nothing is said of the aim; ``way`` a direction that is no thing.
    """

    skill: str
    object_at: int = -1
    said: str | None = None
    way: str | None = None


def signed(text: str) -> tuple[str, list[Thing]]:
    """The text with a sign for every thing, and the things in their order; raises ``Unread``."""
    text = re.sub(r"(?<=\d)，(?=[xy\d-])", ",", re.sub("[@#]", "?", text.lower()))
    text, points = places(text)
    if any(max(abs(x), abs(y)) > MAX_COORDINATE for x, y in points):
        raise Unread("impossible")
    waiting = iter(Target("coordinate", x=x, y=y) for x, y in points)
    things = list[Thing]()

    def sign(match: re.Match[str]) -> str:
        things.append(_named(match, waiting))
        return "D" if match["way"] else "X"

    text = _DISTANCE.sub("#", _COORDINATE.sub("@", text))
    return _thing().sub(sign, text), things


def _named(match: re.Match[str], waiting: Iterator[Target]) -> Thing:
    bank, said = phrases("zh"), relations().get(match["rel"] or "")
    if match["way"]:
        return Thing(None, Target("direction", _ways()[match["way"]]))
    if match["pronoun"]:
        return Thing(None, None)
    if match["point"]:
        return Thing(said, next(waiting))
    if match["avoided"]:
        return Thing(said, bank.table("avoid")[match["avoided"]])
    if word := match["name"]:
        slot = next((slot for slot in ("landmark", "room") if word in bank.table(slot)), None)
        named = (
            Target(slot, bank.table(slot)[word])
            if slot
            else Target("bin", "left" if "左" in word else "right")
        )
        return Thing(said, named)
    color, shape = (bank.table(slot).get(match[slot] or "") for slot in ("color", "shape"))
    if color is None and shape is None:
        raise Unread("ambiguous")
    return Thing(said, ObjectRef(color, shape, bank.table("size").get(match["size"] or match["late"] or "")))


def _listed(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))


def _slot(*slots: str) -> str:
    return _listed(word for slot in slots for word in phrases("zh").table(slot))


@functools.cache
def relations() -> dict[str, str]:
    """What stands after a thing ("里", "的旁边") to the relation that it says."""
    banks = phrases("zh").banks
    lines = ((line, name) for name in RELATIONS for line in banks[f"rel_{name}"] if line.startswith("{p}"))
    return {line.removeprefix("{p}"): name for line, name in lines if line != "{p}"}


@functools.cache
def _ways() -> dict[str, str]:
    banks = phrases("zh").banks
    names = ((f"dir_{way}{how}", way) for way in DIRECTIONS for how in ("_push", ""))
    return {line: way for name, way in names for line in banks.get(name, ())}


@functools.cache
def _thing() -> re.Pattern[str]:
    side = rf"(?:{_slot('side')})的?(?:{_slot('bin')})"
    looks = rf"(?P<size>{_slot('size')})?(?P<color>{_slot('color')})?(?P<late>{_slot('size')})?"
    thing = rf"{looks}(?:(?P<shape>{_slot('shape')})|(?<=的)(?:{_slot('generic')}))"
    name = rf"(?P<name>{side}|{_slot('landmark', 'room')})"
    what = rf"(?:{_ARTICLE}{thing}|{_ARTICLE}{name}|(?P<point>@)|(?P<avoided>{_slot('avoid')}))"
    aim = rf"{what}(?P<rel>{_listed(relations())})?"
    return re.compile(rf"(?P<way>{_listed(_ways())})(?=[走开推移挪去退前#])|{aim}|(?P<pronoun>它)")


@functools.cache
def wordings() -> dict[str, Wording]:
    """Every wording in signs, and what it means."""
    banks, known = phrases("zh").banks, dict[str, Wording]()
    aim = re.compile(rf"\{{p\}}(?:{_listed(relations())})?")
    for name, skill in _BANKS.items():
        for line in banks[name]:
            order = re.findall(r"\{([opt])\}", line)
            to = "D" if name in ("push_dir", "go_direction") else "X"
            signs = aim.sub("X", _DISTANCE.sub("#", line).replace("{o}", "X")).replace("{t}", to)
            object_at = order.index("o") if "o" in order else -1
            known.setdefault(signs, Wording(skill, object_at, _SAID.get(name)))
    for way in DIRECTIONS:
        for line in (*banks[f"push_{way}"], *banks[f"go_{way}"]):
            signs = _ways_in(_DISTANCE.sub("#", line)).replace("{o}", "X")
            held, fixed = signs.find("X"), None if "D" in signs else way
            object_at = -1 if held < 0 else int("D" in signs[:held])
            known.setdefault(signs, Wording("navigate" if held < 0 else "push", object_at, way=fixed))
    for value in MODIFIERS:
        known.update({line: Wording(value) for line in banks[value]})
    return {signs: meaning for signs, meaning in known.items() if _complete(signs, meaning)}


def _complete(signs: str, meaning: Wording) -> bool:
    """Whether every thing is said once, and something beside the things."""
    needed = 0 if meaning.skill in MODIFIERS or meaning.skill == "grasp" or meaning.way else 1
    said = signs.count("X") + signs.count("D")
    return said == needed + (meaning.object_at >= 0) and signs not in ("X", "D")


def _ways_in(line: str) -> str:
    return re.sub(rf"(?:{_listed(_ways())})(?=[走开推移挪去退前#])", "D", line)


@functools.cache
def adverbs() -> dict[str, str]:
    """Adverb to the speed or force that it is, the longest first."""
    banks = phrases("zh").banks
    found = {word: value for value in MODIFIERS for word in banks[f"{value}_pre"]}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


@functools.cache
def courtesies() -> re.Pattern[str]:
    """What may stand around a command and says nothing."""
    banks = phrases("zh").banks
    return re.compile(
        rf"^(?:{_listed((*banks['opening'], '帮我', '给我', '首先', '你'))})|"
        rf"(?:{_listed((*banks['closing'], '吧', '好吗', '可以吗', '行吗', '啊', '呀', '哦'))})$"
    )
