"""SROS2 policies of a graph: what each node may publish, hear, serve and call; everything else is denied.

Format: version 0.2.0 of https://design.ros2.org/articles/ros2_access_control_policies.html, as
``ros2 security create_permission`` reads it. Made from :mod:`metaagent_ros.endpoints`, which the tests hold
against the running nodes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

from metaagent_ros import endpoints as table
from metaagent_ros.deployment import Deployment
from metaagent_ros.endpoints import CLIENT, Endpoint, endpoints, standard
from metaagent_ros.graph import ENCLAVES, Graph

VERSION = "0.2.0"
RULES: dict[str, tuple[str, str, str]] = {
    table.PUBLISHES: ("topics", "publish", "topic"),
    table.SUBSCRIBES: ("topics", "subscribe", "topic"),
    table.SERVES: ("services", "reply", "service"),
    table.CALLS: ("services", "request", "service"),
    table.ACTION_SERVER: ("actions", "execute", "action"),
    table.ACTION_CLIENT: ("actions", "call", "action"),
}
"""By role: the element of a list, its attribute, the element of an entry."""


def policies(graph: Graph, deployment: Deployment, namespace: str = "", shadow: bool = False) -> str:
    """The policy file: one enclave and one profile for each node, and one for the command line.

    With ``shadow`` the guard may only say what a dry run says: nothing that a controller hears.
    """
    root = ElementTree.Element("policy", version=VERSION)
    enclaves = ElementTree.SubElement(root, "enclaves")
    space = "/" + namespace.strip("/")
    for name in nodes(graph):
        enclave = ElementTree.SubElement(enclaves, "enclave", path=f"{ENCLAVES}/{name}")
        profiles = ElementTree.SubElement(enclave, "profiles")
        # nodes of the command line carry their process number; permissions match names with wildcards
        node = "metaagent_*" if name == CLIENT else name
        profile = ElementTree.SubElement(profiles, "profile", ns=space, node=node)
        offered = (*endpoints(name, deployment, graph.simulated_time, shadow), *standard(name))
        _rules(profile, (_placed(e, space) for e in offered))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def nodes(graph: Graph) -> tuple[str, ...]:
    """The nodes that have an enclave: those of the graph, and the command line that takes part in it."""
    return (*graph.members, CLIENT)


def commands(graph: Graph, keystore: str, policy_file: str) -> tuple[str, ...]:
    """The command lines that make a keystore with an enclave for each node and its permissions."""
    paths = [f"{ENCLAVES}/{name}" for name in nodes(graph)]
    lines = [f"ros2 security create_keystore {keystore}"]
    lines += [f"ros2 security create_enclave {keystore} {path}" for path in paths]
    lines += [f"ros2 security create_permission {keystore} {path} {policy_file}" for path in paths]
    return tuple(lines)


def _placed(endpoint: Endpoint, space: str) -> Endpoint:
    """A clock of the graph's own lies in its namespace."""
    if endpoint.name != table.CLOCK or space == "/":
        return endpoint
    return Endpoint(endpoint.role, table.CLOCK.lstrip("/"), endpoint.type)


def _rules(profile: ElementTree.Element, offered: Iterable[Endpoint]) -> None:
    names: dict[str, set[str]] = {}
    for endpoint in offered:
        names.setdefault(endpoint.role, set()).add(endpoint.name)
    for role in table.ROLES:
        if role not in names:
            continue
        group, verb, entry = RULES[role]
        rule = ElementTree.SubElement(profile, group, {verb: "ALLOW"})
        for name in sorted(names[role]):
            ElementTree.SubElement(rule, entry).text = name
