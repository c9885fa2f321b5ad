"""From measured state to command across policy and guard, beside two processes that only pass messages on.

``python -m benchmarks.latency [--json] [--out FILE]``. Both pairs of processes hear and say the same messages
over the same DDS from the same driver, in turns of a few seconds, at 50, 100 and 250 states a second; a reply
counts for its state when it comes before the next one. Then a minute each at 100 Hz beside a process that
burns a core. All run in domains of their own, with the same executor and QoS. Ours ask for a real-time
priority where the system allows one, as in every graph; the bare echo does not, ``prompt_echo`` does.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from benchmarks.latency_nodes import ARM
from benchmarks.measure import Item, finish, item, machine
from metaagent_interfaces.msg import ObjectStates, PolicyAssignment
from metaagent_ros.launcher import stack_environment
from metaagent_ros.nodes import dialect, transport
from metaagent_ros.nodes.conversions import scene_message, task_message
from metaagent_ros.policies.files import PolicyFile, shipped_policy
from sim_envs.robots import load_profile, profile_path
from sim_envs.simulation import table_scene
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

RATES = (50, 100, 250)
ROUNDS, TURN, SETTLE = 6, 4.0, 0.5  # turns of each pair [s], and how long of each is not counted
PAIRS = {
    "ours": ("policy", "guard"),
    "echo": ("echo_policy", "echo_guard"),
    "prompt_echo": ("prompt_echo_policy", "prompt_echo_guard"),
}
NS = 1_000_000_000
ROBOT = "panda"


class Driver:
    """The robot's side: publishes states on a fixed grid, hears commands. One for each pair."""

    def __init__(self, domain: int, rate: int) -> None:
        self.profile, self.period = load_profile(ROBOT), 1.0 / rate
        self.context = Context()
        os.environ[transport.RANGE] = "LOCALHOST"  # as both processes have it
        transport.prepare()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node(f"driver_{domain}", context=self.context)
        self.executor = EventsExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.states = self.node.create_publisher(JointState, "joint_states", dialect.LATEST)
        self.scene = self.node.create_publisher(ObjectStates, "object_states", dialect.LATEST)
        self.run = self.node.create_publisher(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        self.node.create_subscription(JointTrajectory, ARM, self._on_command, dialect.LATEST)
        self.heard: float | None = None
        self.turns = 0
        names = (*self.profile.joints, *self.profile.gripper_joints)
        at = np.array([*self.profile.home, 0.04, 0.04])
        self.state = dialect.joint_state_message(names, at, np.zeros(len(at)), 0)

    def _on_command(self, _: JointTrajectory) -> None:
        if self.heard is None:
            self.heard = time.perf_counter()

    def assign(self) -> None:
        """Let the shipped policy run, on a scene in which it never comes to an end."""
        self.turns += 1
        aim = table_scene(0).items[0]
        spec = TaskSpec("grasp", ObjectRef(aim.color, aim.shape, aim.size))
        task = GroundedTask(spec, (0.5, 0.0, 0.2), 0.05, aim.name)
        data = PolicyFile.load(shipped_policy(ROBOT)).dumps()
        message = PolicyAssignment(run_id=f"turn {self.turns}", task=task_message(task), time_limit=1e6)
        message.parameters, message.sha256 = data, hashlib.sha256(data).hexdigest()
        self.run.publish(message)

    def drive(self, seconds: float) -> list[float | None]:
        """Seconds from each state to the command that answers it; None where none came in its period."""
        start, base = time.perf_counter() + 0.05, self.node.get_clock().now().nanoseconds
        step, sent = round(self.period * NS), 0.0
        found: list[float | None] = []
        self.assign()
        for number in range(int(seconds / self.period)):
            self._spin_until(start + number * self.period)
            if number:
                found.append(None if self.heard is None else self.heard - sent)
            stamp = (base // step + number) * step + step // 2  # one in each cell of the control grid
            if number % max(1, round(0.04 / self.period)) == 0:
                self.scene.publish(scene_message(table_scene(0), stamp, "base_link", False))
            self.state.header.stamp = dialect.time_message(stamp)
            self.heard, sent = None, time.perf_counter()
            self.states.publish(self.state)
        return found[int(SETTLE / self.period) :]

    def _spin_until(self, when: float) -> None:
        while (left := when - time.perf_counter()) > 0.0:
            self.executor.spin_once(timeout_sec=left)

    def answered(self, patience: float = 30.0) -> None:
        """Drive until commands come; raises ``RuntimeError`` when none do."""
        until = time.monotonic() + patience
        while not any(reply is not None for reply in self.drive(2 * SETTLE)):
            if time.monotonic() > until:
                raise RuntimeError(f"no command within {patience:g} s")

    def close(self) -> None:
        """Leave."""
        self.context.try_shutdown()
        self.node.destroy_node()


def profile_file(folder: Path, rate: int) -> Path:
    """The robot's profile with another control period, under a name of its own."""
    lines = profile_path(ROBOT).read_text().splitlines()
    other = {"name:": f"name: {ROBOT}_{rate}", "control_period:": f"control_period: {1.0 / rate:g}"}
    path = folder / f"{ROBOT}_{rate}.yaml"
    path.write_text("\n".join(other.get(line.split(" ")[0], line) for line in lines) + "\n")
    return path


@contextmanager
def pair(name: str, rate: int, folder: Path) -> Iterator[tuple[Driver, list[int]]]:
    """The two processes and their driver."""
    profile = profile_file(folder, rate)
    env = stack_environment({"OMP_NUM_THREADS": "1", "METAAGENT_ROBOTS": str(profile)})
    line = [sys.executable, "-m", "benchmarks.latency_nodes"]
    processes = []
    for kind in PAIRS[name]:
        with (folder / f"{kind}_{rate}.log").open("wb") as log:
            processes.append(subprocess.Popen([*line, kind, profile.stem], env=env, stdout=log, stderr=log))
    driver = Driver(int(env["ROS_DOMAIN_ID"]), rate)
    try:
        driver.answered()
        yield driver, [process.pid for process in processes]
    finally:
        driver.close()
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(10.0)
            except subprocess.TimeoutExpired:  # rclpy's events executor now and then hangs at its end
                process.kill()
                process.wait()


@contextmanager
def busy() -> Iterator[None]:
    """A process that burns a core."""
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        burner.kill()
        burner.wait()


def cpu(pids: list[int]) -> float:
    """Processor seconds that the processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return float(ticks / os.sysconf("SC_CLK_TCK"))


def measure(rate: int, rounds: int, turn: float, burning: bool = False) -> list[Item]:
    """The pairs in turns at one rate; beside a busy core without the prompt echo."""
    names = ("ours", "echo") if burning else tuple(PAIRS)
    found: dict[str, list[float | None]] = {name: [] for name in names}
    spent = dict.fromkeys(names, 0.0)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pairs = {name: stack.enter_context(pair(name, rate, Path(folder))) for name in names}
        if burning:
            stack.enter_context(busy())
        gc.collect()
        gc.disable()
        for _ in range(rounds):
            for name, (driver, pids) in pairs.items():
                before = cpu(pids)
                found[name] += driver.drive(turn)
                spent[name] += cpu(pids) - before
        gc.enable()
    missed = {name: sum(reply is None for reply in replies) for name, replies in found.items()}
    if burning:
        aim = f"< {missed['echo'] + 1}"
        return [
            item(f"missed_busy_echo_{rate}", missed["echo"], f"of {len(found['echo'])}"),
            item(f"missed_busy_{rate}", missed["ours"], f"of {len(found['ours'])}", aim),
        ]
    return _items(rate, found, missed, spent["ours"] / (rounds * turn))


def _items(
    rate: int, found: dict[str, list[float | None]], missed: dict[str, int], share: float
) -> list[Item]:
    late = 1.0 / rate  # what is missed counts as a whole period
    ms = {n: np.array([late if r is None else r for r in replies]) * 1e3 for n, replies in found.items()}
    p99 = {name: float(np.percentile(values, 99)) for name, values in ms.items()}
    out = [item(f"p50_{name}_{rate}", statistics.median(values), "ms") for name, values in ms.items()]
    out += [item(f"p99_{name}_{rate}", value, "ms") for name, value in p99.items()]
    out += [item(f"missed_{name}_{rate}", count, f"of {len(ms[name])}") for name, count in missed.items()]
    out.append(item(f"p99_to_echo_{rate}", p99["ours"] / p99["echo"], "ratio", "< 1.5"))
    out.append(item(f"p99_to_prompt_echo_{rate}", p99["ours"] / p99["prompt_echo"], "ratio"))
    return [*out, item(f"cpu_{rate}", share, "cores")]


def main() -> int:
    """Parse the arguments, measure, report; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the minute beside a busy core")
    given = parser.parse_args()
    items = [each for rate in RATES for each in measure(rate, ROUNDS, TURN)]
    items += measure(100, 2, given.seconds / 2, burning=True)
    return finish({"machine": machine(), "items": items}, given)


if __name__ == "__main__":
    raise SystemExit(main())
