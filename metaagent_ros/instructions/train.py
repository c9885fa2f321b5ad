"""Train the default parser from a seed: ``python -m metaagent_ros.instructions.train --seed 0``.

Every batch is freshly drawn from the generator, so nothing is seen twice. ``--start`` goes on from a trained
folder. About a second a step on one core; then :mod:`.calibrate` chooses the confidence below which the
parser asks back.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from metaagent_ros.instructions import encoder, lowrank, weights
from metaagent_ros.instructions.generator import grammar
from metaagent_ros.instructions.labels import Batch, loss_of, make_batch
from metaagent_ros.instructions.network import ParserNet
from metaagent_ros.instructions.phrases import vocabulary

_POOL = 16  # batches drawn at once and cut by length, so that little is padding


def batches(seed: int, size: int, tokenizer: Tokenizer) -> Iterator[Batch]:
    """Batches without end; the same seed gives the same ones."""
    rng = random.Random(seed)
    while True:
        drawn = [grammar.sample(rng) for _ in range(_POOL * size)]
        items = [(example, tokenizer.encode(example.text)) for example in drawn]
        items.sort(key=lambda item: len(item[1].ids))
        starts = list(range(0, len(items), size))
        rng.shuffle(starts)
        for start in starts:
            yield make_batch(items[start : start + size])


def fresh(lean: bool = False) -> tuple[ParserNet, Tokenizer]:
    """An untrained network on the published encoder, and its tokenizer."""
    plain = encoder.load_tokenizer([])
    plain.no_padding()
    words = {w: gloss for w, gloss in vocabulary().items() if plain.token_to_id(w) is None}
    net = ParserNet(len(words), lean)
    base = encoder.published()
    missing, unexpected = net.encoder.load_state_dict(base, strict=False)
    if missing or unexpected:
        raise ValueError(f"{encoder.folder()}: weights do not fit: {missing + unexpected}")
    table = base["embeddings.word_embeddings.weight"]
    net.extra.weight.data.copy_(encoder.glossed(words, plain, table))
    net.encoder.embeddings.requires_grad_(False)
    tokenizer = encoder.load_tokenizer(list(words))
    tokenizer.no_padding()
    assert tokenizer.get_vocab_size() == len(table) + len(words), "a new word has an old one's number"
    return net, tokenizer


def freeze(net: ParserNet, layers: int) -> frozenset[str]:
    """Keep the encoder's lowest ``layers`` and all word embeddings as they are; returns what is kept.

    Raises ``ValueError`` where the encoder has fewer layers.
    """
    stack = net.encoder.encoder.layer
    if not 0 <= layers <= len(stack):
        raise ValueError(f"cannot freeze {layers} layers; allowed: 0 to {len(stack)}")
    if layers:
        net.extra.requires_grad_(False)
    for layer in stack[:layers]:
        layer.requires_grad_(False)
    return frozenset(name for name, value in net.named_parameters() if not value.requires_grad)


def _groups(net: ParserNet, rate: float) -> list[dict[str, Any]]:
    old = [p for p in net.encoder.parameters() if p.requires_grad]
    new = [p for n, p in net.named_parameters() if not n.startswith(("encoder.", "extra."))]
    groups = [
        {"params": old, "lr": rate},
        {"params": [p for p in net.extra.parameters() if p.requires_grad], "lr": 4 * rate},
        {"params": new, "lr": 5 * rate},
    ]
    return [group for group in groups if group["params"]]


def _optimiser(groups: list[dict[str, Any]], steps: int) -> tuple[Any, Any]:
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    peaks = [group["lr"] for group in optimiser.param_groups]
    start = min(0.1, 200 / steps)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peaks, total_steps=steps, pct_start=start
    )


def train(net: ParserNet, tokenizer: Tokenizer, groups: list[dict[str, Any]], args: Any) -> None:
    """Run the optimiser over the parameter ``groups`` for ``args.steps`` batches."""
    net.train()
    steps = args.steps
    below = [
        layer for layer in net.encoder.encoder.layer if not any(p.requires_grad for p in layer.parameters())
    ]
    for module in (net.encoder.embeddings, *below) if below else ():
        module.eval()  # no dropout in what does not learn: a sixth less time
    optimiser, schedule = _optimiser(groups, steps)
    parameters = [p for p in net.parameters() if p.requires_grad]
    began, running = time.monotonic(), 0.0
    drawn = batches(args.seed, args.batch, tokenizer)
    for step, (ids, mask, labels) in zip(range(1, steps + 1), drawn, strict=False):
        with torch.autocast("cpu", torch.bfloat16):
            scores = net(ids, mask)
        loss = loss_of(scores, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        running += (loss.item() - running) / min(step, 50)
        if step % 50 == 0 or step == steps:
            print(f"step {step}/{steps}  loss {running:.3f}  {time.monotonic() - began:.0f} s", flush=True)


def _renumbered(
    state: dict[str, Tensor], known: list[str], words: list[str], fresh_rows: Tensor
) -> dict[str, Tensor]:
    """A trained state whose words are in the order of now; words that it did not know start fresh."""
    rows = {word: i for i, word in enumerate(known)}
    old = state["extra.weight"]
    table = [old[rows[word]] if word in rows else fresh_rows[i] for i, word in enumerate(words)]
    return state | {"extra.weight": torch.stack(table)}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3800)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="folder of a trained parser to go on from")
    parser.add_argument(
        "--freeze-layers",
        type=int,
        default=0,
        help="keep so many of the encoder's lowest layers as --start has them",
    )
    parser.add_argument(
        "--rank", type=int, default=0, help="train only differences of that rank to --start, in a small file"
    )
    parser.add_argument("--out", type=Path, default=Path("models/parser"))
    args = parser.parse_args(argv)
    if args.rank and (args.start is None or args.freeze_layers):
        parser.error("--rank needs --start, and takes no --freeze-layers")
    if args.freeze_layers and args.start is None:
        parser.error("--freeze-layers needs --start: without it the layers have not learned anything yet")
    return args


def _command(args: argparse.Namespace, before: dict[str, Any] | None) -> str:
    """What makes these weights, with all that came before."""
    command = "python -m metaagent_ros.instructions.train"
    if before is not None:
        command = f"{before['command']} --out runs/parser && {command} --start runs/parser"
    for name in ("seed", "steps", "batch", "rate"):
        command += f" --{name} {getattr(args, name)}"
    for name in ("freeze_layers", "rank"):
        command += f" --{name.replace('_', '-')} {getattr(args, name)}" if getattr(args, name) else ""
    return command


def _low_rank(args: argparse.Namespace, net: ParserNet) -> str:
    """Train differences to the weights of ``--start``, which keep its words; returns what was written."""
    state, before, packed = weights.read_parts(args.start)
    tokenizer = encoder.load_tokenizer(before["vocabulary"])
    tokenizer.no_padding()
    net.extra = torch.nn.Embedding(*state["extra.weight"].shape)
    net.load_state_dict(state)
    found = lowrank.attach(net, args.rank)
    if packed:
        lowrank.resume(net, found, packed)
    began = time.process_time()
    train(net, tokenizer, lowrank.groups(net, found, args.rate), args)
    card = {"command": _command(args, before), "cpu_seconds": round(time.process_time() - began)}
    card |= {"seed": args.seed, "min_confidence": 0.5}
    weights.write_round(args.start, args.out, card, lowrank.differences(net, found, state))
    return f"weights.safetensors, {lowrank.FILE}"


def _whole(args: argparse.Namespace, net: ParserNet, tokenizer: Tokenizer) -> str:
    """Train all weights; returns what was written."""
    words, before, packed = encoder.added_words(tokenizer), None, {}
    if args.start is not None:
        state, before = weights.read(args.start)
        net.load_state_dict(_renumbered(state, before["vocabulary"], words, net.extra.weight.data))
    frozen = freeze(net, args.freeze_layers)
    if args.start is not None:
        packed = weights.kept(args.start, frozen)
    began = time.process_time()
    train(net, tokenizer, _groups(net, args.rate), args)
    card = {"seed": args.seed, "command": _command(args, before), "min_confidence": 0.5, "vocabulary": words}
    card |= {"cpu_seconds": round(time.process_time() - began)}
    weights.write(net.state_dict(), args.out, card, packed)
    return "weights.safetensors"


def main(argv: list[str] | None = None) -> int:
    """The command."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net, tokenizer = fresh()
    wrote = _low_rank(args, net) if args.rank else _whole(args, net, tokenizer)
    print(f"wrote {wrote} and parser.json in {args.out}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
