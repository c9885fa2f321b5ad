"""What a session hears and says: episodes and curves as messages, the simulator's way back."""

import hashlib

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from metaagent_interfaces.msg import ObjectStates, PolicyAssignment, PolicyEpisode
from metaagent_interfaces.srv import ResetScene
from metaagent_ros.control.episode import MOST, Episode, EpisodeError
from metaagent_ros.control.session import Attempt, SessionResult
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_message, task_message, time_message
from metaagent_ros.nodes.policy_node import PolicyNode
from metaagent_ros.nodes.session_messages import (
    attempt_message,
    attempt_value,
    episode_message,
    episode_value,
    session_message,
    session_value,
)
from metaagent_ros.nodes.simulator_node import SimulatorNode
from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped_policy
from sim_envs.robots import load_profile
from sim_envs.simulation import table_scene
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

pytestmark = pytest.mark.ros
PANDA = load_profile("panda")
TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube")
SIZE = 33


def episode(run_id: str, ticks: int = 6) -> Episode:
    rng = np.random.default_rng(ticks)
    tables = (rng.normal(0.0, 0.1, (ticks, n)).astype(np.float32) for n in (SIZE, 4))
    return Episode(run_id, *tables, tuple(range(0, ticks * 40_000_000, 40_000_000)), 0.04)


def test_messages_come_back_as_they_went():
    whole = episode("r", 7)
    back = episode_value(episode_message(whole))
    np.testing.assert_array_equal(back.observations, whole.observations)
    np.testing.assert_array_equal(back.actions, whole.actions)
    assert (back.run_id, back.stamps, back.period) == (whole.run_id, whole.stamps, whole.period)
    attempt = Attempt(3, 2, True, 0.5, False, (0.25, -0.5), "done: in 1 s", 9.5)
    assert attempt_value(attempt_message(attempt)) == attempt
    result = SessionResult(
        "done", "3 trials", PolicyFile.load(shipped_policy("panda")), 2, (attempt,), 0.0, 0.5
    )
    message = session_message(result)
    again = session_value(message)
    assert (again.status, again.version, again.curve, again.after) == ("done", 2, (attempt,), 0.5)
    message.sha256 = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(PolicyFileError, match="sha256"):
        session_value(message)


@pytest.mark.parametrize("wrong", [{"observation_size": 5}, {"action_size": 3}, {"stamps": [1] * (MOST + 1)}])
def test_a_broken_episode_is_named(wrong):
    message = episode_message(episode("r"))
    for name, value in wrong.items():
        setattr(message, name, value)
    with pytest.raises(EpisodeError, match="run r"):
        episode_value(message)


def test_the_simulator_puts_the_scene_back_and_time_goes_on(bench):
    node = bench.make(SimulatorNode)
    start, time_before = node.simulation.truth(), node.simulation.time
    node.simulation.command_joints(PANDA.joints, [0.4, *PANDA.home[1:]])
    for _ in range(200):
        node.simulation.advance()
    answer = bench.call(ResetScene, "simulator/reset", ResetScene.Request(number=0))
    assert answer.success and node.simulation.time > time_before
    joints = node.simulation.joint_state()[1][: len(PANDA.joints)]
    np.testing.assert_allclose(joints, PANDA.home, atol=0.02)
    for a, b in zip(node.simulation.truth().items, start.items, strict=True):
        np.testing.assert_allclose(a.position, b.position, atol=2e-3)


def test_the_policy_node_says_what_the_policy_saw_and_did(bench, make_policy):
    action = (0.1, 0.2, 0.3, -0.5)
    data, names, now = make_policy("panda", action).dumps(), PANDA.joints + PANDA.gripper_joints, [0]
    bench.make(PolicyNode, robot="panda")
    episodes: list = []
    bench.peer.create_subscription(PolicyEpisode, "policy/episode", episodes.append, dialect.LATCHED)
    states, scenes = bench.speak(JointState, "joint_states"), bench.speak(ObjectStates, "object_states")
    runs = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
    bench.connected(states, scenes, runs)

    def live():
        now[0] += 10_000_000
        scenes.publish(scene_message(table_scene(0), now[0], "base_link"))
        message = JointState(name=list(names), position=[*PANDA.home, 0.04, 0.04])
        message.header.stamp = time_message(now[0])
        states.publish(message)

    for _ in range(20):
        live()
        bench.executor.spin_once(timeout_sec=0.01)
    assignment = PolicyAssignment(run_id="one", task=task_message(TASK), time_limit=0.5)
    assignment.sha256, assignment.parameters = hashlib.sha256(data).hexdigest(), data
    runs.publish(assignment)
    bench.until(lambda: episodes, each=live)
    said = episode_value(episodes[-1])
    assert said.run_id == "one" and 8 <= len(said) <= 14 and not said.truncated
    np.testing.assert_allclose(said.actions, np.tile(action, (len(said), 1)), atol=1e-6)
    assert said.observations.shape[1] == SIZE and (np.diff(said.stamps) > 0).all()
    np.testing.assert_allclose(said.observations[1:, 19:23], said.actions[:-1], atol=1e-6)  # the last action
