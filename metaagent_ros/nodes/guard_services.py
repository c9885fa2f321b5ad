"""What a person may ask of the guard: to stop, and to go on."""

from __future__ import annotations

import time
from typing import Any

from std_srvs.srv import Trigger

from metaagent_interfaces.srv import AbortRun

_NONE = "the guard is not configured."


class GuardServices:
    """The services of the guard ``node``."""

    def __init__(self, node: Any) -> None:
        self._node = node
        node.create_service(AbortRun, "guard/abort", self.on_abort)
        node.create_service(Trigger, "guard/estop", self.on_estop)
        node.create_service(Trigger, "guard/reset", self.on_reset)

    def press(self, reason: str) -> None:
        """Stop until a person resets."""
        node = self._node
        if node.guard is None:
            return
        node.send(node.guard.estop(reason, time.monotonic()))
        node.get_logger().error(node.guard.message)
        node.reports.publish()

    def on_abort(self, request: AbortRun.Request, response: AbortRun.Response) -> AbortRun.Response:
        """Stop now; nothing passes until another run begins."""
        node = self._node
        response.accepted = node.guard is not None
        if response.accepted:
            node.send(node.guard.abort(request.reason, time.monotonic()))
            node.get_logger().warning(node.guard.message)
            node.reports.publish()
        return response

    def on_estop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Beside the topic ``estop``: stop now; nothing passes until a reset."""
        self.press("service guard/estop")
        response.success = self._node.guard is not None
        response.message = "stopped until guard/reset" if response.success else _NONE
        return response

    def on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """A person says that it may go on."""
        node = self._node
        if node.guard is None:
            response.message = _NONE
            return response
        pressed = node.topics.pressed
        why = "the topic estop still says true." if pressed else node.guard.reset(*node.now())
        response.success, response.message = not why, why or "reset"
        node.get_logger().warning(f"reset refused: {why}" if why else "reset by a person")
        node.reports.publish()
        return response
