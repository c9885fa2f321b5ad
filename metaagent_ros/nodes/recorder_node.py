"""Writes what the graph says into a bag; a service pauses it and lets it go on."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool

from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import topics
from metaagent_ros.nodes.diagnostics import Diagnostics
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.recorded_qos import described, heard_by
from metaagent_ros.nodes.running import run, wall_timer
from metaagent_ros.recording import BagError
from metaagent_ros.recording.writer import BagWriter, Topic

LOOK, FLUSH = 0.25, 1.0  # [s] between two looks for topics, between two chunks
DEPTH = 200  # messages that wait for the recorder on each topic


class RecorderNode(Node):
    """Hears every topic of the graph as bytes, with the qualities of service that are offered."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("recorder", context=context, **options)
        values = declare(self, "recorder")
        spoken = str(values["command"]), str(values["gripper"])
        deployment = load_deployment(str(values["robot"])).speaking(*spoken)
        self.writer = BagWriter(Path(str(values["bag"])), float(values["bag_limit"]))
        self.wanted = {self.resolve_topic_name(name): kind for name, kind in topics(deployment).items()}
        self.recording, self.ended = True, ""
        self.diagnostics = Diagnostics(self, deployment.robot)
        self._heard: dict[str, tuple[QoSProfile, Any]] = {}
        self.create_service(SetBool, "recorder/switch", self.on_switch)
        self.timers_ = [wall_timer(self, LOOK, self.look), wall_timer(self, FLUSH, self.flush)]
        self.get_logger().info(f"recording into {self.writer.folder}")

    def look(self) -> None:
        """Subscribe to topics that have a publisher now, and again where what is offered has changed."""
        for name, kind in list(self.wanted.items()):
            if not (offers := self.get_publishers_info_by_topic(name)):
                continue
            profile = heard_by(offers, DEPTH)
            before = self._heard.get(name)
            if before is not None and before[0] == profile:
                continue
            try:
                self.writer.add(Topic(name, kind, described(offers), str(offers[0].topic_type_hash)))
            except BagError as error:
                self.get_logger().warning(f"{name} is not recorded: {error}")
                del self.wanted[name]
                continue
            if before is not None:
                self.destroy_subscription(before[1])
            self._heard[name] = profile, self._subscribe(name, kind, profile)

    def _subscribe(self, name: str, kind: str, profile: QoSProfile) -> Any:
        package, _, message = kind.split("/")
        cls = getattr(importlib.import_module(f"{package}.msg"), message)
        return self.create_subscription(
            cls, name, lambda data: self.on_message(name, data), profile, raw=True
        )

    def on_message(self, name: str, data: bytes) -> None:
        """One message, as it came over the wire."""
        if self.recording:
            now = time.time_ns()
            self.writer.write(name, bytes(data), now, now)

    def flush(self) -> None:
        """Hand over what came; say it once when the bag has ended by itself."""
        self.writer.flush()
        writer = self.writer
        if writer.ended and not self.ended:
            self.get_logger().error(f"recording ended: {writer.ended}")
        self.ended = writer.ended
        text = writer.ended or ("recording" if self.recording else "paused")
        values = {"bag": writer.folder, "messages": writer.messages, "bytes": writer.size()}
        self.diagnostics.publish("error" if writer.ended else "ok", text, values)

    def on_switch(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Pause or go on, in the same bag."""
        self.recording = bool(request.data) and not self.writer.ended
        self.writer.flush()
        response.success = self.recording == bool(request.data)
        response.message = self.writer.ended or ("recording" if self.recording else "paused")
        self.get_logger().info(response.message)
        return response

    def destroy_node(self) -> None:
        """Finish the bag."""
        self.writer.close()
        self.get_logger().info(f"{self.writer.messages} messages in {self.writer.folder}")
        super().destroy_node()


def main() -> None:
    """The process."""
    run(RecorderNode)


if __name__ == "__main__":
    main()
