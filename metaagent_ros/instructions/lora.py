"""Fine-tune a language model from a seed: ``python -m metaagent_ros.instructions.lora --seed 0``.

Every batch is freshly drawn from the generator. The loss is the one of answering: at each place where the
schema leaves a choice, the cross entropy among the tokens that may follow; forced text costs nothing. So the
head is computed for a few hundred tokens instead of for the whole vocabulary.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metaagent_ros.instructions import adapter, pretrained
from metaagent_ros.instructions.convert_gemma import converted
from metaagent_ros.instructions.generator import grammar
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.instructions.scripts import readable
from metaagent_ros.instructions.token_mask import PlanMask, compact

TEMPLATE = "{text}\n"
_POOL = 16  # batches drawn at once and cut by length, so that little is padding
_PASS = 4  # sentences of like length in one pass; a step's passes are of different lengths


@dataclass(frozen=True)
class Sample:
    """Tokens of prompt and answer; the successor of place ``asked[i]`` was chosen from ``allowed[i]``."""

    ids: list[int]
    asked: list[int]
    allowed: list[NDArray[np.int64]]
    chosen: list[int]


def encode(prompt: list[int], plan: Plan, mask: PlanMask) -> Sample:
    """The way through the mask that writes the plan; raises ``ValueError`` where the schema forbids it."""
    rest, walk = compact(plan), mask.walk()
    sample = Sample(list(prompt), [], [], [])
    while not walk.done:
        tokens = walk.forced()
        if not tokens:
            choices, token = walk.choices(), mask.tokens.tokenize_str(rest)[0]
            sample.asked.append(len(sample.ids) - 1)
            sample.allowed.append(choices)
            sample.chosen.append(token)
            walk.take(token)
            tokens = [token]
        sample.ids.extend(tokens)
        text = mask.tokens.decode_str(tokens)
        if not rest.startswith(text):
            raise ValueError(f"the schema forces {text!r} where the plan says {rest[:30]!r}")
        rest = rest[len(text) :]
    return sample


def batches(seed: int, size: int, tokenizer: Any, mask: PlanMask) -> Iterator[list[list[Sample]]]:
    """Batches in passes without end, the same for a seed; plans that the schema cannot say are left out."""
    rng = random.Random(seed)
    while True:
        drawn = list[Sample]()
        while len(drawn) < _POOL * size:
            example = grammar.sample(rng)
            prompt = tokenizer(TEMPLATE.replace("{text}", readable(example.text))).input_ids
            try:
                drawn.append(encode(prompt, example.plan, mask))
            except ValueError:
                continue
        drawn.sort(key=lambda sample: len(sample.ids))
        passes = [drawn[start : start + _PASS] for start in range(0, len(drawn), _PASS)]
        rng.shuffle(passes)
        each = max(1, size // _PASS)
        yield from (passes[start : start + each] for start in range(0, len(passes), each))


def loss_of(model: Any, batch: list[Sample]) -> Tensor:
    """The cross entropy of the answers, over all their choices together."""
    longest = max(len(s.ids) for s in batch)
    ids = torch.zeros(len(batch), longest + -longest % 16, dtype=torch.long)  # few shapes: less memory
    for row, sample in enumerate(batch):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)  # what follows an answer is never looked at
    rows = np.unique(np.concatenate([tokens for s in batch for tokens in s.allowed]))
    places = [(row, place) for row, sample in enumerate(batch) for place in sample.asked]
    open_to = torch.zeros(len(places), len(rows), dtype=torch.bool)
    for number, tokens in enumerate(tokens for s in batch for tokens in s.allowed):
        open_to[number, np.searchsorted(rows, tokens)] = True
    chosen = torch.tensor(np.searchsorted(rows, [token for s in batch for token in s.chosen]))
    hidden = model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
    at = torch.tensor(places)
    scores = hidden[at[:, 0], at[:, 1]] @ model.get_output_embeddings().weight[torch.tensor(rows)].T
    scores = scores.float().masked_fill(~open_to, -torch.inf)
    return torch.nn.functional.cross_entropy(scores, chosen, reduction="sum")


def train(
    model: Any, tokenizer: Any, layers: dict[str, adapter.LoraLinear], options: argparse.Namespace
) -> float:
    """Run the optimiser; the mean loss of a sentence over the last 50 steps."""
    mask = PlanMask(tokenizer, model.get_output_embeddings().weight.shape[0])
    parameters = [p for layer in layers.values() for p in (layer.a, layer.b)]
    optimiser = torch.optim.AdamW(parameters, options.rate, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=options.steps, pct_start=min(0.3, 40 / options.steps)
    )
    began, running = time.monotonic(), 0.0
    drawn = batches(options.seed, options.batch, tokenizer, mask)
    for step, batch in zip(range(1, options.steps + 1), drawn, strict=False):
        optimiser.zero_grad(set_to_none=True)
        count, total = sum(len(part) for part in batch), 0.0
        for part in batch:
            loss = loss_of(model, part) / count
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 20.0)
        optimiser.step()
        schedule.step()
        running += (total - running) / min(step, 50)
        if step % 10 == 0 or step == options.steps:
            took = time.monotonic() - began
            print(f"step {step}/{options.steps}  loss {running:.4f}  {took:.0f} s", flush=True)
        if step % 200 == 0:
            adapter.write(options.out, adapter.tensors_of(layers), card_of(options, running, unfinished=step))
    return running


def card_of(options: argparse.Namespace, loss: float, **more: Any) -> dict[str, Any]:
    """What is to be known of an adapter."""
    command = "python -m metaagent_ros.instructions.lora"
    for name in ("seed", "steps", "batch", "rate", "rank"):
        command += f" --{name} {getattr(options, name)}"
    return {
        "base": Path(options.model).name,
        "base_license": "https://ai.google.dev/gemma/terms",
        "template": TEMPLATE,
        "shots": 0,
        "rank": options.rank,
        "scale": options.scale,
        "seed": options.seed,
        "command": command,
        "loss": round(loss, 4),
        **more,
    }


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=str(converted()), help="folder of the base model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("models/parser_lora"))
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    began = time.process_time()
    tokenizer, model = pretrained.load(options.model, dtype=torch.bfloat16)
    layers = adapter.attach(model, options.rank, options.scale)
    loss = train(model, tokenizer, layers, options)
    card = card_of(options, loss, cpu_seconds=round(time.process_time() - began))
    adapter.write(options.out, adapter.tensors_of(layers), card)
    print(f"wrote {options.out}/adapter.safetensors and adapter.json", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
