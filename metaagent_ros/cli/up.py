"""``metaagent up``: a launch graph as operating-system processes, where ``ros2 launch`` is not installed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from metaagent_ros.cli.shared import fail
from metaagent_ros.demo.interrupts import Interrupts
from metaagent_ros.demo.text import printable
from metaagent_ros.graph import (
    GRAPHS,
    Argument,
    Graph,
    GraphError,
    GraphOptions,
    ProcessSpec,
    find_graph,
    options_from_strings,
    processes,
)
from metaagent_ros.launcher import Stack

_POLL = 0.1  # [s]
_MAX_DOMAIN = 232


def _described(argument: Argument) -> str:
    default = str(argument.default).lower() if isinstance(argument.default, bool) else argument.default
    said = f"one of {', '.join(argument.choices)}; " if argument.choices else ""
    given = "empty" if default == "" else default
    text = f"{argument.name}:=  {argument.description} ({said}default {given})"
    return text.replace("[", "\\[")  # a unit in brackets is no markup


def _listed(graph: Graph) -> str:
    return "\n\n".join(
        [f"Arguments of {graph.name} ({graph.description}):", *map(_described, graph.arguments)]
    )


EPILOG = "\n\n".join(map(_listed, GRAPHS.values()))


class Follower:
    """Reads what was added to the log of each process, whole lines only."""

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self._files = {name: path.open("rb") for name, path in logs.items()}
        self._rest = {name: b"" for name in logs}

    def lines(self, last: bool = False) -> Iterator[str]:
        """New lines since the last call, each after the name of its process; at the ``last`` call all."""
        width = max(map(len, self._files), default=0)
        for name, file in self._files.items():
            *whole, rest = (self._rest[name] + file.read()).split(b"\n")
            if last and rest:
                whole, rest = [*whole, rest], b""
            self._rest[name] = rest
            for line in whole:
                yield f"{name:<{width}} | {printable(line.decode('utf-8', 'replace').rstrip())}"

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


def environment() -> dict[str, str]:
    """What the processes need of the caller's environment; raises ``GraphError``."""
    kept = {
        name: os.environ[name]
        for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")
        if os.environ.get(name)
    }
    kept["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")  # five processes share the cores
    domain = kept.get("ROS_DOMAIN_ID", "0")
    if not (domain.isascii() and domain.isdigit() and int(domain) <= _MAX_DOMAIN):
        raise GraphError(f"ROS_DOMAIN_ID is {domain!r}; allowed: 0 to {_MAX_DOMAIN}")
    return kept


def checked(graph: Graph, options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The processes; what would end one of them at once raises ``GraphError`` before any is started."""
    from metaagent_ros.deployment import load_deployment, missing_interfaces
    from metaagent_ros.policies.files import POLICY_ROBOTS
    from sim_envs.spec import SpecError

    specs = processes(graph, options)
    names = {spec.name for spec in specs}
    if "meta_rl" in names and not options.policy and options.robot not in POLICY_ROBOTS:
        raise GraphError(
            f"no policy is shipped for {options.robot}; shipped: {', '.join(POLICY_ROBOTS)}. Make one with"
            f" `metaagent up training robot:={options.robot} out:=FOLDER` and give policy:=FOLDER"
        )
    try:
        deployment = load_deployment(options.robot).speaking(options.command, options.gripper)
    except SpecError as error:
        raise GraphError(str(error)) from None
    if "guard" in names and (why := missing_interfaces(deployment)):
        raise GraphError(why)
    return specs


def _follow(stack: Stack) -> int:
    """Print what the processes say until one of them ends."""
    follower = Follower({spec.name: stack.log_path(spec.name) for spec in stack.specs})
    try:
        while (died := stack.poll()) is None:
            for line in follower.lines():
                print(line, flush=True)
            time.sleep(_POLL)
        for line in follower.lines(last=True):
            print(line, flush=True)
        if died.returncode == 0 and len(stack.specs) == 1:
            return 0  # all of its work is done
        print(
            f"error: {died.name} ended with {died.returncode}; the others are ended too. Log: {died.log}",
            flush=True,
        )
        return 1
    finally:
        follower.close()


def command(
    name: Annotated[str, typer.Argument(help=f"the graph: {', '.join(GRAPHS)}")],
    arguments: Annotated[list[str] | None, typer.Argument(help="name:=value ...")] = None,
    logs: Annotated[Path | None, typer.Option(help="folder for the logs")] = None,
) -> None:
    """Exit 0 when training is done, 130 after Ctrl-C, 1 when a process ended by itself, 2 for bad input."""
    try:
        specs = checked(find_graph(name), options_from_strings(arguments or [], name))
        kept = environment()
    except GraphError as error:
        raise fail(str(error)) from None
    folder = logs or Path("runs") / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    code = 1
    with Interrupts():
        stack = Stack(specs, folder, kept)
        try:
            with stack:
                domain, reach = (stack.env[key] for key in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"))
                print(f"logs: {folder}")
                print("in another terminal, to take part:")
                print(f"  export ROS_DOMAIN_ID={domain} ROS_AUTOMATIC_DISCOVERY_RANGE={reach}", flush=True)
                code = _follow(stack)
        except KeyboardInterrupt:
            print("interrupted; all processes have ended", flush=True)
            code = 130
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads any more: end without noise
        except OSError as error:
            raise fail(f"cannot start the graph: {error}", 1) from None
    raise typer.Exit(code)
