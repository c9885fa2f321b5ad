"""Nodes and the table of the graph stay in step; simulator and instruction answer as they should."""

import importlib
import json
import math

import numpy as np
import pytest
from rclpy.exceptions import InvalidParameterTypeException
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_interfaces.msg import ObjectStates
from metaagent_interfaces.msg import Plan as PlanMessage
from metaagent_interfaces.srv import ParseInstruction
from metaagent_ros.graph import ARGUMENTS, NODES, GraphError
from metaagent_ros.nodes.conversions import scene_value
from metaagent_ros.nodes.instruction_node import InstructionNode
from metaagent_ros.nodes.simulator_node import SimulatorNode
from sim_envs.physics import PHYSICS
from sim_envs.recording import FILE
from sim_envs.robots import load_profile
from sim_envs.simulation import make_simulation

pytestmark = pytest.mark.ros
PANDA = load_profile("panda")
CLASSES = {node.name: f"{node.name.capitalize()}Node" for node in NODES} | {"meta_rl": "MetaRlNode"}
OWN = {"use_sim_time", "start_type_description_service"}


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.name)
def test_every_node_declares_just_what_the_graph_gives_it(bench, node, make_policy, tmp_path):
    module = importlib.import_module(node.module)
    assert callable(module.main)
    given = {"parser": "rules"} if node.name == "instruction" else {}
    if "policy" in node.arguments:
        make_policy("panda", (0.0,) * 4).save(tmp_path)
        given["policy"] = str(tmp_path)
    if node.needs == "bag":
        given["bag"] = str(tmp_path / "bag")
    made = bench.make(getattr(module, CLASSES[node.name]), **given)
    declared = {n for n in made._parameters if not n.startswith("qos_overrides")} - OWN
    assert declared == set(node.arguments)
    defaults = {a.name: a.default for a in ARGUMENTS} | given
    for name in declared:
        assert made.get_parameter(name).value == defaults[name]
        about = made.describe_parameter(name)
        bounds = {a.name: a.bounds for a in ARGUMENTS}[name]
        assert about.description
        assert bool(about.integer_range or about.floating_point_range) == (bounds is not None)


def test_every_argument_is_some_nodes_parameter():
    chosen = {node.needs for node in NODES} - {""}  # which node there is
    assert {a for node in NODES for a in node.arguments} | chosen == {a.name for a in ARGUMENTS}


def test_parameters_outside_of_the_table_are_refused(bench):
    with pytest.raises(GraphError, match="panda"):
        bench.make(SimulatorNode, robot="pandda")
    with pytest.raises((GraphError, InvalidParameterTypeException)):
        bench.make(SimulatorNode, scene_seed="one")


@pytest.fixture(params=PHYSICS)
def simulator(bench, tmp_path, request):
    return bench.make(SimulatorNode, record=str(tmp_path), physics=request.param)


def test_the_simulator_publishes_states_and_takes_good_commands_only(bench, simulator, tmp_path):
    joints, seen = bench.listen(JointState, "joint_states"), bench.listen(ObjectStates, "object_states")
    truth = bench.listen(ObjectStates, "simulator/ground_truth")
    arm = bench.speak(JointTrajectory, "joint_trajectory_controller/joint_trajectory")
    hand = bench.speak(Float64MultiArray, "gripper_controller/commands")
    bench.until(lambda: joints and seen and truth)
    bench.connected(arm, hand)
    offset = simulator.simulation.hidden.offset_x
    one, two = (scene_value(m[-1]).item("red_cube").position[0] for m in (seen, truth))
    assert one - two == pytest.approx(offset, abs=1e-3)
    goal = [0.3, *PANDA.home[1:]]
    for names, positions in (
        (PANDA.joints[:-1], goal[:-1]),
        (("a", *PANDA.joints[1:]), goal),
        (PANDA.joints, [math.nan, *goal[1:]]),
        (PANDA.joints, []),
    ):
        points = [JointTrajectoryPoint(positions=list(positions))] if positions else []
        arm.publish(JointTrajectory(joint_names=list(names), points=points))
        hand.publish(Float64MultiArray(data=[math.nan, 1.0]))
        count = len(joints)
        bench.until(lambda count=count: len(joints) > count + 10)
        assert abs(joints[-1].position[0]) < 0.02 and joints[-1].position[7] > 0.03
    names, positions = list(reversed(PANDA.joints)), list(reversed(goal))
    arm.publish(JointTrajectory(joint_names=names, points=[JointTrajectoryPoint(positions=positions)]))
    hand.publish(Float64MultiArray(data=[0.0, 20.0]))
    bench.until(lambda: joints[-1].position[0] > 0.15 and joints[-1].position[7] < 0.01)
    bench.until(lambda: len((tmp_path / FILE).read_text().splitlines()) > 3)
    header, *states = map(json.loads, (tmp_path / FILE).read_text().splitlines())
    again = make_simulation(header["robot"], header["scene_seed"], header["hidden_seed"])
    again.show(states[-1])
    np.testing.assert_allclose(again.joint_state()[1], list(states[-1]["joints"].values()))
    assert again.render(64, 48).shape == (48, 64, 3)
    again.close()


def test_instructions_are_parsed_by_service_and_every_plan_is_published(bench):
    bench.make(InstructionNode, parser="rules")
    plans = bench.listen(PlanMessage, "plan")
    for text, status in (("pick up the red cube", "ok"), ("x" * 100_000, "refuse")):
        request = ParseInstruction.Request(instruction=text)
        assert bench.call(ParseInstruction, "parse_instruction", request).plan.status == status
    bench.until(lambda: [p.status for p in plans] == ["ok", "refuse"])
