"""The default parser: the trained network, offline, behind the same checks as every other parser."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from metaagent_ros.instructions import encoder, guard, questions, slots, weights
from metaagent_ros.instructions.names import whole_name
from metaagent_ros.instructions.network import ParserNet, Together
from metaagent_ros.instructions.quantities import numbers
from metaagent_ros.instructions.repeats import once
from metaagent_ros.instructions.rules import RuleParser
from metaagent_ros.instructions.schema import (
    CLARIFY_REASONS,
    MAX_STEPS,
    Plan,
    PlanError,
    Words,
    clarify,
    refuse,
)
from metaagent_ros.instructions.scripts import readable
from metaagent_ros.instructions.spelling import Speller
from metaagent_ros.instructions.weights import ParserFileError
from sim_envs.spec import MAX_COORDINATE, SpecError, TaskSpec

__all__ = ["ModelParser", "ParserFileError", "Reading"]

_AXIS = re.compile(r"([xy])\s*(?:[-=:：,]|is|at|of|为|是|等于|坐标)?\s*(?:minus |negative |负)?$", re.I)
_AFTER = re.compile(r"\s*(?:m|met(?:er|re)s?|米)?\s*(?:in|along|for|on|is)\s+(?:the )?[xy]\b", re.I)
RULES_CONFIDENCE = 0.99  # of the rules: 182 of 183 right on the calibration set
_POINTED = 0.1  # a token belongs to a slot from this share of its pointer on
Doubt = tuple[float, int, str, str, str]  # probability, step, head, likeliest and second reading


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network makes of a text, before anyone decides whether to trust it.

    ``status`` and ``steps`` are the likeliest answer, ``confidence`` the probability of all its parts
    together, ``doubt`` its least certain part.
    """

    status: str
    steps: tuple[TaskSpec, ...]
    confidence: float
    doubt: Doubt
    words: tuple[Words, ...]


class ModelParser:
    """Reads one sentence at a time on the CPU; raises ``ParserFileError`` when it cannot load."""

    name = "default"

    def __init__(self, folder: Path) -> None:
        states, card = weights.read_all(folder)
        self.folder = folder
        self.min_confidence = float(card["min_confidence"])
        self.model = weights.model_of(card)
        self._tokenizer = encoder.load_tokenizer(card["vocabulary"])
        self._spell = Speller(filter(str.isalpha, self._tokenizer.get_vocab()))
        nets = [ParserNet(len(card["vocabulary"])).eval() for _ in states]
        try:
            for net, state in zip(nets, states, strict=True):
                net.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise ParserFileError(f"{folder}/weights.safetensors: {error}") from None
        self._net = nets[0] if len(nets) == 1 else Together(nets)
        self._rules = RuleParser()
        with contextlib.suppress(SpecError):
            self.read("go")  # what torch sets up at the first call belongs to loading

    def parse(self, text: str) -> Plan:
        """The plan that the text becomes; refuses rather than raises."""
        if (refusal := guard.check(text)) is not None:
            return refusal
        if (refusal := guard.check(self._spell(text).text)) is not None:
            return refusal
        try:
            plan = self.by_rules(text) or self._decide(self.read(text))
        except (SpecError, PlanError) as error:
            if any(abs(value) > MAX_COORDINATE for *_, value in numbers(text)):
                plan = refuse("impossible", str(error))
            else:
                plan = clarify("ambiguous", f"I am not sure what is meant: {error}", confidence=0.0)
        by = f"{self.name} ({plan.parser})" if plan.parser == self._rules.name else self.name
        return dataclasses.replace(plan, parser=by, model=self.model)

    def by_rules(self, text: str) -> Plan | None:
        """The plan of the rules where they understand every word and the network sees no danger in it.

        The rules read little, but what they let through was right every time on the calibration set, so
        they go before the network; its pointers still tell from which words the slots came.
        """
        plan = self._rules.parse(self._spell(text).text)
        if plan.status != "ok":
            return None
        plan = dataclasses.replace(plan, steps=once(plan.steps, ())[0])
        try:
            reading = self.read(text, as_if_ok=True)
        except SpecError:
            return dataclasses.replace(plan, confidence=RULES_CONFIDENCE)
        if reading.status in ("unsafe", "injection"):
            return None
        words = reading.words if reading.steps == plan.steps else ()
        return dataclasses.replace(plan, confidence=RULES_CONFIDENCE, words=words)

    def _decide(self, reading: Reading) -> Plan:
        sure = reading.confidence
        if reading.status in CLARIFY_REASONS:
            return clarify(reading.status, questions.WHY[reading.status], confidence=sure)
        if reading.status != "ok":
            return refuse(reading.status, questions.WHY[reading.status], confidence=sure)
        plan = Plan("ok", None, reading.steps, confidence=sure, words=reading.words)
        if sure < self.min_confidence:
            question = clarify("ambiguous", questions.which(*reading.doubt[1:]), confidence=sure)
            return dataclasses.replace(question, words=reading.words)
        return plan

    def read(self, text: str, as_if_ok: bool = False) -> Reading:
        """The network's likeliest answer; raises ``SpecError`` where it contradicts itself.

        ``as_if_ok`` reads the steps also where the status is a refusal.
        """
        text = readable(text)
        spelled = self._spell(text)
        encoded = self._tokenizer.encode(spelled.text)
        offsets = [spelled.before(start, end) for start, end in encoded.offsets]
        with torch.inference_mode():
            scores = self._net(torch.tensor([encoded.ids]), torch.tensor([encoded.attention_mask]))
        doubts = [_likeliest(scores["status"][0], 0, "status", slots.STATUS)]
        status, steps, words = doubts[0][3], list[TaskSpec](), list[Words]()
        for number in range(MAX_STEPS if status == "ok" or as_if_ok else 0):
            said, pointed = _classes(scores, number), scores["pointers"][0, number].exp()
            doubts += _relevant(said)
            if said["skill"][3] == "none":
                break
            values = {head: doubt[3] for head, doubt in said.items()}
            copied = _copied(text, offsets, pointed)
            if values["target"] == "coordinate":
                doubts += [(copied[axis][1], number, axis, "", "") for axis in slots.POINTERS]
            steps.append(slots.step_from_classes(values, copied["x"][0], copied["y"][0]))
            words += _words(text, offsets, pointed, number)
        if status == "ok" and not steps:
            doubts.append((0.0, 0, "skill", "none", "none"))
        confidence = math.exp(sum(math.log(max(doubt[0], 1e-9)) for doubt in doubts))
        kept, of = once(tuple(steps), tuple(words))
        return Reading(status, kept, confidence, min(doubts), of)


def _likeliest(scores: Tensor, step: int, head: str, names: tuple[str, ...]) -> Doubt:
    chance, index = scores.softmax(-1).topk(2)
    return float(chance[0]), step, head, names[int(index[0])], names[int(index[1])]


def _classes(scores: dict[str, Tensor], step: int) -> dict[str, Doubt]:
    return {h: _likeliest(scores[h][0, step], step, h, names) for h, names in slots.HEADS.items()}


def _relevant(said: dict[str, Doubt]) -> list[Doubt]:
    """The heads that the step depends on."""
    skill = said["skill"][3]
    if skill == "none":
        return [said["skill"]]
    skip: tuple[str, ...] = ()
    if skill in ("reach", "navigate", "follow"):
        skip += ("color", "shape", "size")
    if said["target"][3] != "object":
        skip += ("t_color", "t_shape", "t_size")
    if said["avoid_object"][3] == "no":
        skip += ("a_color", "a_shape", "a_size")
    if skill in ("grasp", "follow", "stack") or said["target"][3].startswith("direction"):
        skip += ("relation",)
    return [doubt for head, doubt in said.items() if head not in skip]


def _copied(
    text: str, offsets: list[tuple[int, int]], pointed: Tensor
) -> dict[str, tuple[float | None, float]]:
    """The numbers that the pointers of x and y mean, and the share of each pointer on its number.

    Two numbers are told apart: the pair of different ones with the largest product of shares.
    """
    rows: dict[str, list[float]] = {
        axis: pointed[slots.QUERIES.index(axis)].tolist() for axis in slots.POINTERS
    }
    found = numbers(text)

    def share(axis: str, start: int, end: int) -> float:
        named = _AXIS.search(text, 0, start)
        if named is not None and named[1].lower() != axis and not _AFTER.match(text, end):
            return 0.0
        row = zip(rows[axis], offsets, strict=True)
        return min(sum(p for p, (a, b) in row if a < end and b > start), 1.0)

    shares = {axis: [share(axis, start, end) for start, end, _ in found] for axis in slots.POINTERS}
    count = range(len(found))
    pairs = [(shares["x"][i] * shares["y"][j], i, j) for i in count for j in count if i != j]
    if not pairs:
        return {axis: (None, 0.0) for axis in slots.POINTERS}
    _, i, j = max(pairs)
    return {"x": (found[i][2], shares["x"][i]), "y": (found[j][2], shares["y"][j])}


def _words(text: str, offsets: list[tuple[int, int]], pointed: Tensor, step: int) -> list[Words]:
    out = []
    for number, slot in enumerate(slots.QUERIES):
        row = pointed[number].tolist()
        if row[0] > 0.5:  # the first token: not said
            continue
        runs = list[list[int]]()
        for share, (start, end) in zip(row, offsets, strict=True):
            if share < _POINTED or start == end:
                continue
            start, end = whole_name(text, slot, *_whole(text, start, end))
            if runs and start <= runs[-1][1] + 1:
                runs[-1][1] = max(end, runs[-1][1])
            else:
                runs.append([start, end])
        out += [Words(step, slot, start, end) for start, end in runs]
    return out


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The word of an alphabet that the piece is a part of."""
    while start > 0 and text[start - 1].isalnum() and text[start - 1].isascii() and text[start].isascii():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end].isascii() and text[end - 1].isascii():
        end += 1
    return start, end
