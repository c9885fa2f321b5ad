"""What the guard says of itself: its status message and its diagnostics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from metaagent_interfaces.msg import GuardStatus
from metaagent_ros.control.counts import Counts

_LEVELS = {"waiting": "ok", "active": "ok", "holding": "warn", "paused": "warn", "fault": "error"}


def guard_status(node: Any) -> GuardStatus:
    """The status of the guard ``node``; before it is configured nothing but its lifecycle state."""
    out = GuardStatus(state="waiting", lifecycle=node.lifecycle, message=node.refusal, speed_scale=1.0)
    out.header.stamp = node.get_clock().now().to_msg()
    guard = node.guard
    if guard is None:
        return out
    for name, value in asdict(guard.counts).items():
        setattr(out, name, int(value))
    out.state, out.estop = guard.state, bool(guard.estopped)
    refused = not node.active and not guard.estopped
    out.message = (node.refusal or guard.message) if refused else guard.message
    if node.topics.mismatches.last:
        out.message = f"{node.topics.mismatches.last}. {out.message}"
    out.commander = guard.lease.holder(node.now()[0]) or ""
    out.speed_scale = float(guard.scale * guard.limiter.speed_scale)
    return out


def health(node: Any) -> tuple[str, str, dict[str, object]]:
    """Level, message and values for :class:`~metaagent_ros.nodes.diagnostics.Diagnostics`."""
    status = guard_status(node)
    level, message = _LEVELS[status.state], f"{status.state}: {status.message}"
    if not node.active:
        level = "warn" if level == "ok" else level
        message = f"{status.lifecycle}: {status.message}"
    values: dict[str, object] = {name: getattr(status, name) for name in asdict(Counts())}
    values |= {"commander": status.commander or "nobody", "speed_scale": status.speed_scale}
    if mismatch := node.topics.mismatches.text():
        level, message, values["qos"] = "error", mismatch, mismatch
    if node.rivals:
        level, message = "error", f"{', '.join(node.rivals)} commands the robot past the guard"
        values["rivals"] = ", ".join(node.rivals)
    return level, message, values
