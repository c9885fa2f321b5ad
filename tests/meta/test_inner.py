"""Inner loops over SB3 on a small plain Gymnasium environment: what leaks, what the options do."""

import math
import random
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from metaagent_ros.meta.inner import InnerOptions, SB3InnerLoop, critic_names
from metaagent_ros.meta.normaliser import CLIP, NormalisedEnv, Statistics
from metaagent_ros.meta.optimisers import MOMENTS
from metaagent_ros.meta.parameters import clone, cosine, difference
from metaagent_ros.meta.reptile import MetaState, SB3Reptile


class Point(gym.Env):
    """A point (2,) is to be pushed to the task's goal; an episode takes eight steps."""

    observation_space = gym.spaces.Box(-5.0, 5.0, (2,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, goal: float) -> None:
        self.goal = goal

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.left = self.np_random.uniform(-1, 1, 2), 8
        return self.place.astype(np.float32), {}

    def step(self, action):
        self.place, self.left = np.clip(self.place + 0.3 * action, -5, 5), self.left - 1
        reward = -float(np.abs(self.place - self.goal).sum())
        return self.place.astype(np.float32), reward, False, self.left == 0, {"is_success": reward > -0.5}


def ppo(env, seed, **overrides):
    settings = {"n_steps": 16, "batch_size": 8, "n_epochs": 2, "learning_rate": 1e-2, "device": "cpu"}
    return PPO("MlpPolicy", env, seed=seed, policy_kwargs={"net_arch": [8]}, **(settings | overrides))


def sac(env, seed):
    settings = {"learning_starts": 0, "train_freq": 8, "gradient_steps": 3, "batch_size": 8}
    return SAC("MlpPolicy", env, seed=seed, policy_kwargs={"net_arch": [8]}, device="cpu", **settings)


MAKERS = {"ppo": ppo, "sac": sac}
SGD = InnerOptions("sgd", 0.01)
ADAM = InnerOptions()
KEPT = InnerOptions("adam_kept")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def begin(make):
    return clone(make(Point(0.0), 7).policy.state_dict())


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize(
    "options", [SGD, ADAM, KEPT, InnerOptions(normalise=True)], ids=["sgd", "adam", "kept", "norm"]
)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_nothing_leaks_from_one_task_into_the_next(make, options):
    inner, start = SB3InnerLoop(Point, make, 32, options), begin(make)
    before = clone(start)
    forth = [inner(start, task, seed) for task, seed in ((1.0, 3), (-1.0, 4))]
    back = [inner(start, task, seed) for task, seed in ((-1.0, 4), (1.0, 3))]
    for one, other in zip(forth, back[::-1], strict=True):
        assert same(one.parameters, other.parameters) and same(one.moments, other.moments)
        assert one.metrics == other.metrics
    assert same(start, before)
    assert not same(forth[0].parameters, forth[1].parameters) and not same(forth[0].parameters, start)


def test_the_generators_of_others_stay_as_they_are():
    start = begin(ppo)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    SB3InnerLoop(Point, ppo, 16)(start, 1.0, 0)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_counters_and_schedules_start_anew_in_each_task(make):
    rates = []

    def scheduled(env, seed):
        model = make(env, seed)
        model.lr_schedule = lambda left: rates.append(left) or 1e-3 * left
        return model

    inner, start = SB3InnerLoop(Point, scheduled, 32), begin(make)
    first = inner(start, 1.0, 0)
    once, rates[:] = list(rates), []
    second = inner(first.parameters, 1.0, 0)
    assert rates == once and once[-1] < once[0]
    for name in ("env_steps", "updates", "episodes"):
        assert first.metrics[name] == second.metrics[name] > 0
    assert first.metrics["env_steps"] == 32 and first.metrics["episodes"] == 4
    assert first.metrics["return"] < 0.0


def test_an_inner_loop_is_plain_learn():
    start = begin(ppo)
    ours = SB3InnerLoop(Point, ppo, 32)(start, 1.0, 5)
    model = ppo(Point(1.0), 5)
    model.policy.load_state_dict(start)
    model.learn(32)
    assert same(ours.parameters, dict(model.policy.state_dict()))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_sgd_has_no_state_and_follows_its_own_rate(make):
    small, large = (
        SB3InnerLoop(Point, make, 16, InnerOptions("sgd", rate)).joint(begin(make), 1.0, 0)
        for rate in (0.01, 0.02)
    )
    start = begin(make)
    short, long = (difference(o.parameters, start) for o in (small, large))
    assert all(torch.allclose(2.0 * short[n], long[n], rtol=1e-2, atol=1e-6) for n in short)
    assert not small.moments


def whole_batch(env, seed):
    """One gradient step on all 16 steps of one rollout."""
    return ppo(env, seed, batch_size=16, n_epochs=1)


def test_with_one_inner_gradient_step_reptile_is_joint_training():
    start, items, rate = begin(ppo), [(1.0, 3), (-2.0, 4)], 0.05
    inner = SB3InnerLoop(Point, whole_batch, 16, InnerOptions("sgd", rate))
    gradients = []
    for task, seed in items:  # by hand: learn with a rate of 0 leaves the last gradient behind
        model = whole_batch(Point(task), seed)
        model.policy.load_state_dict(start)
        model.lr_schedule = lambda _: 0.0
        model.learn(16)
        gradients.append({name: p.grad.clone() for name, p in model.policy.named_parameters()})
    reptile = SB3Reptile(inner, MetaState(start), 1.0, 10)
    assert reptile.inertness(items) == pytest.approx(1.0, abs=1e-5)
    reptile.meta_step(items)
    for name in gradients[0]:
        joint = start[name] - rate * (gradients[0][name] + gradients[1][name]) / 2
        assert torch.allclose(reptile.state.parameters[name], joint, atol=1e-6)


def test_with_more_inner_steps_reptile_goes_elsewhere():
    inner = SB3InnerLoop(Point, partial(ppo, n_epochs=10), 64, InnerOptions("sgd", 0.1))
    assert SB3Reptile(inner, MetaState(begin(ppo)), 1.0, 10).inertness([(2.0, 3), (-2.0, 4)]) < 0.99


def test_the_cosine_by_hand():
    a, b = (
        {"w": torch.tensor([3.0, 0.0]), "v": torch.tensor([4.0])},
        {"w": torch.ones(2), "v": torch.zeros(1)},
    )
    assert cosine(a, b) == pytest.approx(3.0 / (5.0 * 2.0**0.5))
    assert cosine(a, {n: -v for n, v in a.items()}) == pytest.approx(-1.0)
    assert cosine(a, {n: 0 * v for n, v in a.items()}) == 0.0


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_kept_moments_are_averaged_and_each_task_starts_from_them(make):
    inner, items = SB3InnerLoop(Point, make, 16, KEPT), [(1.0, 3), (-1.0, 4)]
    reptile = SB3Reptile(inner, MetaState(begin(make)), 0.5, 4)
    apart = [inner(reptile.state.parameters, *item).moments for item in items]
    reptile.meta_step(items)
    kept = reptile.state.moments
    assert kept.keys() == apart[0].keys() and any(n.endswith("/exp_avg_sq") for n in kept)
    assert all(torch.equal(kept[n], (apart[0][n] + apart[1][n]) / 2) for n in kept)
    counts = [v.item() for n, v in kept.items() if n.endswith("/step")]
    again = inner(reptile.state.parameters, 1.0, 5, moments=kept)
    more = [v.item() for n, v in again.moments.items() if n.endswith("/step")]
    assert more == [2 * count for count in counts] and max(counts) > 0
    fresh = inner(reptile.state.parameters, 1.0, 5)
    assert not same(fresh.parameters, again.parameters)
    turned = SB3Reptile(inner, MetaState(begin(make)), 0.5, 4)
    turned.meta_step(items[::-1])
    assert same(turned.state.moments, kept) and same(turned.state.parameters, reptile.state.parameters)


def test_zero_moments_are_those_of_a_fresh_adam():
    inner, start = SB3InnerLoop(Point, ppo, 16, KEPT), begin(ppo)
    fresh = inner(start, 1.0, 0)
    zeros = {n: torch.zeros_like(v) for n, v in fresh.moments.items()}
    assert same(inner(start, 1.0, 0, moments=zeros).parameters, fresh.parameters)
    assert {n.rsplit("/", 1)[1] for n in zeros} == set(MOMENTS)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("mode", ["reset", "refit"])
def test_a_critic_that_is_not_meta_learned_comes_back_as_it_went(make, mode):
    options = InnerOptions("adam_kept", critic=mode, refit_steps=16 if mode == "refit" else 0)
    start = begin(make)
    out = SB3InnerLoop(Point, make, 48, options)(start, 1.0, 0)
    critic = critic_names(make(Point(0.0), 0).policy)
    assert critic and all(torch.equal(out.parameters[n], start[n]) for n in critic)
    assert any(not torch.equal(out.parameters[n], start[n]) for n in start.keys() - critic)
    assert not any(n.rsplit("/", 1)[0] in critic for n in out.moments)
    average = SB3InnerLoop(Point, make, 48)(start, 1.0, 0).parameters
    assert any(not torch.equal(average[n], start[n]) for n in critic)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_reset_critic_is_drawn_anew_and_a_refitted_one_is_not(make):
    start = begin(make)
    critic = critic_names(make(Point(0.0), 0).policy)
    other = start | {n: start[n] + 1.0 for n in critic}
    reset, refit = InnerOptions(critic="reset"), InnerOptions(critic="refit", refit_steps=1)
    for options, equal in ((reset, True), (refit, False)):
        inner = SB3InnerLoop(Point, make, 32, options)
        one, two = inner(start, 1.0, 0).parameters, inner(other, 1.0, 0).parameters
        assert all(torch.equal(one[n], two[n]) for n in start.keys() - critic) == equal


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_while_the_critic_refits_the_actor_does_not_move(make):
    watched = []

    def watching(env, seed):
        model = make(env, seed)
        train, critic = model.train, critic_names(model.policy)

        def train_and_look(*args, **kwargs):
            before, steps = clone(model.policy.state_dict()), model.num_timesteps
            train(*args, **kwargs)
            moved = {n for n, v in model.policy.state_dict().items() if not torch.equal(v, before[n])}
            watched.append((steps, bool(moved - critic), bool(moved & critic)))

        model.train = train_and_look
        return model

    SB3InnerLoop(Point, watching, 64, InnerOptions(critic="refit", refit_steps=17))(begin(make), 1.0, 0)
    length = watched[0][0]  # of a rollout
    for steps, actor, critic in watched:
        assert critic and actor == (steps - length >= 17)


def test_refitting_that_leaves_the_actor_no_rollout_is_refused():
    inner = SB3InnerLoop(Point, ppo, 16, InnerOptions(critic="refit", refit_steps=8))
    with pytest.raises(ValueError, match="the actor never moved"):
        inner(begin(ppo), 1.0, 0)


def test_the_exploration_keeps_its_floor_while_learning_and_afterwards():
    seen = []

    def watching(env, seed):
        model = ppo(env, seed, learning_rate=1.0)
        collect = model.collect_rollouts

        def look(env, callback, *args, **kwargs):
            start = callback.on_rollout_start
            callback.on_rollout_start = lambda: (start(), seen.append(model.policy.log_std.min().item()))
            return collect(env, callback, *args, **kwargs)

        model.collect_rollouts = look
        return model

    start = begin(ppo) | {"log_std": torch.tensor([-3.0, -0.1])}
    floored = SB3InnerLoop(Point, watching, 48, InnerOptions(log_std_floor=-0.5))(start, 1.0, 0)
    assert floored.parameters["log_std"].min() >= -0.5 and min(seen) >= -0.5
    free = SB3InnerLoop(Point, ppo, 48)(start, 1.0, 0)
    assert free.parameters["log_std"].min() < -0.5
    with pytest.raises(ValueError, match="log_std is a parameter"):
        SB3InnerLoop(Point, sac, 16, InnerOptions(log_std_floor=-1.0))(begin(sac), 1.0, 0)


def test_what_is_held_learns_in_a_task_and_stays_in_the_meta_parameters():
    start = begin(ppo)
    out = SB3InnerLoop(Point, ppo, 16, KEPT, held=("log_std",))(start, 1.0, 0)
    assert torch.equal(out.parameters["log_std"], start["log_std"]) and "log_std/step" not in out.moments
    free = SB3InnerLoop(Point, ppo, 16, KEPT)(start, 1.0, 0).parameters
    assert not torch.equal(free["log_std"], start["log_std"])
    assert torch.equal(out.parameters["action_net.weight"], free["action_net.weight"])


def test_statistics_merged_are_those_of_all_rows():
    rows = np.random.default_rng(0).normal(3.0, 2.0, (50, 3))
    merged = Statistics.nothing(3).merge(Statistics.of(rows[:7])).merge(Statistics.of(rows[7:]))
    assert (
        merged.count == 50
        and np.allclose(merged.mean, rows.mean(0))
        and np.allclose(merged.variance, rows.var(0))
    )
    assert np.allclose(merged.apply(rows[0]), (rows[0] - rows.mean(0)) / rows.std(0), atol=1e-6)
    assert merged.apply(rows[0] + 1e6).tolist() == [CLIP] * 3
    with pytest.raises(ValueError, match="3 entries and of 2"):
        merged.merge(Statistics.nothing(2))


def test_the_normaliser_is_frozen_in_an_iteration_and_merged_after_it():
    inner, items = SB3InnerLoop(Point, ppo, 16, InnerOptions(normalise=True)), [(1.0, 3), (-1.0, 4)]
    reptile = SB3Reptile(inner, MetaState(begin(ppo)), 0.5, 4)
    seen = [inner(reptile.state.parameters, *item).seen for item in items]
    reptile.meta_step(items)
    known = reptile.state.statistics
    assert known.count == sum(s.count for s in seen) == 2 * (16 + 2 + 1)  # steps, resets, the first of all
    assert np.allclose(known.mean, (seen[0].mean + seen[1].mean) / 2)
    env = NormalisedEnv(Point(0.0), known)
    observation, _ = env.reset(seed=0)
    assert np.array_equal(observation, known.apply(env.unwrapped.place.astype(np.float32)))
    reptile.meta_step(items)
    assert reptile.state.statistics.count == 2 * known.count
    tensors = reptile.state.tensors()
    again = MetaState.from_tensors(tensors, 2)
    assert same(again.tensors(), tensors) and again.statistics.count == reptile.state.statistics.count


class Broken(Point):
    """Pays a reward that is not finite."""

    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, math.inf, *rest


def test_errors_say_what_was_wrong():
    for options, text in (
        ({"optimiser": "sdg", "learning_rate": 0.1}, "Did you mean 'sgd'"),
        ({"optimiser": "sgd"}, "needs a learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"beta1": 1.0}, "beta1"),
        ({"critic": "rest"}, "Did you mean 'reset'"),
        ({"critic": "refit"}, "at least 1"),
        ({"refit_steps": 3}, "allowed with critic average: 0"),
        ({"log_std_floor": math.nan}, "finite"),
    ):
        with pytest.raises(ValueError, match=text):
            InnerOptions(**options)
    with pytest.raises(ValueError, match="steps is 0"):
        SB3InnerLoop(Point, ppo, 0)
    with pytest.raises(ValueError, match="below the 8 inner steps"):
        SB3InnerLoop(Point, ppo, 8, InnerOptions(critic="refit", refit_steps=8))
    with pytest.raises(ValueError, match="do not fit"):
        SB3InnerLoop(Point, ppo, 8)(begin(sac), 1.0, 0)
    with pytest.raises(ValueError, match="the inner loop diverged"):
        SB3InnerLoop(Broken, ppo, 32)(begin(ppo), 1.0, 0)
