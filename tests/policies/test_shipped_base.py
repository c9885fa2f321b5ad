"""What the shipped policy of the base is worth on hidden dynamics that training kept out."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from metaagent_ros.control.controller import Controller
from metaagent_ros.instructions.grounding import ground
from metaagent_ros.meta.sessions import play, session
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.policies.context import with_context
from metaagent_ros.policies.files import PolicyFile, shipped
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.base_simulation import BaseSimulation
from sim_envs.robots import load_profile
from sim_envs.spec import NOMINAL, Hidden, Target, TaskSpec
from sim_envs.tasks import family

KIN = family("diffbot")
TURNED = MetaTask("navigate", Hidden(heading_offset=-1.15, wheel_bias=0.1, noise=0.01), 0)
EPISODES = 16


@pytest.fixture(scope="module")
def policy() -> PolicyFile:
    return PolicyFile.load(shipped("diffbot"))


@pytest.fixture
def env() -> Iterator[TaskEnv]:
    made = TaskEnv(KIN)
    yield made
    made.close()


def success(policy: PolicyFile, env: TaskEnv) -> float:
    """Share of fresh episodes of the task that ``env`` plays."""
    act = FastPolicy(policy).act
    return float(np.mean([play(env, act, 500_000 + number).success for number in range(EPISODES)]))


def test_told_what_is_hidden_it_arrives(policy: PolicyFile, env: TaskEnv):
    rates = []
    for task in draw_tasks(KIN, 6, np.random.default_rng(77), "T2"):
        env.play(task)
        rates.append(success(with_context(policy, KIN.context_of(task.hidden)), env))
    assert np.mean(rates) >= 0.9


def test_a_turned_heading_defeats_it_until_one_trial_has_shown_it(policy: PolicyFile, env: TaskEnv):
    env.play(TURNED)
    running = session("infer_blind", policy, env, 1)
    before = success(running.policy(), env)
    running.trial()
    assert before <= 0.6 and success(running.policy(), env) >= 0.9


@pytest.mark.parametrize("place", ["charger", "desk", "window"])
def test_the_controller_drives_the_simulated_robot_there(policy: PolicyFile, place: str):
    simulation, profile = BaseSimulation(load_profile("diffbot"), 3, NOMINAL), load_profile("diffbot")
    task = ground(TaskSpec("navigate", target=Target("landmark", place)), simulation.scene(), "diffbot")
    controller, there, nearest = Controller(policy, "diffbot", task), False, profile.range
    while simulation.time < 15.0 and not there:
        state = dataclasses.replace(simulation.pose(), ranges=simulation.scan())
        command = controller.tick(state, simulation.scene())
        simulation.command_velocity(command.linear, command.angular)
        for _ in range(round(profile.control_period / simulation.substep)):
            simulation.advance()
        nearest = min(nearest, float(simulation.scan().min()))
        there = controller.done(
            dataclasses.replace(simulation.pose(), ranges=simulation.scan()), simulation.scene()
        )
    simulation.close()
    assert there and nearest > profile.radius
