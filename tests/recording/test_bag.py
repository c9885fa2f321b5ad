"""A bag is what was written: for our reader, for rosbags, after a kill -9, a full disk or a flipped bit."""

import errno
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.records import Chunk
from mcap.writer import Writer
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState

from metaagent_interfaces.msg import PolicyAssignment, PolicyStatus
from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import topics
from metaagent_ros.graph import ARGUMENTS
from metaagent_ros.nodes.conversions import time_message
from metaagent_ros.recording import BagError
from metaagent_ros.recording.definitions import definition
from metaagent_ros.recording.reader import RECORD_LIMIT, Bag, _unpacked
from metaagent_ros.recording.writer import METADATA, BagWriter, Topic

EVER = {"sec": 9223372036, "nsec": 854775807}
HASH = "RIHS01_a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e"
QOS = {
    "history": "unknown",
    "depth": 0,
    "reliability": "reliable",
    "durability": "volatile",
    "deadline": EVER,
    "lifespan": EVER,
    "liveliness": "automatic",
    "liveliness_lease_duration": EVER,
    "avoid_ros_namespace_conventions": False,
}
JOINTS = Topic("/joint_states", "sensor_msgs/msg/JointState", (QOS,), HASH)
ROBOTS = next(a.choices for a in ARGUMENTS if a.name == "robot")
MS = 1_000_000
WRITING = """
import sys, time
from pathlib import Path
from metaagent_ros.recording.writer import BagWriter, Topic
writer = BagWriter(Path(sys.argv[1]), 100.0)
writer.add(Topic("/said", "std_msgs/msg/String"))
for number in range(10_000):
    text = f"{number}".encode() + b"\\0"
    writer.write("/said", b"\\0\\1\\0\\0" + len(text).to_bytes(4, "little") + text, time.time_ns(), 0)
    if number % 50 == 49:
        writer.flush()
        print(number + 1, flush=True)
    time.sleep(0.001)
"""


def joints(number: int) -> bytes:
    message = JointState(
        name=["a", "b"], position=[0.1 * number, 1.0], velocity=[0.0, 0.0], effort=[0.0, 0.0]
    )
    message.header.stamp = time_message(number * 10 * MS)
    return bytes(serialize_message(message))


def write(folder: Path, count: int = 200, flush: int = 20) -> BagWriter:
    writer = BagWriter(folder, 100.0)
    writer.add(JOINTS)
    for number in range(count):
        writer.write("/joint_states", joints(number), 1_000 + number, 900 + number)
        if number % flush == flush - 1:
            writer.flush()
    return writer


def test_what_was_written_is_read_in_order_with_its_values(tmp_path):
    writer = write(tmp_path / "bag")
    writer.close()
    writer.close()
    bag = Bag(tmp_path / "bag")
    messages = list(bag)
    assert bag.complete and len(messages) == writer.messages == 200
    assert [m.log_ns for m in messages] == list(range(1_000, 1_200))
    assert {(m.topic, m.type) for m in messages} == {("/joint_states", "sensor_msgs/msg/JointState")}
    for number, message in enumerate(messages):
        value = message.value()
        assert value.position == [0.1 * number, 1.0] and value.name == ["a", "b"]
        assert message.stamp_ns() == number * 10 * MS
    assert [m.data for m in Bag(writer.file)] == [m.data for m in messages]


def test_rosbags_reads_the_folder_as_a_rosbag2(tmp_path):
    write(tmp_path / "bag").close()
    with AnyReader([tmp_path / "bag"]) as reader:
        (connection,) = reader.connections
        assert (connection.topic, connection.msgtype) == (JOINTS.name, JOINTS.type)
        read = [reader.deserialize(raw, JOINTS.type) for _, _, raw in reader.messages()]
        assert reader.message_count == len(read) == 200 and reader.duration == 200
    assert read[7].position.tolist() == [0.1 * 7, 1.0]
    about = yaml.safe_load((tmp_path / "bag" / METADATA).read_text())["rosbag2_bagfile_information"]
    (topic,) = about["topics_with_message_count"]
    assert topic["message_count"] == 200 and topic["topic_metadata"]["type_description_hash"] == HASH


def test_a_killed_recorder_leaves_what_it_had_flushed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(tmp_path / "bag")], stdout=subprocess.PIPE, text=True
    )
    flushed = [int(process.stdout.readline()) for _ in range(4)][-1]
    process.send_signal(signal.SIGKILL)
    process.wait(10.0)
    bag = Bag(tmp_path / "bag")
    said = [m.value().data for m in bag]
    assert not bag.complete and not (tmp_path / "bag" / METADATA).exists()
    assert len(said) >= flushed and said == [str(n) for n in range(len(said))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    writer = write(tmp_path_factory.mktemp("whole") / "bag")
    writer.close()
    return writer.file.read_bytes(), [m.data for m in Bag(writer.file)]


def read(path: Path, data: bytes) -> tuple[list[bytes], bool]:
    path.write_bytes(data)
    bag = Bag(path)
    return [m.data for m in bag], bag.complete


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 1.0))
def test_a_file_cut_anywhere_gives_the_messages_before_the_cut(whole, tmp_path, share):
    data, messages = whole
    cut = int(share * len(data))
    try:
        found, complete = read(tmp_path / "cut.mcap", data[:cut])
    except BagError as error:
        assert "no MCAP file" in str(error) and cut < 64
    else:
        assert found == messages[: len(found)] and len(found) % 20 == 0
        assert not complete or len(found) == len(messages)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 0.999), bit=st.integers(0, 7))
def test_a_flipped_bit_is_named_or_harmless(whole, tmp_path, share, bit):
    data = bytearray(whole[0])
    data[int(share * len(data))] ^= 1 << bit
    try:
        found, _ = read(tmp_path / "flipped.mcap", bytes(data))
    except BagError as error:
        assert "flipped.mcap" in str(error)
    else:
        assert found == whole[1][: len(found)]


def test_a_chunk_that_passes_for_something_else_is_missed(whole, tmp_path):
    data = bytearray(whole[0])
    start, chunks = 8, []  # a record: one byte that says what it is, eight that say how long
    while len(chunks) < 2:
        chunks += [start] if data[start] == 0x06 else []
        start += 9 + int.from_bytes(data[start + 1 : start + 9], "little")
    data[chunks[1]] ^= 0x10  # now of a kind that readers have to skip
    with pytest.raises(BagError, match="holds 180 of 200 messages"):
        read(tmp_path / "skipped.mcap", bytes(data))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_chunk_cannot_unpack_to_more_than_the_limit(compression):
    import lz4.frame

    nothing = bytes(RECORD_LIMIT + 1)
    packed = zstandard.compress(nothing) if compression == "zstd" else lz4.frame.compress(nothing)
    for claimed in (1000, RECORD_LIMIT + 1):
        chunk = Chunk(compression, packed, 0, 0, 0, claimed)
        with pytest.raises(ValueError, match="chunk"):
            _unpacked(chunk)


def test_chunks_of_other_writers_are_read(tmp_path):
    from mcap.writer import CompressionType

    for compression in CompressionType:
        path = tmp_path / f"{compression.name}.mcap"
        with path.open("wb") as stream:
            writer = Writer(stream, compression=compression)
            writer.start("ros2")
            schema = writer.register_schema(JOINTS.type, "ros2msg", definition(JOINTS.type).encode())
            channel = writer.register_channel("/j", "cdr", schema)
            writer.add_message(channel, 5, joints(3), 5)
            writer.finish()
        (message,) = Bag(path)
        assert message.stamp_ns() == 30 * MS and message.value().position[0] == pytest.approx(0.3)


def test_the_limit_ends_the_bag_and_says_so(tmp_path):
    writer = BagWriter(tmp_path / "bag", 4.0)
    writer.add(Topic("/policy/assignment", "metaagent_interfaces/msg/PolicyAssignment"))
    for number in range(40):
        message = PolicyAssignment(run_id="one", parameters=os.urandom(300_000))
        writer.write("/policy/assignment", bytes(serialize_message(message)), number, number)
    assert "limit of 4 MB" in writer.ended
    assert writer.size() == writer.file.stat().st_size < 4_050_000  # the index comes on top
    bag = Bag(writer.folder)
    assert len(list(bag)) == writer.messages == 13 and bag.complete
    with pytest.raises(BagError, match="at least 4"):
        BagWriter(tmp_path / "small", 0.5)


def test_a_full_disk_ends_the_bag_and_keeps_what_was_flushed(tmp_path, monkeypatch):
    writer = write(tmp_path / "bag", count=100)

    def full(_: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    stream = writer._stream
    full_disk = SimpleNamespace(write=full, tell=stream.tell, flush=lambda: None)
    monkeypatch.setattr(writer._writer, "_Writer__stream", full_disk)
    writer.write("/joint_states", joints(100), 2_000, 2_000)
    writer.flush()
    assert "No space left" in writer.ended
    writer.write("/joint_states", joints(101), 2_001, 2_001)
    writer.close()
    assert len(list(Bag(tmp_path / "bag"))) == 100


def test_a_clock_that_is_set_back_does_not_change_the_order(tmp_path):
    writer = BagWriter(tmp_path / "bag", 10.0)
    writer.add(JOINTS)
    for log in (5_000, 3_000, 6_000):
        writer.write("/joint_states", joints(1), log, log)
    writer.close()
    assert [m.log_ns for m in Bag(tmp_path / "bag")] == [5_000, 5_000, 6_000]


def test_the_parts_of_a_split_bag_are_read_in_their_order(tmp_path):
    writer = write(tmp_path / "whole", count=20)
    writer.close()
    for number in (9, 10):
        (tmp_path / f"bag_{number}.mcap").write_bytes(writer.file.read_bytes())
    assert [file.name for file in Bag(tmp_path).files] == ["bag_9.mcap", "bag_10.mcap"]
    assert len(list(Bag(tmp_path))) == 40


def test_places_that_hold_no_bag_are_named(tmp_path):
    with pytest.raises(BagError, match="no bag at"):
        Bag(tmp_path / "nothing")
    with pytest.raises(BagError, match=r"no \.mcap file"):
        Bag(tmp_path)
    (tmp_path / "bag_0.db3").touch()
    with pytest.raises(BagError, match=r"sqlite3.*ros2 bag convert"):
        Bag(tmp_path)
    with pytest.raises(BagError, match="is there already"):
        BagWriter(tmp_path, 10.0)
    with pytest.raises(BagError, match="no bag can be written"):
        BagWriter(tmp_path / "bag_0.db3" / "below", 10.0)


def test_bytes_that_are_no_message_are_named(tmp_path):
    writer = BagWriter(tmp_path / "bag", 10.0)
    writer.add(JOINTS)
    writer.write("/joint_states", b"\0\1\0\0" + struct.pack("<II", 7, 1 << 31), 1, 1)
    writer.write("/joint_states", b"\0\1", 2, 2)
    writer.close()
    first, second = Bag(tmp_path / "bag")
    with pytest.raises(BagError, match="/joint_states is not a sensor_msgs/msg/JointState"):
        first.value()
    with pytest.raises(BagError, match="2 bytes"):
        second.stamp_ns()


@pytest.mark.parametrize("robot", ROBOTS)
def test_every_topic_of_the_graph_has_a_definition_that_a_reader_understands(robot):
    from mcap.records import Schema

    for number, kind in enumerate(sorted(set(topics(load_deployment(robot)).values()))):
        text = definition(kind)
        schema = Schema(number + 1, text.encode(), "ros2msg", kind)
        assert DecoderFactory().decoder_for("cdr", schema) is not None
    status = definition("metaagent_interfaces/msg/PolicyStatus")
    assert (
        status.count("=" * 80) == 2
        and "MSG: std_msgs/Header" in status
        and "MSG: builtin_interfaces/Time" in status
    )
    assert set(PolicyStatus.get_fields_and_field_types()) <= set(status.replace("\n", " ").split())


@pytest.mark.parametrize(
    ("kind", "words"),
    [("JointState", "package/msg/Name"), ("../x/msg/A", "package"), ("no_msgs/msg/A", "no_msgs/msg/A")],
)
def test_a_type_without_a_definition_is_named(kind, words, tmp_path):
    with pytest.raises(BagError, match=words):
        definition(kind, (tmp_path,))
