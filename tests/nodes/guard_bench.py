"""A guard under test, and the robot and the policy that it stands between."""

import itertools
import time

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from metaagent_interfaces.msg import ArmCommand, GuardStatus, PolicyAssignment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.guard_node import GuardNode
from sim_envs.robots import load_profile

PANDA = load_profile("panda")
NAMES = PANDA.joints + PANDA.gripper_joints
DURATION = 0.05


def sparse(action, every: int = 5):
    """The action at every fifth call: a loop that publishes more than it spins starves the node."""
    calls = itertools.count()
    return lambda: action() if next(calls) % every == 0 else None


class Follower:
    """A trajectory controller of one point: a straight way in the time that was asked for, then rest."""

    def __init__(self, pose) -> None:
        self._from = self._to = np.array(pose, dtype=float)
        self._begun, self._lasts = time.monotonic(), 1.0
        self.track: list[tuple[float, float]] = []

    def take(self, message: JointTrajectory) -> None:
        point, self._from = message.points[-1], self.pose()
        self._to, self._begun = np.array(point.positions), time.monotonic()
        self._lasts = point.time_from_start.nanosec / 1e9

    def pose(self) -> np.ndarray:
        share = min(1.0, (time.monotonic() - self._begun) / self._lasts)
        return self._from + share * (self._to - self._from)

    def put(self, pose) -> None:
        self._from = self._to = np.array(pose, dtype=float)

    @property
    def resting(self) -> bool:
        return time.monotonic() - self._begun >= self._lasts


class ArmBench:
    """The peer is an arm that goes where it is sent, measured at home before."""

    def __init__(self, bench, **parameters):
        self.bench, self.arm = bench, Follower(PANDA.home)
        self.sent = bench.listen(JointTrajectory, "joint_trajectory_controller/joint_trajectory")
        bench.peer.create_subscription(
            JointTrajectory, "joint_trajectory_controller/joint_trajectory", self.arm.take, dialect.LATEST
        )
        self.grips = bench.listen(Float64MultiArray, "gripper_controller/commands")
        self.status = bench.listen(GuardStatus, "guard/status")
        self.states = bench.speak(JointState, "joint_states")
        self.commands = bench.speak(ArmCommand, "policy/arm_command")
        self.runs = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        self.node = bench.make(GuardNode, robot="panda", **parameters)
        self._next = 0.0
        if parameters.get("autostart", True):
            bench.connected(self.states, self.commands, self.runs)

    def measure(self, names=NAMES, positions=None, stamp=None) -> None:
        values = [*self.arm.pose(), 0.04, 0.04] if positions is None else positions
        message = JointState(name=list(names), position=[float(p) for p in values])
        message.header.stamp = stamp or self.bench.stamp()
        self.states.publish(message)

    def want(self, there: float, commander: str = "/policy#1", stamp=None, joint: int = 0) -> None:
        """One joint at ``there`` [rad], the others at home."""
        positions = list(PANDA.home)
        positions[joint] = float(there)
        message = ArmCommand(names=list(PANDA.joints), positions=positions)
        message.gripper_width, message.gripper_force, message.duration = 0.05, 10.0, DURATION
        message.header.stamp, message.commander = stamp or self.bench.stamp(), commander
        self.commands.publish(message)

    def live(self, there: float, **more) -> None:
        """Measured all the time, a wish every period."""
        self.measure()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + DURATION
            self.want(there, **more)

    def start(self, first: float = 0.0) -> None:
        """Until commands pass."""
        self.bench.until(lambda: self.node.active, each=self.measure)
        self.bench.until(lambda: self.sent and self.state == "active", each=lambda: self.live(first))

    def move(self) -> None:
        """Until the first joint is on its way to 1 rad."""
        self.start(1.0)
        self.bench.until(lambda: self.firsts()[-1] > 0.1, each=lambda: self.live(1.0))

    @property
    def state(self) -> str:
        return self.status[-1].state if self.status else ""

    @property
    def message(self) -> str:
        return self.status[-1].message if self.status else ""

    @property
    def counts(self):
        return self.node.guard.counts

    def firsts(self, joint: int = 0) -> list[float]:
        """What was sent for one joint."""
        return [m.points[-1].positions[joint] for m in self.sent]
