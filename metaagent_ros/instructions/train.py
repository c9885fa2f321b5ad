"""Train the default parser from a seed: ``python -m metaagent_ros.instructions.train --seed 0``.

Every batch is freshly drawn from the grammar, so nothing is seen twice. The result is a safetensors
file with the changed weights in half precision and a JSON file that says how it was made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy

from metaagent_ros.instructions import grammar, slots
from metaagent_ros.instructions.lexicon import numbers
from metaagent_ros.instructions.network import (
    ENCODER_PACKAGE,
    FROZEN_LAYERS,
    ParserNet,
    build,
    load_tokenizer,
)
from metaagent_ros.instructions.schema import MAX_STEPS, Plan

Batch = tuple[Tensor, Tensor, dict[str, Tensor]]


def pointer_label(text: str, offsets: list[tuple[int, int]], value: float, skip: int) -> int:
    """The token at which the number ``value`` starts; ``skip`` matches that value earlier on."""
    for start, found in numbers(text):
        if abs(found - value) < 1e-9:
            if skip == 0:
                return next((i for i, (a, b) in enumerate(offsets) if a <= start < b), slots.IGNORE)
            skip -= 1
    return slots.IGNORE


def _pointers(text: str, offsets: list[tuple[int, int]], plan: Plan) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {name: [slots.IGNORE] * MAX_STEPS for name in slots.POINTERS}
    seen: list[float] = []
    for i, step in enumerate(plan.steps):
        if step.target is None or step.target.x is None or step.target.y is None:
            continue
        for name, value in (("x", step.target.x), ("y", step.target.y)):
            rows[name][i] = pointer_label(text, offsets, value, seen.count(value))
            seen.append(value)
    return rows


def make_batch(pairs: list[tuple[str, Plan]], tokenizer: Tokenizer) -> Batch:
    """Ids, mask and labels of some pairs."""
    texts = [text for text, _ in pairs]
    encoded = tokenizer.encode_batch(texts)
    labels: dict[str, list[object]] = {h: [] for h in (*slots.HEADS, *slots.POINTERS, "status")}
    for (text, plan), item in zip(pairs, encoded, strict=True):
        labels["status"].append(slots.STATUS.index(plan.reason or "ok"))
        padded = [*plan.steps, *[None] * (MAX_STEPS - len(plan.steps))]
        rows = [slots.head_labels(step) for step in padded]
        for head in slots.HEADS:
            row = [r[head] if plan.status == "ok" else slots.IGNORE for r in rows]
            labels[head].append(row)
        for name, marks in _pointers(text, item.offsets, plan).items():
            labels[name].append(marks)
    ids = torch.tensor([item.ids for item in encoded])
    mask = torch.tensor([item.attention_mask for item in encoded])
    return ids, mask, {name: torch.tensor(rows) for name, rows in labels.items()}


def loss_of(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    """Cross entropy summed over the heads; heads that a sentence leaves open do not count."""
    total = 2.0 * cross_entropy(scores["status"].float(), labels["status"])
    for name in (*slots.HEADS, *slots.POINTERS):
        target = labels[name].flatten()
        count = (target != slots.IGNORE).sum().clamp(min=1)
        flat = scores[name].float().flatten(0, 1)
        total = total + cross_entropy(flat, target, ignore_index=slots.IGNORE, reduction="sum") / count
    return total


def train(net: ParserNet, seed: int, steps: int, batch: int, rate: float, device: str) -> None:
    """Run the optimiser for ``steps`` batches."""
    rng, tokenizer = random.Random(seed), load_tokenizer()
    net.to(device).train()
    encoder = [p for p in net.encoder.parameters() if p.requires_grad]
    fresh = [p for n, p in net.named_parameters() if not n.startswith("encoder.")]
    optimiser = torch.optim.AdamW(
        [{"params": encoder, "lr": rate}, {"params": fresh, "lr": 6 * rate}], weight_decay=0.01
    )
    peaks = [group["lr"] for group in optimiser.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peaks, total_steps=steps, pct_start=min(0.1, 100 / steps)
    )
    began = time.monotonic()
    for step in range(1, steps + 1):
        ids, mask, labels = make_batch([grammar.sample(rng) for _ in range(batch)], tokenizer)
        with torch.autocast(device, torch.bfloat16):
            scores = net(ids.to(device), mask.to(device))
        loss = loss_of(scores, {k: v.to(device) for k, v in labels.items()})
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(encoder + fresh, 1.0)
        optimiser.step()
        schedule.step()
        if step % 20 == 0 or step == steps:
            took = time.monotonic() - began
            print(f"step {step}/{steps}  loss {loss.item():.3f}  {took:.0f} s", flush=True)


def save(net: ParserNet, out: Path, made: dict[str, object]) -> None:
    """Write ``weights.safetensors`` and ``parser.json``; a reader never sees half a file."""
    out.mkdir(parents=True, exist_ok=True)
    state = net.state_dict()
    blob = to_bytes({n: state[n].detach().cpu().half().contiguous() for n in net.trained_names()})
    card = made | {
        "format": 1,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "encoder": ENCODER_PACKAGE,
        "frozen_layers": FROZEN_LAYERS,
        "status": list(slots.STATUS),
        "heads": {head: list(names) for head, names in slots.HEADS.items()},
    }
    for name, data in (
        ("weights.safetensors", blob),
        ("parser.json", (json.dumps(card, indent=1) + "\n").encode()),
    ):
        part = out / f"{name}.part"
        part.write_bytes(data)
        os.replace(part, out / name)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("models/parser"))
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net = build()
    train(net, args.seed, args.steps, args.batch, args.rate, args.device)
    command = "python -m metaagent_ros.instructions.train"
    for name in ("seed", "steps", "batch", "rate"):
        command += f" --{name} {getattr(args, name)}"
    save(net, args.out, {"seed": args.seed, "command": command, "min_confidence": 0.5})
    print(f"wrote {args.out}/weights.safetensors and parser.json", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
