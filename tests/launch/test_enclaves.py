"""A process of the graph is seen under its SROS2 enclave."""

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack

pytestmark = pytest.mark.ros


def test_a_node_joins_under_its_own_enclave(tmp_path, waiting):
    specs = [s for s in simulation_graph(GraphOptions(parser="rules")) if s.name == "instruction"]
    context = Context()
    with Stack(specs, tmp_path) as stack:
        rclpy.init(context=context, domain_id=int(stack.env["ROS_DOMAIN_ID"]))
        watch = Node("watch", context=context)
        joined = ("instruction", "/", "/metaagent/instruction")
        try:
            waiting(lambda: joined in watch.get_node_names_and_namespaces_with_enclaves(), 20.0, "the node")
        finally:
            watch.destroy_node()
            context.try_shutdown()
