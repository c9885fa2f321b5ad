"""A graph of real processes is recorded, its recorder killed, and the recording answers as the policy did."""

import json
import os
import signal
import subprocess
import sys

import pytest
from rosbags.highlevel import AnyReader

from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect
from metaagent_ros.recording.reader import Bag

pytestmark = [pytest.mark.ros, pytest.mark.slow]
ENOUGH = 40  # commands


def recorder(bag, logs, env) -> Stack:
    specs = [s for s in simulation_graph(GraphOptions(bag=str(bag))) if s.name == "recorder"]
    kept = {name: env[name] for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")}
    return Stack(specs, logs, kept)


def replayed(bag) -> tuple[int, dict]:
    command = [sys.executable, "-m", "metaagent_ros", "replay", str(bag), "--json", "--tolerance", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout[done.stdout.index("{") :])


def test_a_recorded_graph_replays_to_no_difference_also_after_kill_9(
    run_graph, random_policy, tmp_path, waiting
):
    random_policy("panda").save(tmp_path / "policy")
    killed, ended = tmp_path / "killed", tmp_path / "ended"
    with (
        run_graph("panda", tmp_path / "policy", tmp_path / "logs") as graph,
        recorder(killed, tmp_path / "first", graph.stack.env) as first,
        recorder(ended, tmp_path / "second", graph.stack.env),
    ):
        waiting(
            lambda: all(size(b) > 20_000 and hears_policy(b) for b in (killed, ended)), 40.0, "the recorders"
        )
        heard = len(graph.watch.commands)
        graph.client.execute(
            "pick up the red cube", 0, 10.0, cancelled=lambda: len(graph.watch.commands) > heard + ENOUGH
        )
        waiting(lambda: graph.client.policy().state == "stopped", 5.0, "the end of the run")
        for _ in range(2):  # the chunk that was open when the run ended, and one more
            before = size(killed)
            waiting(lambda before=before: size(killed) > before, 5.0, "the next chunk")
        os.kill(first.processes["recorder"].pid, signal.SIGKILL)
        sent = {dialect.stamp_of(m): list(m.positions) for m in graph.watch.commands[heard:]}
    for bag, complete in ((killed, False), (ended, True)):
        assert (bag / "metadata.yaml").exists() is complete
        code, told = replayed(bag)
        assert code == 0 and told["complete"] is complete and told["same"] and told["largest"] == 0.0
        (run,) = told["runs"]
        assert run["ticks"] == run["compared"] >= ENOUGH and run["skill"] == "grasp"
        kept = {m.stamp_ns(): m.value().positions for m in Bag(bag) if m.topic == "/policy/arm_command"}
        assert {stamp: kept.get(stamp) for stamp in sent} == sent
    with AnyReader([ended]) as reader:
        found = {c.topic for c in reader.connections}
    assert found >= {
        "/joint_states",
        "/object_states",
        "/guard/status",
        "/policy/assignment",
        "/clock",
        "/plan",
    }
    assert found >= {"/joint_trajectory_controller/joint_trajectory", "/policy/status", "/diagnostics"}


def hears_policy(bag) -> bool:
    """Whether the policy has met the recorder: states alone may come long before."""
    return any(m.topic == "/policy/status" for m in Bag(bag))


def size(bag) -> int:
    files = list(bag.glob("*.mcap")) if bag.exists() else []
    return sum(f.stat().st_size for f in files)
