"""Asking other nodes from a thread that does not spin: greetings, and goals that are followed to their end.

DDS matches the two ends of a service one after the other, so the first request of a client may be answered
before the answer has somewhere to go; rmw_fastrtps then drops it. A greeting is asked again until it is
answered, and with its answer the other node knows every endpoint that was made before the greeting's: the
writers and the readers of a participant are announced in the order of their making, reliably (RTPS 2.2, 8.5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.srv import GetParameters
from rclpy.action import ActionClient
from rclpy.executors import Executor
from rclpy.node import Node

REMEDY = (
    "Start the graph with 'metaagent up simulation', and give both sides the same ROS_DOMAIN_ID,"
    " namespace and ROS_AUTOMATIC_DISCOVERY_RANGE. The nodes' logs say why one has ended."
)
AGAIN_S = 1.0  # [s] without an answer before a request that does no harm twice is sent once more
CALL_S = 5.0  # [s] for an answer
CANCEL_S = 5.0  # [s] to wait for the result of a cancelled goal
GONE_S = 3.0  # [s] without an action server before its node counts as gone
POLL_S = 0.02


class DiscoveryError(RuntimeError):
    """What of the graph is missing (``missing``), and what to do about it."""

    def __init__(self, missing: tuple[str, ...], waited: float) -> None:
        self.missing = missing
        super().__init__(f"missing after {waited:.0f} s: {', '.join(missing)}. {REMEDY}")


class ErrandError(RuntimeError):
    """A goal that has no result; the message says why."""


class Greetings:
    """Of a node to others, by their names; make it after every other endpoint of the node."""

    def __init__(self, node: Node, names: Iterable[str]) -> None:
        self._node = node
        self._clients = {name: node.create_client(GetParameters, f"{name}/get_parameters") for name in names}

    def close(self) -> None:
        """Take the clients back."""
        for client in self._clients.values():
            self._node.destroy_client(client)

    def exchange(self, names: Iterable[str], timeout: float) -> None:
        """Wait until these have answered, while another thread spins; raises :class:`DiscoveryError`."""
        left, limit = {name: self._clients[name] for name in names}, time.monotonic() + timeout
        asked: dict[str, tuple[Any, float]] = {}
        while left := {name: client for name, client in left.items() if not _answered(asked.get(name))}:
            now = time.monotonic()
            if now > limit:
                raise DiscoveryError(tuple(f"an answer of {name}" for name in left), timeout)
            for name, client in left.items():
                due = name not in asked or now - asked[name][1] > AGAIN_S
                if due and client.service_is_ready():
                    asked[name] = client.call_async(GetParameters.Request()), now
            time.sleep(POLL_S / 4)


def _answered(asked: tuple[Any, float] | None) -> bool:
    return asked is not None and asked[0].done()


def wait_for(future: Any, what: str, timeout: float) -> Any:
    """The result of the future, which another thread sets; raises :class:`DiscoveryError`."""
    limit = time.monotonic() + timeout
    while not future.done():
        if time.monotonic() > limit:
            raise DiscoveryError((f"an answer of {what}",), timeout)
        time.sleep(POLL_S)
    return future.result()


class Errand:
    """The goals of one action, sent by a node that ``executor`` spins in another thread."""

    def __init__(self, node: Node, executor: Executor, kind: Any, name: str) -> None:
        self._action, self._executor, self._name = ActionClient(node, kind, name), executor, name

    def close(self) -> None:
        """Let go of the node: rclpy keeps it in the graph as long as one of its actions lives."""
        self._action.destroy()

    def ready(self) -> bool:
        """Whether the server is there."""
        return bool(self._action.server_is_ready())

    def run(self, goal: Any, tell: Callable[[Any], None], cancelled: Callable[[], bool]) -> Any:
        """The result of the goal, or None where it was rejected; an exception in this thread cancels it.

        ``tell`` gets each feedback in the thread that spins; ``cancelled`` is asked fifty times a second.
        Raises :class:`ErrandError`, or :class:`DiscoveryError` where the goal gets no answer.
        """
        handle = self._send(goal, lambda message: tell(message.feedback))
        if not handle.accepted:
            return None
        try:
            return self._result(handle, cancelled)
        except BaseException:
            self._abandon(handle)
            raise

    def _send(self, goal: Any, tell: Callable[[Any], None]) -> Any:
        """The handle of the goal; what got no answer is asked once more.

        Where only its answer is late, the second goal is rejected and the first one counts.
        """
        what = f"action {self._name}"

        def send() -> Any:
            return self._action.send_goal_async(goal, tell)

        first = self._in_spin(send)
        try:
            return wait_for(first, what, CALL_S)
        except DiscoveryError:
            second = wait_for(self._in_spin(send), what, CALL_S)
        return first.result() if not second.accepted and first.done() else second

    def _in_spin(self, ask: Callable[[], Any]) -> Any:
        """What ``ask`` returns, called in the thread that spins.

        rclpy's action client notes a request only after it was sent: an answer that another thread takes
        in between is dropped, and the request waits for ever.
        """
        return wait_for(self._executor.create_task(ask), "the client's own thread", CALL_S)

    def _abandon(self, handle: Any) -> None:
        """Cancel, and wait until that has arrived: a process that ends at once may take its word along."""
        limit = time.monotonic() + CANCEL_S
        try:
            while time.monotonic() < limit:
                answer, asked = self._in_spin(handle.cancel_goal_async), time.monotonic()
                while time.monotonic() - asked < AGAIN_S:
                    if answer.done():
                        return
                    time.sleep(POLL_S)
        except DiscoveryError:  # the reason for cancelling says more
            return

    def _result(self, handle: Any, cancelled: Callable[[], bool]) -> Any:
        future = self._in_spin(handle.get_result_async)
        there, deadline, asked = time.monotonic(), float("inf"), float("-inf")
        while not future.done():
            now = time.monotonic()
            if self.ready():
                there = now
            if now - there > GONE_S:
                raise ErrandError("the meta_rl node is gone; its log says why")
            if now > deadline:
                raise ErrandError(f"no result within {CANCEL_S:g} s of cancelling")
            if deadline == float("inf") and cancelled():
                deadline = now + CANCEL_S
            if deadline < float("inf") and now - asked > AGAIN_S:
                self._in_spin(handle.cancel_goal_async)
                asked = now
            time.sleep(POLL_S)
        return future.result().result
