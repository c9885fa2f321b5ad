"""``metaagent evaluate language``: parsers side by side on hand-written sentences."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

_FRESH = """
import sys, time
from pathlib import Path
began = time.perf_counter()
from metaagent_ros.instructions import load_parser
parser = load_parser(sys.argv[1])
parser.parse("pick up the red cube")
took = time.perf_counter() - began
peak = 0
for pid in ("self", getattr(parser, "worker_pid", None)):
    if pid is not None:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        peak += int(next(line for line in status if line.startswith("VmHWM")).split()[1])
print(took, peak / 1024)
"""


def command(
    parsers: Annotated[
        str, typer.Option(help="of default, rules, nearest, hf_causal, hf_few_shot, server")
    ] = "default,rules,nearest",
    sentences: Annotated[
        str, typer.Option(help="our sets, separated by commas, or a JSONL file of your own")
    ] = "heldout_en,heldout_zh,heldout2_en,heldout2_zh,heldout3_en,heldout3_zh",
    limit: Annotated[
        int, typer.Option(min=0, help="language models: at most so many of each set, evenly drawn; 0: all")
    ] = 40,
    out: Annotated[Path | None, typer.Option(help="write figures and every answer to this JSON file")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="show the sentences that were read wrongly")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON only")] = False,
) -> None:
    """Exact match, slots, refusals right and wrong, per kind, with 95 % intervals; speed and memory."""
    from metaagent_ros.instructions import PARSERS
    from metaagent_ros.instructions.sentences import SETS, Labelled, load, read
    from sim_envs.atomic import write_atomically
    from sim_envs.spec import SpecError, require

    try:
        chosen = [name.strip() for name in parsers.split(",")]
        for name in chosen:
            require("parser", name, PARSERS)
        sets: dict[str, list[Labelled]] = {}
        for name in (n.strip() for n in sentences.split(",")):
            sets[name] = read(Path(name)) if name not in SETS and Path(name).suffix else load(name)
        result = {name: _row(name, _fewer(name, sets, limit), as_json, wrong) for name in chosen}
    except SpecError as error:
        raise fail(str(error)) from None
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    if as_json:
        for row in result.values():
            for figures in row["sets"].values():
                figures.pop("answers")
    print(json.dumps(result, ensure_ascii=False) if as_json else _table(result))


def _fewer(name: str, sets: dict[str, Any], limit: int) -> dict[str, Any]:
    """Every so many sentences, for parsers that take seconds for one."""
    if name not in ("hf_causal", "hf_few_shot", "server") or not limit:
        return sets
    return {title: asked[:: max(1, math.ceil(len(asked) / limit))] for title, asked in sets.items()}


def _row(name: str, sets: dict[str, Any], quiet: bool, wrong: bool) -> dict[str, Any]:
    from metaagent_ros.instructions import load_parser, scoring

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        parser = load_parser(name)
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    row: dict[str, Any] = {"model": getattr(parser, "model", ""), "fresh": _fresh(name), "sets": {}}
    for title, asked in sets.items():
        answers = scoring.ask(parser.parse, asked)
        figures = {k: share.to_dict() for k, share in scoring.summary(answers).items()}
        row["sets"][title] = {
            "sentences": len(asked),
            **figures,
            **scoring.latency(answers),
            "kinds": {k: share.to_dict() for k, share in scoring.by_kind(answers).items()},
            "by_slot": {k: share.to_dict() for k, share in scoring.by_slot(answers).items()},
            "answers": [_answer(a) for a in answers],
        }
        if wrong and not quiet:
            _show_wrong(name, [a for a in answers if not scoring.is_exact(a.plan, a.asked.plan)])
    return row


def _answer(answer: Any) -> dict[str, Any]:
    from metaagent_ros.instructions.scoring import is_exact

    return {
        "instruction": answer.asked.text,
        "kind": answer.asked.kind,
        "exact": is_exact(answer.plan, answer.asked.plan),
        "confidence": round(answer.plan.confidence, 4),
        "milliseconds": round(1e3 * answer.seconds, 1),
        "said": answer.plan.to_dict(),
        "meant": answer.asked.plan.to_dict(),
    }


def _show_wrong(name: str, answers: list[Any]) -> None:
    for a in answers:
        print(f"\n{name}: {a.asked.text!r} ({a.asked.kind}, confidence {a.plan.confidence:.3f})")
        print(f"  said   {a.plan.to_json()}\n  meant  {a.asked.plan.to_json()}")


def _fresh(name: str) -> dict[str, float | None]:
    """Seconds from nothing to the first answer and the peak of memory [MB], in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _FRESH, name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {"seconds": None, "megabytes": None}
    seconds, megabytes = done.stdout.split()[-2:]
    return {"seconds": float(seconds), "megabytes": float(megabytes)}


def _percent(share: dict[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    return f"{100 * share['share']:.1f} [{100 * share['low']:.0f}, {100 * share['high']:.0f}]"


_COLUMNS = ("exact", "slots", "executed", "refused", "let_through")


def _table(result: dict[str, Any]) -> str:
    head = ("parser", "sentences", "exact %", "slots %", "wrongly executed %", "wrongly refused %",
            "right if let through %", "p50 ms", "p99 ms", "load s", "MB")  # fmt: skip
    rows: list[tuple[str, ...]] = [head]
    for name, row in result.items():
        for title, figures in row["sets"].items():
            cells = [name, f"{title} ({figures['sentences']})", *(_percent(figures[c]) for c in _COLUMNS)]
            times = [figures["p50_ms"], figures["p99_ms"], row["fresh"]["seconds"], row["fresh"]["megabytes"]]
            cells += ["-" if t is None or math.isnan(t) else f"{t:.3g}" for t in times]
            rows.append(tuple(cells))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:], "", *_kinds(result)])


def _kinds(result: dict[str, Any]) -> list[str]:
    """Exact match by kind: one line a kind, one column a parser and set."""
    columns = [(name, title) for name, row in result.items() for title in row["sets"]]
    kinds = list(dict.fromkeys(k for n, t in columns for k in result[n]["sets"][t]["kinds"]))
    lines = ["exact by kind".ljust(16) + "".join(f"{n}/{t}"[:24].ljust(26) for n, t in columns)]
    for kind in kinds:
        cells = [result[n]["sets"][t]["kinds"].get(kind) for n, t in columns]
        shown = [f"{c['right']}/{c['count']}" if c else "-" for c in cells]
        lines.append(kind.ljust(16) + "".join(cell.ljust(26) for cell in shown))
    return lines
