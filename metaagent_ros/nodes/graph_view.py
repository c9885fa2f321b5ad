"""Who is on a live graph: nodes, topics with their endpoints, actions, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from metaagent_ros.preflight.expectation import full
from metaagent_ros.preflight.observation import INFINITE, ActionEndpoint, Endpoint, QoS, Topic

_HIDDEN = ("/rosout", "/parameter_events")
_GOAL = "/_action/send_goal"
_ENDLESS = 2**63 - 1  # [ns] as discovery says it; 0 is the default, which is endless too


def qos_value(profile: QoSProfile) -> QoS:
    """The policies of a profile that decide who talks to whom."""
    liveliness = profile.liveliness.name
    return QoS(
        profile.reliability.name,
        profile.durability.name,
        _seconds(profile.deadline),
        "AUTOMATIC" if liveliness == "SYSTEM_DEFAULT" else liveliness,
        _seconds(profile.liveliness_lease_duration),
    )


def _seconds(duration: Any) -> float:
    ns = duration.nanoseconds
    return INFINITE if ns <= 0 or ns >= _ENDLESS else ns / 1e9


def nodes(node: Node) -> tuple[str, ...]:
    """Full names of the other nodes, hidden ones aside; one that two nodes share stands twice."""
    own = (node.get_name(), node.get_namespace())
    there = node.get_node_names_and_namespaces()
    return tuple(sorted(full(n, ns) for n, ns in there if (n, ns) != own and not n.startswith("_")))


def topics(node: Node) -> tuple[Topic, ...]:
    """Every topic that another node is on."""
    found = []
    for name, _ in node.get_topic_names_and_types():
        if name in _HIDDEN:
            continue
        publishers = _others(node, node.get_publishers_info_by_topic(name))
        subscriptions = _others(node, node.get_subscriptions_info_by_topic(name))
        if publishers or subscriptions:
            found.append(Topic(name, publishers, subscriptions))
    return tuple(found)


def _others(node: Node, infos: list[Any]) -> tuple[Endpoint, ...]:
    own = (node.get_name(), node.get_namespace())
    return tuple(
        Endpoint(full(i.node_name, i.node_namespace), i.topic_type, qos_value(i.qos_profile))
        for i in infos
        if (i.node_name, i.node_namespace) != own
    )


def actions(node: Node) -> tuple[ActionEndpoint, ...]:
    """Every action, with the nodes that serve it and those that hold a client of it."""
    servers: dict[str, list[str]] = {}
    clients: dict[str, list[str]] = {}
    for name, namespace in sorted(set(node.get_node_names_and_namespaces())):
        for ask, found in (
            (node.get_service_names_and_types_by_node, servers),
            (node.get_client_names_and_types_by_node, clients),
        ):
            for action in _goals(ask, name, namespace):
                found.setdefault(action, []).append(full(name, namespace))
    return tuple(
        ActionEndpoint(action, tuple(servers.get(action, ())), tuple(clients.get(action, ())))
        for action in sorted({*servers, *clients})
    )


def _goals(ask: Any, name: str, namespace: str) -> Iterator[str]:
    """Actions among a node's services or clients; none of a node that has just left."""
    try:
        there = ask(name, namespace)
    except Exception as error:  # of a type that rclpy hides in its C extension
        if "NodeNameNonExistent" not in type(error).__name__:
            raise
        return
    yield from (service.removesuffix(_GOAL) for service, _ in there if service.endswith(_GOAL))
