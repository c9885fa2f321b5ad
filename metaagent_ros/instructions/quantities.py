"""Numbers in a sentence, in digits and in English or Chinese words; lengths come out in metres."""

from __future__ import annotations

import itertools
import re

from metaagent_ros.instructions.scripts import readable

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_EN = {word: float(i) for i, word in enumerate(_SMALL)} | {w: 20.0 + 10 * i for i, w in enumerate(_TENS)}
_EN_SCALES = {"hundred": 100.0, "thousand": 1000.0}
_ZH = {char: float(i) for i, char in enumerate("零一二三四五六七八九")} | {"两": 2.0}
_ZH_SCALES = {"十": 10.0, "百": 100.0, "千": 1000.0, "万": 10_000.0}
_UNITS = {
    "cm": 0.01, "centimeter": 0.01, "centimeters": 0.01, "centimetre": 0.01, "centimetres": 0.01,
    "mm": 0.001, "millimeter": 0.001, "millimeters": 0.001, "millimetre": 0.001, "millimetres": 0.001,
    "km": 1000.0, "kilometer": 1000.0, "kilometers": 1000.0, "kilometre": 1000.0, "kilometres": 1000.0,
    "厘米": 0.01, "公分": 0.01, "毫米": 0.001, "公里": 1000.0, "千米": 1000.0, "分米": 0.1,
}  # fmt: skip
_DIGIT = "|".join(_SMALL[:10])
_EN_WORD = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_SMALL[1:10])}))?|{'|'.join(reversed(_SMALL))})"
    r"(?: (?:hundred|thousand))?|a (?:hundred|thousand)"
)
_ZH_DIGIT = "".join(_ZH)
_ONE_TO_NINE = _ZH_DIGIT[1:10]
_ZH_WORD = rf"[{_ZH_DIGIT}](?:[百千万][{_ZH_DIGIT}十百千万]{{0,12}}|十[{_ONE_TO_NINE}]?)?|十[{_ONE_TO_NINE}]?"
# A minus may stand apart from its number only where nothing else can be meant: after = : ( or a comma.
_MINUS = r"(?<![A-WZa-wz0-9_.])-|(?:(?<=[=:(,])|(?<=[=:(,] ))- |\bminus |\bnegative |负"
_NUMBER = re.compile(
    rf"(?P<sign>{_MINUS})?(?:"
    r"(?P<digits>(?<![0-9A-WZa-wz_.])(?:[0-9]{1,200}(?:\.[0-9]{1,200})?|\.[0-9]{1,200})(?:e[+-]?[0-9]{1,2})?)"
    rf"|\b(?P<words>(?:{_EN_WORD})\b(?: point(?: (?:{_DIGIT})\b)+| and a half\b)?)"
    rf"|(?P<zh>(?:{_ZH_WORD})(?:点[{_ZH_DIGIT}]+)?))"
    rf"(?:\s?(?P<unit>{'|'.join(sorted(_UNITS, key=len, reverse=True))}|m)(?![A-Za-z0-9_]))?"
    r"(?(digits)(?![A-WZa-wz0-9_])(?!\.[0-9])|)",
    re.IGNORECASE,
)  # fmt: skip


def numbers(text: str) -> list[tuple[int, int, float]]:
    """Every number in the text as (start, end, value); centimetres are turned into metres.

    >>> numbers("go to x 0.4 and y minus two")
    [(8, 11, 0.4), (18, 27, -2.0)]
    >>> numbers("x等于负一点五，y=30厘米")
    [(3, 7, -1.5), (10, 14, 0.3)]
    """
    return [(m.start(), m.end(), _value(m)) for m in _NUMBER.finditer(readable(text))]


_AXIS = r"(?:(?<![A-Za-z0-9_])[xy](?![A-Za-z0-9_]))?[\s,:=]*(?:(?:equals|at|of|is) |等于|为|是)?"
_BETWEEN = re.compile(rf"(?: ?m(?:et(?:er|re)s?)?\b)?[\s,;/]*(?:and |by )?{_AXIS}", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:(?<![A-Za-z0-9_])(?P<axis>[xy]))?[\s:=]*(?:(?:equals|at|of|is) |等于|为|是)?$", re.IGNORECASE
)
_AFTER = re.compile(r" ?(?:m|met(?:er|re)s?)\b", re.IGNORECASE)


def places(text: str) -> tuple[str, list[tuple[float, float]]]:
    """The text with every coordinate (two numbers next to each other) as ``@``, and the coordinates (x, y).

    >>> places("go to (1, 2), then to y=3, x=4")
    ('go to ( @ ), then to  @ ', [(1.0, 2.0), (4.0, 3.0)])
    """
    out, done, found = "", 0, list[tuple[float, float]]()
    for (start, end, first), (then, stop, second) in itertools.pairwise(numbers(text)):
        if start < done or not _BETWEEN.fullmatch(text, end, then):
            continue
        before = _BEFORE.search(text, max(done, start - 20), start)
        begin = before.start() if before and before["axis"] else start
        after = _AFTER.match(text, stop)
        out, done = f"{out}{text[done:begin]} @ ", after.end() if after else stop
        turned = before is not None and (before["axis"] or "").lower() == "y"
        found.append((second, first) if turned else (first, second))
    return out + text[done:], found


def _value(match: re.Match[str]) -> float:
    if match["digits"]:
        value = float(match["digits"])
    elif match["words"]:
        value = _english(match["words"].lower())
    else:
        value = _chinese(match["zh"])
    value = round(value * _UNITS.get((match["unit"] or "").lower(), 1.0), 9)
    return -value if match["sign"] else value


def _english(words: str) -> float:
    whole, half, _ = words.partition(" and a half")
    whole, _, part = whole.partition(" point ")
    value = 1.0 if whole.startswith("a ") else 0.0
    for word in whole.removeprefix("a ").replace("-", " ").split():
        value = value * _EN_SCALES[word] if word in _EN_SCALES else value + _EN[word]
    return value + (0.5 if half else 0.0) + _fraction([_EN[digit] for digit in part.split()])


def _chinese(word: str) -> float:
    whole, _, part = word.partition("点")
    total = digit = 0.0
    for char in whole:
        if char == "万":
            total, digit = (total + digit) * _ZH_SCALES[char], 0.0
        elif char in _ZH_SCALES:
            total, digit = total + (digit or 1.0) * _ZH_SCALES[char], 0.0
        else:
            digit = _ZH[char]
    return total + digit + _fraction([_ZH[char] for char in part])


def _fraction(digits: list[float]) -> float:
    return sum(digit / 10.0 ** (i + 1) for i, digit in enumerate(digits[:9]))
