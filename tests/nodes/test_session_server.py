"""The action of a session, its messages, the episode it learns from, and the simulator's way back."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from metaagent_interfaces.action import AdaptOnRobot
from metaagent_interfaces.msg import PolicyEpisode
from metaagent_interfaces.srv import ResetScene
from metaagent_ros.control.episode import Episode
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.session import SessionResult
from metaagent_ros.control.worker import Worker
from metaagent_ros.instructions.schema import Plan, refuse
from metaagent_ros.nodes import dialect, session_robot
from metaagent_ros.nodes.session_messages import (
    episode_message,
    session_value,
)
from metaagent_ros.nodes.session_server import SessionServer
from metaagent_ros.policies.files import PolicyFile, shipped_policy
from sim_envs.robots import load_profile
from sim_envs.spec import GroundedTask, ObjectRef, Scene, SceneItem, TaskSpec

pytestmark = pytest.mark.ros
PANDA = load_profile("panda")
STEP = TaskSpec("grasp", ObjectRef("red"))
TASK = GroundedTask(STEP, (0.5, 0.0, 0.142), 0.05, "red_cube")
SIZE = 33


def episode(run_id: str, ticks: int = 6) -> Episode:
    rng = np.random.default_rng(ticks)
    tables = (rng.normal(0.0, 0.1, (ticks, n)).astype(np.float32) for n in (SIZE, 4))
    return Episode(run_id, *tables, tuple(range(0, ticks * 40_000_000, 40_000_000)), 0.04)


def lifted(z: float) -> Scene:
    place = (0.5, 0.0, z)
    return Scene((SceneItem("red_cube", "object", place, (0.022,) * 3, 0.0, "red", "cube", "medium"),))


@dataclass
class FakePeers:
    """The rest of the graph: a run succeeds from trial ``from_trial`` on and is told by a policy node."""

    say: object = None
    from_trial: int = 2
    plan: Plan = field(default_factory=lambda: Plan("ok", None, (STEP,)))
    report: PolicyReport | None = None
    blocks: bool = False
    runs: list[str] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    halted: list[str] = field(default_factory=list)
    over: object = None

    @contextmanager
    def limited(self, over):
        before, self.over = self.over, over
        yield
        self.over = before

    def parse(self, text):
        return self.plan

    def scene(self):
        return lifted(0.16 if len(self.runs) >= self.from_trial else 0.022)

    def ground(self, step, scene):
        return TASK

    def run(self, task, policy):
        self.runs.append(f"run-{len(self.runs)}")
        while self.blocks:
            if self.over():
                return PolicyReport(self.runs[-1], "stopped", 3, "cancelled")
            time.sleep(0.01)
        self.say(episode_message(episode(self.runs[-1])))
        return self.report or PolicyReport(self.runs[-1], "timeout", 6, "not done within 8 s")

    def rest(self, seconds):
        pass

    def call(self, client, request):
        self.resets.append(request.number)
        return ResetScene.Response(success=True)

    def halt(self, reason):
        self.halted.append(reason)


class SessionBench:
    def __init__(self, bench):
        self.bench, self.peers, self.told = bench, FakePeers(), []
        self.node = bench.add(Node("server", context=bench.context))
        start = PolicyFile.load(shipped_policy("panda"))
        self.server = SessionServer(self.node, "panda", Worker(), self.peers, start)
        self.peers.say = bench.speak(PolicyEpisode, "policy/episode", dialect.LATCHED).publish
        self.joints = bench.speak(JointState, "joint_states")
        self.success, self.ready = (bench.speak(Bool, f"session/{n}") for n in ("success", "ready"))
        self.client = ActionClient(bench.peer, AdaptOnRobot, "adapt_on_robot")
        bench.connected(self.joints, self.success, self.ready)
        bench.until(self.client.server_is_ready)
        fingers = JointState(name=list(PANDA.gripper_joints), position=[0.022, 0.022])
        bench.until(
            lambda: self.server._around._joints is not None, each=lambda: self.joints.publish(fingers)
        )

    def send(self, **change):
        goal = {"robot": "panda", "instruction": "pick up the red cube", "max_trials": 6, "max_seconds": 60.0,
                "confirm": 3, "success": "object", "reset": "simulator"}  # fmt: skip
        sent = self.client.send_goal_async(AdaptOnRobot.Goal(**(goal | change)), self._tell)
        self.bench.until(sent.done)
        return sent.result()

    def _tell(self, message):
        self.told.append(message.feedback)

    def result(self, handle, each=lambda: None) -> SessionResult:
        future = handle.get_result_async()
        self.bench.until(future.done, 20.0, each)
        return session_value(future.result().result)


@pytest.fixture
def session(bench):
    it = SessionBench(bench)
    yield it
    it.client.destroy()


def test_a_session_ends_with_its_curve_and_a_policy(session):
    result = session.result(session.send())
    assert result.status == "done" and result.version == 1
    assert [(a.success, a.version) for a in result.curve] == [(False, 0), *[(True, 1)] * 3]
    assert session.peers.resets == [1, 2, 3, 4]  # each trial in a scene a little different
    assert result.policy.card["adapted"] == 1
    session.bench.until(lambda: session.told[-1].last.number == 4)
    numbers = [m.last.number for m in session.told]
    assert numbers == sorted(numbers) and {m.stage for m in session.told} >= {
        "restore",
        "run",
        "judge",
        "learn",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"robot": "ur5e"}, "allowed: panda"),
        ({"success": "buton"}, "Did you mean 'button'"),
        ({"reset": "nobody"}, "allowed: simulator, person"),
        ({"max_trials": 0}, "budget"),
        ({"max_seconds": float("nan")}, "budget"),
    ],
)
def test_a_bad_goal_is_refused_with_what_is_allowed_and_nothing_runs(session, change, words):
    result = session.result(session.send(**change))
    assert result.status == "refused" and words in result.message
    assert not session.peers.runs and not session.peers.resets


@pytest.mark.parametrize(
    ("plan", "words"),
    [(refuse("unsafe", "No."), "No."), (Plan("ok", None, (STEP, STEP)), "the sentence has 2")],
)
def test_a_sentence_that_is_not_one_step_is_refused(session, plan, words):
    session.peers.plan = plan
    result = session.result(session.send())
    assert result.status == "refused" and words in result.message and not session.peers.runs


def test_a_fault_of_the_guard_ends_it_with_the_cause(session):
    session.peers.report = PolicyReport("run-0", "fault", 6, "guard: e-stop pressed")
    result = session.result(session.send())
    assert result.status == "failed" and result.message == "guard: e-stop pressed" and not result.curve


def test_cancelling_brings_the_robot_to_rest_and_a_second_session_is_rejected(session):
    session.peers.blocks = True
    handle = session.send()
    session.bench.until(lambda: session.peers.runs)
    assert not session.send().accepted
    asked = time.monotonic()
    handle.cancel_goal_async()
    result = session.result(handle)
    assert result.status == "cancelled" and time.monotonic() - asked < 1.5
    assert session.peers.halted == ["the session is cancelled"]


def test_the_time_is_kept_while_the_policy_acts(session):
    session.peers.blocks = True
    began = time.monotonic()
    result = session.result(session.send(max_seconds=0.5))
    assert time.monotonic() - began < 2.0 and result.status == "not_better" and "spent" in result.message


def test_a_person_puts_the_scene_back_and_says_what_was_a_success(session):
    answers = {"restore": session.ready, "judge": session.success}
    asked: list[str] = []

    def answer():
        stages = [m.stage for m in session.told]
        for stage in stages[len(asked) :]:
            asked.append(stage)
            if stage in answers:
                answers[stage].publish(Bool(data=True))

    result = session.result(session.send(success="button", reset="person"), answer)
    assert result.status == "done" and result.version == 0 and len(result.curve) == 3
    assert not session.peers.resets


def test_nobody_answers(session, monkeypatch):
    session.server._around.success.patience = 0.2
    session.success.publish(Bool(data=True))  # too early: it answers nothing
    result = session.result(session.send(success="button"))
    assert result.status == "failed" and "no answer within 0.2 s" in result.message and not result.curve


def test_an_episode_that_does_not_come_ends_it(session, monkeypatch):
    monkeypatch.setattr(session_robot, "EPISODE_S", 0.1)
    session.peers.say = lambda message: None
    result = session.result(session.send())
    assert result.status == "failed" and "did not say" in result.message


def test_waiting_for_an_episode_takes_only_that_of_the_run(session):
    around = session.server._around
    late = threading.Timer(0.1, lambda: session.peers.say(episode_message(episode("mine"))))
    session.peers.say(episode_message(episode("another")))
    late.start()
    found: list = []
    thread = threading.Thread(target=lambda: found.append(around.episode("mine", lambda: False)))
    thread.start()
    session.bench.until(lambda: found)
    assert found[0].run_id == "mine"


def test_a_simulator_that_cannot_put_back_ends_the_session(session):
    session.peers.call = lambda client, request: ResetScene.Response(success=False, message="no table")
    result = session.result(session.send())
    assert result.status == "failed" and "no table" in result.message
