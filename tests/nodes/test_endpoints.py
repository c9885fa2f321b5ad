"""The table of endpoints is what the running nodes offer and ask for, no more and no less."""

import importlib
import itertools
import time

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import (
    ACTION_CLIENT,
    ACTION_SERVER,
    CALLS,
    CLIENT,
    LIFECYCLE,
    NODE_ENDPOINTS,
    PUBLISHES,
    SERVES,
    SUBSCRIBES,
    Endpoint,
    endpoints,
    standard,
)
from metaagent_ros.graph import GRAPHS, NODES
from metaagent_ros.nodes.observer import Observer
from metaagent_ros.nodes.session_client import SessionClient
from metaagent_ros.preflight.expectation import Expectation

pytestmark = pytest.mark.ros
ACTION_TOPICS, ACTION_SERVICES = ("feedback", "status"), ("send_goal", "get_result", "cancel_goal")


def offered(node: Node, name: str, namespace: str) -> set[Endpoint]:
    """What the ROS graph says of a node; the parts of an action folded into the action."""
    found = set()
    for role, ask in (
        (PUBLISHES, node.get_publisher_names_and_types_by_node),
        (SUBSCRIBES, node.get_subscriber_names_and_types_by_node),
        (SERVES, node.get_service_names_and_types_by_node),
        (CALLS, node.get_client_names_and_types_by_node),
    ):
        for full, kinds in ask(name, namespace):
            (kind,) = kinds
            found.add(folded(Endpoint(role, full, kind)))
    return found


def folded(endpoint: Endpoint) -> Endpoint:
    action, mark, part = endpoint.name.partition("/_action/")
    if not mark:
        return endpoint
    assert part in ACTION_TOPICS or part in ACTION_SERVICES
    server = endpoint.role == SERVES or (endpoint.role == PUBLISHES and part in ACTION_TOPICS)
    return Endpoint(ACTION_SERVER if server else ACTION_CLIENT, action, "")


def described(name: str, deployment, own: str, shadow: bool = False) -> set[Endpoint]:
    """The same from the table, names resolved in the namespace ``/``; without ``own`` nothing below ``~``."""
    found = set()
    for e in (*endpoints(name, deployment, False, shadow), *standard(name)):
        if not own and e.name.startswith("~"):
            continue
        full = e.name if e.name.startswith("/") else "/" + e.name.replace("~", own)
        found.add(Endpoint(e.role, full, "" if e.role in (ACTION_SERVER, ACTION_CLIENT) else e.type))
    return found


def settled(node: Node, name: str, namespace: str, wanted: set[Endpoint]) -> set[Endpoint]:
    """What is offered, once it is what is wanted or after two seconds."""
    limit, found = time.monotonic() + 2.0, set()
    while found != wanted and time.monotonic() < limit:
        found = offered(node, name, namespace)
        time.sleep(0.02)
    return found


def difference(found: set[Endpoint], wanted: set[Endpoint]) -> str:
    extra, missing = (sorted(map(str, s)) for s in (found - wanted, wanted - found))
    return "\n".join(["not in the table:", *extra, "only in the table:", *missing])


def kind_of(description) -> type:
    module = importlib.import_module(description.module)
    own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
    (found,) = [v for v in own if isinstance(v, type) and issubclass(v, Node)]
    return found


ACTING = [n for n in NODES if n.name in NODE_ENDPOINTS]
NUMBERS = itertools.count()
LEARNERS = ("panda", "diffbot")  # a policy for another robot says nothing new of the endpoints
PAIRS = [
    (node, robot)
    for node in ACTING
    for robot in ("panda", "ur5e", "diffbot")
    if robot in LEARNERS or "policy" not in node.arguments
]


def made(bench, description, robot, tmp_path, **given) -> Node:
    """The node under a name of its own: what is left of another test's would be asked otherwise."""
    values = {
        "robot": robot,
        "parser": "rules",
        "bag": str(tmp_path / "bag"),
        "policy": str(tmp_path),
        **given,
    }
    overrides = [Parameter(k, value=v) for k, v in values.items() if k in description.arguments]
    renamed = ["--ros-args", "-r", f"__node:={description.name}_{next(NUMBERS)}"]
    kind = kind_of(description)
    return bench.add(kind(context=bench.context, parameter_overrides=overrides, cli_args=renamed))


@pytest.mark.parametrize(("description", "robot"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_every_node_has_just_the_endpoints_of_the_table(bench, description, robot, random_policy, tmp_path):
    if "policy" in description.arguments:
        random_policy(robot).save(tmp_path)
    node = made(bench, description, robot, tmp_path)
    wanted = described(description.name, load_deployment(robot), node.get_name())
    if description.name == "recorder":  # it hears what has a publisher: tests/nodes/test_recorder_node.py
        wanted = {e for e in wanted if e.role != SUBSCRIBES}
    found = settled(bench.peer, node.get_name(), node.get_namespace(), wanted)
    assert found == wanted, difference(found, wanted)


@pytest.mark.parametrize("robot", ["panda", "diffbot"])
def test_in_a_dry_run_the_guard_says_nothing_that_a_controller_hears(bench, robot, tmp_path):
    (guard,) = [n for n in ACTING if n.name == "guard"]
    node, deployment = made(bench, guard, robot, tmp_path, shadow=True), load_deployment(robot)
    wanted = described("guard", deployment, node.get_name(), shadow=True)
    found = settled(bench.peer, node.get_name(), node.get_namespace(), wanted)
    assert found == wanted, difference(found, wanted)
    assert not {e.name.lstrip("/") for e in found} & {deployment.command_topic, deployment.gripper_topic}


def test_the_command_line_has_just_the_endpoints_of_the_table(bench):
    wanted = described(CLIENT, load_deployment("panda"), "")
    observer = Observer(Expectation.of("panda", shadow=True))
    with SessionClient() as client:
        nodes = [(n.get_name(), "/") for n in (client._node, observer._node)]
        bench.until(lambda: set(nodes) <= set(bench.peer.get_node_names_and_namespaces()))

        limit = time.monotonic() + 3.0

        def found() -> set[Endpoint]:
            both = [offered(bench.peer, *node) for node in nodes]
            own = tuple(f"/{name}/" for name, _ in nodes)
            return {e for part in both for e in part if not e.name.startswith(own)}

        bench.until(lambda: found() == wanted or time.monotonic() > limit)
        assert found() == wanted, difference(found(), wanted)
    observer.close()


def test_every_node_of_an_acting_graph_is_in_the_table():
    for graph in (GRAPHS["simulation"], GRAPHS["robot"]):
        assert set(graph.members) <= set(NODE_ENDPOINTS)
    assert set(LIFECYCLE) <= set(NODE_ENDPOINTS)
