"""The surrogate losses and advantages: against closed forms, in float64."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from metaagent_ros.meta.policy_maml_rollout import Trajectories
from metaagent_ros.meta.surrogate import Diverged, advantages, fitted_values, ratio_loss

torch.set_num_threads(1)


def hessians(p: float) -> tuple[float, float, float]:
    """Second derivative of E[reward] on two arms that pay 1 and 0, by the logit of the first.

    Exact in closed form, by the ratio surrogate and by the log-probability surrogate; the expectation is
    enumerated: each arm weighs as much as its probability.
    """
    logit = torch.tensor(math.log(p / (1 - p)), dtype=torch.float64)
    weights = torch.tensor([p, 1 - p], dtype=torch.float64)
    paid = torch.tensor([1.0, 0.0], dtype=torch.float64)

    def log_prob(x: Tensor) -> Tensor:
        return torch.log_softmax(torch.stack([x, torch.zeros_like(x)]), 0)

    def by_ratio(x: Tensor) -> Tensor:
        return -ratio_loss(log_prob(x), log_prob(x).detach(), paid, weights)

    def by_log(x: Tensor) -> Tensor:
        return (weights * log_prob(x) * paid).sum()

    second = torch.autograd.functional.hessian
    exact = p * (1 - p) * (1 - 2 * p)
    return exact, second(by_ratio, logit).item(), second(by_log, logit).item()


@pytest.mark.parametrize(("p", "factor"), [(0.75, 1.5), (0.6, 3.0), (0.25, -0.5)])
def test_the_ratio_has_the_true_hessian_and_the_log_probability_has_not(p: float, factor: float):
    # in closed form the log surrogate is off by p / (2 p - 1): too large, or of the wrong sign
    exact, ratio, log = hessians(p)
    assert ratio == pytest.approx(exact, rel=1e-10)
    assert log / exact == pytest.approx(factor, rel=1e-10) == pytest.approx(p / (2 * p - 1))


def test_three_arms_whole_hessian():
    logits = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    paid = torch.tensor([1.0, 2.5, -0.5], dtype=torch.float64)
    weights = torch.softmax(logits, 0)

    def surrogate(x: Tensor) -> Tensor:
        log_prob = torch.log_softmax(x, 0)
        return -ratio_loss(log_prob, log_prob.detach(), paid, weights)

    second = torch.autograd.functional.hessian
    expected = second(lambda x: (torch.softmax(x, 0) * paid).sum(), logits)
    assert torch.allclose(second(surrogate, logits), expected, atol=1e-12)


def path(rewards: Sequence[float], truncated: bool, padding: int = 0) -> Trajectories:
    steps = len(rewards)
    paid = torch.tensor([*rewards, *[9.0] * padding]).double().view(1, 1, -1)
    mask = torch.tensor([1.0] * steps + [0.0] * padding).double().view(1, 1, -1)
    places = torch.linspace(0, 1, steps + padding).double().view(1, 1, -1, 1)
    end = torch.tensor([[[1.5]]]).double()
    return Trajectories(places, places, paid, mask, end, torch.tensor([[float(truncated)]]).double())


def test_a_time_limit_does_not_lower_the_value_and_an_end_does():
    values, last = fitted_values(path([1.0] * 40, truncated=True), 0.9)
    assert torch.allclose(values, torch.full_like(values, 10.0), atol=0.05)  # 1 / (1 - 0.9), for ever
    assert last.item() == pytest.approx(10.0, abs=0.05)
    values, last = fitted_values(path([1.0] * 40, truncated=False), 0.9)
    assert last.item() == 0.0
    assert values[0, 0, -1].item() < 3.0  # one reward is left


def test_a_point_that_never_moves_has_a_value_too_and_what_is_not_finite_is_named():
    still = path([-0.3] * 50, True)
    still = replace(still, observations=still.observations * 0, final=still.final * 0)
    single = Trajectories(*(getattr(still, name).float() for name in Trajectories.__slots__))
    for data in (still, single):  # equal rows: singular without the ridge
        assert torch.allclose(fitted_values(data, 0.9)[0].double(), torch.tensor(-3.0).double(), atol=0.05)
    with pytest.raises(Diverged, match="not finite"):
        fitted_values(replace(still, rewards=still.rewards * math.inf), 0.9)


def test_padding_does_not_count():
    whole = advantages(path([0.0, 1.0, 0.5, -1.0, 2.0, 0.3], True), 0.9, 0.8)
    padded = path([0.0, 1.0, 0.5, -1.0, 2.0, 0.3], True, padding=3)
    padded.observations[0, 0, :6] = path([0.0] * 6, True).observations[0, 0]
    got = advantages(padded, 0.9, 0.8)
    assert torch.allclose(got[..., :6], whole, atol=1e-9)
    assert not got[..., 6:].any()
    assert whole.mean().item() == pytest.approx(0.0, abs=1e-12)
    assert whole.std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
