"""``metaagent doctor``: what is installed, what is missing, how to get it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from metaagent_ros.cli import checks
from metaagent_ros.demo.text import printable

_COLOUR = {checks.OK: "green", checks.WARN: "yellow", checks.MISSING: "bold red"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="print the rows as JSON only")] = False,
) -> None:
    """Exit 0 when nothing needed is missing, else 2."""
    rows = checks.examine()
    missing = [row.name for row in rows if row.state == checks.MISSING]
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _table(rows)
        print(f"missing: {', '.join(missing)}" if missing else "nothing needed is missing")
    raise typer.Exit(2 if missing else 0)


def _table(rows: list[checks.Row]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found", overflow="fold")
    for row in _shortened(rows):
        found = Text(printable(row.found))
        if row.remedy:
            found.append(f"\n→ {printable(row.remedy)}", style="italic")
        table.add_row(Text(row.name), Text(row.state, style=_COLOUR[row.state]), found)
    Console(highlight=False).print(table)


def _shortened(rows: list[checks.Row]) -> Iterator[checks.Row]:
    """The rows, those of a group as one where there is nothing to say about it."""
    for name, group in itertools.groupby(rows, key=lambda row: row.group):
        members = list(group)
        if name and all(row.state == checks.OK for row in members):
            yield checks.Row(f"[{name}] packages", checks.OK, f"{len(members)}, all as asked for")
        else:
            yield from members
