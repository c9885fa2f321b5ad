"""How people misspell and stumble, and sounds that mean nothing."""

from __future__ import annotations

import functools
import random
import re

from metaagent_ros.instructions.generator.marks import Marked
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.slots import POINTERS

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORT = {  # as people type in a hurry
    "the": ("teh", "da", "th", "hte", "te"), "please": ("pls", "plz", "pleez", "plase"),
    "you": ("u", "yu", "yuo"), "your": ("ur", "yur"), "and": ("n", "nd", "adn", "an"),
    "to": ("too", "ot", "tto"), "this": ("dis", "ths"), "that": ("dat", "taht", "tht"),
    "then": ("den", "than", "thn"), "with": ("wit", "wth", "whit"), "go": ("gooo", "goo", "og"),
    "put": ("putt", "pt", "puut"), "take": ("tke", "taek"), "it": ("itt", "ti"), "in": ("inn", "ni"),
    "on": ("onn", "onto"), "thanks": ("thx", "thanx"), "of": ("fo", "off"), "could": ("cud", "coud"),
    "would": ("wud", "woud"), "right": ("rite", "rihgt", "rigth"),
}  # fmt: skip
_SOUNDS = (
    ("ph", "f"), ("ck", "k"), ("ee", "ea"), ("ea", "ee"), ("ight", "ite"), ("qu", "kw"), ("oo", "u"),
    ("y", "i"), ("ie", "ei"), ("ue", "oo"), ("c", "k"), ("k", "c"), ("ai", "ay"), ("wh", "w"), ("er", "ur"),
    ("or", "er"), ("an", "en"), ("el", "le"), ("le", "el"), ("ge", "je"), ("ow", "oh"), ("sh", "ch"),
    ("tion", "shun"), ("th", "f"), ("se", "ze"), ("a", "u"), ("i", "e"), ("e", "a"), ("ei", "ie"),
    ("ou", "o"),
)  # fmt: skip
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
_WORD = re.compile(r"[a-z]{2,}")
_SAID = {"en": re.compile(r"[A-Za-z']+"), "zh": re.compile(r"[\u4e00-\u9fff]")}
_GLUE = "when of is but the than although because are was if very whose since were per upon unless as".split()
_LITTLE = frozenset(
    "the and then that this one into onto with from over for please its to in on of at by up it is my".split()
)


def roughen(rng: random.Random, words: Marked, language: str, calm: bool = False) -> Marked:
    """Fillers, typos, capitals and punctuation; the marks stay with their words. ``calm``: the last two."""
    if calm:
        return _ended(rng, _cased(rng, words) if language == "en" else words, language)
    if rng.random() < 0.08:
        for _ in range(rng.choice((1, 1, 2, 3))):
            words = _stumble(rng, words, language)
    if rng.random() < 0.05:
        words = _repeated(rng, words, language)
    words = _typed(rng, words) if language == "en" else _typed_zh(rng, words)
    return _ended(rng, words, language)


def _typed(rng: random.Random, words: Marked) -> Marked:
    if rng.random() < 0.3:
        words = mistyped(rng, words, rng.choice((1, 1, 1, 2, 2, 3, 4, 6)))
    words = _cased(rng, words)
    return _without(words, ",;") if rng.random() < 0.1 else words


def _typed_zh(rng: random.Random, words: Marked) -> Marked:
    if rng.random() < 0.12:
        words = _without(words, "，,。；")
    return _sounds_like(rng, words) if rng.random() < 0.1 else words


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


def _repeated(rng: random.Random, words: Marked, language: str) -> Marked:
    """A few words said twice in a row, as in speech: "go to go to the door"; numbers are left alone."""
    pattern = _SAID[language]
    found = list(pattern.finditer(words.text))
    count = rng.choice((1, 1, 1, 2, 2, 3))
    if len(found) < count:
        return words
    first = rng.randrange(len(found) - count + 1)
    start, end = found[first].start(), found[first + count - 1].end()
    twice = words[start:end]
    if any(char.isdigit() for char in twice.text) or any(slot in POINTERS for *_, slot in twice.spans()):
        return words
    pauses = (" ", " ", ", ", "... ") if language == "en" else ("", "", "，", "，")
    return words[:end] + Marked.of(rng.choice(pauses)) + words[start:]


@functools.cache
def _known() -> frozenset[str]:
    """Every word of the slots: a slip of the pen must not turn one into another ("cube", "tube")."""
    return frozenset(
        word for words in phrases("en").words.values() for line in words for word in line.split()
    )


def _misspell(rng: random.Random, words: Marked) -> Marked:
    found = list(_WORD.finditer(words.text))
    if not found:
        return words
    match = rng.choice(found)
    if words.text[match.end() : match.end() + 1] == " " and rng.random() < 0.12:
        return words[: match.end()] + words[match.end() + 1 :]
    if match[0] in _SHORT and rng.random() < 0.6:
        return words.edited(match.start(), match.end(), rng.choice(_SHORT[match[0]]))
    wrong = _slip(rng, match[0])
    return words if wrong in _known() else words.edited(match.start(), match.end(), wrong)


def mistyped(rng: random.Random, words: Marked, count: int) -> Marked:
    """With that many slips of the pen in small letters; the marks stay with their words."""
    for _ in range(count):
        words = _misspell(rng, words)
    return words


def _slip(rng: random.Random, word: str) -> str:
    """The word with a letter lost, doubled, drawn out, swapped, hit beside, or as it sounds."""
    at = rng.randrange(len(word) - 1)
    rows = [(row, row.index(word[at])) for row in _ROWS if word[at] in row]
    beside = rng.choice([row[max(i - 1, 0) : i] + row[i + 1 : i + 2] for row, i in rows])
    kinds = ["lost", "doubled", "drawn", "swapped", "swapped", "beside", "sounds", "sounds"]
    kind = rng.choice(kinds if len(word) > 3 else kinds[1:4])
    if kind == "sounds":
        fits = [(old, new) for old, new in _SOUNDS if old in word[1:]]
        old, new = rng.choice(fits) if fits else (word[-1], word[-1] * 2)
        return word[0] + word[1:].replace(old, new, 1)
    lost = max(at, 1) if rng.random() < 0.9 else at
    return {
        "lost": word[:lost] + word[lost + 1 :],
        "doubled": word[:at] + word[at] + word[at:],
        "drawn": word + word[-1] * rng.choice((1, 2, 3)),
        "swapped": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "beside": word[:at] + rng.choice(beside) + word[at + 1 :],
    }[kind]


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


def salad(rng: random.Random, words: Marked) -> str:
    """Words of a command among little words, in no order that means anything."""
    found = [match[0] for match in _WORD.finditer(words.text)]
    picked = rng.sample(found, min(len(found), rng.randint(2, 4)))
    picked += rng.choices(_GLUE, k=rng.randint(4, 7))
    rng.shuffle(picked)
    return " ".join([*rng.sample(_GLUE, 2), *picked])


def _made_up(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) + rng.choice(
        ("", "", "s", "le", "er", "ing")
    )
