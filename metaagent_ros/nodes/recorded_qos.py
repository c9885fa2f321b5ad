"""How the publishers of a topic offer it, and how to hear all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


def heard_by(offers: Sequence[Any], depth: int) -> QoSProfile:
    """The strictest profile that every publisher satisfies: reliable, and latched, only where all are."""
    profiles = [offer.qos_profile for offer in offers]
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def described(offers: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Each publisher's profile as rosbag2 writes it; history is not told by discovery and is ``unknown``."""
    return tuple(_profile(offer.qos_profile) for offer in offers)


def _profile(qos: QoSProfile) -> dict[str, Any]:
    return {
        "history": qos.history.short_key if int(qos.history) else "unknown",
        "depth": int(qos.depth),
        "reliability": qos.reliability.short_key,
        "durability": qos.durability.short_key,
        "deadline": _time(qos.deadline),
        "lifespan": _time(qos.lifespan),
        "liveliness": qos.liveliness.short_key,
        "liveliness_lease_duration": _time(qos.liveliness_lease_duration),
        "avoid_ros_namespace_conventions": bool(qos.avoid_ros_namespace_conventions),
    }


def _time(duration: Duration) -> dict[str, int]:
    return dict(zip(("sec", "nsec"), divmod(int(duration.nanoseconds), 1_000_000_000), strict=True))
