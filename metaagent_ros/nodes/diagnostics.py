"""How a node is, on ``/diagnostics``, for the tools that every ROS robot has."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile

LEVELS = {"ok": DiagnosticStatus.OK, "warn": DiagnosticStatus.WARN, "error": DiagnosticStatus.ERROR}
_KEPT = QoSProfile(depth=10)


class Diagnostics:
    """Publishes the status of ``node``; ``hardware_id`` names the robot."""

    def __init__(self, node: Node, hardware_id: str) -> None:
        self._node, self._hardware = node, hardware_id
        self._topic = node.create_publisher(DiagnosticArray, "/diagnostics", _KEPT)

    def publish(self, level: str, message: str, values: Mapping[str, object] | None = None) -> None:
        """One status: ``level`` is one of :data:`LEVELS`, values become their text."""
        status = DiagnosticStatus(
            level=LEVELS[level],
            name=self._node.get_fully_qualified_name(),
            message=message,
            hardware_id=self._hardware,
            values=[KeyValue(key=key, value=str(value)) for key, value in (values or {}).items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._topic.publish(array)
