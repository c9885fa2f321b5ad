"""``metaagent up`` with real processes: a mock robot, a dry run, training, two simulations side by side."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from spinning import spinner
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_ros.deployment import load_deployment
from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.client import Client
from sim_envs.robots import load_profile

pytestmark = [pytest.mark.ros, pytest.mark.slow]
SENTENCE = "pick up the red cube"


@contextmanager
def up(logs, *arguments: str):
    """``metaagent up`` in a domain of this test; ended by Ctrl-C."""
    command = [sys.executable, "-m", "metaagent_ros", "up", *arguments, "--logs", str(logs)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield parent
    finally:
        parent.kill()
        parent.wait()


def ended(parent) -> str:
    parent.send_signal(signal.SIGINT)
    out, _ = parent.communicate(timeout=20.0)
    assert parent.returncode == 130, out
    assert "Traceback" not in out, out
    return out


def alive(parent):
    def check(missing) -> None:
        assert parent.poll() is None, parent.stdout.read()

    return check


@pytest.fixture
def arms(make_policy, tmp_path):
    make_policy("panda", (0.3, 0.2, -0.2, 0.5)).save(tmp_path / "policy")
    return [f"policy:={tmp_path / 'policy'}", "parser:=rules"]


class Ears:
    """What is said on a few topics, heard in a thread; and a voice of its own."""

    def __init__(self, **topics) -> None:
        self.heard: dict[str, list] = {name: [] for name in topics}
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("ears", context=self.context)
        for name, (kind, topic) in topics.items():
            self.node.create_subscription(kind, topic, self.heard[name].append, dialect.LATEST)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = spinner(self.executor, self.context)
        self.thread.start()

    def __getitem__(self, name: str) -> list:
        return self.heard[name]

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.context.try_shutdown()
        self.thread.join(2.0)
        self.node.destroy_node()


def test_a_mock_robot_is_moved_through_its_own_controllers(tmp_path, arms, waiting):
    it, panda = load_deployment("panda"), load_profile("panda")
    topics = {"states": (JointState, it.state_topic), "sent": (JointTrajectory, it.command_topic)}
    with up(tmp_path / "logs", "robot", "robot:=panda", "speed:=0.5", *arms) as parent:
        with Client(simulated=False) as client, Ears(**topics) as ears:
            client.wait_ready(60.0, alive(parent))
            outcome = client.execute(SENTENCE, 0, cancelled=lambda: len(ears["sent"]) > 40)
            assert outcome.status == "cancelled", outcome
            waiting(lambda: len(ears["states"]) > 20, 5.0, "states")
        first, last = (dialect.arm_state_value(ears["states"][i], panda.joints) for i in (0, -1))
        moved = np.subtract(last.positions, first.positions)
        assert np.abs(moved).max() > 0.05
        assert tuple(ears["states"][0].name[:7]) != panda.joints  # shuffled, as on a robot
        ended(parent)
    assert {path.stem for path in (tmp_path / "logs").glob("*.log")} >= {"hardware", "guard", "policy"}


def test_a_dry_run_shows_the_commands_and_moves_nothing(tmp_path, arms, waiting):
    it, panda = load_deployment("panda"), load_profile("panda")
    topics = {
        "states": (JointState, it.state_topic),
        "sent": (JointTrajectory, it.command_topic),
        "grips": (Float64MultiArray, it.gripper_topic),
        "shadow": (JointTrajectory, it.shadowed().command_topic),
    }
    with up(tmp_path / "logs", "robot", "robot:=panda", "shadow:=true", "speed:=0.1", *arms) as parent:
        with Client(simulated=False) as client, Ears(**topics) as ears:
            client.wait_ready(60.0, alive(parent))
            client.execute(SENTENCE, 0, cancelled=lambda: len(ears["shadow"]) > 20)
            waiting(lambda: len(ears["shadow"]) > 20, 1.0, "commands on the shadow topic")
            assert not ears["sent"] and not ears["grips"]
            positions = [dialect.arm_state_value(m, panda.joints).positions for m in ears["states"]]
            assert np.ptp(positions, axis=0).max() == 0.0
        ended(parent)


def test_training_says_how_it_goes_and_can_be_stopped(tmp_path, waiting):
    arguments = ("robot:=diffbot", "quick:=true", f"out:={tmp_path / 'out'}")
    with up(tmp_path / "logs", "training", *arguments) as parent:
        log = tmp_path / "logs" / "trainer.log"
        waiting(lambda: log.exists() and "imitation" in log.read_text(), 90.0, "a first line of training")
        assert "trainer | " in ended(parent)


def test_two_simulations_side_by_side_hear_only_themselves(tmp_path, waiting):
    """Simulators alone: what a namespace keeps apart are topics, services and the clock."""
    env = {"ROS_DOMAIN_ID": os.environ["ROS_DOMAIN_ID"], "OMP_NUM_THREADS": "1"}
    stacks = []
    for name, rate in (("a", 100.0), ("b", 50.0)):
        specs = simulation_graph(GraphOptions(namespace=name, rate=rate))
        stacks.append(Stack([s for s in specs if s.name == "simulator"], tmp_path / name, env))
    topics = {
        f"{kind}_{name}": (cls, f"/{name}/{kind}")
        for name in "ab"
        for kind, cls in (("joint_states", JointState), ("clock", Clock))
    }
    panda = load_profile("panda")
    point = JointTrajectoryPoint(positions=[p + 0.1 for p in panda.home])
    command = JointTrajectory(joint_names=list(panda.joints), points=[point])
    with stacks[0], stacks[1], Ears(shared=(Clock, "/clock"), **topics) as ears:
        waiting(lambda: all(len(ears[name]) > 60 for name in topics), 40.0, "states of both")
        topic = f"/a/{load_deployment('panda').command_topic}"
        to_a = ears.node.create_publisher(JointTrajectory, topic, dialect.LATEST)

        def gap(name: str) -> float:
            state = dialect.arm_state_value(ears[f"joint_states_{name}"][-1], panda.joints)
            return float(np.abs(np.subtract(state.positions, panda.home)).max())

        def moved() -> bool:
            to_a.publish(command)
            return gap("a") > 0.09

        waiting(moved, 10.0, "the arm in a")
        assert gap("b") < 0.01 and not ears["shared"]
    periods = [
        float(np.median(np.diff([m.clock.sec + m.clock.nanosec / 1e9 for m in ears[f"clock_{n}"]])))
        for n in "ab"
    ]
    assert periods == pytest.approx([0.01, 0.02], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("robot", "hardwear:=mock"), "'hardware'"),
        (("robot", "robot:=ur5e"), "no policy is shipped for ur5e"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_started(tmp_path, arguments, words):
    with up(tmp_path / "logs", *arguments) as parent:
        out, _ = parent.communicate(timeout=60.0)
    assert parent.returncode == 2 and words in out and "Traceback" not in out, out
    assert not (tmp_path / "logs").exists()
