"""``metaagent parse``: the plan that a sentence becomes, and why."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metaagent_ros.cli.shared import fail
from metaagent_ros.demo.text import printable

if TYPE_CHECKING:
    from metaagent_ros.instructions import InstructionParser
    from metaagent_ros.instructions.schema import Plan


def command(
    text: Annotated[str | None, typer.Argument(help="the sentence")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print the plan as JSON only: status, reason, steps")
    ] = False,
    jsonl: Annotated[
        Path | None,
        typer.Option(help='file of {"instruction": ...} lines (-: standard input); one JSON plan a line'),
    ] = None,
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance", help="add parser, model, confidence, message and words of every slot to the JSON"
        ),
    ] = False,
    parser: Annotated[
        str, typer.Option(help="one of default, rules, nearest, hf_causal, hf_few_shot, server")
    ] = "default",
) -> None:
    """Exit 0 for a plan, 2 for a refusal, a question back or bad input."""
    if (text is None) == (jsonl is None):
        raise fail("give either a sentence or --jsonl FILE")
    if jsonl is not None:
        sentences = _sentences(jsonl)
        reader = _load(parser)
        for sentence in sentences:
            print(_json(reader.parse(sentence), provenance))  # type: ignore[arg-type]
        return
    plan = _load(parser).parse(str(text))
    if as_json:
        print(_json(plan, provenance))
    else:
        _show(str(text), plan)
    raise typer.Exit(0 if plan.status == "ok" else 2)


def _load(kind: str) -> InstructionParser:
    from metaagent_ros.instructions import load_parser
    from sim_envs.spec import SpecError

    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reader = load_parser(kind)
    except SpecError as error:
        raise fail(str(error)) from None
    for warning in caught:
        print(f"warning: {printable(str(warning.message))}", file=sys.stderr)
    return reader


def _sentences(path: Path) -> list[object]:
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        lines = data.decode("utf-8").split("\n")  # no other line end: JSON may hold them as they are
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"cannot read {name}: {error}") from None
    if not lines[-1]:
        lines.pop()
    out: list[object] = []
    for number, line in enumerate(lines, 1):
        try:
            out.append(json.loads(line)["instruction"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise fail(f'{name}:{number}: expected one JSON object {{"instruction": "..."}}') from None
    return out


def _json(plan: Plan, provenance: bool) -> str:
    """One line; with escapes where a message would otherwise drive the terminal."""
    line = plan.to_json(provenance)
    return line if printable(line) == line else json.dumps(plan.to_dict(provenance))


def _show(sentence: str, plan: Plan) -> None:
    from rich.console import Console

    from metaagent_ros.demo.provenance import explanation, wants_colour

    console = Console(force_terminal=sys.stdout.isatty(), highlight=False, soft_wrap=True)
    for line in explanation(sentence, plan, wants_colour(console)):
        console.print(line)
