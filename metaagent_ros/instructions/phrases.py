"""The phrase banks: text files with one wording a line, in ``phrases/LANGUAGE``.

A new wording is one more line; ``docs/instructions.md`` says what it has to mean.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from pathlib import Path

from metaagent_ros.instructions.scripts import is_chinese

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = ("en", "zh")
REFUSED = ("ambiguous", "missing_target", "unsafe", "impossible", "out_of_scope", "nonsense", "injection")
_USUAL = 5  # lines at the head of a bank


@dataclass(frozen=True)
class Phrases:
    """What a language has to say: banks of wordings by name, words by (slot, value)."""

    language: str
    banks: dict[str, tuple[str, ...]]
    words: dict[tuple[str, str], tuple[str, ...]]
    usual: tuple[float, float] = (0.2, 0.4)

    def draw(self, rng: random.Random, bank: str) -> str:
        """One wording of a bank; as often as ``usual`` says one of the first, which are the most usual."""
        lines = self.banks[bank]
        plain = bank not in REFUSED and rng.random() < self.usual[0]
        return rng.choice(lines[:_USUAL] if plain else lines)

    def anything(self, rng: random.Random, bank: str) -> str:
        """One wording of a bank, all as likely: what has no usual one."""
        return rng.choice(self.banks[bank])

    def word(self, rng: random.Random, slot: str, value: str) -> str:
        """One word for a value; as often as ``usual`` says the first, which is the most usual."""
        words = self.words[slot, value]
        return words[0] if rng.random() < self.usual[1] else rng.choice(words)

    def table(self, slot: str) -> dict[str, str]:
        """Word to value, for all values of a slot."""
        return {w: value for (s, value), words in self.words.items() if s == slot for w in words}


def _lines(path: Path) -> tuple[str, ...]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))


def _words(lines: tuple[str, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    out = {}
    for line in lines:
        head, words = line.split(":", 1)
        slot, value = head.split(" ", 1)
        out[slot, value.strip(' "')] = tuple(w.strip() for w in words.split(",") if w.strip())
    return out


@functools.cache
def phrases(language: str) -> Phrases:
    """The banks of a language, read once."""
    folder = FOLDER / language
    banks = {path.stem: _lines(path) for path in sorted(folder.glob("*.txt"))}
    return Phrases(language, banks, _words(banks.pop("words")))


@functools.cache
def vocabulary() -> dict[str, str]:
    """Chinese words and characters that the encoder does not know, each with an English gloss."""
    pairs = (line.split("=", 1) for line in _lines(FOLDER / "zh" / "vocabulary.txt"))
    known = {word: gloss.strip() for word, gloss in pairs}
    said = "".join(line for lines in phrases("zh").banks.values() for line in lines)
    said += "".join(word for words in phrases("zh").words.values() for word in words)
    plain = {char: "character" for char in sorted(set(said)) if is_chinese(char)}
    return plain | known
