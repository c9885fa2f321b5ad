"""What every English phrase speaks for: the words of the phrase banks, and the few that they lack.

A phrase is a tuple of words; it may speak for several kinds at once ("table" is a landmark and something to
avoid). Kinds: color, shape, size, generic, bin, landmark, room, direction, relation, speed, force, avoid,
verb (the skills it may mean), keep (what comes next is to be avoided), refused (the reason), it, or, not,
swap (the second step comes first), hand (of the robot), pause (between steps), filler (nothing).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from metaagent_ros.instructions.phrases import phrases
from sim_envs.spec import DIRECTIONS, RELATIONS

Token = dict[str, Any]  # kind to value
REF = ("color", "shape", "size", "generic")
_WORD = re.compile(r"[@#]|[a-z0-9]+(?:['-][a-z0-9]+)*|[.,;:!?/]")
_VERBS = {
    "grasp": "pick,pick up,grab,grasp,take,take hold of,get hold of,lift,lift up,raise,hold,grip,get,fetch",
    "pick_place": "put,put down,place,set,set down,lay,move,bring,carry,drop,deliver,transfer",
    "stack": "stack,pile,balance",
    "push": "push,shove,slide,nudge",
    "reach": "reach,reach for,reach out to,reach out for,touch,tap,point at,point to,hover",
    "follow": "follow,keep following,follow along,drive along,go along,move along,travel along,walk along",
    "navigate": "go,drive,navigate,head,head for,travel,return,come,visit,move,roll,walk,get,park,reverse,"
    "back up",
}
_FILLER = (
    "the,a,an,this,that,please,now,just,you,your,my,me,is,are,so,up,down,over,there,here,robot,i,we,us,!,?,:,/,"
    "for,with,by,equals,first,a bit,a little,a little way,some way,yourself,point,position,spot,location,"
    "coordinate,coordinates"
)
_MORE = {  # kind, value: phrases
    ("refused", "unsafe"): "throw,hurl,fling,toss,smash,break,crush,destroy,kick,hit,hurt,punch,ram",
    ("refused", "impossible"): "fly,teleport,jump,climb,swim,levitate",
    ("refused", "out_of_scope"): "bring me,give me,hand me,don't,do not,never,stop,wait",
    ("refused", "ambiguous"): "tidy,tidy up,sort,clear up",
    ("it", "it"): "it,them,that one,this one,the same one",
    ("or", "or"): "or,either,one of,everything,these,those",
    ("not", "not"): "not,never mind,ignore,forget about,disregard",
    ("coordinate", "@"): "@",
    ("distance", "#"): "#,half a metre,half a meter,a metre,a meter,a few steps",
    ("swap", "swap"): "but first,but before that,before you",
    ("hand", "hand"): "gripper,arm,hand,end effector,finger,fingertip",
    ("pause", "pause"): "and,but,then,afterwards,after that,next,finally,and then,.,;,comma",
    ("relation", "from"): "from,out of,off,off of",
    ("relation", "under"): "under,underneath,below,beneath",
    ("direction", "backward"): "back up,reverse",
    ("generic", "object"): "something,anything",
    ("bin", "bin"): "bins",
    ("filler", "filler"): _FILLER,
}


def _pairs() -> Iterator[tuple[str, str, Any]]:
    """(phrase, kind, value) for all that the banks and the lists above say."""
    bank = phrases("en")
    for kind in ("color", "shape", "size", "generic", "landmark", "room", "avoid", "bin"):
        yield from ((word, kind, value) for word, value in bank.table(kind).items())
    for word, side in bank.table("side").items():
        for bin_ in bank.table("bin"):
            yield f"{word} {bin_}", "bin", side
            yield from ((f"{bin_} on {whose} {side}", "bin", side) for whose in ("the", "your", "my"))
    for relation in (*RELATIONS, "to"):
        plain = (line.removesuffix(" {p}") for line in bank.banks[f"rel_{relation}"])
        yield from ((line, "relation", "at" if relation == "to" else relation) for line in plain)
    for kind, value in (("speed", "slow"), ("speed", "fast"), ("force", "gentle"), ("force", "firm")):
        yield from ((line, kind, value) for b in (value, f"{value}_pre") for line in bank.banks[b])
    for value in DIRECTIONS:
        names = (f"dir_{value}", f"dir_{value}_push")
        yield from ((line, "direction", value) for b in names for line in bank.banks.get(b, ()))
    yield from (
        (line.removesuffix(" {p}"), "keep", "") for line in bank.banks["avoid"] if line.endswith(" {p}")
    )
    for name in ("opening", "opening_verb", "closing", "filler"):
        yield from ((line, "filler", "") for line in bank.banks[name])
    for skill, verbs in _VERBS.items():
        yield from ((verb, "verb", skill) for verb in verbs.split(","))
    for (kind, value), listed in _MORE.items():
        yield from ((phrase.replace("comma", ","), kind, value) for phrase in listed.split(","))


@functools.cache
def lexicon() -> dict[tuple[str, ...], Token]:
    """Every phrase with its kinds and their values; the skills of a verb come as a tuple."""
    out: dict[tuple[str, ...], Token] = {}
    for phrase, kind, value in _pairs():
        kinds = out.setdefault(tuple(_WORD.findall(phrase)), {})
        if kind == "verb":
            kinds[kind] = (*kinds.get(kind, ()), *(() if value in kinds.get(kind, ()) else (value,)))
        elif "{" not in phrase and not (kind == "filler" and kinds):
            kinds.setdefault(kind, value)
    return out


@functools.cache
def _longest() -> dict[str, int]:
    """How many words the longest phrase has that begins with a word."""
    out: dict[str, int] = {}
    for phrase in lexicon():
        out[phrase[0]] = max(len(phrase), out.get(phrase[0], 0))
    return out


def tokens(text: str) -> list[Token]:
    """The longest phrases of a lower-case text; neighbours that make one noun phrase become one ``ref``."""
    words, known, longest, out, at = _WORD.findall(text), lexicon(), _longest(), list[Token](), 0
    while at < len(words):
        sizes = range(min(longest.get(words[at], 0), len(words) - at), 0, -1)
        size = next((n for n in sizes if tuple(words[at : at + n]) in known and not _cuts(words, at + n)), 1)
        token = known.get(tuple(words[at : at + size]), {"unknown": words[at]})
        at += size
        part = {kind: value for kind, value in token.items() if kind in REF}
        if part and out and not part.keys() & out[-1].get("ref", part).keys():
            out[-1] = {"ref": out[-1]["ref"] | part}
        else:
            out.append({"ref": part} if part else token)
    return out


def _cuts(words: list[str], end: int) -> bool:
    """Whether a phrase that ends there takes the side away from "left bin" or "right wall"."""
    return (
        end < len(words)
        and words[end - 1] in ("left", "right")
        and tuple(words[end - 1 : end + 1]) in lexicon()
    )
