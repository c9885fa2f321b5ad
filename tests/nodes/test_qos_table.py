"""docs/qos.md says what the running nodes offer and ask for, no more and no less."""

import importlib
from collections import defaultdict
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from rclpy.parameter import Parameter

from metaagent_ros.graph import GRAPHS, NODES
from metaagent_ros.nodes import graph_view
from metaagent_ros.policies.files import POLICY_ROBOTS
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.qos import incompatible

pytestmark = pytest.mark.ros
ROBOTS = ("panda", "diffbot", "ur5e")
TEXT = (Path(__file__).parents[2] / "docs/qos.md").read_text(encoding="utf-8")
OFFERED, REQUESTED = "offered", "requested"
STANDARD = ("/rosout", "/parameter_events", "/transition_event")


def tables():
    """Rows of every table of the page, by the names of its columns."""
    head = None
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            head = None
        elif head is None:
            head = cells
        elif set("".join(cells)) - set("-"):
            yield dict(zip(head, cells, strict=True))


def written():
    """``(topic, role, node) -> names of qualities``, as the page has it."""
    found = defaultdict(set)
    for row in tables():
        for role in (OFFERED, REQUESTED) if "topic" in row else ():
            for part in filter(None, row[role].split(";")):
                names, _, nodes = part.partition(":")
                for node in nodes.split(","):
                    for name in names.split(","):
                        found[row["topic"].strip("`"), role, node.strip()].add(name.strip())
    return dict(found)


def qualities():
    return {
        (row["reliability"].replace(" ", "_").upper(), row["durability"].replace(" ", "_").upper(),
         int(row["depth"])): row["name"]
        for row in tables() if "depth" in row
    }  # fmt: skip


def nodes_of(robot: str, context: Context, bag: Path):
    """Every node of the graphs that act on this robot."""
    given = {"robot": robot, "parser": "rules", "bag": str(bag / robot)}
    acting = {name for graph in ("simulation", "robot") for name in GRAPHS[graph].members}
    for known in (node for node in NODES if node.name in acting):
        if known.name == "meta_rl" and robot not in POLICY_ROBOTS:
            continue
        module = importlib.import_module(known.module)
        kind = getattr(module, "".join(part.title() for part in known.name.split("_")) + "Node")
        overrides = [Parameter(key, value=value) for key, value in given.items() if key in known.arguments]
        yield known.name, kind(context=context, parameter_overrides=overrides)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """``(robot, topic, role, node) -> profiles`` of the nodes of every robot, as they were created."""
    found, bag = defaultdict(list), tmp_path_factory.mktemp("bags")
    for robot in ROBOTS:
        context = Context()
        rclpy.init(context=context)
        nodes = []
        try:
            for name, node in nodes_of(robot, context, bag):
                nodes.append(node)
                for role, ends in ((OFFERED, node.publishers), (REQUESTED, node.subscriptions)):
                    for end in ends:
                        found[robot, end.topic_name, role, name].append(end.qos_profile)
        finally:
            for node in nodes:
                node.destroy_node()
            context.try_shutdown()
    return dict(found)


def test_the_page_is_what_the_nodes_do(running):
    names, found = qualities(), defaultdict(set)
    for (_, topic, role, node), profiles in running.items():
        if topic.endswith(STANDARD):
            continue
        for profile in profiles:
            kind = (profile.reliability.name, profile.durability.name, profile.depth)
            found[topic, role, node].add(names.get(kind, str(kind)))
    page = {(full(topic), role, node): said for (topic, role, node), said in written().items()}
    assert {k: (found.get(k), page.get(k)) for k in {*found, *page} if found.get(k) != page.get(k)} == {}


def full(topic: str) -> str:
    return topic if topic.startswith("/") else f"/{topic}"


def test_our_own_ends_fit_each_other(running):
    ends = defaultdict(list)
    for (robot, topic, role, node), profiles in running.items():
        ends[robot, topic].append((role, node, profiles))
    for (_, topic), there in ends.items():
        offered = [(n, p) for role, n, ps in there if role == OFFERED for p in ps]
        for asker, profiles in [(n, ps) for role, n, ps in there if role == REQUESTED]:
            for publisher, profile in offered:
                # of several subscriptions of a node to one topic one at least must hear each publisher
                apart = [
                    incompatible(graph_view.qos_value(profile), graph_view.qos_value(p)) for p in profiles
                ]
                assert () in apart, (topic, publisher, asker, apart)


@pytest.mark.parametrize("robot", ROBOTS)
def test_preflight_expects_what_our_nodes_ask_for_and_offer(running, robot):
    for need in Expectation.of(robot).needs():
        role = OFFERED if need.role == "publisher" else REQUESTED
        profiles = running[robot, need.topic, role, need.node]
        assert need.qos in [graph_view.qos_value(profile) for profile in profiles], need
