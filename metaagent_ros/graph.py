"""The graphs, described once: ``ros2 launch`` and ``metaagent up`` both start them from here.

``simulation`` and ``robot`` are the same nodes with another robot behind the guard's topics; ``training``
makes the policies that they start from.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = str | bool | int | float

_PARSERS = ("default", "rules", "nearest", "hf_causal", "hf_few_shot", "server")
_COMMANDS = (
    "", "joint_trajectory", "follow_joint_trajectory", "forward_position", "forward_velocity", "twist",
    "twist_stamped",
)  # fmt: skip
_GRIPPERS = ("", "none", "width_force", "gripper_command")
_SEEDS = (0, 2**31 - 1)
ENCLAVES = "/metaagent"
"""Below it each node has its SROS2 enclave, named as the node."""
INSTRUCTION = "pick up the red cube and put it in the left bin"


def _robots() -> tuple[str, ...]:
    """Names of the profiles that come along and of the reader's own, found without importing physics."""
    spec = find_spec("sim_envs")
    places = spec.submodule_search_locations if spec is not None else None
    own = filter(None, os.environ.get("METAAGENT_ROBOTS", "").split(os.pathsep))
    files = [p for place in places or () for p in Path(place, "robots").glob("*.yaml")]
    return tuple(sorted(path.stem for path in (*files, *map(Path, own))))


class GraphError(ValueError):
    """An argument outside what the graph takes; the message names what is allowed."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a graph: a launch argument and an option of ``metaagent up``.

    A number lies within ``bounds``, both included.
    """

    name: str
    default: Value
    description: str
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None


ARGUMENTS: tuple[Argument, ...] = (
    Argument("robot", "panda", "which robot it is", _robots()),
    Argument("instruction", "", "sentence to carry out once all is up; empty: wait for one"),
    Argument("headless", True, "no window", ("true", "false")),
    Argument("hardware", "mock", "what is behind the guard's topics", ("mock", "real")),
    Argument("speed", 1.0, "share of the profile's velocity limits that the guard allows", (), (0.01, 1.0)),
    Argument("autostart", True, "policy and guard activate by themselves", ("true", "false")),
    Argument("shadow", False, "dry run: commands go to topics below shadow/ only", ("true", "false")),
    Argument("command", "", "dialect of the commands; empty: the profile's", _COMMANDS),
    Argument("gripper", "", "dialect of the gripper; empty: the profile's", _GRIPPERS),
    Argument("scene_seed", 0, "seed of the objects' places", (), _SEEDS),
    Argument("hidden_seed", 0, "seed of the hidden mass, friction, offset and gain", (), _SEEDS),
    Argument("policy", "", "policy to start from: a folder; empty: the one shipped for the robot"),
    Argument("max_trials", 8, "adaptation trials at most", (), (0, 1000)),
    Argument("max_seconds", 60.0, "adaptation time at most [s]", (), (0.0, 86400.0)),
    Argument("parser", "default", "instruction parser", _PARSERS),
    Argument("physics", "bullet", "engine of the simulation", ("bullet", "mujoco")),
    Argument("rate", 100.0, "how often the simulator publishes states [Hz]", (), (1.0, 1000.0)),
    Argument("record", "", "folder for the states of the simulation, to draw a clip from; empty: none"),
    Argument("bag", "", "new folder to record the graph's topics into (rosbag2, MCAP); empty: no recorder"),
    Argument("bag_limit", 1024.0, "size at which the recording ends [MB]", (), (1.0, 1e6)),
    Argument("seed", 0, "seed of the training", (), _SEEDS),
    Argument("out", "", "folder for what is trained; empty: runs/train-ROBOT"),
    Argument("quick", False, "a minute of training instead of many: to see it run", ("true", "false")),
)
_TABLE = {argument.name: argument for argument in ARGUMENTS}


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """Values of :data:`ARGUMENTS`, and the namespace of the whole graph."""

    robot: str = "panda"
    instruction: str = ""
    headless: bool = True
    hardware: str = "mock"
    speed: float = 1.0
    autostart: bool = True
    shadow: bool = False
    command: str = ""
    gripper: str = ""
    scene_seed: int = 0
    hidden_seed: int = 0
    policy: str = ""
    max_trials: int = 8
    max_seconds: float = 60.0
    parser: str = "default"
    physics: str = "bullet"
    rate: float = 100.0
    record: str = ""
    bag: str = ""
    bag_limit: float = 1024.0
    seed: int = 0
    out: str = ""
    quick: bool = False
    namespace: str = ""

    def __post_init__(self) -> None:
        for argument in ARGUMENTS:
            value = getattr(self, argument.name)
            wanted = type(argument.default)
            if type(value) is not wanted and not (wanted is float and type(value) is int):
                raise GraphError(f"{argument.name} is {value!r}; it takes a {wanted.__name__}")
            if argument.choices and wanted is str and value not in argument.choices:
                raise GraphError(unknown(argument.name, value, argument.choices))
            if argument.bounds and not argument.bounds[0] <= float(value) <= argument.bounds[1]:
                low, high = argument.bounds
                raise GraphError(f"{argument.name} is {value!r}; allowed: {low:.10g} to {high:.10g}")


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """A node: the graph's arguments that it takes as parameters, and whether it follows ``/clock``.

    Where ``needs`` names an argument, the node is started only where it is ``value``; where that is empty,
    only with any value.
    """

    name: str
    arguments: tuple[str, ...]
    use_sim_time: bool = True
    needs: str = ""
    value: str = ""

    @property
    def module(self) -> str:
        """The module whose ``main`` is the process."""
        return f"metaagent_ros.nodes.{self.name}_node"

    def wanted(self, values: Mapping[str, Value]) -> bool:
        """Whether it is started with these values."""
        if not self.needs:
            return True
        given = values[self.needs]
        return given == self.value if self.value else bool(given)


NODES: tuple[NodeDescription, ...] = (
    NodeDescription(
        "simulator",
        (
            "robot", "scene_seed", "hidden_seed", "headless", "physics", "rate", "record",
            "command", "gripper",
        ),
        use_sim_time=False,
    ),
    NodeDescription("hardware", ("robot", "scene_seed", "command", "gripper"), False, "hardware", "mock"),
    NodeDescription("instruction", ("parser",)),
    NodeDescription(
        "meta_rl",
        (
            "robot", "hidden_seed", "scene_seed", "policy", "max_trials", "max_seconds", "instruction",
            "speed",
        ),
    ),
    NodeDescription("policy", ("robot", "autostart")),
    NodeDescription("guard", ("robot", "command", "gripper", "speed", "autostart", "shadow")),
    NodeDescription("recorder", ("robot", "command", "gripper", "bag", "bag_limit"), needs="bag"),
    NodeDescription("trainer", ("robot", "seed", "out", "quick"), use_sim_time=False),
)  # fmt: skip
SIMULATOR, ACTING = "simulator", ("instruction", "meta_rl", "policy", "guard")
"""The nodes that every graph has which can be given a sentence, and what moves in a simulation."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph: its nodes by name, in the order in which they start, and whether there is a ``/clock``."""

    name: str
    description: str
    members: tuple[str, ...]
    simulated_time: bool = False

    @property
    def nodes(self) -> tuple[NodeDescription, ...]:
        """The nodes' descriptions; where there is no ``/clock`` none follows it."""
        return tuple(node for name in self.members for node in NODES if node.name == name)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What its nodes take, in the order of :data:`ARGUMENTS`."""
        taken = {name for node in self.nodes for name in (*node.arguments, node.needs)}
        return tuple(argument for argument in ARGUMENTS if argument.name in taken)

    def follows_clock(self, node: NodeDescription) -> bool:
        """The parameter ``use_sim_time`` of one of its nodes."""
        return self.simulated_time and node.use_sim_time


GRAPHS: dict[str, Graph] = {
    graph.name: graph
    for graph in (
        Graph("simulation", "a robot in physics", ("simulator", *ACTING, "recorder"), simulated_time=True),
        Graph("robot", "a real robot, or its mock", ("hardware", *ACTING, "recorder")),
        Graph("training", "makes a policy to start from", ("trainer",)),
    )
}


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
    return f"{what} is {given!r}; allowed: {', '.join(a or 'empty' for a in allowed)}.{hint}"


def find_graph(name: str) -> Graph:
    """The graph of that name; an unknown one raises :class:`GraphError` with the nearest match."""
    if name not in GRAPHS:
        raise GraphError(unknown("graph", name, tuple(GRAPHS)))
    return GRAPHS[name]


def options_from_strings(pairs: list[str], graph: str = "simulation") -> GraphOptions:
    """Read ``name:=value`` pairs, as ``ros2 launch`` takes them, with the types of the table."""
    known = (*(argument.name for argument in find_graph(graph).arguments), "namespace")
    values: dict[str, Value] = {}
    for pair in pairs:
        name, separator, text = pair.partition(":=")
        if not separator:
            raise GraphError(f"{pair!r} is not of the form name:=value; names: {', '.join(known)}")
        if name not in known:
            raise GraphError(unknown(f"argument of {graph}", name, known))
        values[name] = _typed(_TABLE[name], text) if name in _TABLE else text
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


def processes(graph: Graph, options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The processes of a graph with these options, in the order in which they start."""
    values = asdict(options)
    # each namespace has a clock of its own: rclpy listens to the absolute name
    clock = (("/clock", "clock"),) if options.namespace and graph.simulated_time else ()
    return tuple(
        ProcessSpec(
            name=node.name,
            executable=node.name,
            module=node.module,
            parameters={a: values[a] for a in node.arguments} | {"use_sim_time": graph.follows_clock(node)},
            remappings=clock,
            namespace=options.namespace,
        )
        for node in graph.nodes
        if node.wanted(values)
    )


def simulation_graph(options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The processes of the simulation."""
    return processes(GRAPHS["simulation"], options)


def robot_graph(options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The processes around a robot; with ``hardware`` mock, its controllers' too."""
    return processes(GRAPHS["robot"], options)


def training_graph(options: GraphOptions) -> tuple[ProcessSpec, ...]:
    """The process that trains."""
    return processes(GRAPHS["training"], options)
