"""From examples of the generator to the tensors that the network learns from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from metaagent_ros.instructions import slots
from metaagent_ros.instructions.generator.grammar import Example
from metaagent_ros.instructions.schema import MAX_STEPS

Batch = tuple[Tensor, Tensor, dict[str, Tensor]]
_SPOKEN = {q: [h for h in slots.HEADS if slots.QUERY_OF[h] == i] for i, q in enumerate(slots.QUERIES)}


def make_batch(items: list[tuple[Example, Any]]) -> Batch:
    """Ids, mask and labels of examples and their encodings."""
    width = max(sum(encoding.attention_mask) for _, encoding in items)
    labels: dict[str, list[Any]] = {h: [] for h in (*slots.HEADS, "status")}
    pointers = torch.zeros(len(items), MAX_STEPS, len(slots.QUERIES), width, dtype=torch.bool)
    ids, mask = (torch.zeros(len(items), width, dtype=torch.long) for _ in "im")
    for row, (example, encoding) in enumerate(items):
        count = sum(encoding.attention_mask)
        ids[row, :count], mask[row, :count] = torch.tensor(encoding.ids[:count]), 1
        plan = example.plan
        labels["status"].append(slots.STATUS.index(plan.reason or "ok"))
        steps = [*plan.steps, *[None] * (MAX_STEPS - len(plan.steps))]
        said = [slots.head_labels(step) for step in steps]
        for head in slots.HEADS:
            labels[head].append([s[head] if plan.status == "ok" else slots.IGNORE for s in said])
        if plan.status == "ok":
            _point(pointers[row], example, encoding.offsets[:count], said)
    return ids, mask, {name: torch.tensor(rows) for name, rows in labels.items()} | {"pointers": pointers}


def _point(out: Tensor, example: Example, offsets: list[tuple[int, int]], said: list[dict[str, int]]) -> None:
    for start, end, step, slot in example.words.spans():
        for token, (a, b) in enumerate(offsets):
            if a < end and b > start:
                out[step, slots.QUERIES.index(slot), token] = True
    for step, heads in enumerate(said):
        for q, query in enumerate(slots.QUERIES):
            if not out[step, q].any() and _unsaid(query, heads):
                out[step, q, 0] = True


def _unsaid(query: str, heads: dict[str, int]) -> bool:
    """Whether nothing speaks for the query, so that it points at the first token."""
    if query in slots.POINTERS:
        return heads["target"] != slots.HEADS["target"].index("coordinate")
    default = slots.HEADS["speed"].index("normal") if query in ("speed", "force") else 0
    return all(heads[h] in (default, slots.IGNORE) for h in _SPOKEN[query])


def loss_of(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    """Cross entropy summed over the heads, and half of the pointers'; what is left open does not count."""
    total = 2.0 * cross_entropy(scores["status"].float(), labels["status"])
    for name in slots.HEADS:
        target = labels[name].flatten()
        count = (target != slots.IGNORE).sum().clamp(min=1)
        flat = scores[name].float().flatten(0, 1)
        total = total + cross_entropy(flat, target, ignore_index=slots.IGNORE, reduction="sum") / count
    gold = labels["pointers"]
    mass = scores["pointers"].float().masked_fill(~gold, -1e4).logsumexp(-1)
    pointed = gold.any(-1)
    return total - 2.0 * (mass * pointed).sum() / pointed.sum().clamp(min=1)
