"""The runs that the policy node is given."""

from __future__ import annotations

from typing import Any

from metaagent_interfaces.msg import PolicyAssignment
from metaagent_ros.control.runner import Assignment
from metaagent_ros.nodes.conversions import task_value


class Assignments:
    """Hands what is assigned to the runner of the policy ``node``, what comes while it starts once it has."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._waiting: PolicyAssignment | None = None

    def on_message(self, message: PolicyAssignment) -> None:
        """Another policy and task from the next tick on; an empty run_id holds."""
        node = self._node
        if node.active:
            self._assign(message)
        elif node.starting:
            self._waiting = message
        elif message.run_id:
            node.runner.fault(message.run_id, f"the policy node is {node.lifecycle}.")
            node.reports.log()

    def begin(self) -> None:
        """The node becomes active."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._assign(waiting)

    def clear(self) -> None:
        """Nothing waits."""
        self._waiting = None

    def _assign(self, message: PolicyAssignment) -> None:
        node = self._node
        if not message.run_id:
            node.runner.stop()
        else:
            try:
                task = task_value(message.task)
            except ValueError as error:
                node.runner.fault(message.run_id, f"task: {error}")
            else:
                parameters, limit = bytes(message.parameters), float(message.time_limit)
                node.runner.assign(Assignment(message.run_id, task, parameters, message.sha256, limit))
        node.grid.restart()
        node.reports.log()
        node.reports.publish()
