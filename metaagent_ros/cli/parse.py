"""``metaagent parse``: the plan that a sentence becomes."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer


def _fail(message: str) -> typer.Exit:
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(2)


def _sentences(path: Path) -> list[object]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _fail(f"cannot read {path}: {error}") from None
    out: list[object] = []
    for number, line in enumerate(lines, 1):
        try:
            out.append(json.loads(line)["instruction"])
        except (ValueError, TypeError, KeyError):
            raise _fail(f'{path}:{number}: expected one JSON object {{"instruction": "..."}}') from None
    return out


def command(
    text: Annotated[str | None, typer.Argument(help="the sentence")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the plan as JSON only")] = False,
    jsonl: Annotated[Path | None, typer.Option(help='file of {"instruction": ...} lines')] = None,
    parser: Annotated[str, typer.Option(help="default or rules")] = "default",
) -> None:
    """Exit 0 for a plan, 2 for a refusal, a question back or bad input."""
    from metaagent_ros.instructions import load_parser
    from sim_envs.spec import SpecError

    if (text is None) == (jsonl is None):
        raise _fail("give either a sentence or --jsonl FILE")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reader = load_parser(parser)
    except SpecError as error:
        raise _fail(str(error)) from None
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    if jsonl is not None:
        for sentence in _sentences(jsonl):
            print(reader.parse(sentence).to_json())  # type: ignore[arg-type]
        return
    plan = reader.parse(str(text))
    if as_json:
        print(plan.to_json())
    else:
        print(f"{plan.status}: {plan.message}" if plan.message else plan.status)
        for step in plan.steps:
            print(f"  {step.to_dict()}")
    raise typer.Exit(0 if plan.status == "ok" else 2)
