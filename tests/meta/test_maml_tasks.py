"""MAML on the project's own tasks: the same actor in another dress, and an arm like the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from metaagent_ros.meta.maml_policies import CONTEXT, actor_critic, policy_of, squashed
from metaagent_ros.meta.maml_training import SETTINGS, MamlConfig, learner_of, maml_train
from metaagent_ros.meta.sessions import session
from metaagent_ros.meta.tasks import TaskEnv, draw_tasks
from metaagent_ros.policies.context import context_of, with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped_policy
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.tasks import family

torch.set_num_threads(1)
SMALL = MamlConfig(iterations=2, batch=1, maml=replace(SETTINGS, trajectories=1, epochs=1))
ROBOTS = ("panda", "diffbot")


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def start() -> PolicyFile:
    return PolicyFile.load(shipped_policy("panda"))


@pytest.mark.parametrize("robot", ROBOTS)
def test_it_is_the_same_actor_there_and_back(robot: str):
    kin, begin = family(robot), PolicyFile.load(shipped_policy(robot))
    file = with_context(begin, np.linspace(-0.5, 0.5, len(kin.context)))
    env = squashed(kin)
    seen = np.stack([env.reset(seed=seed)[0] for seed in range(5)])
    learner = learner_of(file, replace(SMALL, robot=robot), env)
    env.end()
    mean, _ = learner.actor.describe(learner.parameters, torch.tensor(seen))
    back = policy_of(learner.parameters, file)
    for row, action in zip(seen, torch.tanh(mean).detach().numpy(), strict=True):
        np.testing.assert_allclose(action, FastPolicy(file).act(row), atol=2e-5)
        np.testing.assert_allclose(FastPolicy(back).act(row), FastPolicy(file).act(row), atol=2e-5)
    assert context_of(back) == pytest.approx(context_of(file), abs=1e-5)
    assert CONTEXT in learner.parameters and not any(n.startswith("critic.qf") for n in back.tensors)


def test_a_run_taken_up_again_ends_with_the_same_bits_and_becomes_an_arm(start: PolicyFile, tmp_path: Path):
    whole = maml_train(SMALL, start, tmp_path / "whole", silent)
    maml_train(replace(SMALL, iterations=1), start, tmp_path / "cut", silent)
    said: list[str] = []
    again = maml_train(SMALL, start, tmp_path / "cut", said.append)
    assert said[0] == "resuming after iteration 1"
    assert all(np.array_equal(whole.tensors[n], again.tensors[n]) for n in whole.tensors)
    assert not np.array_equal(whole.tensors["actor.mu.weight"], start.tensors["actor.mu.weight"])
    file = PolicyFile.load(tmp_path / "cut")
    assert file.card["cost"]["env_steps"] > start.card["cost"]["env_steps"]
    kin = family("panda")
    env = TaskEnv(kin)
    env.play(draw_tasks(kin, 1, np.random.default_rng(3))[0])
    arms = [session("maml", file, env, 0) for _ in range(2)]
    for arm in arms:
        assert arm.policy() is file
        arm.trial()
    one, two = (arm.policy() for arm in arms)
    env.close()
    assert all(np.array_equal(one.tensors[n], two.tensors[n]) for n in one.tensors)
    assert not np.array_equal(one.tensors["actor.mu.weight"], file.tensors["actor.mu.weight"])
    assert arms[0].spent.episodes == arms[0].spent.gradient_steps == 1 and arms[0].spent.env_steps > 5


def test_twice_the_pace_goes_twice_as_far(start: PolicyFile, tmp_path: Path):
    file, kin, name = maml_train(SMALL, start, tmp_path, silent), family("panda"), "actor.latent_pi.0.weight"
    env, moved = TaskEnv(kin), {}
    env.play(draw_tasks(kin, 1, np.random.default_rng(3))[0])
    for pace in (1.0, 2.0):
        arm = session("maml", file, env, 0, pace=pace)
        arm.trial()  # from the same episodes
        moved[pace] = (arm.policy().tensors[name] - file.tensors[name]).astype(np.float64)
    with pytest.raises(ValueError, match="step_size"):
        session("maml", file, env, 0, pace=0.0)
    env.close()
    assert np.abs(moved[1.0]).max() > 1e-6
    np.testing.assert_allclose(moved[2.0], 2.0 * moved[1.0], atol=3e-7)


def test_only_what_maml_made_can_be_adapted_by_it(start: PolicyFile):
    kin = family("panda")
    env = TaskEnv(kin)
    env.play(draw_tasks(kin, 1, np.random.default_rng(3))[0])
    with pytest.raises(PolicyFileError, match="MAML"):
        session("maml", start, env, 0)
    env.close()
    with pytest.raises(ValueError, match="iterations 0"):
        MamlConfig(iterations=0)
    assert actor_critic(start, squashed(kin), -0.5).log_std.tolist() == [-0.5] * 4
