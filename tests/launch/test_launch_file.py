"""The launch file describes the same graph as ``metaagent_ros.graph``; launch itself is not on PyPI."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest

from metaagent_ros.graph import ARGUMENTS, NODES

ROOT = Path(__file__).parents[2]


class Recorded:
    """Takes the place of every class of launch and keeps what it was made with."""

    def __init__(self, *arguments, **keywords):
        self.arguments, self.keywords = arguments, keywords


@pytest.fixture
def description(monkeypatch):
    names = {
        "launch": ["LaunchDescription"],
        "launch.actions": ["DeclareLaunchArgument", "Shutdown"],
        "launch.substitutions": ["LaunchConfiguration"],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
        "launch_ros.parameter_descriptions": ["ParameterValue"],
    }
    for module, classes in names.items():
        fake = types.ModuleType(module)
        for name in classes:
            setattr(fake, name, type(name, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, module, fake)
    spec = importlib.util.spec_from_file_location("described", ROOT / "launch" / "simulation.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (entities,) = module.generate_launch_description().arguments
    return entities


def test_every_argument_is_declared_with_its_default(description):
    declared = {e.arguments[0]: e for e in description if type(e).__name__ == "DeclareLaunchArgument"}
    assert set(declared) == {a.name for a in ARGUMENTS} | {"namespace"}
    for argument in ARGUMENTS:
        given = declared[argument.name].keywords
        wanted = str(argument.default)
        assert given["default_value"] == (wanted.lower() if isinstance(argument.default, bool) else wanted)
        assert given["description"] == argument.description


def test_every_node_is_started_with_its_parameters_from_an_executable_that_exists(description):
    nodes = {e.keywords["name"]: e.keywords for e in description if type(e).__name__ == "Node"}
    assert set(nodes) == {node.name for node in NODES}
    for node in NODES:
        values, clock = nodes[node.name]["parameters"]
        assert set(values) == set(node.arguments)
        assert clock == {"use_sim_time": node.use_sim_time}
        script = ROOT / "scripts" / "executables" / nodes[node.name]["executable"]
        assert script.stat().st_mode & 0o100
        assert importlib.util.find_spec(node.module) is not None
