"""The recorder hears every topic of the graph as it is offered, can be paused, and leaves a good bag."""

import os

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState, LaserScan
from std_srvs.srv import SetBool

from metaagent_interfaces.msg import PolicyAssignment
from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import SUBSCRIBES, endpoints
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.recorder_node import RecorderNode
from metaagent_ros.recording import BagError
from metaagent_ros.recording.reader import Bag

pytestmark = pytest.mark.ros
SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "bag"


def counts(folder) -> dict[str, int]:
    """Messages by topic, without what the recorder says of itself."""
    found: dict[str, int] = {}
    for message in (m for m in Bag(folder) if m.topic != "/diagnostics"):
        found[message.topic] = found.get(message.topic, 0) + 1
    return found


def switch(bench, on: bool) -> SetBool.Response:
    return bench.call(SetBool, "recorder/switch", SetBool.Request(data=on))


def test_latched_best_effort_and_late_topics_are_recorded_and_the_switch_pauses(bench, folder):
    latched = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
    latched.publish(PolicyAssignment(run_id="before", sha256="x"))
    node = bench.make(RecorderNode, robot="diffbot", bag=str(folder))
    sensor, states = bench.speak(LaserScan, "scan", SENSOR), bench.speak(JointState, "joint_states")
    bench.connected(latched, sensor, states)
    foreign = bench.speak(JointState, "not_of_the_graph")
    sent = 0

    def speak() -> None:
        nonlocal sent
        sent += 1
        sensor.publish(LaserScan())
        foreign.publish(JointState())
        states.publish(JointState(name=["a"], position=[float(sent)]))

    # what is latched may come late on a busy machine
    bench.until(
        lambda: node.writer.messages > 60 and "/policy/assignment" in counts(folder), 20.0, each=speak
    )
    assert switch(bench, False).message == "paused"
    before = node.writer.messages
    for _ in range(20):
        speak()
        bench.executor.spin_once(timeout_sec=0.01)
    assert node.writer.messages == before
    answer = switch(bench, True)
    assert answer.success and answer.message == "recording"
    bench.until(lambda: node.writer.messages > before + 10, each=speak)
    found = counts(folder)  # readable while it is being written
    assert found and set(found) <= {"/policy/assignment", "/scan", "/joint_states"}
    node.destroy_node()
    bench.nodes.remove(node)
    found = counts(folder)
    assert set(found) == {"/policy/assignment", "/scan", "/joint_states"} and found["/policy/assignment"] == 1
    positions = [m.value().position[0] for m in Bag(folder) if m.topic == "/joint_states"]
    assert positions == sorted(positions)
    with AnyReader([folder]) as reader:  # checks the definitions against the hashes of the types, too
        assert {c.topic for c in reader.connections} >= set(found)
        for connection, _, raw in reader.messages():
            reader.deserialize(raw, connection.msgtype)


def test_a_publisher_that_offers_less_is_heard_as_well(bench, folder):
    node = bench.make(RecorderNode, robot="panda", bag=str(folder))
    good = bench.speak(JointState, "joint_states")
    bench.connected(good)
    assert node._heard["/joint_states"][0].reliability == ReliabilityPolicy.RELIABLE
    bad = bench.speak(JointState, "joint_states", SENSOR)
    bench.connected(bad)
    profile = node._heard["/joint_states"][0]
    assert (
        profile.reliability == ReliabilityPolicy.BEST_EFFORT
        and profile.durability == DurabilityPolicy.VOLATILE
    )
    before = node.writer.messages
    bench.until(lambda: node.writer.messages > before + 5, each=lambda: bad.publish(JointState()))
    bench.until(lambda: node.writer.messages > before + 20, each=lambda: good.publish(JointState()))


def test_it_wants_every_topic_of_the_graph(bench, folder):
    node = bench.make(RecorderNode, robot="panda", bag=str(folder))
    described = {
        e.name for e in endpoints("recorder", load_deployment("panda"), True) if e.role == SUBSCRIBES
    }
    assert {node.resolve_topic_name(name) for name in described} == set(node.wanted)
    assert {"/joint_states", "/policy/assignment", "/clock", "/guard/status"} <= set(node.wanted)


def test_the_limit_ends_the_recording_and_the_node_goes_on(bench, folder):
    node = bench.make(RecorderNode, robot="panda", bag=str(folder), bag_limit=4.0)
    big = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
    bench.connected(big)

    def speak() -> None:
        big.publish(PolicyAssignment(run_id="one", parameters=os.urandom(400_000)))

    bench.until(lambda: node.writer.ended, each=speak)
    answer = switch(bench, True)
    assert not answer.success and "limit of 4 MB" in answer.message
    assert node.writer.file.stat().st_size < 4_100_000 and Bag(folder).files
    assert (folder / "metadata.yaml").exists()


def test_a_folder_with_something_in_it_is_refused(bench, tmp_path):
    (tmp_path / "kept").touch()
    with pytest.raises(BagError, match="is there already"):
        bench.make(RecorderNode, robot="panda", bag=str(tmp_path))
