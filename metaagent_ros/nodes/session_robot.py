"""The robot of a session over the graph: scene put back, policy handed over, success told. Blocking calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from metaagent_interfaces.msg import PolicyEpisode
from metaagent_interfaces.srv import ResetScene
from metaagent_ros.control.episode import Episode, EpisodeError
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.telling import (
    Button,
    Judge,
    Over,
    Restorer,
    Seen,
    by_button,
    by_gripper,
    by_object,
    by_person,
)
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.peers import Peers
from metaagent_ros.nodes.running import THROTTLE
from metaagent_ros.nodes.session_messages import episode_value
from metaagent_ros.policies.files import PolicyFile
from sim_envs.robots import load_profile
from sim_envs.spec import GroundedTask, TaskSpec

ANSWER_S, READY_S = 120.0, 600.0  # [s] to wait for a person: was it a success, is the scene put back
EPISODE_S = 2.0  # [s] for the policy node to say what it saw and did
REST_S = 0.5  # [s] from the end of a run to the look at what it brought about


class Surroundings:
    """What a session hears: episodes, the gripper's width, a person's buttons; and the simulator's reset."""

    def __init__(self, node: Node, robot: str, peers: Peers) -> None:
        self.robot, self.peers = robot, peers
        self.success, self.ready = Button(ANSWER_S), Button(READY_S)
        self.reset = node.create_client(ResetScene, "simulator/reset")
        self._fingers = tuple(getattr(load_profile(robot), "gripper_joints", ()))
        self._logger = node.get_logger()
        self._heard = threading.Condition()
        self._episode: Episode | None = None
        self._joints: JointState | None = None
        node.create_subscription(PolicyEpisode, "policy/episode", self._on_episode, dialect.LATCHED)
        for topic, button in (("session/success", self.success), ("session/ready", self.ready)):
            node.create_subscription(Bool, topic, _presser(button), dialect.LATEST)
        if self._fingers:
            node.create_subscription(
                JointState, load_deployment(robot).state_topic, self._on_joints, dialect.LATEST
            )

    def look(self) -> Seen:
        """The scene from now on, and the fingers' width."""
        return Seen(self.peers.scene(), self._width())

    def episode(self, run_id: str, over: Over) -> Episode | None:
        """What the policy node said of that run, None where it does not in time."""
        limit = time.monotonic() + EPISODE_S
        with self._heard:
            while True:
                if self._episode is not None and self._episode.run_id == run_id:
                    return self._episode
                if over() or time.monotonic() > limit:
                    return None
                self._heard.wait(0.05)

    def _width(self) -> float | None:
        joints = self._joints
        if joints is None or not self._fingers:
            return None
        return sum(dialect.arm_state_value(joints, self._fingers).positions)

    def _on_joints(self, message: JointState) -> None:
        self._joints = message

    def _on_episode(self, message: PolicyEpisode) -> None:
        try:
            episode = episode_value(message)
        except EpisodeError as error:
            self._logger.warning(f"episode ignored: {error}", throttle_duration_sec=THROTTLE)
            return
        with self._heard:
            self._episode = episode
            self._heard.notify_all()


def _presser(button: Button) -> Callable[[Bool], None]:
    return lambda message: button.press(message.data)


class GraphRobot:
    """A :class:`~metaagent_ros.control.session.SessionRobot` of the running graph, for one step of a plan."""

    def __init__(self, around: Surroundings, step: TaskSpec, success: str, reset: str) -> None:
        self._around, self._step = around, step
        robot, look = around.robot, around.look
        makers: dict[str, Callable[[], Judge]] = {
            "object": lambda: by_object(robot, look),
            "gripper": lambda: by_gripper(robot, look),
            "button": lambda: by_button(around.success),
        }
        self._judge = makers[success]()
        self._restorer: Restorer = by_person(around.ready) if reset == "person" else self._reset
        around.ready.forget()

    def restore(self, number: int, over: Over) -> GroundedTask:
        """The scene put back, looked at anew, and the step bound to it."""
        peers = self._around.peers
        with peers.limited(over):
            self._restorer(number, over)
            return peers.ground(self._step, peers.scene())

    def run(self, task: GroundedTask, policy: PolicyFile, over: Over) -> tuple[PolicyReport, Episode | None]:
        """The policy node acts; the guard judges each of its commands, as always."""
        around = self._around
        with around.peers.limited(over):
            report = around.peers.run(task, policy)
            if report.state not in ("done", "timeout"):
                return report, None
            around.success.forget()
            episode = around.episode(report.run_id, over) if report.ticks else None
            around.peers.rest(REST_S)
        return report, episode

    def judge(self, task: GroundedTask, episode: Episode, over: Over) -> bool:
        """As it was asked for."""
        with self._around.peers.limited(over):
            success = self._judge(task, episode, over)
        self._around.ready.forget()
        return success

    def _reset(self, number: int, over: Over) -> None:
        answer: Any = self._around.peers.call(self._around.reset, ResetScene.Request(number=int(number)))
        if not answer.success:
            raise Stopped("failed", f"the simulator: {answer.message}")
