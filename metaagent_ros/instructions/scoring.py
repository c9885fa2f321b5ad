"""How well a parser reads labelled sentences: exact, by slot, refusals right and wrong, with intervals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metaagent_ros.instructions.schema import Plan
from metaagent_ros.instructions.sentences import Labelled
from sim_envs.spec import TaskSpec


@dataclass(frozen=True, slots=True)
class Answer:
    """What a parser made of a sentence, and how long it took [s]."""

    asked: Labelled
    plan: Plan
    seconds: float


@dataclass(frozen=True, slots=True)
class Share:
    """``right`` of ``count``, with a 95 % interval (Wilson 1927)."""

    right: int
    count: int

    @property
    def value(self) -> float:
        """The share; 0 of 0 is not a number."""
        return self.right / self.count if self.count else math.nan

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Low and high end."""
        n = self.count
        if not n:
            return 0.0, 1.0
        middle = (self.value + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(self.value * (1 - self.value) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if not self.count:
            return "-"
        low, high = self.interval()
        return f"{100 * self.value:.1f} % [{100 * low:.0f}, {100 * high:.0f}] ({self.right}/{self.count})"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval()
        return asdict(self) | {"share": self.value if self.count else None, "low": low, "high": high}


def ask(
    parse: Callable[[str], Plan], asked: Iterable[Labelled], each: Callable[[Answer], None] | None = None
) -> list[Answer]:
    """Every sentence once, in order."""
    out = []
    for item in asked:
        began = time.perf_counter()
        plan = parse(item.text)
        out.append(Answer(item, plan, time.perf_counter() - began))
        if each is not None:
            each(out[-1])
    return out


def slots_of(step: TaskSpec | None) -> dict[str, Any]:
    """The slots of a step as values that can be compared; the order of ``avoid`` does not count."""
    if step is None:
        return {}
    thing, target = step.object, step.target
    return {
        "skill": step.skill,
        "color": thing and thing.color,
        "shape": thing and thing.shape,
        "size": thing and thing.size,
        "target": target,
        "relation": step.relation,
        "speed": step.speed,
        "force": step.force,
        "avoid": frozenset(step.avoid),
    }


def is_exact(said: Plan, meant: Plan) -> bool:
    """Whether status, reason and every slot of every step agree."""
    same = (said.status, said.reason, len(said.steps)) == (meant.status, meant.reason, len(meant.steps))
    return same and all(slots_of(a) == slots_of(b) for a, b in zip(said.steps, meant.steps, strict=True))


def by_slot(answers: Sequence[Answer]) -> dict[str, Share]:
    """Slot accuracy over the steps of the sentences that are to be carried out."""
    right, count = dict[str, int](), 0
    for answer in answers:
        for number, step in enumerate(answer.asked.plan.steps):
            count += 1
            said = slots_of(answer.plan.steps[number] if number < len(answer.plan.steps) else None)
            for slot, value in slots_of(step).items():
                right[slot] = right.get(slot, 0) + (slot in said and said[slot] == value)
    return {slot: Share(hits, count) for slot, hits in right.items()}


def _share(answers: Iterable[Answer], hit: Callable[[Answer], bool]) -> Share:
    hits = [hit(answer) for answer in answers]
    return Share(sum(hits), len(hits))


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def summary(answers: Sequence[Answer]) -> dict[str, Share]:
    """The figures of a table's row.

    ``exact`` over all sentences; ``slots`` over all slots of the sentences to be carried out; ``executed``:
    sentences carried out that must be refused or asked back; ``refused``: sentences refused or asked back
    that must be carried out; ``let_through``: exact among what was let through.
    """
    fine = [a for a in answers if a.asked.plan.status == "ok"]
    not_fine = [a for a in answers if a.asked.plan.status != "ok"]
    through = [a for a in answers if a.plan.status == "ok"]
    slots = by_slot(fine)
    return {
        "exact": _share(answers, lambda a: is_exact(a.plan, a.asked.plan)),
        "slots": Share(sum(s.right for s in slots.values()), sum(s.count for s in slots.values())),
        "status": _share(answers, lambda a: a.plan.status == a.asked.plan.status),
        "executed": _share(not_fine, lambda a: a.plan.status == "ok"),
        "refused": _share(fine, lambda a: a.plan.status != "ok"),
        "let_through": _share(through, lambda a: is_exact(a.plan, a.asked.plan)),
    }


def by_kind(answers: Sequence[Answer]) -> dict[str, Share]:
    """Exact matches by the kind of sentence."""
    kinds = dict.fromkeys(a.asked.kind for a in answers)
    return {
        kind: _share((a for a in answers if a.asked.kind == kind), lambda a: is_exact(a.plan, a.asked.plan))
        for kind in kinds
    }


def latency(answers: Sequence[Answer]) -> dict[str, float]:
    """Median and 99th percentile [ms] after the first sentence."""
    times = [1e3 * a.seconds for a in answers[1:]]
    return {"p50_ms": _percentile(times, 0.5), "p99_ms": _percentile(times, 0.99)}
