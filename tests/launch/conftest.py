"""The real graph, a client, and a watch that hears robot and policy from outside."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rclpy
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from spinning import known_to, spinner

from metaagent_interfaces.msg import ArmCommand, BaseCommand
from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.client import Client
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.robots import load_profile
from sim_envs.simulation import hidden_from_seed
from sim_envs.tasks import family

SEED = 1


def wait_for(condition: Callable[[], object], timeout: float, what: str) -> float:
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout, f"{what}: not within {timeout} s"
        time.sleep(0.01)
    return time.monotonic() - start


class Watch:
    """Where the robot was when: joints [rad] of an arm, x, y, yaw [m, rad] of a base; and the commands."""

    def __init__(self, robot: str, domain: int) -> None:
        self.profile = load_profile(robot)
        self.states: list[tuple[float, np.ndarray]] = []
        self.commands: list = []
        self.twist: float | None = None  # of a base: its measured pose is noisy also at rest
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node("watch", context=self.context)
        arm = self.profile.family == "arm"
        self._hear(JointState, "joint_states", self._on_joints) if arm else self._hear(
            Odometry, "odom", self._on_odometry
        )
        self._hear(ArmCommand, "policy/arm_command", self.commands.append) if arm else self._hear(
            BaseCommand, "policy/base_command", self.commands.append
        )
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = spinner(self.executor, self.context)
        self.thread.start()

    def _hear(self, kind, topic, take) -> None:
        self.node.create_subscription(kind, topic, take, dialect.LATEST)

    def _on_joints(self, message: JointState) -> None:
        position = np.array([message.position[message.name.index(n)] for n in self.profile.joints])
        self.states.append((dialect.stamp_of(message) / 1e9, position))

    def _on_odometry(self, message: Odometry) -> None:
        state = dialect.base_state_value(message)
        self.twist = max(abs(state.linear), abs(state.angular))
        self.states.append((dialect.stamp_of(message) / 1e9, np.array([state.x, state.y, state.yaw])))

    def speed(self, span: float = 0.2) -> float:
        """The fastest entry of the state, averaged over the last ``span`` [s] of robot time; a base's now."""
        if self.twist is not None:
            return self.twist
        now, here = self.states[-1]
        before = next((s for s in reversed(self.states) if now - s[0] >= span), self.states[0])
        return float(np.abs(here - before[1]).max() / max(now - before[0], 1e-6))

    def travel(self, since: int) -> float:
        return float(np.ptp(np.array([p for _, p in self.states[since:]]), axis=0).max())

    def close(self) -> None:
        self.context.try_shutdown()
        self.thread.join(2.0)
        self.node.destroy_node()


@dataclass
class Graph:
    robot: str
    stack: Stack
    client: Client
    watch: Watch

    def at_rest(self) -> bool:
        return self.watch.speed() < 0.02

    def rests(self, within: float, after: str) -> None:
        """Comes to rest in so much robot time [s]; on the wall a busy machine may take longer."""
        begun = self.watch.states[-1][0]
        wait_for(self.at_rest, 10.0, f"rest after {after}")
        took = self.watch.states[-1][0] - begun
        assert took <= within, f"at rest {took:.2f} s after {after}; allowed: {within} s"

    def as_in_training(self, policy, scene, task, ticks: int = 20) -> list[float]:
        """How far the robot was, at each tick, from where the same policy moves it in the environment."""
        env, fast = family(self.robot).make(), FastPolicy(policy)
        given = {"hidden": hidden_from_seed(self.robot, SEED), "scene": scene, "task": task}
        observation, _ = env.reset(options=given)
        start, by_time = dialect.stamp_of(self.watch.commands[0]) / 1e9, dict(self.watch.states)
        gaps = []
        for tick in range(1, ticks + 1):
            observation, *_ = env.step(fast.act(observation))
            there = by_time.get(round(start + load_profile(self.robot).control_period * tick, 9))
            if there is not None:
                gaps.append(float(np.abs(there - measured(env)).max()))
        env.close()
        assert len(gaps) > ticks // 2
        return gaps


def measured(env) -> np.ndarray:
    if hasattr(env.world, "arm"):
        return env.world.arm.joint_state()[0][: len(env.world.arm.joints)]
    state = env.world.base.measured()
    return np.array([state.x, state.y, state.yaw])


@contextmanager
def running(robot: str, policy: Path, logs: Path) -> Iterator[Graph]:
    options = GraphOptions(robot=robot, parser="rules", policy=str(policy), scene_seed=SEED, hidden_seed=SEED)

    def alive(missing):
        assert stack.poll() is None, stack.poll()

    with Stack(simulation_graph(options), logs, {"OMP_NUM_THREADS": "1"}) as stack:
        with Client(environment=stack.env) as client:
            client.wait_ready(40.0, alive)
            watch = Watch(robot, int(stack.env["ROS_DOMAIN_ID"]))
            known_to(watch.node, "policy")
            wait_for(lambda: len(watch.states) > 30, 10.0, "states")
            yield Graph(robot, stack, client, watch)
            watch.close()


@pytest.fixture(scope="session")
def waiting():
    return wait_for


@pytest.fixture(scope="session")
def run_graph():
    return running
