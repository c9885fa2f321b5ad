"""An action whose goals are worked off in a thread: one at a time, the second is rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future

from metaagent_ros.control.worker import Worker

KEPT_S = 120  # [s] for which a result can be asked for; rclpy's 900 pile up where goals come by the second


class Goals:
    """An action server on a worker; ``work(goal)`` returns status and result, in the worker's thread."""

    def __init__(
        self, node: Node, kind: Any, name: str, worker: Worker, work: Callable[[Any], tuple[str, Any]]
    ) -> None:
        self._node, self._name, self._worker, self._work = node, name, worker, work
        self.server = ActionServer(
            node, kind, name, self._serve, goal_callback=self._on_goal, cancel_callback=self._on_cancel,
            result_timeout=KEPT_S,
        )  # fmt: skip

    async def _serve(self, goal: Any) -> Any:
        future = Future()
        self._worker.start(lambda: self._job(goal, future))
        return await future

    def _job(self, goal: Any, future: Future) -> None:
        try:
            status, result = self._work(goal)
            _conclude(goal, status)
        except BaseException as error:
            future.set_exception(error)
            raise
        future.set_result(result)

    def _on_goal(self, request: Any) -> GoalResponse:
        if self._worker.claim():
            return GoalResponse.ACCEPT
        self._node.get_logger().warning(f"{self._name}: goal rejected, another one is being carried out")
        return GoalResponse.REJECT

    def _on_cancel(self, goal: Any) -> CancelResponse:
        self._worker.cancel()
        return CancelResponse.ACCEPT


def _conclude(goal: Any, status: str) -> None:
    """The goal's terminal state; a wish to cancel may come after the work was done."""
    if status == "cancelled" and goal.is_cancel_requested:
        goal.canceled()
    elif status == "done":
        goal.succeed()
    else:
        goal.abort()
