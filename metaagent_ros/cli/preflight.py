"""``metaagent preflight``: judge a robot's live graph before anything moves; it publishes nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metaagent_ros.cli.shared import fail
from metaagent_ros.cli.up import environment
from metaagent_ros.demo.text import printable
from metaagent_ros.graph import GraphError
from metaagent_ros.preflight.rows import FAIL, OK, WARN, Row, worst

if TYPE_CHECKING:
    from metaagent_ros.preflight.expectation import Expectation

_COLOUR = {OK: "green", WARN: "yellow", FAIL: "bold red"}
EPILOG = (
    "Nothing is published and nothing moves. A warning is something to know, or something that could not be"
    " tried at rest; a failure refuses."
)


def command(
    robot: Annotated[str, typer.Option(help="which robot stands there")],
    seconds: Annotated[float, typer.Option(min=0.5, max=120.0, help="how long to watch, in s")] = 3.0,
    namespace: Annotated[str, typer.Option(help="namespace of the robot's graph")] = "",
    at_home: Annotated[
        bool, typer.Option("--at-home", help="a person drove it to its home pose: compare")
    ] = False,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="a dry run goes on (shadow:=true): judge its commands too")
    ] = False,
    tool_pose: Annotated[
        str, typer.Option(help="compare the tool: a topic of geometry_msgs/PoseStamped, or tf")
    ] = "",
    spoken: Annotated[str, typer.Option("--command", help="dialect of the commands, as command:=")] = "",
    gripper: Annotated[str, typer.Option(help="dialect of the gripper, as gripper:=")] = "",
    patience: Annotated[float, typer.Option(min=0.5, max=60.0, help="to wait for the robot, in s")] = 6.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the rows as JSON only")] = False,
) -> None:
    """Exit 0 when nothing refuses, 1 when a check failed, 2 for bad input."""
    from metaagent_ros.preflight.expectation import Expectation
    from sim_envs.spec import SpecError

    try:
        wanted = Expectation.of(robot, namespace, at_home, shadow).speaking(spoken, gripper)
        environment()
    except (SpecError, GraphError) as error:
        raise fail(str(error)) from None
    rows = _judged(wanted, seconds, patience, tool_pose)
    verdict = worst(rows)
    if as_json:
        report = {"robot": robot, "verdict": verdict, "rows": [asdict(row) for row in rows]}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _table(rows)
        print(_conclusion(robot, rows))
    raise typer.Exit(1 if verdict == FAIL else 0)


def _judged(wanted: Expectation, seconds: float, patience: float, tool_pose: str) -> tuple[Row, ...]:
    from metaagent_ros.nodes.observer import ObserverError, observe
    from metaagent_ros.preflight.checks import examine

    try:
        return examine(observe(wanted, seconds, patience, tool_pose), wanted)
    except ObserverError as error:
        raise fail(str(error)) from None


def _conclusion(robot: str, rows: tuple[Row, ...]) -> str:
    failed = [row.check for row in rows if row.verdict == FAIL]
    warned = sum(row.verdict == WARN for row in rows)
    known = f"; {warned} warning{'s' if warned > 1 else ''} to read" if warned else ""
    if failed:
        return printable(f"REFUSED: {robot} must not be commanded: {', '.join(failed)}{known}")
    return printable(f"{robot} may be commanded{known}")


def _table(rows: tuple[Row, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("check", "expected", "found"):
        table.add_column(name, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        found = Text(printable(row.found))
        if row.remedy:
            found.append(f"\n→ {printable(row.remedy)}", style="italic")
        verdict = Text(row.verdict, style=_COLOUR[row.verdict])
        table.add_row(Text(printable(row.check)), Text(printable(row.expected)), found, verdict)
    Console(highlight=False).print(table)
