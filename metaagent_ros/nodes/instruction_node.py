"""Sentences in, plans out: a service; every plan is published too."""

from __future__ import annotations

import warnings
from typing import Any

from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile

from metaagent_interfaces.msg import Plan as PlanMessage
from metaagent_interfaces.srv import ParseInstruction
from metaagent_ros.instructions import load_parser
from metaagent_ros.nodes.conversions import plan_message
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import run


class InstructionNode(Node):
    """Loads the parser once; whatever the text, there is an answer."""

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("instruction", context=context, **options)
        kind = str(declare(self, "instruction")["parser"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.parser = load_parser(kind)
        for warning in caught:
            self.get_logger().warning(str(warning.message))
        self.plans = self.create_publisher(PlanMessage, "plan", QoSProfile(depth=10))
        self.create_service(ParseInstruction, "parse_instruction", self.on_request)
        self.get_logger().info(f"parser: {self.parser.name}")

    def plan(self, text: str) -> PlanMessage:
        """The plan as a message; also published."""
        message = plan_message(self.parser.parse(text), text)
        self.plans.publish(message)
        return message

    def on_request(
        self, request: ParseInstruction.Request, response: ParseInstruction.Response
    ) -> ParseInstruction.Response:
        """Someone asks."""
        response.plan = self.plan(request.instruction)
        return response


def main() -> None:
    """The process."""
    run(InstructionNode)


if __name__ == "__main__":
    main()
