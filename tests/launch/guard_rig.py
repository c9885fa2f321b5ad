"""A guard and a mock robot as processes, and a commander in this one that may also spoil what is measured."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from spinning import known_to, spinner
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ArmCommand, GuardStatus, PolicyAssignment, PolicyStatus
from metaagent_ros.deployment import load_deployment
from metaagent_ros.graph import GraphOptions, robot_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import time_message
from sim_envs.robots import load_profile

PERIOD, DURATION = 0.02, 0.12  # [s] between two commands, and in which each asks to be reached
NAME, SPOILED = "/commander#1", "spoiled"
ALL = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
WINDOW_NS = 80_000_000  # over which an acceleration is taken
Array = NDArray[np.float64]
Pose = Sequence[float] | Array | Callable[[], Array]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the robot said: stamp [ns], joints [rad] and their velocities [rad/s] in the profile's order."""

    stamp_ns: int
    position: Array
    velocity: Array


class Peer:
    """A node in this process, spun by a thread of its own."""

    def __init__(self, name: str, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node(name, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = spinner(self.executor, self.context)

    def call(self, kind: type, service: str, request, timeout: float = 5.0):
        client = self.node.create_client(kind, service)
        limit = time.monotonic() + timeout
        while not client.service_is_ready():
            assert time.monotonic() < limit, f"{service} is not there"
            time.sleep(0.005)
        known_to(self.node, service.split("/")[0])
        future = client.call_async(request)
        while not future.done():
            assert time.monotonic() < limit, f"no answer of {service}"
            time.sleep(0.005)
        self.node.destroy_client(client)
        return future.result()

    def end(self) -> None:
        self.context.try_shutdown()
        self.thread.join(2.0)
        self.node.destroy_node()


class Rig(Peer):
    """Those processes of the graph around a mock robot, and a commander."""

    def __init__(self, robot: str, logs: Path, names: tuple[str, ...]) -> None:
        self.profile, self.deployment = load_profile(robot), load_deployment(robot)
        self.base = self.home = np.array(self.profile.home)
        specs = tuple(s for s in robot_graph(GraphOptions(robot=robot)) if s.name in names)
        self.stack = Stack(specs, logs, {"OMP_NUM_THREADS": "1"}).start()
        super().__init__("commander", int(self.stack.env["ROS_DOMAIN_ID"]))
        self.states: list[Measured] = []
        self.names: list[str] = []  # as the robot orders them
        self.sent: list[Array] = []  # to the robot [rad]
        self.told: list[GuardStatus] = []
        self.report = PolicyStatus()
        self._spoke_ns = 0
        self._connect()
        self.thread.start()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        node, deployment = self.node, self.deployment
        node.create_subscription(JointState, deployment.state_topic, self._on_joints, ALL)
        node.create_subscription(JointTrajectory, deployment.command_topic, self._on_sent, ALL)
        node.create_subscription(GuardStatus, "guard/status", self.told.append, ALL)
        node.create_subscription(PolicyStatus, "policy/status", lambda m: setattr(self, "report", m), ALL)
        self.commands = node.create_publisher(ArmCommand, "policy/arm_command", ALL)
        self.measured = node.create_publisher(JointState, deployment.state_topic, dialect.LATEST)
        self.runs = node.create_publisher(PolicyAssignment, "policy/assignment", dialect.LATCHED)

    def _on_joints(self, message: JointState) -> None:
        if message.header.frame_id == SPOILED:
            return
        order = [message.name.index(n) for n in self.profile.joints]
        self.names = list(message.name)
        position, velocity = np.array(message.position)[order], np.array(message.velocity)[order]
        self.states.append(Measured(dialect.stamp_of(message), position, velocity))

    def _on_sent(self, message: JointTrajectory) -> None:
        order = [message.joint_names.index(n) for n in self.profile.joints]
        self.sent.extend(np.array(point.positions)[order] for point in message.points)

    def until(
        self, condition: Callable[[], object], timeout: float, what: str, each: Callable[[], object] = int
    ) -> None:
        """Poll; ``each`` is called between two looks."""
        limit = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < limit, f"{what}: not in {timeout} s; {self.told[-1:]}, {self.report}"
            each()
            time.sleep(0.005)

    def _wait(self) -> None:
        self.until(lambda: self.stack.poll() or self.status.lifecycle == "active", 60.0, "an active guard")
        assert self.stack.poll() is None, self.stack.poll()
        heard = lambda: self.commands.get_subscription_count() and len(self.states) > 10  # noqa: E731
        self.until(heard, 10.0, "everybody heard")
        known_to(self.node, *self.stack.processes)

    @property
    def status(self) -> GuardStatus:
        return self.told[-1] if self.told else GuardStatus()

    @property
    def now(self) -> Measured:
        return self.states[-1]

    def at(self, pose: Sequence[float]) -> bool:
        """Whether it has come there."""
        return bool(np.abs(self.now.position - pose).max() < 5e-3)

    def turned(self, joint: int, angle: float) -> Array:
        """The pose in which the test began with one joint turned by that [rad]."""
        pose = self.base.copy()
        pose[joint] += angle
        return pose

    @property
    def still(self) -> bool:
        return bool(np.abs(self.now.velocity).max() < 5e-3)

    @property
    def moving(self) -> bool:
        return self.status.state == "active" and not self.still

    def after(self, seconds: float) -> Callable[[], bool]:
        """Whether so much of the robot's time is over since now."""
        end = self.now.stamp_ns + int(seconds * 1e9)
        return lambda: self.now.stamp_ns > end

    def said(self, words: str, since: int, state: str = "") -> list[GuardStatus]:
        """Statuses after the first ``since`` with words of that pattern, in that state or any."""
        fits = lambda s: s.state == (state or s.state) and re.search(words, s.message)  # noqa: E731
        return [status for status in self.told[since:] if fits(status)]

    def want(self, pose: Sequence[float], stamp_ns: int = 0, names: Sequence[str] = ()) -> None:
        """A command of that pose of ``names``, decided on the newest state unless told otherwise."""
        message = ArmCommand(commander=NAME, names=list(names or self.profile.joints))
        message.positions = [float(p) for p in pose]
        message.gripper_width, message.gripper_force, message.duration = 0.08, 10.0, DURATION
        message.header.stamp = time_message(stamp_ns or self.now.stamp_ns)
        self._spoke_ns = time.time_ns()
        self.commands.publish(message)

    def paced(self, action: Callable[[], object]) -> Callable[[], None]:
        """The action at most once a period."""
        due = [0.0]

        def each() -> None:
            if time.monotonic() >= due[0]:
                due[0] = time.monotonic() + PERIOD
                action()

        return each

    def follow(
        self, pose: Pose, condition: Callable[[], object], what: str, timeout: float = 10.0,
        each: Callable[[], object] = int,
    ) -> None:  # fmt: skip
        """Command ``pose``, or what it returns, every period until the condition holds."""
        speak = self.paced(lambda: self.want(pose() if callable(pose) else pose))
        self.until(condition, timeout, what, lambda: (speak(), each()))

    def toward(self, goal: Array, speed: Callable[[], float]) -> Callable[[], Array]:
        """Small steps from where it is measured, each joint at most at ``speed`` [rad/s]."""

        def step() -> Array:
            most = speed() * DURATION
            return self.now.position + np.clip(goal - self.now.position, -most, most)

        return step

    def quiet(self, each: Callable[[], object] = int) -> None:
        """At rest, and the guard has noticed that nobody commands; what is measured now is the base."""
        wait_ns = self._spoke_ns + int(1.2e9 * self.deployment.command_timeout)
        self.until(
            lambda: dialect.stamp_of(self.status) > wait_ns and not self.status.commander
            and self.status.state in ("waiting", "holding", "fault") and self.still,
            5.0, "quiet", each,
        )  # fmt: skip
        self.base = self.now.position
        self.sent.clear()

    def settle(self) -> None:
        """At home, without a fault."""
        if self.status.state == "fault":
            self.quiet()
            self.until(lambda: self.call(Trigger, "guard/reset", Trigger.Request()).success, 5.0, "a reset")
        self.follow(self.home, lambda: self.at(self.home), "home", 20.0)
        self.base = self.home
        self.sent.clear()

    def measure(self, names: Sequence[str], positions: Sequence[float], stamp_ns: int = 0) -> None:
        """A state beside those of the robot, or in their place."""
        message = JointState(name=list(names), position=[float(p) for p in positions])
        message.header.stamp, message.header.frame_id = time_message(stamp_ns or time.time_ns()), SPOILED
        self.measured.publish(message)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.stack.processes[name].pid, number)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Without that process for a while."""
        self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            count = len(self.states)
            self.signal(name, signal.SIGCONT)
            self.until(lambda: len(self.states) > count + 20, 10.0, "states again")

    def assert_smooth(self, since: int) -> None:
        """What the robot measured after the first ``since`` states is within its rates."""
        velocity = np.array([s.velocity for s in self.states[since:]])
        times = np.array([s.stamp_ns for s in self.states[since:]])
        fast, hard = np.array(self.profile.max_velocity), np.array(self.deployment.max_acceleration)
        assert (np.abs(velocity) <= 1.1 * fast).all(), np.abs(velocity).max(axis=0)
        later = np.searchsorted(times, times + WINDOW_NS)
        first = np.flatnonzero(later < len(times))
        change, took = np.abs(velocity[later[first]] - velocity[first]), times[later[first]] - times[first]
        rate = change / took[:, None] * 1e9
        assert (rate <= 2.0 * hard).all(), rate.max(axis=0)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Without the robot's process: what it would measure is said here.

        Where it was stopped in the middle of a write, the guard may hear nobody's states: then once more.
        """
        for _ in range(3):
            with self.stopped("hardware"):
                if self._heard():
                    yield
                    return
            self.settle()
            self.quiet()
        raise AssertionError("the guard hears no states")

    def _heard(self) -> bool:
        limit, before = time.monotonic() + 1.0, self.status.stale
        while self.status.stale == before and time.monotonic() < limit:
            self.measure(self.profile.joints, ())
            time.sleep(0.01)
        return bool(self.status.stale > before)

    def close(self) -> None:
        self.stack.stop()
        self.end()
