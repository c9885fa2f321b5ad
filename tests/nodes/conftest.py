"""Nodes under test in this process, each test in a context of its own, and a peer that talks to them."""

import gc
import time
from collections.abc import Callable

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from metaagent_ros.nodes import dialect


class Bench:
    """Makes nodes, spins them together, and keeps what was heard."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Node] = []
        self.heard: dict[str, list] = {}
        self.peer = self.add(Node("peer", context=self.context))

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def make(self, kind: type, **parameters) -> Node:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return self.add(kind(context=self.context, parameter_overrides=overrides))

    def listen(self, kind: type, topic: str) -> list:
        got = self.heard.setdefault(topic, [])
        self.peer.create_subscription(kind, topic, got.append, dialect.LATEST)
        return got

    def speak(self, kind: type, topic: str, qos=dialect.LATEST):
        return self.peer.create_publisher(kind, topic, qos)

    def until(self, condition: Callable[[], object], timeout: float = 10.0, each=lambda: None) -> None:
        limit = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < limit, f"in vain; heard: { {k: len(v) for k, v in self.heard.items()} }"
            each()
            self.executor.spin_once(timeout_sec=0.01)

    def connected(self, *publishers) -> None:
        self.until(lambda: all(p.get_subscription_count() > 0 for p in publishers))

    def call(self, kind: type, service: str, request):
        client = self.peer.create_client(kind, service)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def stamp(self):
        return self.peer.get_clock().now().to_msg()

    def close(self) -> None:
        self.executor.shutdown()
        for node in reversed(self.nodes):
            node.destroy_node()
        self.context.try_shutdown()
        self.nodes.clear()
        del self.peer, self.executor
        gc.collect()  # what the nodes leave in cycles keeps them in the graph of the tests that follow


@pytest.fixture
def bench():
    it = Bench()
    yield it
    it.close()
