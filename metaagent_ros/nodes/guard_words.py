"""What the guard says of itself: its status message, its diagnostics and its log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from metaagent_interfaces.msg import GuardStatus
from metaagent_ros.control.counts import Counts
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.diagnostics import Diagnostics
from metaagent_ros.nodes.later import Later
from metaagent_ros.nodes.offered import others
from metaagent_ros.nodes.running import THROTTLE

STATUS_EVERY, LOOK_EVERY = 5, 50  # ticks between two statuses, between two looks around
QUIET_S = 0.001  # [s] after a command
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


class GuardReports:
    """The topics on which the guard ``node`` says how things stand, and when it does.

    What is due while commands come is said between two of them, where nothing waits for this process.
    """

    def __init__(self, node: Any) -> None:
        self._node, self._ticks, self._dropped = node, 0, 0
        self._due = False
        self._quiet = Later(node, QUIET_S, self._say)
        self._status = node.create_publisher(GuardStatus, "guard/status", dialect.LATEST)
        self._diagnostics = Diagnostics(node, str(node.values["robot"]))

    def on_tick(self) -> None:
        """What is due every now and then."""
        self._ticks += 1
        if self._ticks % STATUS_EVERY:
            return
        self._due = True
        guard = self._node.guard
        if guard is None or guard.state != "active":
            self._say()

    def commanded(self) -> None:
        """A command has been dealt with; what has become due is said as soon as the robot has it."""
        if self._due:
            self._due = False
            self._quiet.start()

    def _say(self) -> None:
        self._due = False
        self._log_dropped()
        self.publish()
        if self._ticks % LOOK_EVERY < STATUS_EVERY and self._node.guard is not None:
            self._node.rivals = others(self._node, self._node.deployment.command_topic)
            self._diagnostics.publish(*health(self._node))

    def tell(self, before: str) -> None:
        """Log and publish a state that is another one than ``before``."""
        guard = self._node.guard
        if guard.state != before:
            self._node.get_logger().info(f"{guard.state}: {guard.message}")
            self.publish()

    def publish(self) -> None:
        """How things stand."""
        self._status.publish(guard_status(self._node))

    def _log_dropped(self) -> None:
        guard = self._node.guard
        dropped = 0 if guard is None else guard.counts.dropped
        if dropped > self._dropped:
            self._node.get_logger().warning(guard.message, throttle_duration_sec=THROTTLE)
        self._dropped = dropped
