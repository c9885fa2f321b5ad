"""The simulation graph, described once: ``ros2 launch`` and ``metaagent up`` both start it from here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeAlias

Value: TypeAlias = str | bool | int | float

_PARSERS = ("default", "rules", "nearest", "hf_causal", "hf_few_shot", "server")
INSTRUCTION = "pick up the red cube and put it in the left bin"


class GraphError(ValueError):
    """An argument outside what the graph takes; the message names what is allowed."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of the graph: a launch argument and an option of ``metaagent up``."""

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()


ARGUMENTS: tuple[Argument, ...] = (
    Argument("robot", "panda", "which robot stands in the simulation", ("panda", "diffbot")),
    Argument("instruction", "", "sentence to carry out once all is up; empty: wait for one"),
    Argument("headless", True, "no window", ("true", "false")),
    Argument("scene_seed", 0, "seed of the objects' places"),
    Argument("hidden_seed", 0, "seed of the hidden mass, friction, offset and gain"),
    Argument("policy", "", "policy to start from: a folder; empty: the one shipped for the robot"),
    Argument("max_trials", 8, "adaptation trials at most"),
    Argument("max_seconds", 60.0, "adaptation time at most [s]"),
    Argument("parser", "default", "instruction parser", _PARSERS),
    Argument("rate", 100.0, "how often the simulator publishes states [Hz]"),
    Argument("record", "", "folder for the states of the simulation, to draw a clip from; empty: none"),
)


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """Values of :data:`ARGUMENTS`, and the namespace of the whole graph."""

    robot: str = "panda"
    instruction: str = ""
    headless: bool = True
    scene_seed: int = 0
    hidden_seed: int = 0
    policy: str = ""
    max_trials: int = 8
    max_seconds: float = 60.0
    parser: str = "default"
    rate: float = 100.0
    record: str = ""
    namespace: str = ""

    def __post_init__(self) -> None:
        for argument in ARGUMENTS:
            value = getattr(self, argument.name)
            wanted = type(argument.default)
            if type(value) is not wanted and not (wanted is float and type(value) is int):
                raise GraphError(f"{argument.name} is {value!r}; it takes a {wanted.__name__}")
            if argument.choices and wanted is str and value not in argument.choices:
                raise GraphError(unknown(argument.name, value, argument.choices))
        if min(self.max_trials, self.scene_seed, self.hidden_seed) < 0:
            raise GraphError("max_trials, scene_seed and hidden_seed must not be negative")


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """A node: the graph's arguments that it takes as parameters, and whether it follows ``/clock``."""

    name: str
    arguments: tuple[str, ...]
    use_sim_time: bool = True

    @property
    def module(self) -> str:
        """The module whose ``main`` is the process."""
        return f"metaagent_ros.nodes.{self.name}_node"


NODES: tuple[NodeDescription, ...] = (
    NodeDescription(
        "simulator",
        ("robot", "scene_seed", "hidden_seed", "headless", "rate", "record"),
        use_sim_time=False,
    ),
    NodeDescription("instruction", ("parser",)),
    NodeDescription(
        "meta_rl",
        (
            "robot",
            "hidden_seed",
            "scene_seed",
            "policy",
            "max_trials",
            "max_seconds",
            "instruction",
        ),
    ),
    NodeDescription("policy", ("robot",)),
    NodeDescription("guard", ("robot",)),
)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One operating-system process of the graph."""

    name: str
    executable: str
    module: str
    parameters: Mapping[str, Value]
    remappings: tuple[tuple[str, str], ...] = ()
    namespace: str = ""


def unknown(what: str, given: object, allowed: tuple[str, ...]) -> str:
    """One sentence: what was given, what is allowed, the nearest match."""
    near = difflib.get_close_matches(str(given), allowed, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{what} is {given!r}; allowed: {', '.join(allowed)}.{hint}"


def options_from_strings(pairs: list[str]) -> GraphOptions:
    """Read ``name:=value`` pairs, as ``ros2 launch`` takes them, with the types of the table."""
    table = {argument.name: argument for argument in ARGUMENTS}
    known = tuple(field.name for field in fields(GraphOptions))
    values: dict[str, Value] = {}
    for pair in pairs:
        name, separator, text = pair.partition(":=")
        if not separator:
            raise GraphError(f"{pair!r} is not of the form name:=value; names: {', '.join(known)}")
        if name not in known:
            raise GraphError(unknown("argument", name, known))
        values[name] = _typed(table[name], text) if name in table else text
    return GraphOptions(**values)  # type: ignore[arg-type]


def _typed(argument: Argument, text: str) -> Value:
    if isinstance(argument.default, bool):
        if text.lower() not in ("true", "false"):
            raise GraphError(unknown(argument.name, text, ("true", "false")))
        return text.lower() == "true"
    try:
        return type(argument.default)(text)
    except ValueError:
        kind = type(argument.default).__name__
        raise GraphError(f"{argument.name} is {text!r}; it takes a {kind}") from None


def simulation_graph(options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The processes of the simulation, in the order in which they start."""
    values = asdict(options)
    return tuple(
        ProcessSpec(
            name=node.name,
            executable=node.name,
            module=node.module,
            parameters={a: values[a] for a in node.arguments} | {"use_sim_time": node.use_sim_time},
            namespace=options.namespace,
        )
        for node in NODES
    )
