"""``metaagent session`` against the real graph: it learns on the robot and answers in exit codes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from metaagent_ros.policies.files import PolicyFile, shipped_policy

pytestmark = [pytest.mark.ros, pytest.mark.slow]


@pytest.fixture(scope="module")
def graph(run_graph, tmp_path_factory):
    with run_graph("panda", shipped_policy("panda"), tmp_path_factory.mktemp("logs")) as it:
        yield it


def verb(graph, *options: str) -> subprocess.Popen[str]:
    line = [
        sys.executable,
        "-m",
        "metaagent_ros",
        "session",
        "--instruction",
        "pick up the red cube",
        *options,
    ]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        line, env=graph.stack.env, stdin=pipe, stdout=pipe, stderr=pipe, text=True, preexec_fn=hear_ctrl_c
    )


def hear_ctrl_c() -> None:
    """Where the tests are a job in the background, their children would ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_session_learns_on_the_robot_and_saves_what_it_keeps(graph, tmp_path):
    process = verb(graph, "--trials", "6", "--minutes", "3", "--json", "--out", str(tmp_path / "kept"))
    out, err = process.communicate(timeout=240.0)
    said = json.loads(out)
    assert process.returncode == 0 and said["status"] == "done", err
    assert 3 <= len(said["curve"]) <= 6 and all(row["success"] for row in said["curve"][-2:])
    kept = PolicyFile.load(tmp_path / "kept")
    assert kept.card.get("adapted", 0) == said["version"]
    assert graph.client.guard().passed > 50  # all of it went through the guard


def test_ctrl_c_cancels_and_the_robot_rests(graph, waiting):
    commands = len(graph.watch.commands)
    process = verb(graph, "--trials", "6", "--success", "button")
    try:
        waiting(lambda: len(graph.watch.commands) > commands + 10, 60.0, "commands of the session")
        process.send_signal(signal.SIGINT)
        stopped = time.monotonic()
        graph.rests(3.0, "Ctrl-C")
        # the run may have come to its own end just before; "running" it is not in any case
        waiting(
            lambda: graph.client.policy().state in ("stopped", "done", "timeout"), 3.0, "the end of the run"
        )
        assert time.monotonic() - stopped < 4.0
        process.communicate(timeout=20.0)
        assert process.returncode == 130
    finally:
        process.kill()


def test_bad_input_and_a_missing_graph_have_their_own_codes(graph):
    refused = verb(graph, "--robot", "ur5e")
    _, err = refused.communicate(timeout=60.0)
    assert refused.returncode == 2, err
    nowhere = dict(graph.stack.env, ROS_DOMAIN_ID=str((int(graph.stack.env["ROS_DOMAIN_ID"]) + 1) % 100))
    line = [sys.executable, "-m", "metaagent_ros", "session", "--instruction", "x", "--wait", "1"]
    alone = subprocess.run(line, env=nowhere, capture_output=True, text=True, timeout=60.0)
    assert alone.returncode == 1 and "action adapt_on_robot" in alone.stderr


def test_a_policy_that_dies_ends_the_session_with_the_cause(graph, waiting):
    commands = len(graph.watch.commands)
    process = verb(graph, "--trials", "6")
    try:
        waiting(lambda: len(graph.watch.commands) > commands + 10, 60.0, "commands of the session")
        os.kill(graph.stack.processes["policy"].pid, signal.SIGKILL)
        graph.rests(3.0, "the kill")
        out, _ = process.communicate(timeout=30.0)
        assert process.returncode == 1 and "failed" in out and "silent" in out
    finally:
        process.kill()
