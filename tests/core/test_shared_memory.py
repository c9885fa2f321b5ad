"""What killed processes of the middleware left behind is swept away, what the living hold is not."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from metaagent_ros.shared_memory import FOLDER, sweep

OLD = 60.0
NODE = """
import rclpy, sys, time
rclpy.init(domain_id=91)
node = rclpy.create_node("left_behind")
print("ready", flush=True)
time.sleep(60)
"""


def made(folder, name, age=OLD, ends=("",)):
    for end in ends:
        path = folder / f"{name}{end}"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age, time.time() - age))


def test_the_dead_go_and_the_living_the_young_and_others_stay(tmp_path):
    made(tmp_path, "fastrtps_00ab05679d65116d", ends=("", "_el"))
    made(tmp_path, "fastrtps_port7001", ends=("", "_sl"))
    made(tmp_path, "sem.fastrtps_port7001_mutex")
    made(tmp_path, "fastrtps_port7002", ends=("", "_el"))
    made(tmp_path, "fastrtps_port7003", age=1.0)
    made(tmp_path, "fastrtps_notes")
    made(tmp_path, "sem.other")
    with (tmp_path / "fastrtps_port7002_el").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert sweep(tmp_path) == 2
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {
            "fastrtps_port7002", "fastrtps_port7002_el", "fastrtps_port7003", "fastrtps_notes", "sem.other",
        }  # fmt: skip
    assert sweep(tmp_path) == 1 and sweep(tmp_path / "missing") == 0


@pytest.mark.ros
def test_a_living_participant_keeps_its_segments_and_a_killed_one_leaves_none():
    process = subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, text=True)
    before = set()
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        held = f"/proc/{process.pid}/maps"
        with open(held) as maps:
            before = {line.split("/dev/shm/")[1].strip() for line in maps if "/dev/shm/fastrtps" in line}
        assert before
        sweep(young=0.0)
        assert all((FOLDER / name).exists() for name in before)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    sweep(young=0.0)
    assert not any((FOLDER / name).exists() for name in before)
