"""The Foxglove layout names topics and fields of the graph only, and every panel has its place."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import topics

LAYOUT = json.loads((Path(__file__).parents[2] / "docs/foxglove/metaagent_ros.json").read_text())
TOPICS = {
    name if name.startswith("/") else f"/{name}": kind
    for robot in ("panda", "diffbot")
    for name, kind in topics(load_deployment(robot)).items()
}
KEYS = ("value", "topicPath", "topicToRender")


def expressions(config: object) -> Iterator[str]:
    """Every topic, or topic with a path into its message, that a panel shows."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key in KEYS and isinstance(value, str):
                yield value
            elif key == "topics":
                yield from value
            else:
                yield from expressions(value)
    elif isinstance(config, list):
        for value in config:
            yield from expressions(value)


SHOWN = sorted({e for panel in LAYOUT["configById"].values() for e in expressions(panel)})


def fields(kind: str) -> dict[str, str]:
    package, *_, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name).get_fields_and_field_types()


@pytest.mark.parametrize("expression", SHOWN)
def test_every_path_leads_to_a_field_of_a_topic_of_the_graph(expression):
    topic, *path = expression.split(".")
    assert topic in TOPICS
    kind = TOPICS[topic]
    for part in path:
        name, index = re.fullmatch(r"(\w+)(\[\d+\])?", part).groups()
        kind = fields(kind)[name]
        sequence = re.fullmatch(r"sequence<([\w/]+)(?:, \d+)?>|([\w/]+)\[\d+\]", kind)
        assert (index is not None) == (sequence is not None)
        kind = (sequence[1] or sequence[2]) if sequence else kind
    assert not path or "/" not in kind  # a plot needs a number, a state a word


def panels(layout: object) -> Iterator[str]:
    if isinstance(layout, str):
        yield layout
        return
    for side in ("first", "second"):
        yield from panels(layout[side])


def test_every_panel_is_placed_once_and_the_kinds_that_are_needed_are_there():
    tabs = [tab for panel in LAYOUT["configById"].values() for tab in panel.get("tabs", [])]
    placed = [*panels(LAYOUT["layout"]), *(name for tab in tabs for name in panels(tab["layout"]))]
    assert sorted(placed) == sorted(LAYOUT["configById"])
    kinds = {name.split("!")[0] for name in placed}
    assert kinds == {"3D", "Plot", "StateTransitions", "DiagnosticSummary", "RawMessages", "Tab"}


def test_states_joints_commands_curve_and_diagnostics_are_shown():
    wanted = {"/joint_states.position[0]", "/policy/arm_command.positions[6]", "/guard/status.state"}
    wanted |= {
        "/policy/status.state",
        "/adaptation/trial.success_rate",
        "/diagnostics",
        "/scan",
        "/joint_states",
    }
    assert wanted <= set(SHOWN)
