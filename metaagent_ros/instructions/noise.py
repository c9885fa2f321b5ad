"""How people misspell and stumble, and sounds that mean nothing."""

from __future__ import annotations

import random
import re

from metaagent_ros.instructions.marks import Marked
from metaagent_ros.instructions.phrases import phrases

_KEYS = "qwertyuiopasdfghjklzxcvbnm"
_SYLLABLES = "ba de ki lo mu ra sha tri zor plu gna wib fro ske vim yot qua jel nup".split()
_ZH_SYLLABLES = "啊哦吧嘟咕噜哒呜喵呱嘎吱叮咚"
_STUMBLES = (" {}", " {},", ", {},", "... {}...", " {}...")
_HOMOPHONES = {
    "充": "冲", "块": "快", "蓝": "兰篮", "到": "道", "圆": "园元", "红": "洪",
    "那": "哪", "座": "坐", "在": "再", "的": "地得", "箱": "相", "往": "望",
    "推": "堆", "拿": "哪", "绿": "率", "黄": "皇", "桩": "庄装", "站": "战",
    "柱": "住注", "方": "放", "球": "求", "罐": "灌", "桌": "卓", "橙": "成",
    "紫": "子", "厨": "橱", "室": "是", "叠": "跌",
}  # fmt: skip
_WORD = re.compile(r"[a-z]{3,}")
_LITTLE = frozenset("the and then that this one into onto with from over for please its".split())


def roughen(rng: random.Random, words: Marked, language: str, calm: bool = False) -> Marked:
    """Fillers, typos, capitals and punctuation; the marks stay with their words. ``calm``: the last two."""
    if calm:
        return _ended(rng, _cased(rng, words) if language == "en" else words, language)
    if rng.random() < 0.08:
        for _ in range(rng.choice((1, 1, 2, 3))):
            words = _stumble(rng, words, language)
    if language == "en":
        if rng.random() < 0.2:
            for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
                words = _misspell(rng, words)
        words = _cased(rng, words)
        if rng.random() < 0.1:
            words = _without(words, ",;")
    else:
        if rng.random() < 0.12:
            words = _without(words, "，,。；")
        if rng.random() < 0.1:
            words = _sounds_like(rng, words)
    return _ended(rng, words, language)


def _sounds_like(rng: random.Random, words: Marked) -> Marked:
    """A character or two of another meaning and the same sound."""
    found = [i for i, char in enumerate(words.text) if char in _HOMOPHONES]
    for i in rng.sample(found, min(len(found), rng.choice((1, 1, 2)))):
        words = words.edited(i, i + 1, rng.choice(_HOMOPHONES[words.text[i]]))
    return words


def _ended(rng: random.Random, words: Marked, language: str) -> Marked:
    ends = ("", "", "", ".", ".", "!", "?") if language == "en" else ("", "", "。", "。", "！", "？")
    return words + Marked.of(rng.choice(ends))


def _stumble(rng: random.Random, words: Marked, language: str) -> Marked:
    said = phrases(language).draw(rng, "filler")
    if language == "en":
        gaps = [i for i, char in enumerate(words.text) if char == " "] or [len(words.text)]
        at = rng.choice(gaps)
        return words[:at] + Marked.of(rng.choice(_STUMBLES).format(said)) + words[at:]
    at = rng.choice([0, *(i + 1 for i, char in enumerate(words.text) if char == "，")])
    return words[:at] + Marked.of(f"{said}{rng.choice(('', '，'))}") + words[at:]


def _misspell(rng: random.Random, words: Marked) -> Marked:
    found = list(_WORD.finditer(words.text))
    if not found:
        return words
    match = rng.choice(found)
    word, at = match[0], rng.randrange(1, len(match[0]) - 1)
    if words.text[match.end() : match.end() + 1] == " " and rng.random() < 0.12:
        return words[: match.end()] + words[match.end() + 1 :]
    wrong = rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word + word[-1] * rng.choice((1, 2)),
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + rng.choice(_KEYS) + word[at + 1 :],
        )
    )
    return words.edited(match.start(), match.end(), wrong)


def _cased(rng: random.Random, words: Marked) -> Marked:
    draw = rng.random()
    text = words.text
    if draw < 0.5:
        text = text[:1].upper() + text[1:]
    elif draw < 0.56:
        text = "".join(c.upper() if c.isascii() else c for c in text)
    return Marked(text, words.marks)


def _without(words: Marked, chars: str) -> Marked:
    """Nothing is taken from between two numbers, which would become one."""
    text = words.text
    keep = [
        i
        for i, char in enumerate(text)
        if char not in chars or text[i + 1 : i + 2].isdigit() or "-" in text[i + 1 : i + 2]
    ]
    return Marked("".join(words.text[i] for i in keep), tuple(words.marks[i] for i in keep)).tidy()


def gibberish(rng: random.Random, english: bool) -> str:
    """Keyboard noise and made-up words."""
    if not english:
        return "".join(rng.choice(_ZH_SYLLABLES) for _ in range(rng.randint(3, 9)))
    if rng.random() < 0.5:
        return "".join(rng.choice("asdfghjklqwertyzxcvb") for _ in range(rng.randint(4, 14)))
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(rng.randint(1, 6))]
    return " ".join(words)


def garbled(rng: random.Random, words: Marked) -> str:
    """A command of which only the little words are left: "flurgle the snabbit on the plov"."""
    return _WORD.sub(lambda match: match[0] if match[0] in _LITTLE else _made_up(rng), words.text)


def _made_up(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) + rng.choice(
        ("", "", "s", "le", "er", "ing")
    )
