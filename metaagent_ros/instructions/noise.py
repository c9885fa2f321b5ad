"""How people wrap and misspell what they mean: politeness, fillers, bystanders, typos."""

from __future__ import annotations

import random

from sim_envs.spec import COLORS, SHAPES

OPENINGS = (
    "please", "could you please", "can you", "would you", "hey robot,", "robot,", "ok so", "um,",
    "i'd like you to", "i want you to", "kindly", "could you", "now", "alright,", "hello, please",
    "your task:", "you need to", "uh,", "well,", "so,", "go ahead and", "hi there,", "let's see,",
    "would you mind helping me:", "be so kind and", "i need you to", "listen,", "right,", "next:",
)  # fmt: skip
CLOSINGS = (
    "please", "thanks", "thank you", "for me", "if you can", "ok", "would you", "now", "buddy",
    "thanks a lot", "that would be great", "i have to clean up", "because the boss is coming",
)  # fmt: skip
BYSTANDERS = (
    "there is a {c} {s} too, but", "never mind the {c} {s},", "ignore the {c} {s} and",
    "i see a {c} {s} there;", "leave the {c} {s} alone,", "the {c} {s} can stay where it is;",
    "forget about the {c} {s},", "not the {c} {s} this time:",
)  # fmt: skip
FILLERS = ("um", "uh", "like", "you know", "i mean", "er", "hmm", "well", "basically", "just")
_KEYS = "qwertyuiopasdfghjklzxcvbnm"


def wrap(rng: random.Random, text: str) -> str:
    """Add an opening, a closing, a bystander."""
    if rng.random() < 0.05:
        said = rng.choice(BYSTANDERS).format(c=rng.choice(COLORS), s=rng.choice(SHAPES))
        text = f"{said} {text}"
    if rng.random() < 0.35:
        text = f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.18:
        text = f"{text}{rng.choice((' ', ', '))}{rng.choice(CLOSINGS)}"
    return text


def roughen(rng: random.Random, text: str) -> str:
    """Fillers, typos, capitals and punctuation."""
    if rng.random() < 0.08:
        words = text.split(" ")
        words.insert(rng.randrange(len(words)), rng.choice(FILLERS))
        text = " ".join(words)
    if rng.random() < 0.15:
        text = _misspell(rng, text)
    draw = rng.random()
    if draw < 0.5:
        text = text[:1].upper() + text[1:]
    elif draw < 0.54:
        text = text.upper()
    if rng.random() < 0.1:
        text = text.replace(",", "")
    return text + rng.choice(("", "", "", ".", ".", "!", " please."))


def _misspell(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    for i in rng.sample(long, min(len(long), rng.choice((1, 1, 2)))):
        word, at = words[i], rng.randrange(1, len(words[i]) - 1)
        words[i] = rng.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + rng.choice(_KEYS) + word[at + 1 :],
            )
        )
    return " ".join(words)
