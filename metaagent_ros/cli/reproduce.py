"""``metaagent reproduce``: a published result of meta-learning made again, beside the paper's figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

EPILOG = "Results: sinusoid (2 minutes of one core), digits (1), point2d (8). docs/reproduce.md says more."
ARMS = ("maml", "fomaml", "reptile", "pretrained")


def command(
    result: Annotated[str, typer.Argument(help="sinusoid, digits or point2d")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="outer iterations; default: what the figures need")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="also write the JSON to this file")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="the last line of stdout is JSON, progress goes to stderr")
    ] = False,
) -> None:
    """Trains every arm from the seed and judges it on held-out tasks."""
    from sim_envs.atomic import write_atomically
    from sim_envs.spec import SpecError, require

    names = ("sinusoid", "digits", "point2d")
    try:
        require("result", result, names)
        if out is not None and not out.parent.is_dir():
            raise SpecError(f"{out}: there is no folder {out.parent}")
        found = _run(result, seed, iterations, _progress if as_json else _say)
        text = json.dumps(found, allow_nan=False)
        if out is not None:
            write_atomically(out, (text + "\n").encode())
    except (SpecError, ValueError, FloatingPointError, OSError) as error:
        raise fail(str(error)) from None
    except ModuleNotFoundError as error:
        raise fail(f"{result} needs {error.name}: pip install scikit-learn", 1) from None
    print(text if as_json else table(found))


def _run(result: str, seed: int, iterations: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    import torch

    from metaagent_ros.meta.reproduce import reproduce

    torch.set_num_threads(1)  # networks this small gain nothing from more, and bits stay the same
    return reproduce(result, seed, iterations, say)


def table(found: dict[str, Any]) -> str:
    """One line an arm, its figures after each number of inner steps; the paper's below it."""
    steps = found.get("steps") or found["updates"]
    lines = ["  ".join([f"{'steps':<18}", *(f"{step:>8}" for step in steps)])]
    for arm in (arm for arm in ARMS if arm in found):
        lines.append(_row(arm, found[arm]))
        if arm in found.get("paper", {}):
            lines.append(_row("  in the paper", found["paper"][arm]))
    return "\n".join(lines)


def _row(name: str, values: list[float]) -> str:
    return "  ".join([f"{name:<18}", *(f"{value:>8.3f}" for value in values)])


def _say(line: str) -> None:
    print(line, flush=True)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
