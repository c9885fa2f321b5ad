"""What the policy node says of its run: its status message, its diagnostics and its log."""

from __future__ import annotations

from typing import Any

from metaagent_interfaces.msg import PolicyStatus
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.diagnostics import Diagnostics

HEALTH_EVERY = 10  # statuses
_LEVELS = {"fault": "error", "timeout": "warn", "stopped": "warn"}


class PolicyReports:
    """The topics on which the policy ``node`` says how its run stands.

    What is due while the policy ticks is said between two ticks, where nothing waits for this process.
    """

    def __init__(self, node: Any) -> None:
        self._node, self._told = node, 0
        self._ticked = self._due = False
        self._status = node.create_publisher(PolicyStatus, "policy/status", dialect.LATEST)
        self._diagnostics = Diagnostics(node, str(node.values["robot"]))

    def on_timer(self) -> None:
        """A status is due; a run that waited too long for a state ends here."""
        runner = self._node.runner
        if runner is None:
            return
        runner.expire(self._node.get_clock().now().nanoseconds)
        self._due, self._ticked = self._ticked, False
        if not self._due:
            self.publish()

    def ticked(self) -> None:
        """A quiet moment will come before the next tick."""
        self._ticked = True

    def on_quiet(self) -> None:
        """What has become due."""
        if self._due:
            self._due = False
            self.publish()

    def publish(self) -> None:
        """How the run stands."""
        now, report = self._node.get_clock().now(), self._node.runner.report
        out = PolicyStatus(run_id=report.run_id, state=report.state, ticks=report.ticks)
        out.message, out.header.stamp = report.message, now.to_msg()
        self._status.publish(out)
        self._told += 1
        if self._told % HEALTH_EVERY == 0:
            self._publish_health(report)

    def _publish_health(self, report: Any) -> None:
        node, mismatch = self._node, self._node.topics.mismatches.text()
        level, text = _LEVELS.get(report.state, "ok"), f"{report.state}: {report.message}"
        if not node.active:
            level, text = "warn", f"{node.lifecycle}: {node.refusal}"
        values = {"run": report.run_id, "ticks": report.ticks, "paused": node.paused}
        self._diagnostics.publish("error" if mismatch else level, mismatch or text, values)

    def log(self) -> None:
        """A line for how the run stands."""
        report, logger = self._node.runner.report, self._node.get_logger()
        text = f"run {report.run_id or '-'}: {report.state}: {report.message}"
        if report.state == "fault":  # two lines: rclpy allows one severity a line
            logger.error(text)
        else:
            logger.info(text)
