"""Who is at the other end of a topic, and why it may not be heard."""

from __future__ import annotations

import os
import uuid
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible, qos_policy_name_from_kind

from metaagent_ros.nodes import transport


class Mismatches:
    """Who cannot be heard by ``node``, or cannot hear it, because the two ask for different QoS.

    The middleware tells that it happened before it knows who it was, so :meth:`text` looks later.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._suspects: dict[tuple[str, bool], tuple[str, QoSProfile]] = {}
        self.last = ""

    def hearing(self, topic: str, qos: QoSProfile) -> SubscriptionEventCallbacks:
        """Event callbacks for a subscription."""
        return SubscriptionEventCallbacks(incompatible_qos=lambda e: self._suspect(topic, True, e, qos))

    def speaking(self, topic: str, qos: QoSProfile) -> PublisherEventCallbacks:
        """Event callbacks for a publisher."""
        return PublisherEventCallbacks(incompatible_qos=lambda e: self._suspect(topic, False, e, qos))

    def text(self) -> str:
        """Topic, policy and nodes of every mismatch that there is now; empty: none. Logged when new."""
        found = "; ".join(filter(None, map(self._described, self._suspects)))
        if found and found != self.last:
            self._node.get_logger().error(found)
        self.last = found
        return found

    def _suspect(self, topic: str, hearing: bool, event: Any, qos: QoSProfile) -> None:
        self._suspects[topic, hearing] = (qos_policy_name_from_kind(event.last_policy_kind), qos)

    def _described(self, suspect: tuple[str, bool]) -> str:
        (topic, hearing), (policy, own) = suspect, self._suspects[suspect]
        node = self._node
        look = node.get_publishers_info_by_topic if hearing else node.get_subscriptions_info_by_topic
        bad = []
        for info in look(node.resolve_topic_name(topic)):
            pair = (info.qos_profile, own) if hearing else (own, info.qos_profile)
            if qos_check_compatible(*pair)[0] == QoSCompatibility.ERROR:
                bad.append(info)
        what = "not heard" if hearing else "cannot hear"
        return f"QoS mismatch on {topic}: {policy} ({what}: {', '.join(_names(bad))})" if bad else ""


def identity(node: Node) -> str:
    """A name that no other process has: the middleware does not tell who sent a message."""
    return f"{node.get_fully_qualified_name()}#{uuid.uuid4().hex[:6]}"


def others(node: Node, topic: str) -> tuple[str, ...]:
    """The full names of other nodes that publish on the topic."""
    infos = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return tuple(sorted(set(_names(infos)) - {node.get_fully_qualified_name()}))


def unheard(node: Node, topic: str) -> str:
    """Why nothing may have come on a topic: nobody publishes there, or who does."""
    there = others(node, topic)
    if there:
        return f"nothing heard on {topic}, which {', '.join(there)} publishes."
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    scope = transport.reach(os.environ) or "SUBNET"
    return (
        f"nobody publishes {topic} in ROS domain {domain} (discovery range {scope}):"
        " start the robot, or give both sides the same ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE."
    )


def _names(infos: list[Any]) -> list[str]:
    return [f"{i.node_namespace.rstrip('/')}/{i.node_name}" for i in infos]
