"""The real graph: five processes, DDS, a robot that moves, and everything that can stop it."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from metaagent_interfaces.msg import ArmCommand
from metaagent_ros.graph import NODES, GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.client import Client, DiscoveryError
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.robots import load_profile
from sim_envs.simulation import hidden_from_seed
from sim_envs.tasks import family

pytestmark = [pytest.mark.ros, pytest.mark.slow]
PANDA = load_profile("panda")
SEED = 1
AT_REST = 0.02  # [rad/s]
SENTENCE = "pick up the red cube and put it in the left bin"
PARENT = """
import sys, time
from pathlib import Path
from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
with Stack(simulation_graph(GraphOptions(parser="rules", policy=sys.argv[1])), Path(sys.argv[2])) as stack:
    print(*(p.pid for p in stack.processes.values()), flush=True)
    try:
        while stack.poll() is None:
            time.sleep(0.05)
    except KeyboardInterrupt:
        pass
print(*(p.returncode for p in stack.processes.values()), flush=True)
"""


def wait_for(condition, timeout: float, what: str) -> float:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout, f"{what}: not within {timeout} s"
        time.sleep(0.01)
    return time.monotonic() - start


class Watch:
    """Hears the robot and the policy from outside, in a context and a thread of its own."""

    def __init__(self, domain: int) -> None:
        self.joints, self.commands = [], []
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("watch", context=self.context)
        self.node.create_subscription(JointState, "joint_states", self._on_joints, dialect.LATEST)
        self.node.create_subscription(ArmCommand, "policy/arm_command", self.commands.append, dialect.LATEST)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _on_joints(self, message: JointState) -> None:
        position = np.array([message.position[message.name.index(n)] for n in PANDA.joints])
        self.joints.append((dialect.stamp_of(message) / 1e9, position))

    def _spin(self) -> None:
        try:
            while self.context.ok():
                self.executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            pass

    def speed(self, span: float = 0.2) -> float:
        """The fastest joint [rad/s], averaged over the last ``span`` [s] of robot time."""
        now, here = self.joints[-1]
        before = next((j for j in reversed(self.joints) if now - j[0] >= span), self.joints[0])
        return float(np.abs(here - before[1]).max() / max(now - before[0], 1e-6))

    def travel(self, since: int) -> float:
        positions = np.array([p for _, p in self.joints[since:]])
        return float(np.ptp(positions, axis=0).max())

    def close(self) -> None:
        self.context.try_shutdown()
        self.thread.join(2.0)
        self.node.destroy_node()


@pytest.fixture(scope="module")
def policy_folder(tmp_path_factory):
    """Random weights of the real architecture."""
    from metaagent_ros.policies.sac import make_sac

    kin = family("panda")
    env = kin.make()
    model = make_sac(env, kin.scale, seed=1, buffer_size=10)
    env.close()
    tensors = {k: v.numpy().copy() for k, v in model.get_parameters()["policy"].items()}
    folder = tmp_path_factory.mktemp("policy")
    PolicyFile(tensors, {"robot": "panda"}).save(folder)
    return folder


@pytest.fixture(scope="module")
def stack(policy_folder, tmp_path_factory):
    options = GraphOptions(parser="rules", policy=str(policy_folder), scene_seed=1, hidden_seed=SEED)
    logs = tmp_path_factory.mktemp("logs")
    with Stack(simulation_graph(options), logs, {"OMP_NUM_THREADS": "1"}) as running:
        yield running


@pytest.fixture(scope="module")
def client(stack):
    def alive(missing):
        assert stack.poll() is None, stack.poll()

    with Client(environment=stack.env) as it:
        it.wait_ready(40.0, alive)
        yield it


@pytest.fixture(scope="module")
def watch(stack, client):
    it = Watch(int(stack.env["ROS_DOMAIN_ID"]))
    wait_for(lambda: len(it.joints) > 30, 10.0, "joint states")
    yield it
    it.close()


def at_rest(watch: Watch) -> bool:
    return watch.speed() < AT_REST


def test_states_flow_in_real_time(watch):
    start, wall = watch.joints[-1][0], time.monotonic()
    count = len(watch.joints)
    wait_for(lambda: watch.joints[-1][0] - start >= 1.0, 4.0, "a second of robot time")
    assert 0.8 < time.monotonic() - wall < 2.0
    assert len(watch.joints) - count > 60


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("pick up the white cube", "refused"),
        ("what a lovely day", "refused"),
        ("x" * 5000, "refused"),
        ("pick up the cube", "clarify"),
    ],
)
def test_what_is_refused_moves_nothing(client, watch, sentence, status):
    since, commands = len(watch.joints), len(watch.commands)
    outcome = client.execute(sentence, 0)
    assert outcome.status == status and outcome.message
    wait_for(lambda: len(watch.joints) > since + 30, 5.0, "joint states")
    assert watch.travel(since) < 0.01 and len(watch.commands) == commands
    assert client.policy().state == "idle" and client.bridge().state == "waiting"


def as_in_training(folder, scene, task, watch: Watch, ticks: int = 20) -> list[float]:
    """How far the robot was, at each tick, from where the same policy moves it in the environment [rad]."""
    env, policy = family("panda").make(), FastPolicy(PolicyFile.load(folder))
    given = {"hidden": hidden_from_seed("panda", SEED), "scene": scene, "task": task}
    observation, _ = env.reset(options=given)
    start, by_time = dialect.stamp_of(watch.commands[0]) / 1e9, dict(watch.joints)
    gaps = []
    for tick in range(1, ticks + 1):
        observation, *_ = env.step(policy.act(observation))
        there = by_time.get(round(start + 0.05 * tick, 9))
        if there is not None:
            gaps.append(float(np.abs(there - env.world.arm.joint_state()[0][:7]).max()))
    env.close()
    assert len(gaps) > ticks // 2
    return gaps


def test_a_sentence_moves_the_robot_as_in_training_within_limits_and_cancel_stops_it(
    client, watch, policy_folder
):
    since, told, seen = len(watch.joints), [], client.scene()
    enough = 40
    outcome = client.execute(SENTENCE, 0, 10.0, told.append, lambda: len(watch.commands) > enough)
    cancelled_at = time.monotonic()
    assert outcome.status == "cancelled" and outcome.plan.steps[0].skill == "pick_place"
    assert [p.stage for p in told] == ["parse", "ground", "adapt", "run"]
    wait_for(lambda: at_rest(watch), 1.5, "rest after cancelling")
    assert time.monotonic() - cancelled_at < 1.5
    assert watch.travel(since) > 0.1
    times = np.array([t for t, _ in watch.joints[since:]])
    positions = np.array([p for _, p in watch.joints[since:]])
    assert (positions > np.array(PANDA.lower)).all() and (positions < np.array(PANDA.upper)).all()
    for number in range(10, len(times)):  # averaged over ten states; a hidden gain of up to 1.3 is allowed
        span = times[number] - times[number - 10]
        speeds = np.abs(positions[number] - positions[number - 10]) / span
        assert (speeds < 1.4 * np.array(PANDA.max_velocity)).all()
    stamps = np.diff([dialect.stamp_of(m) for m in watch.commands]) / 1e9
    assert abs(np.median(stamps) - 0.05) < 1e-6
    wait_for(lambda: client.bridge().state == "fault", 2.0, "the abort")
    assert client.bridge().passed > enough - 5
    same = as_in_training(policy_folder, seen, told[-1].task, watch)
    assert np.median(same) < 0.06, same  # [rad]; a busy machine may delay single commands


def test_learning_is_cancelled_within_about_a_second_and_a_second_goal_is_rejected(client):
    seen, rejected, cancelled = threading.Event(), [], []

    def wish() -> bool:
        if seen.is_set() and not rejected:
            rejected.append(client.execute("pick up the red cube", 0))
            cancelled.append(time.monotonic())
        return bool(rejected)

    outcome = client.execute(SENTENCE, 8, 60.0, lambda p: seen.set() if p.stage == "adapt" else None, wish)
    assert outcome.status == "cancelled"
    assert time.monotonic() - cancelled[0] < 2.0
    assert rejected[0].status == "failed" and "busy" in rejected[0].message


def test_a_policy_that_is_killed_leaves_the_robot_at_rest(client, stack, watch):
    outcomes, commands = [], len(watch.commands)
    runner = threading.Thread(target=lambda: outcomes.append(client.execute("pick up the red cube", 0)))
    runner.start()
    wait_for(lambda: len(watch.commands) > commands + 15, 10.0, "commands")
    os.kill(stack.processes["policy"].pid, signal.SIGKILL)
    wait_for(lambda: at_rest(watch), 1.5, "rest after the kill")
    wait_for(lambda: client.bridge().state in ("holding", "fault"), 2.0, "the bridge's hold")
    runner.join(8.0)
    assert outcomes and outcomes[0].status == "failed" and "silent" in outcomes[0].message
    assert stack.poll().name == "policy"


def test_a_client_alone_says_what_is_missing():
    with Client(environment={"ROS_DOMAIN_ID": "102"}) as alone, pytest.raises(DiscoveryError) as error:
        alone.wait_ready(0.3)
    assert "node simulator" in str(error.value) and "metaagent up" in str(error.value)


def test_ctrl_c_at_the_parent_ends_every_process_with_code_0(policy_folder, tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(policy_folder), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 5
        logs = [tmp_path / f"{node.name}.log" for node in NODES]
        wait_for(lambda: all("ready" in log.read_text() for log in logs), 40.0, "the start")
        parent.send_signal(signal.SIGINT)
        out, _ = parent.communicate(timeout=15.0)
    finally:
        parent.kill()
    assert out.split() == ["0"] * 5
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert "Traceback" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


def test_a_broken_policy_ends_meta_rl_with_code_2_and_the_cause(tmp_path):
    (tmp_path / "policy.safetensors").write_bytes(b"garbage")
    specs = [s for s in simulation_graph(GraphOptions(policy=str(tmp_path))) if s.name == "meta_rl"]
    with Stack(specs, tmp_path / "logs") as stack:
        wait_for(lambda: stack.poll() is not None, 20.0, "the end")
        died = stack.poll()
    assert died.returncode == 2
    assert "policy.safetensors" in str(died) and "Traceback" not in str(died)
