"""Simulator, policy and guard as processes, and a peer that assigns runs and measures what moves."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from spinning import known_to, spinner

from metaagent_interfaces.msg import GuardStatus, PolicyAssignment, PolicyStatus
from metaagent_ros.graph import GraphOptions, ProcessSpec, simulation_graph
from metaagent_ros.launcher import Stack, command
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import task_message
from sim_envs.robots import load_profile
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

PANDA = load_profile("panda")
TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red", "cube")), (0.5, 0.0, 0.142), 0.001, "red_cube")
PERIOD = PANDA.control_period
LOOK = 5  # states between two positions that are compared: 50 ms, more where some were missed
STILL = 0.02  # [rad/s]


class Cell:
    def __init__(self, policy: bytes, logs: Path) -> None:
        self.policy, self.logs, self.number = policy, logs, 0
        names = ("simulator", "policy", "guard")
        self.specs = {s.name: s for s in simulation_graph(GraphOptions(scene_seed=1)) if s.name in names}
        self.stack = Stack(tuple(self.specs.values()), logs, {"OMP_NUM_THREADS": "1"}).start()
        self.states: list[tuple[float, np.ndarray]] = []  # robot time [s], joints [rad]
        self.guard: list[GuardStatus] = []
        self.report = PolicyStatus()
        self.context = Context()
        rclpy.init(context=self.context, domain_id=int(self.stack.env["ROS_DOMAIN_ID"]))
        self.node = Node("cell", context=self.context)
        self.hear(JointState, "joint_states", self._on_joints)
        self.hear(GuardStatus, "guard/status", self.guard.append)
        self.hear(PolicyStatus, "policy/status", lambda m: setattr(self, "report", m))
        self.runs = self.node.create_publisher(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = spinner(self.executor, self.context)
        self.thread.start()
        self.until(lambda: self.active, 60.0, "an active guard")
        known_to(self.node, *names)

    def hear(self, kind, topic, take) -> None:
        self.node.create_subscription(kind, topic, take, dialect.LATEST)

    def _on_joints(self, message: JointState) -> None:
        position = np.array([message.position[message.name.index(n)] for n in PANDA.joints])
        self.states.append((dialect.stamp_of(message) / 1e9, position))

    def until(self, condition: Callable[[], object], timeout: float, what: str) -> float:
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < timeout, (
                f"{what}: not in {timeout} s; {self.guard[-1:]}, {self.report}"
            )
            time.sleep(0.005)
        return time.monotonic() - start

    @property
    def status(self) -> GuardStatus:
        return self.guard[-1] if self.guard else GuardStatus()

    @property
    def active(self) -> bool:
        return self.status.lifecycle == "active" and self.report.state != ""

    @property
    def moving(self) -> bool:
        return len(self.states) > LOOK and speed(self.states[-1 - LOOK :]) > 5 * STILL

    def start(self) -> None:
        """Another run, until it moves the arm from its start pose on."""
        self.number += 1
        message = PolicyAssignment(run_id=f"run{self.number}", task=task_message(TASK), time_limit=60.0)
        message.parameters, message.sha256 = self.policy, hashlib.sha256(self.policy).hexdigest()
        self.runs.publish(message)
        self.until(lambda: self.report.run_id == message.run_id and self.report.ticks > 5, 20.0, "ticks")
        self.until(lambda: self.moving and self.status.state == "active", 5.0, "motion")

    def end(self) -> None:
        self.runs.publish(PolicyAssignment())
        self.until(lambda: not self.moving, 5.0, "rest")

    def rest_after(self, event: Callable[[], object]) -> float:
        """Robot time [s] from the event to the last motion, which at least 20 states at rest follow."""
        assert self.moving
        event()
        since, begun = len(self.states), self.states[-1][0]
        self.until(lambda: len(self.states) > since + 20 and not self._moved(-20 - LOOK), 5.0, "rest")
        moved = self._moved(since - LOOK)
        return moved[-1] - begun if moved else 0.0

    def _moved(self, since: int) -> list[float]:
        """When [s] it moved, from the state of that number on."""
        recent = self.states[since:]
        pairs = ((i, recent[i - LOOK : i + 1]) for i in range(LOOK, len(recent)))
        return [recent[i][0] for i, window in pairs if speed(window) > STILL]

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.stack.processes[name].pid, number)

    def spawn(self, spec: ProcessSpec, key: str) -> None:
        """One more process in place of ``key``."""
        with self.stack.log_path(key).open("ab") as log:
            self.stack.processes[key] = subprocess.Popen(
                command(spec, self.logs),
                env=self.stack.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def replace(self, name: str) -> None:
        """Kill a process, start it anew, and wait until all are active."""
        process = self.stack.processes[name]
        process.kill()
        process.wait()
        self.guard.clear()
        self.report = PolicyStatus()
        count = len(self.states)
        self.spawn(self.specs[name], name)
        self.until(lambda: self.active and len(self.states) > count + 20, 30.0, f"{name} again")
        known_to(self.node, name)

    def call(self, kind: type, service: str, request, timeout: float = 5.0):
        client = self.node.create_client(kind, service)
        self.until(client.service_is_ready, 5.0, service)
        known_to(self.node, service.split("/")[0])
        future = client.call_async(request)
        self.until(future.done, timeout, f"the answer of {service}")
        return future.result()

    def change(self, node: str, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, f"{node}/change_state", request).success

    def close(self) -> None:
        self.stack.stop()
        self.context.try_shutdown()
        self.thread.join(2.0)
        self.node.destroy_node()


def speed(states: list[tuple[float, np.ndarray]]) -> float:
    """Of the fastest joint [rad/s], from the first of these states to the last."""
    (begun, start), (ended, end) = states[0], states[-1]
    return float(np.abs(end - start).max()) / max(ended - begun, 1e-3)
