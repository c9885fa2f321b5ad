"""``metaagent security``: the SROS2 policies of a graph, and the commands that make its keystore."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from metaagent_ros.cli.shared import fail

FILE = "policies.xml"
_NAMESPACE = re.compile(r"(/?[A-Za-z_][A-Za-z0-9_]*)*/?")
EPILOG = "Nothing is encrypted or denied by this file alone: docs/security.md says how it takes effect."


def command(
    out: Annotated[Path, typer.Option(help="folder for policies.xml")],
    robot: Annotated[str, typer.Option(help="robot, whose dialect names the command topics")] = "panda",
    graph: Annotated[str, typer.Option(help="simulation or robot")] = "simulation",
    namespace: Annotated[str, typer.Option(help="namespace of the whole graph")] = "",
    shadow: Annotated[bool, typer.Option("--shadow", help="for a dry run: shadow/ topics only")] = False,
    keystore: Annotated[Path | None, typer.Option(help="keystore in the commands; OUT/keystore")] = None,
) -> None:
    """Write the file and print what to run next; exit 2 for bad input."""
    import shlex

    from metaagent_ros.deployment import load_deployment
    from metaagent_ros.graph import GRAPHS, GraphError, find_graph, unknown
    from metaagent_ros.security import commands, policies
    from sim_envs.atomic import write_atomically

    acting = tuple(name for name, known in GRAPHS.items() if "guard" in known.members)
    try:
        if graph not in acting:
            raise GraphError(unknown("graph", graph, acting))
        if not _NAMESPACE.fullmatch(namespace):
            raise GraphError(f"namespace is {namespace!r}; allowed: names of letters, digits, _, between /")
        text = policies(find_graph(graph), load_deployment(robot), namespace, shadow)
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / FILE, text.encode())
    except (ValueError, OSError) as error:
        raise fail(str(error)) from None
    print(f"policies: {out / FILE}")
    print("next, with ROS 2 and sros2 installed, once for each change of the graph:")
    store = shlex.quote(str(keystore or out / "keystore"))
    for line in commands(find_graph(graph), store, shlex.quote(str(out / FILE))):
        print(f"  {line}")
