"""Through the real physics and SB3, with as few steps as show the mechanism."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from metaagent_ros.meta import adaptation
from metaagent_ros.meta.adaptation import Budget, Trial, adapt, twin
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.meta.training import MetaConfig, scratch
from metaagent_ros.policies.files import PolicyFileError
from metaagent_ros.policies.sac import extractors, make_sac
from sim_envs.arm_env import TIME_LIMIT, shifted
from sim_envs.simulation import table_scene
from sim_envs.spec import Hidden, ObjectRef, SpecError, Target, TaskSpec
from sim_envs.tasks import family

KIN = family("panda")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adaptation, "EPISODES", {})
    monkeypatch.setattr(adaptation, "JUDGED", 1)
    torch.set_num_threads(1)


@pytest.fixture
def env():
    made = TaskEnv(KIN)
    made.play(MetaTask("grasp", Hidden(offset_x=0.03), 0))
    yield made
    made.close()


def test_random_weights_stay_hopeless_and_the_start_is_not_touched(env: TaskEnv):
    start = scratch(MetaConfig())
    before = {name: value.copy() for name, value in start.tensors.items()}
    seen: list[Trial] = []
    result = adapt(start, env, Budget(2, 60.0), on_trial=seen.append)
    assert [t.number for t in seen] == [0, 1, 2] == [t.number for t in result.curve]
    assert max(t.success_rate for t in result.curve) == 0.0
    steps = [t.env_steps for t in result.curve]
    assert steps[0] == 0 and all(0 < b - a <= TIME_LIMIT for a, b in pairwise(steps))
    assert all(np.array_equal(before[n], v) for n, v in start.tensors.items())
    best = max(result.curve, key=lambda t: t.mean_return)
    assert result.best == best.number
    assert result.rolled_back == (best.number == 0)


def test_it_repeats_bit_for_bit_and_stops_when_told(env: TaskEnv):
    start = scratch(MetaConfig())
    one, two = (adapt(start, env, Budget(1, 60.0), seed=5) for _ in range(2))
    assert one.curve[1].mean_return == two.curve[1].mean_return
    assert all(np.array_equal(one.policy.tensors[n], two.policy.tensors[n]) for n in one.policy.tensors)
    stopped = adapt(start, env, Budget(3, 60.0), cancelled=lambda: True)
    assert stopped.cancelled and len(stopped.curve) == 1


def test_a_policy_of_another_shape_is_refused(env: TaskEnv):
    start = scratch(MetaConfig())
    cut = replace(start, tensors={n: v[..., :3] for n, v in start.tensors.items()})
    with pytest.raises(PolicyFileError, match="does not fit"):
        adapt(cut, env, Budget(1, 60.0))
    with pytest.raises(ValueError, match="budget"):
        Budget(-1, 1.0)


def test_the_context_learns_from_the_critic_and_the_actor_follows_it(env: TaskEnv):
    model = make_sac(env, KIN, 0)
    critic, actor, target = extractors(model)
    own = actor.context.clone()
    model.learn(250)
    assert not torch.equal(critic.context, torch.zeros_like(critic.context))
    assert torch.equal(actor.context, own)
    observation = torch.zeros(1, len(KIN.scale))
    assert torch.equal(actor(observation), critic(observation))
    assert torch.equal(target(observation), critic(observation))


def test_the_twin_places_things_where_they_are_not_where_they_seem():
    hidden = adaptation.hidden_from_seed("panda", 3)
    scene = replace(table_scene(0), items=tuple(shifted(i, hidden) for i in table_scene(0).items))
    seen, truth = scene.item("red_cube"), table_scene(0).item("red_cube")
    goal = scene.item("left_bin").position
    spec = TaskSpec("pick_place", ObjectRef("red", "cube"), Target("bin", "left"), "in")
    from sim_envs.spec import GroundedTask

    made = twin("panda", 3, scene, GroundedTask(spec, goal, 0.08, "red_cube", "left_bin"))
    observation, _ = made.reset(seed=0)
    world = made.unwrapped  # type: ignore[attr-defined]
    assert np.abs(np.subtract(world.view.thing[:2], truth.position[:2])).max() < 0.02
    assert np.abs(observation[10:12] - seen.position[:2]).max() < 0.03
    assert len(world.world.bodies) == 6
    made.close()


def test_tasks_take_turns_and_unknown_robots_are_named():
    tasks = draw_tasks(KIN, 4, np.random.default_rng(0))
    assert [t.skill for t in tasks] == ["grasp", "pick_place"] * 2
    assert len({t.hidden for t in tasks}) == 4
    with pytest.raises(SpecError, match="panda"):
        family("pand")
