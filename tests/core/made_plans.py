"""Plans made by hand, with the words that their slots came from."""

import os
import pty
import select
from contextlib import contextmanager

from metaagent_ros.instructions.schema import Plan, Words
from sim_envs.spec import ObjectRef, Target, TaskSpec

SENTENCE = "pick up the crimson box and put it in the left bin"
MODEL = "3a21bc0912ef"
PLACE = TaskSpec("pick_place", ObjectRef("red", "cube"), Target("bin", "left"), "in")
NASTY = 'grab\n[red]it[/red] \x1b[31m\x1b]0;x\x07 <script>alert("1")</script> & \u202e'


def said(sentence: str, slot: str, words: str, step: int = 0) -> Words:
    """The first place of these words in the sentence."""
    start = sentence.index(words)
    return Words(step, slot, start, start + len(words))


def placing() -> Plan:
    """What SENTENCE becomes."""
    words = [("skill", "pick up"), ("color", "crimson"), ("shape", "box"), ("skill", "put")]
    words += [("relation", "in"), ("target", "the left bin")]
    spans = tuple(said(SENTENCE, slot, text) for slot, text in words)
    return Plan("ok", None, (PLACE,), "", "default", 0.983, MODEL, spans)


def hostile() -> Plan:
    """A plan whose words are all of NASTY and whose texts are hostile too."""
    words = (Words(0, "skill", 0, 4), Words(0, "color", 4, len(NASTY)))
    step = TaskSpec("grasp", ObjectRef("red"))
    return Plan("ok", None, (step,), NASTY, f"parser{NASTY}", 0.5, f"model{NASTY}", words)


@contextmanager
def terminal():
    """The stream of a real terminal, and a function that reads what came out of it."""
    master, slave = pty.openpty()

    def seen() -> str:
        data = b""
        while select.select([master], [], [], 0.2)[0]:
            data += os.read(master, 65536)
        return data.decode()

    with os.fdopen(slave, "w", encoding="utf-8", buffering=1) as stream:
        yield stream, seen
    os.close(master)


__all__ = ["MODEL", "NASTY", "PLACE", "SENTENCE", "hostile", "placing", "said", "terminal"]
