"""The launch files describe the same graphs as ``metaagent_ros.graph``; launch itself is not on PyPI."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest

from metaagent_ros.graph import GRAPHS, GraphOptions, processes

ROOT = Path(__file__).parents[2]
STANDS_IN_FOR = {
    "launch": ["LaunchDescription"],
    "launch.actions": ["DeclareLaunchArgument", "Shutdown"],
    "launch.conditions": ["IfCondition"],
    "launch.substitutions": ["EqualsSubstitution", "LaunchConfiguration", "NotEqualsSubstitution"],
    "launch_ros": [],
    "launch_ros.actions": ["Node"],
    "launch_ros.parameter_descriptions": ["ParameterValue"],
}


class Recorded:
    """Takes the place of every class of launch and keeps what it was made with."""

    def __init__(self, *arguments, **keywords):
        self.arguments, self.keywords = arguments, keywords


@pytest.fixture
def read(monkeypatch):
    for module, classes in STANDS_IN_FOR.items():
        fake = types.ModuleType(module)
        for name in classes:
            setattr(fake, name, type(name, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, fake)
    monkeypatch.delitem(sys.modules, "metaagent_ros.launch_description", raising=False)

    def described(graph: str) -> list:
        spec = importlib.util.spec_from_file_location("described", ROOT / "launch" / f"{graph}.launch.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        (entities,) = module.generate_launch_description().arguments
        return entities

    yield described
    sys.modules.pop("metaagent_ros.launch_description", None)


def test_every_graph_has_a_launch_file():
    assert {path.name for path in (ROOT / "launch").iterdir()} == {f"{name}.launch.py" for name in GRAPHS}


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_argument_is_declared_with_its_default_and_choices(read, graph: str):
    declared = {e.arguments[0]: e for e in read(graph) if type(e).__name__ == "DeclareLaunchArgument"}
    assert set(declared) == {a.name for a in GRAPHS[graph].arguments} | {"namespace"}
    for argument in GRAPHS[graph].arguments:
        given = declared[argument.name].keywords
        wanted = str(argument.default)
        assert given["default_value"] == (wanted.lower() if isinstance(argument.default, bool) else wanted)
        assert given["description"] == argument.description
        assert tuple(given["choices"] or ()) == argument.choices


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_node_is_started_with_its_parameters_from_an_executable_that_exists(read, graph: str):
    nodes = {e.keywords["name"]: e.keywords for e in read(graph) if type(e).__name__ == "Node"}
    assert set(nodes) == set(GRAPHS[graph].members)
    for node in GRAPHS[graph].nodes:
        values, clock = nodes[node.name]["parameters"]
        assert set(values) == set(node.arguments)
        assert clock == {"use_sim_time": GRAPHS[graph].follows_clock(node)}
        script = ROOT / "scripts" / "executables" / nodes[node.name]["executable"]
        assert script.stat().st_mode & 0o100
        assert importlib.util.find_spec(node.module) is not None


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("values", [{}, {"hardware": "real"}, {"bag": "folder"}])
def test_the_conditions_start_what_metaagent_up_starts(read, graph: str, values: dict[str, str]):
    options = GraphOptions(**values)

    def holds(condition) -> bool:
        if condition is None:
            return True
        compared = condition.arguments[0]
        left, right = compared.arguments
        same = getattr(options, left.arguments[0]) == right
        return same if type(compared).__name__ == "EqualsSubstitution" else not same

    nodes = [e.keywords for e in read(graph) if type(e).__name__ == "Node"]
    started = {node["name"] for node in nodes if holds(node["condition"])}
    assert started == {spec.name for spec in processes(GRAPHS[graph], options)}
