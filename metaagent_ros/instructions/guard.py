"""Checks before any parser sees a text: bounded time, never an exception, refuse with a reason.

A net below the parsers, made to catch little and surely: what is hidden, what is code, what asks for other
rules, for more than the limits, for violence. Which wording means what is for the parsers to tell.
"""

from __future__ import annotations

import re
import unicodedata

from metaagent_ros.instructions import dangers, scripts
from metaagent_ros.instructions.quantities import numbers
from metaagent_ros.instructions.schema import Plan, clarify, refuse
from sim_envs.spec import COLORS, SIZES

MAX_BYTES = 2048
MAX_SPEED = 2.0  # [m/s] more than any of our robots may drive
MAX_FORCE = 140.0  # [N] what ISO/TS 15066 lets a hand bear when it is clamped
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")
_SAID_WHICH = "".join(  # "the left one of the two" leaves nothing open
    rf"(?<!\b{word} )" for word in ("the", "left", "right", "big", "bigger", "smaller", *COLORS, *SIZES)
)
_ONE_OF = re.compile(
    rf"\b(?:{_SAID_WHICH}one|either|any(?: one)?) (?:of|from|out of) (?:the|those|these|my|our|your) "
    r"(?:two|three|four|both|several|pair)\b"
    r"|(?:两|俩|三|四|几)[个只块根颗罐件枚样]?[^，。；]{0,8}?(?:里|中|当中)(?:面|间|边|头)?"
    r"(?:随便|任意|任|有|挑|拿|取|选|抓|夹|放|推|给|来){0,3}一[个只块根颗件枚样]",
    re.IGNORECASE,
)
_NEAR = 90  # [characters] before a finding that may turn its meaning round


def check(text: object) -> Plan | None:
    """A refusal or a question, or ``None`` where a parser may look at the text."""
    if not isinstance(text, str):
        return refuse("nonsense", f"The instruction must be text, not {type(text).__name__}.")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return refuse("nonsense", f"The instruction is too long; allowed: {MAX_BYTES} bytes.")
    if _has_hidden(text):
        return refuse("nonsense", "The instruction holds control, invisible or binary characters.")
    plain = _plain(text)
    if dangers.CODE.search(plain):
        return refuse("injection", "This looks like code or data, not like an instruction.")
    if not any(c.isalpha() for c in text):
        return refuse("nonsense", "The instruction holds no words.")
    if (refusal := _meaning(" ".join(plain.replace("_", " ").split()))) is not None:
        return refusal
    if (strange := scripts.foreign(scripts.readable(text))) is not None:
        return refuse(
            "out_of_scope", f"I understand English or Chinese, one at a time; not {strange!r} here."
        )
    if one := _ONE_OF.search(scripts.readable(text)):
        return clarify("ambiguous", f"Which one do you mean: {one[0]!r}?")
    return None


def _has_hidden(text: str) -> bool:
    """Whether characters occur that no person sees; but for a byte order mark and what joins emoji."""
    for i, char in enumerate(text):
        if unicodedata.category(char) not in _HIDDEN or char in "\t\r\n":
            continue
        before = text[i - 1] if i else ""
        joins = char == "\u200d" and (
            before == "\ufe0f" or unicodedata.category(before or " ") in ("So", "Sk")
        )
        if not (joins or (char == "\ufeff" and i == 0) or "\U0001f000" <= char <= "\U0001faff"):
            return True
    return False


def _plain(text: str) -> str:
    """Without accents and other dress; what is searched, never what is parsed."""
    undressed = unicodedata.normalize("NFKD", scripts.readable(text).removeprefix("\ufeff"))
    return "".join(c for c in undressed[: 3 * MAX_BYTES] if not unicodedata.combining(c))


def _meaning(text: str) -> Plan | None:
    if _found(dangers.INJECTION, text):
        return refuse("injection", "I do not change my rules on request.")
    if _found(dangers.LIMITS, text):
        return refuse("unsafe", "I do not exceed or switch off safety limits.")
    if (excess := _excess(text)) is not None:
        return refuse("unsafe", excess)
    if harm := _found(dangers.VIOLENCE, text) or _found(dangers.ZH_VIOLENCE, text):
        return refuse("unsafe", f"I do nothing that may hurt or break: {harm!r}.")
    return None


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    """The first finding that no "not", "without", "it might" before it turns round."""
    for match in pattern.finditer(text):
        near = max(0, match.start() - _NEAR)
        turned = dangers.TURNED.search(text, near, match.start()) or dangers.ZH_TURNED.search(
            text, near, match.start()
        )
        if turned is None:
            return match[0]
    return None


def _excess(text: str) -> str | None:
    """What is said of a speed or a force beyond the limits."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(?<=\d)(?=[A-Za-z])", " ", text)
    for start, end, value in numbers(text):
        before, after = text[max(0, start - _NEAR) : start], text[end : end + 40]
        if dangers.BELOW.search(before):
            continue
        speed, force = _speed(before, after) * abs(value), _force(after) * abs(value)
        if speed > MAX_SPEED:
            return f"{speed:.3g} m/s is too fast; allowed: {MAX_SPEED:g} m/s."
        if force > MAX_FORCE:
            return f"{force:.3g} N is too much force; allowed: {MAX_FORCE:g} N."
        if abs(value) > 100.0 and dangers.PERCENT.match(after):
            return f"{value:g} percent is more than the limits allow."
    return None


def _speed(before: str, after: str) -> float:
    """The speed [m/s] of a number of 1 between these words; 0 where it is none."""
    if dangers.PER_SECOND.match(after) or (before.endswith("每秒") and after[:1] == "米"):
        return 1.0
    if dangers.PER_HOUR.match(after) or before.endswith("时速"):
        return 1.0 / 3600.0  # the number has eaten its "km"
    if other := dangers.OTHER_RATE.match(after):
        return 1.0 / 3.6 if other[1] else 0.447
    return 0.0


def _force(after: str) -> float:
    """The force [N] of a number of 1 before these words; 0 where it is none."""
    if dangers.KILONEWTON.match(after):
        return 1000.0
    return 1.0 if dangers.NEWTON.match(after) else 0.0
