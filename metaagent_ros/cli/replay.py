"""``metaagent replay``: run a policy again on the states of a bag and show where its commands differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent_ros.cli.shared import fail
from metaagent_ros.demo.text import printable

EPILOG = (
    "BAG is a folder that the recorder (bag:=FOLDER) or 'ros2 bag record -s mcap' wrote, or its .mcap file. "
    "A recording that was cut off is read as far as it goes."
)


def command(
    bag: Annotated[Path, typer.Argument(metavar="BAG", help="folder or .mcap file")],
    policy: Annotated[Path | None, typer.Option(help="policy folder in place of the recorded one")] = None,
    robot: Annotated[str, typer.Option(help="robot; default: the one that the recorded policy is of")] = "",
    namespace: Annotated[str | None, typer.Option(help="which graph, where the bag holds several")] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="difference that counts as none")] = 1e-6,
    out: Annotated[Path | None, typer.Option(help="write a page with the curves (HTML)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON only")] = False,
) -> None:
    """Exit 0: the same commands, or --policy given; 1: the recorded policy answers otherwise; 2: bad bag."""
    from metaagent_ros.policies.files import PolicyFile
    from metaagent_ros.recording import report
    from metaagent_ros.recording.replay import replay

    try:
        from metaagent_ros.nodes.bag_values import BagValues
    except ImportError as error:
        raise fail(f"the messages of ROS are not installed ({error}); see 'metaagent doctor'") from None
    try:
        other = None if policy is None else PolicyFile.load(policy)
        result = replay(bag, BagValues, other, robot, namespace)
        summary = report.as_json(result, tolerance, str(bag), "" if policy is None else str(policy))
        if out is not None:
            report.write(out, result, summary)
    except (ValueError, OSError) as error:  # BagError, PolicyFileError, SpecError, a state that is none
        raise fail(str(error)) from None
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        _show(summary)
        if out is not None:
            print(f"page: {out}")
    raise typer.Exit(0 if summary["same"] or policy is not None else 1)


def _show(summary: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not summary["complete"]:
        print("the recording was not finished; what had been written is used")
    for run in summary["runs"]:
        print(f"run {printable(run['run_id'])}: {printable(run['skill'])}, {run['ticks']} commands")
        for note in run["notes"]:
            print(f"  note: {note}")
        print(f"  recorded end:   {printable(run['ended']['recorded']) or 'not in the bag'}")
        print(f"  recomputed end: {printable(run['ended']['recomputed'])}")
        if run["compared"]:
            console.print(_table(run))
        first = run["first"]
        if first is not None:
            print(
                f"  first difference: {first['value']:.3g} in {first['column']}"
                f" at tick {first['tick']} ({first['seconds']:.2f} s)"
            )
        same = "the same" if run["same"] else "not the same"
        print(f"  compared: {run['compared']} of {run['ticks']}; {same}")
    largest = summary["largest"]
    said = "nothing to compare" if largest is None else f"largest difference {largest:.3g}"
    print(f"{said}; policy: {printable(summary['policy'])}")


def _table(run: dict[str, Any]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("command")
    table.add_column("largest difference", justify="right")
    table.add_column("root mean square", justify="right")
    for name, largest in run["largest"].items():
        table.add_row(Text(printable(name)), f"{largest:.3g}", f"{run['rms'][name]:.3g}")
    return table
