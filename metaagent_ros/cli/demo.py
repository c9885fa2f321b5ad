"""``metaagent demo``: one sentence carried out in simulation, live, judged by the simulator's truth."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from metaagent_ros.demo.interrupts import Interrupts
from metaagent_ros.demo.text import printable
from metaagent_ros.graph import INSTRUCTION

VARIABLE = "METAAGENT_INSTRUCTION"
STDIN_LIMIT = 1 << 16  # [characters]: more than any sentence that is not refused


def sentence(given: str | None) -> str:
    """The argument, ``-``: standard input; else the environment's, also when empty; else the default."""
    if given == "-":
        return sys.stdin.buffer.read(STDIN_LIMIT).decode("utf-8", "replace").rstrip("\n")
    text = os.environ.get(VARIABLE, INSTRUCTION) if given is None else given
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def command(
    instruction: Annotated[
        str | None, typer.Argument(help=f"the sentence; -: read it from standard input; or {VARIABLE}")
    ] = None,
    robot: Annotated[str, typer.Option(help="auto (by the sentence), panda or diffbot")] = "auto",
    scene_seed: Annotated[int, typer.Option(help="seed of the objects' places")] = 0,
    hidden_seed: Annotated[int, typer.Option(help="seed of what nobody says")] = 0,
    policy: Annotated[Path | None, typer.Option(help="policy folder to start from; the shipped one")] = None,
    max_trials: Annotated[int, typer.Option(help="adaptation trials at most; 0: no adaptation")] = 8,
    max_seconds: Annotated[float, typer.Option(help="adaptation time of a step at most, in s")] = 60.0,
    parser: Annotated[
        str, typer.Option(help="default, rules, nearest, hf_causal, hf_few_shot or server")
    ] = "default",
    out: Annotated[Path, typer.Option(help="where the folder of the run is made")] = Path("runs"),
    physics: Annotated[str, typer.Option(help="engine of the simulated robot: bullet or mujoco")] = "bullet",
) -> None:
    """Exit 0: done as said; 1: the robot failed; 2: refused, or something is missing; 130: interrupted."""
    from metaagent_ros.demo.options import BadInput, Options
    from metaagent_ros.demo.terminal import Terminal

    with Interrupts() as interrupts, Terminal() as terminal:
        try:
            options = Options(
                sentence(instruction), robot, scene_seed, hidden_seed, policy, max_trials, max_seconds,
                parser, out, physics,
            )  # fmt: skip
            from metaagent_ros.demo.run import demo

            code = demo(options, terminal, interrupts)
        except BadInput as error:
            print(f"error: {printable(str(error))}", file=terminal.err)
            code = 2
        except KeyboardInterrupt:
            print("interrupted before anything was started", file=terminal.err)
            code = 130
    raise typer.Exit(code)
