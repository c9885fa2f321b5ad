"""How long a node's ``publish`` takes while nodes that hear it are killed and started anew.

``python -m benchmarks.killed [--kills 40] [--json] [--out FILE]``. A node publishes joint states on three
topics, with half a millisecond between, to two listeners, which ``kill -9`` ends, both together, 0.2 to 0.3 s
after each start: first over the transport of our nodes (``metaagent_ros/nodes/transport.py``), then over that
of any ROS 2 node on one machine, which is shared memory. Exit code 1: ours stood still for 0.1 s.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import JointState

from benchmarks.measure import Item, finish, item, machine
from metaagent_ros.launcher import stack_environment
from metaagent_ros.nodes import dialect, transport

TOPICS, LISTENERS, PAUSE_S = 3, 2, 0.0005
LONG_S = 0.1
KINDS = ("ours", "shared")
SEED = 0


def joined(kind: str, name: str) -> Node:
    """A node on the transport of that kind."""
    if kind == "ours":
        transport.prepare()
    rclpy.init()
    return Node(name)


def listen(kind: str) -> None:
    """Hear everything and answer, until killed."""
    node = joined(kind, "listener")
    answer = node.create_publisher(JointState, "answer", dialect.LATEST)
    waiting = ["ready"]

    def hear(_: JointState) -> None:
        if waiting:
            print(waiting.pop(), flush=True)

    for number in range(TOPICS):
        node.create_subscription(JointState, f"state_{number}", hear, dialect.LATEST)
    node.create_timer(0.01, lambda: answer.publish(JointState(name=["answer"])))
    rclpy.spin(node)


def kill(kind: str, times: int) -> None:
    """Start listeners and kill them, again and again."""
    draw = random.Random(SEED)
    for _ in range(times):
        command = [sys.executable, "-m", "benchmarks.killed", "--listen", kind]
        heard = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(LISTENERS)]
        for process in heard:
            assert process.stdout is not None and process.stdout.readline()
        time.sleep(draw.uniform(0.2, 0.3))
        for process in heard:
            process.kill()
        for process in heard:
            process.wait()


def publish(kind: str, times: int) -> None:
    """Print the seconds that each round of publishing took, a line for each."""
    node = joined(kind, "publisher")
    outs = [node.create_publisher(JointState, f"state_{n}", dialect.LATEST) for n in range(TOPICS)]
    message = JointState(name=[f"joint{n}" for n in range(9)], position=[0.1] * 9, velocity=[0.0] * 9)
    killer = threading.Thread(target=kill, args=(kind, times))
    killer.start()
    while killer.is_alive():
        begun = time.perf_counter()
        for out in outs:
            out.publish(message)
        print(f"{time.perf_counter() - begun:.6f}")
        time.sleep(PAUSE_S)


def measure(kind: str, times: int) -> list[Item]:
    """One kind in processes of its own."""
    command = [sys.executable, "-m", "benchmarks.killed", "--publish", kind, "--kills", str(times)]
    env = stack_environment({"OMP_NUM_THREADS": "1"})
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    took = np.array([float(line) for line in done.stdout.split()])
    aim = {"ours": f"< {LONG_S * 1e3:g}"}.get(kind)
    return [
        item(f"longest_{kind}", float(took.max()) * 1e3, "ms", aim),
        item(f"long_{kind}", int((took > LONG_S).sum()), f"of {len(took)}"),
        item(f"p50_{kind}", float(np.median(took)) * 1e3, "ms"),
        item(f"p99_{kind}", float(np.percentile(took, 99)) * 1e3, "ms"),
    ]


def main() -> int:
    """Parse the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    for role in ("--listen", "--publish"):
        parser.add_argument(role, choices=KINDS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.kills < 1:
        parser.error(f"--kills is {given.kills}; allowed: 1 or more")
    if given.listen:
        listen(given.listen)
    elif given.publish:
        publish(given.publish, given.kills)
    else:
        items = [each for kind in KINDS for each in measure(kind, given.kills)]
        return finish({"machine": machine(), "items": items}, given)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
