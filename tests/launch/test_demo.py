"""The demo and ``metaagent up`` with their real processes: what they return, leave and end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(400)]
NODES = 5


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "metaagent_ros", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def nodes_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{folder}/".encode() in path.read_bytes() and b"metaagent_ros.nodes" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def until(process: subprocess.Popen[str], *words: str, timeout: float = 90.0) -> list[str]:
    """Lines up to the one that holds the words."""
    lines, limit = [], time.monotonic() + timeout
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if all(word in line for word in words):
            return lines
        assert time.monotonic() < limit, "".join(lines)
    raise AssertionError("".join(lines))


@pytest.fixture
def policy(tmp_path, make_policy):
    make_policy("panda", (0.3, 0.2, 0.0, 0.5)).save(tmp_path / "policy")
    return str(tmp_path / "policy")


def run_of(out: Path) -> tuple[Path, dict]:
    (folder,) = out.iterdir()
    return folder, json.loads((folder / "result.json").read_text())


def test_a_policy_that_cannot_do_it_fails_and_says_so(policy, tmp_path):
    out = tmp_path / "runs"
    process = start("demo", "--policy", policy, "--parser", "rules", "--max-trials", "0", "--out", str(out))
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "FAIL: the red cube is not in the left bin" in said.splitlines()[-1]
    assert "\x1b" not in said
    folder, result = run_of(out)
    assert result["counts"]["passed"] > 10
    assert "<svg" in (folder / "report.html").read_text()
    assert (folder / "clip.mp4").stat().st_size > 1000
    assert not nodes_of(out)


def test_the_shipped_policy_puts_the_cube_into_the_bin(tmp_path):
    out, began = tmp_path / "runs", time.monotonic()
    process = start("demo", "--out", str(out))
    said, _ = process.communicate(timeout=380)
    assert process.returncode == 0, said
    assert said.splitlines()[-1].startswith("PASS: the red cube is in the left bin")
    assert time.monotonic() - began < 180.0
    assert not nodes_of(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stage", ["Starting", "Running"])
def test_a_signal_ends_everything_and_leaves_whole_files(stage, number, policy, tmp_path):
    out = tmp_path / "runs"
    process = start("demo", "--policy", policy, "--parser", "rules", "--max-trials", "0", "--out", str(out))
    until(process, stage)
    time.sleep(1.0)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    folder, result = run_of(out)
    assert result["outcome"] == "interrupted"
    assert "</html>" in (folder / "report.html").read_text()
    assert not list(folder.glob(".*"))
    assert not nodes_of(out)


def test_a_process_that_is_killed_is_named(policy, tmp_path):
    out = tmp_path / "runs"
    process = start("demo", "--policy", policy, "--parser", "rules", "--max-trials", "0", "--out", str(out))
    until(process, "Running")
    (guard,) = (pid for pid in nodes_of(out) if b"guard_node" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(guard, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the process guard ended with -9" in said
    assert not nodes_of(out)


def test_up_streams_the_logs_and_ends_all_processes(policy, tmp_path):
    logs = tmp_path / "logs"
    arguments = ("simulation", f"policy:={policy}", "parser:=rules", "--logs", str(logs))
    process = start("up", *arguments)
    until(process, "meta_rl", "ready")
    assert len(nodes_of(logs)) == NODES
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert not nodes_of(logs)


def test_up_names_the_process_that_ends_by_itself(tmp_path):
    logs = tmp_path / "logs"
    process = start("up", "simulation", "policy:=/nowhere", "parser:=rules", "--logs", str(logs))
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "error: meta_rl ended with 2" in said
    assert "/nowhere/policy.safetensors" in said
    assert not nodes_of(logs)
