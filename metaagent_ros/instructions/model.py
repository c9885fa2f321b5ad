"""The default parser: the trained network, offline, behind the same checks as every other parser."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from metaagent_ros.instructions import guard, slots
from metaagent_ros.instructions.lexicon import numbers
from metaagent_ros.instructions.network import ParserNet, build, load_tokenizer
from metaagent_ros.instructions.schema import CLARIFY_REASONS, MAX_STEPS, Plan, PlanError, clarify, refuse
from sim_envs.spec import SpecError, TaskSpec


class ParserFileError(ValueError):
    """Parser weights that cannot be used; the message names the file and the cause."""


def read_weights(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights and card of a folder that the training command wrote; raises ``ParserFileError``."""
    try:
        card = json.loads((folder / "parser.json").read_text(encoding="utf-8"))
        blob = (folder / "weights.safetensors").read_bytes()
    except (OSError, ValueError) as error:
        raise ParserFileError(f"{folder}: {error}") from None
    if not isinstance(card, dict) or hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise ParserFileError(f"{folder}/weights.safetensors: the checksum is not the one of parser.json")
    if card.get("heads") != {head: list(names) for head, names in slots.HEADS.items()}:
        raise ParserFileError(f"{folder}/parser.json: made for another vocabulary; train it again")
    return {name: value.float() for name, value in load(blob).items()}, card


class ModelParser:
    """Reads one sentence at a time on the CPU; raises ``ParserFileError`` when it cannot load."""

    name = "default"

    def __init__(self, folder: Path) -> None:
        weights, card = read_weights(folder)
        self.min_confidence = float(card["min_confidence"])
        self._tokenizer = load_tokenizer()
        self._net: ParserNet = build().eval()
        if set(weights) != set(self._net.trained_names()):
            raise ParserFileError(f"{folder}/weights.safetensors: the names of the weights do not fit")
        self._net.load_state_dict(weights, strict=False)

    def parse(self, text: str) -> Plan:
        """The plan that the text becomes; refuses rather than raises."""
        if (refusal := guard.check(text)) is not None:
            return refusal
        try:
            return self._read(text)
        except (SpecError, PlanError) as error:
            return clarify("ambiguous", f"I am not sure what is meant: {error}", self.name, 0.0)

    def _read(self, text: str) -> Plan:
        encoded = self._tokenizer.encode(text)
        with torch.inference_mode():
            scores = self._net(torch.tensor([encoded.ids]), torch.tensor([encoded.attention_mask]))
        chance, index = scores["status"][0].softmax(-1).max(-1)
        status, sure = slots.STATUS[int(index)], float(chance)
        if status in CLARIFY_REASONS:
            return clarify(status, "Please say more exactly what shall be done.", self.name, sure)
        if status != "ok":
            return refuse(status, f"I do not carry this out ({status}).", self.name, sure)
        steps: list[TaskSpec] = []
        for number in range(MAX_STEPS):
            said, chance_of_step = _classes(scores, number)
            sure = min(sure, chance_of_step)
            if said["skill"] == "none":
                break
            x, y = (_copied(text, encoded.offsets, scores[axis][0, number]) for axis in slots.POINTERS)
            steps.append(slots.step_from_classes(said, x, y))
        if not steps or sure < self.min_confidence:
            return clarify(
                "ambiguous", "I am not sure what is meant; please say it otherwise.", self.name, sure
            )
        return Plan("ok", None, tuple(steps), "", self.name, sure)


def _classes(scores: dict[str, torch.Tensor], number: int) -> tuple[dict[str, str], float]:
    said, sure = {}, 1.0
    for head, names in slots.HEADS.items():
        chance, index = scores[head][0, number].softmax(-1).max(-1)
        said[head] = names[int(index)]
        if head == "skill":
            sure = float(chance)
    return said, sure


def _copied(text: str, offsets: list[tuple[int, int]], scores: torch.Tensor) -> float | None:
    start, end = offsets[int(scores.argmax())]
    return next((value for at, value in numbers(text) if start <= at < max(end, start + 1)), None)
