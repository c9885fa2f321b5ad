"""Carries out sentences: asks for the plan, grounds it, adapts in a worker thread, lets the policy run."""

from __future__ import annotations

from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import String

from metaagent_interfaces.msg import GuardStatus, ObjectStates, PolicyStatus
from metaagent_ros.control.inbox import Inbox
from metaagent_ros.control.learning import Learner
from metaagent_ros.control.worker import Monitor, Worker
from metaagent_ros.instructions.guard import MAX_BYTES
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.carrying import Carrying
from metaagent_ros.nodes.feedback import guard_report, policy_report
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.peers import Peers
from metaagent_ros.nodes.running import THROTTLE, run, wall_timer
from metaagent_ros.nodes.session_server import SessionServer

LOOK_S = 0.1  # [s] between two looks for a sentence
JOIN_S = 1.5  # [s] for the worker to end after it was asked to


class MetaRlNode(Node):
    """Three actions, one worker: a second goal is rejected while the first is carried out."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("meta_rl", context=context, **options)
        values = declare(self, "meta_rl")
        self.robot = str(values["robot"])
        self.most = int(values["max_trials"]), float(values["max_seconds"])
        self.learner = Learner(self.robot, int(values["hidden_seed"]), str(values["policy"]))
        self.worker, self.monitor = Worker(), Monitor()
        speed = float(values["speed"])
        self.peers = Peers(self, self.robot, self.monitor, self.worker.cancelled, speed)
        for kind, topic, take in (
            (ObjectStates, "object_states", self.peers.on_scene),
            (PolicyStatus, "policy/status", lambda m: self.monitor.feed_policy(policy_report(m))),
            (GuardStatus, "guard/status", lambda m: self.monitor.feed_guard(guard_report(m))),
            (String, "instruction", self.on_sentence),
        ):
            self.create_subscription(kind, topic, take, dialect.LATEST)
        self.carrying = Carrying(self)
        self.session = SessionServer(self, self.robot, self.worker, self.peers, self.learner.start)
        self.inbox = Inbox(MAX_BYTES)
        if values["instruction"]:
            self.inbox.put(str(values["instruction"]))
        self.timer = wall_timer(self, LOOK_S, self._look)

    def on_sentence(self, message: String) -> None:
        """Someone speaks: the newest sentence is carried out as soon as nothing else is."""
        if not self.inbox.put(message.data):
            self.get_logger().warning("a sentence was empty or too long", throttle_duration_sec=THROTTLE)

    def _look(self) -> None:
        """Begin the sentence that waits, once everything is up."""
        if self.inbox.waiting and self.peers.ready() and self.worker.claim():
            text = self.inbox.take()
            self.worker.start(lambda: self.carrying.sentence(text))

    def destroy_node(self) -> None:
        """End the worker first: it uses the node."""
        self.worker.cancel()
        self.worker.join(JOIN_S)
        super().destroy_node()


def main() -> None:
    """The process."""
    run(MetaRlNode, fast=False)


if __name__ == "__main__":
    main()
