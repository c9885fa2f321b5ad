"""No process of ours touches shared memory, nor, where it shall stay on this machine, the network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from metaagent_ros.nodes import transport
from metaagent_ros.nodes.transport import LOOPBACK, RANGE, asked, reach, without_shared_memory

OWN, BUILTIN = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS"
FAST = "rmw_fastrtps_cpp"
NODE = """
import sys, time
from metaagent_ros.nodes import transport
if sys.argv[1] == "ours":
    transport.prepare()
import rclpy
from rclpy.node import Node
from std_msgs.msg import Empty
rclpy.init()
node = Node(sys.argv[1])
sent, heard = node.create_publisher(Empty, sys.argv[2], 10), []
node.create_subscription(Empty, sys.argv[3], heard.append, 10)
print("ready", flush=True)
start = time.monotonic()
while time.monotonic() - start < 20.0:
    sent.publish(Empty())
    rclpy.spin_once(node, timeout_sec=0.05)
    if heard:
        print("heard", flush=True)
        heard.clear()
"""


def changed(middleware=FAST, **given):
    without_shared_memory(given, middleware)
    return given


def test_this_machine_only_becomes_the_loopback_profile_and_back():
    local = changed(**{RANGE: "LOCALHOST"})
    assert local[OWN] == LOOPBACK and Path(LOOPBACK).is_file()
    assert local[RANGE] == "SYSTEM_DEFAULT" and reach(local) == "LOCALHOST"
    assert changed(**local) == local
    again = changed(**{**local, RANGE: "LOCALHOST"})  # a process that inherits it and is told once more
    assert again == local
    network = changed(**{**local, RANGE: "SUBNET"})
    assert OWN not in network and network[BUILTIN] == "UDPv4" and reach(network) == "SUBNET"


@pytest.mark.parametrize("given", [{}, {RANGE: "SUBNET"}, {RANGE: "SYSTEM_DEFAULT"}, {RANGE: "OFF"}])
def test_elsewhere_it_is_udp(given):
    assert changed(**given) == {**given, BUILTIN: "UDPv4"}


def test_what_somebody_has_set_up_stays():
    for given in (
        {RANGE: "LOCALHOST", OWN: "/etc/mine.xml"},
        {RANGE: "SUBNET", "FASTDDS_DEFAULT_PROFILES_FILE": "/etc/mine.xml"},
    ):
        assert changed(**given) == given
    assert changed(**{BUILTIN: "LARGE_DATA"}) == {BUILTIN: "LARGE_DATA"}
    assert changed("rmw_cyclonedds_cpp", **{RANGE: "LOCALHOST"}) == {RANGE: "LOCALHOST"}


def test_without_the_profile_it_stays_on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(transport, "LOOPBACK", str(tmp_path / "lost.xml"))
    assert changed(**{RANGE: "LOCALHOST"}) == {RANGE: "LOCALHOST"}


def test_what_was_asked_for_is_what_is_said(monkeypatch):
    monkeypatch.setenv(RANGE, "LOCALHOST")
    transport.prepare()
    assert os.environ[RANGE] == "SYSTEM_DEFAULT"
    assert asked((RANGE, "NOT_SET_ANYWHERE")) == {RANGE: "LOCALHOST"}


def started(kind, says, hears, **environment):
    env = {k: v for k, v in os.environ.items() if k not in (OWN, "FASTDDS_DEFAULT_PROFILES_FILE", BUILTIN)}
    env |= {"ROS_DOMAIN_ID": "98"} | environment
    return subprocess.Popen(
        [sys.executable, "-c", NODE, kind, says, hears], env=env, stdout=subprocess.PIPE, text=True
    )


def addresses(pid):
    """The local addresses of its UDP sockets."""
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    mine = {link[8:-1] for link in links if link.startswith("socket:")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    words = {row[1].split(":")[0] for row in rows if row[9] in mine}
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(word))) for word in words}


@pytest.mark.ros
@pytest.mark.parametrize("scope", ["LOCALHOST", "SUBNET"])
def test_our_node_has_no_shared_memory_and_talks_to_nodes_that_have(scope):
    ours = started("ours", "a", "b", **{RANGE: scope})
    other = started("other", "b", "a", **{RANGE: scope})
    try:
        for process in (ours, other):
            assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "heard\n"]
        assert "/dev/shm/fast" in Path(f"/proc/{other.pid}/maps").read_text()
        assert "/dev/shm/fast" not in Path(f"/proc/{ours.pid}/maps").read_text()
        if scope == "LOCALHOST":
            assert addresses(ours.pid) == {"127.0.0.1", "239.255.0.1"}
        else:
            assert "0.0.0.0" in addresses(ours.pid)
    finally:
        for process in (ours, other):
            process.terminate()
            process.wait(10.0)
