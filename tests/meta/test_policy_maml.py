"""MAML over SB3's policy network: derivatives against closed forms and finite differences, in float64."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from metaagent_ros.meta.learner import StateError
from metaagent_ros.meta.policy_maml import Batch, PolicyMaml, PolicyMamlConfig, Sampled
from metaagent_ros.meta.policy_maml_actor import Actor
from metaagent_ros.meta.policy_maml_reptile import PolicyReptile
from metaagent_ros.meta.policy_maml_rollout import GymSampler
from metaagent_ros.meta.reproduce.point_world import ACTIONS, OBSERVATIONS, Goal, PointWorld
from metaagent_ros.meta.surrogate import clipped_loss
from sim_envs.spec import SpecError

torch.set_num_threads(1)


PAID = torch.tensor([[[1.0, 0.2, -0.4], [0.0, 0.7, 0.3]], [[-0.5, 0.9, 0.1], [0.8, -0.2, 0.4]]]).double()
"""What task m pays in situation s for arm a; a situation is seen as one of two unit vectors."""


def tabular(seed: int = 0, **settings: object) -> PolicyMaml[int]:
    torch.manual_seed(seed)
    box = spaces.Box(0.0, 1.0, (2,))
    policy = ActorCriticPolicy(box, spaces.Discrete(3), lambda _: 0.0, net_arch={"pi": [], "vf": []})
    policy.double()
    with torch.no_grad():
        policy.action_net.weight.copy_(torch.randn(3, 2))
        policy.action_net.bias.copy_(torch.randn(3))
    config = PolicyMamlConfig(**{"step_size": 0.7, "divergence": 0.0, "clip": 1e9, **settings})  # type: ignore[arg-type]
    return PolicyMaml(policy, PointWorld(), config)  # type: ignore[arg-type]


def probabilities(parameters: dict[str, Tensor]) -> Tensor:
    """[situation, arm], written without the code under test."""
    logits = torch.eye(2).double() @ parameters["action_net.weight"].mT + parameters["action_net.bias"]
    return torch.softmax(logits, -1)


def enumerated(learner: PolicyMaml[int], stacked: dict[str, Tensor]) -> Batch:
    """Every situation and arm once, weighted by how likely it is: expectations without sampling."""
    count = len(PAID)
    seen = torch.eye(2).double().repeat_interleave(3, 0).expand(count, 6, 2)
    arms = torch.arange(3).double().repeat(2).view(1, 6, 1).expand(count, 6, 1)
    about = torch.func.vmap(learner.actor.describe)(stacked, seen)
    old = learner.actor.family.log_prob(about, arms).detach()
    return Batch(seen, arms, PAID.flatten(1), old.exp(), old, tuple(a.detach() for a in about))


def sampled(learner: PolicyMaml[int], updates: int) -> Sampled:
    stacked = {n: p.detach().expand(2, *p.shape) for n, p in learner.parameters.items()}
    batches = []
    for number in range(updates + 1):
        batches.append(enumerated(learner, stacked))
        if number < updates:
            stacked = learner.updated(stacked, learner.sizes, batches[-1], number)
            stacked = {n: p.detach() for n, p in stacked.items()}
    return Sampled(batches, [], 2)


def true_objective(parameters: dict[str, Tensor], updates: int, size: float, later: float) -> float:
    """Minus the mean over tasks of E[reward] after exact policy-gradient steps in closed form."""
    total = 0.0
    for paid in PAID:
        mine = {n: p.clone() for n, p in parameters.items()}
        for number in range(updates):
            p = probabilities(mine)
            slope = p * (paid - (p * paid).sum(-1, keepdim=True)) / 2  # by the logits; two situations
            rate = size * (later if number else 1.0)
            mine["action_net.weight"] = mine["action_net.weight"] + rate * slope.mT
            mine["action_net.bias"] = mine["action_net.bias"] + rate * slope.sum(0)
        total -= float((probabilities(mine) * paid).sum(-1).mean())
    return total / len(PAID)


def meta_gradient(learner: PolicyMaml[int], updates: int) -> dict[str, Tensor]:
    loss, _ = learner.objective(learner.parameters, learner.sizes, sampled(learner, updates))
    names = list(learner.parameters)
    return dict(zip(names, torch.autograd.grad(loss, [learner.parameters[n] for n in names]), strict=True))


@pytest.mark.parametrize("updates", [1, 2, 3])
def test_the_meta_gradient_is_that_of_finite_differences(updates: int):
    learner = tabular()
    begin = {n: p.detach().clone() for n, p in learner.parameters.items()}
    for name, slope in meta_gradient(learner, updates).items():
        for index in np.ndindex(*slope.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = {n: p.clone() for n, p in begin.items()}
                moved[name][index] += sign * 1e-5
                ends.append(true_objective(moved, updates, 0.7, 0.5))
            assert slope[index].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-9)


def test_first_order_differs_unless_the_hessian_vanishes():
    def gap(learner: PolicyMaml[int]) -> float:
        learner.config = replace(learner.config, first_order=False)
        exact = meta_gradient(learner, 1)
        learner.config = replace(learner.config, first_order=True)
        short = meta_gradient(learner, 1)
        return max(float((exact[n] - short[n]).abs().max()) for n in exact)

    assert gap(tabular()) > 1e-3
    level = tabular()
    with torch.no_grad():  # arm 2 is never chosen and the others are equally likely: p (1-p) (1-2p) = 0
        level.parameters["action_net.weight"].zero_()
        level.parameters["action_net.bias"].copy_(torch.tensor([0.0, 0.0, -80.0]))
    assert gap(level) < 1e-12
    assert max(float(g.abs().max()) for g in meta_gradient(level, 1).values()) > 1e-3


def test_each_step_judges_every_update():
    both = tabular(each_step=True)
    loss, _ = both.objective(both.parameters, both.sizes, sampled(both, 2))
    begin = {n: p.detach() for n, p in both.parameters.items()}
    expected = (true_objective(begin, 1, 0.7, 0.5) + true_objective(begin, 2, 0.7, 0.5)) / 2
    assert loss.item() == pytest.approx(expected)


def test_clipping_and_the_divergence_hold_the_policy_back():
    old, gained = torch.zeros(2).double(), torch.tensor([1.0, -1.0]).double()
    log_prob = torch.log(torch.tensor([2.0, 0.5])).double().requires_grad_()
    loss = clipped_loss(log_prob, old, gained, torch.ones(2).double(), 0.2)
    assert loss.item() == pytest.approx(-(1.2 - 0.8) / 2)
    assert torch.autograd.grad(loss, log_prob)[0].tolist() == [0.0, 0.0]
    learner = tabular(divergence=1.0)
    data = sampled(learner, 1)
    moved = {n: p.detach() + 0.3 * torch.randn_like(p) for n, p in learner.parameters.items()}
    assert learner.objective(learner.parameters, learner.sizes, data)[1].item() == pytest.approx(0.0)
    assert learner.objective(moved, learner.sizes, data)[1].item() > 0.01


# --- the network, the distributions --------------------------------------------------------------------


def gaussian_policy(seed: int = 0) -> ActorCriticPolicy:
    torch.manual_seed(seed)
    return ActorCriticPolicy(
        OBSERVATIONS, ACTIONS, lambda _: 0.0, net_arch={"pi": [8], "vf": []}, log_std_init=-1.5
    )


@pytest.mark.parametrize("space", [ACTIONS, spaces.Discrete(4)])
def test_it_is_sb3s_own_network_and_the_log_probability_is_summed(space: spaces.Space):
    torch.manual_seed(1)
    policy = ActorCriticPolicy(OBSERVATIONS, space, lambda _: 0.0)
    actor, seen = Actor(policy), torch.randn(7, 2)
    actions, _, expected = policy(seen)
    about = actor.describe(actor.own(), seen)
    got = actor.family.log_prob(about, actions.view(7, -1))
    assert got.shape == (7,)
    assert torch.allclose(got, expected, atol=1e-6)
    assert torch.allclose(actor.family.divergence(about, about), torch.zeros(7), atol=1e-6)
    other = ActorCriticPolicy(OBSERVATIONS, space, lambda _: 0.0, ortho_init=False)
    ours = actor.family.divergence(about, actor.describe(Actor(other).own(), seen))
    theirs = torch.distributions.kl_divergence(
        policy.get_distribution(seen).distribution, other.get_distribution(seen).distribution
    )
    assert torch.allclose(ours, theirs.view(7, -1).sum(-1), atol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(SpecError, match="Box with one axis"):
        Actor(ActorCriticPolicy(spaces.Discrete(3), ACTIONS, lambda _: 0.0))
    with pytest.raises(SpecError, match="gSDE"):
        Actor(ActorCriticPolicy(OBSERVATIONS, ACTIONS, lambda _: 0.0, use_sde=True))
    with pytest.raises(ValueError, match="discount is 2"):
        PolicyMamlConfig(discount=2)
    with pytest.raises(ValueError, match="inner_steps is 0"):
        PolicyReptile(gaussian_policy(), PointWorld(), PolicyMamlConfig(inner_steps=0), 0.1, 1)


GOALS = [Goal(0.2, 0.1), Goal(-0.3, 0.0)]


def small(seed: int = 0, **settings: object) -> PolicyMaml[Goal]:
    config = PolicyMamlConfig(**{"trajectories": 3, "epochs": 2, **settings})  # type: ignore[arg-type]
    return PolicyMaml(gaussian_policy(), PointWorld(6), config, seed)


def test_adapting_changes_neither_the_start_nor_the_policy():
    learner = small(learn_steps=True)
    live = {n: p.clone() for n, p in learner.actor.policy.state_dict().items()}
    begin = {n: p.detach().clone() for n, p in learner.parameters.items()}
    adapted, curve = learner.adapt(GOALS[0], 2)
    assert len(curve) == 3
    assert all(torch.equal(begin[n], learner.parameters[n]) for n in begin)
    assert any(not torch.equal(begin[n], adapted[n]) for n in begin)
    for value in adapted.values():
        value.zero_()
    assert all(torch.equal(begin[n], learner.parameters[n]) for n in begin)
    learner.meta_step(GOALS)
    assert any(not torch.equal(begin[n], learner.parameters[n]) for n in begin)
    assert all(torch.equal(live[n], p) for n, p in learner.actor.policy.state_dict().items())
    missing = learner.actor.policy.load_state_dict(adapted, strict=False)
    assert not missing.unexpected_keys


def test_the_same_seed_gives_the_same_bits():
    one, two, other = small(), small(), small(seed=1)
    got = [learner.meta_step(GOALS) for learner in (one, two, other)]
    assert got[0] == got[1] != got[2]
    assert all(torch.equal(p, two.parameters[n]) for n, p in one.parameters.items())


def reptile() -> PolicyReptile[Goal]:
    config = PolicyMamlConfig(trajectories=3, inner_steps=2)
    return PolicyReptile(gaussian_policy(), PointWorld(6), config, 0.5, 8)


@pytest.mark.parametrize("make", [lambda: small(learn_steps=True), reptile])
def test_a_resumed_run_has_the_same_bits(make: Callable[[], PolicyMaml[Goal]], tmp_path: Path):
    whole, begun, resumed = make(), make(), make()
    expected = [whole.meta_step(GOALS) for _ in range(4)]
    for _ in range(2):
        begun.meta_step(GOALS)
    begun.save(tmp_path / "state")
    resumed.restore(tmp_path / "state")
    assert [resumed.meta_step(GOALS) for _ in range(2)] == expected[2:]
    assert resumed.iteration == 4 and resumed.env_steps == whole.env_steps
    for part in ("parameters", "sizes"):
        mine, theirs = getattr(resumed, part), getattr(whole, part)
        assert all(torch.equal(mine[n], theirs[n]) for n in theirs)
    assert any(not torch.equal(begun.parameters[n], p) for n, p in whole.parameters.items())


def test_a_state_of_another_run_is_refused(tmp_path: Path):
    small().save(tmp_path / "state")
    for other in (small(learn_steps=True), reptile()):
        with pytest.raises(StateError, match="another run"):
            other.restore(tmp_path / "state")
    wide = PolicyMaml(ActorCriticPolicy(OBSERVATIONS, ACTIONS, lambda _: 0.0), PointWorld(6), small().config)
    with pytest.raises(StateError, match="another network"):
        wide.restore(tmp_path / "state")


def test_the_standard_deviation_keeps_its_floor():
    learner = small(log_std_floor=-1.5, outer_step=0.5, step_size=5.0)
    for _ in range(3):
        learner.meta_step(GOALS)
        assert float(learner.parameters["log_std"].detach().min()) >= -1.5
    stacked, _ = learner.adapt_all(GOALS, 2)
    assert float(stacked["log_std"].min()) >= -1.5


def test_reptile_moves_toward_the_mean_of_the_adapted():
    config = PolicyMamlConfig(trajectories=3, inner_steps=2)
    reptile = PolicyReptile(gaussian_policy(), PointWorld(6), config, 0.5, 4, seed=3)
    begin = {n: p.detach().clone() for n, p in reptile.parameters.items()}
    twin = small(seed=3, inner_steps=2)
    _, _, ends = twin._sampled(GOALS, 2, judge=False)
    metrics = reptile.meta_step(GOALS)
    assert set(metrics) == {"return_0", "return_1", "epsilon"}
    for name, value in reptile.parameters.items():
        assert torch.allclose(value, begin[name] + 0.5 * (ends[name].mean(0) - begin[name]))
    assert reptile.meta_step(GOALS)["epsilon"] == 0.375


# --- Gymnasium ----------------------------------------------------------------------------------------


@dataclass
class Aim(gym.Env):  # type: ignore[type-arg]
    """Pays minus the distance of the action to ``target``; ends itself when close, else after 4 steps."""

    target: float
    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Box(-1, 1, (1,))
    closed = 0

    def reset(self, *, seed: int | None = None, options: object = None):
        super().reset(seed=seed)
        self.time = 0
        return np.array([self.np_random.uniform(0.0, 0.1)], np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.time += 1
        gap = abs(float(action[0]) - self.target)
        return np.array([self.time / 10], np.float32), -gap, gap < 0.02, self.time == 4, {}

    def close(self):
        Aim.closed += 1


def aimed(seed: int = 0) -> PolicyMaml[float]:
    policy = ActorCriticPolicy(Aim(0.0).observation_space, Aim(0.0).action_space, lambda _: 0.0, [4])
    return PolicyMaml(policy, GymSampler(Aim), PolicyMamlConfig(trajectories=30, step_size=0.5), seed)


def test_gymnasium_environments_can_be_rolled():
    Aim.closed = 0
    learner = aimed()
    stacked = {n: p.detach().expand(2, *p.shape) for n, p in learner.parameters.items()}
    found = learner._rolled([0.0, 0.9], stacked)
    assert Aim.closed == 2
    assert found.observations.shape == (2, 30, 4, 1) and found.actions.shape == (2, 30, 4, 1)
    lengths = found.mask.sum(-1)
    assert set(lengths.unique().tolist()) <= {1.0, 2.0, 3.0, 4.0}
    assert bool((found.truncated[lengths < 4] == 0).all()) and float(found.truncated.sum()) > 0
    again = aimed()._rolled([0.0, 0.9], stacked)
    assert torch.equal(found.actions, again.actions)
    _, curve = learner.adapt(0.9, 4)
    assert curve[-1] > curve[0] + 0.3
