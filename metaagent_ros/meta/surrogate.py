"""Losses and advantages of policy gradients that are differentiated more than once.

All of it is over tensors with any leading axes (task, trajectory) and time last, padded with mask 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from metaagent_ros.meta.policy_maml_rollout import Trajectories

_RIDGE = 1e-6


class Diverged(ValueError):
    """A policy or a world ran off to infinity."""


def average(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` weighted by ``mask``; the mask need not be 0 or 1."""
    return (values * mask).sum() / mask.sum().clamp(min=torch.finfo(mask.dtype).tiny)


def ratio_loss(log_prob: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """Minus the mean of ``exp(log_prob - old) * advantage``, ``old`` a constant.

    With ``old = log_prob.detach()`` the value of the ratio is 1 and its derivatives of every order are
    those of the probability over itself, so the gradient *and the Hessian* are unbiased for one decision
    (DiCE, Foerster et al. 2018); with one ratio for each time step it is the low-variance-curvature
    surrogate of Rothfuss et al. 2019 (ProMP, section 5). ``log_prob * advantage`` has the same gradient
    and lacks the term grad log_prob * grad log_prob^T of the Hessian.
    """
    return -average(torch.exp(log_prob - old) * advantages, mask)


def clipped_loss(log_prob: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float) -> Tensor:
    """PPO's pessimistic bound (Schulman et al. 2017, eq. 7), negated."""
    ratio = torch.exp(log_prob - old)
    bounded = ratio.clamp(1.0 - clip, 1.0 + clip)
    return -average(torch.minimum(ratio * advantages, bounded * advantages), mask)


def features(observations: Tensor, times: Tensor) -> Tensor:
    """Of the linear baseline of Duan et al. 2016 (appendix 2): o, o^2, t/100 to its third power, 1."""
    clipped = observations.clamp(-10.0, 10.0)
    t = (times / 100.0).unsqueeze(-1).to(observations.dtype).expand(*observations.shape[:-1], 1)
    return torch.cat([clipped, clipped**2, t, t**2, t**3, torch.ones_like(t)], dim=-1)


def fitted_values(data: Trajectories, discount: float) -> tuple[Tensor, Tensor]:
    """Values of the visited states [m, b, t] and of the final ones [m, b], from one fit for each task.

    Least squares on discounted returns. A truncated return lacks its tail, which is the value of the
    final state: ``G_t + discount^(T - t) V(s_T)``. That is linear in the weights too, so it is moved to
    the features' side and both are fitted at once. A terminal state is worth 0.
    """
    lengths = data.mask.sum(-1)
    times = torch.arange(data.rewards.shape[-1], dtype=data.rewards.dtype)
    here, there = features(data.observations, times), features(data.final, lengths)
    left = (lengths.unsqueeze(-1) - times).clamp(min=0.0)
    tail = (discount**left * data.truncated.unsqueeze(-1)).unsqueeze(-1)
    rows = ((here - tail * there.unsqueeze(-2)) * data.mask.unsqueeze(-1)).flatten(1, 2)
    targets = (_discounted(data.rewards * data.mask, discount) * data.mask).flatten(1, 2)
    weights = _least_squares(rows, targets, lengths.sum(-1))
    values = (here.flatten(1, 2) @ weights).view_as(data.rewards)
    return values, (there @ weights).squeeze(-1) * data.truncated


def _least_squares(rows: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Weights [m, k, 1] for ``rows`` [m, n, k], ``counts`` [m] of which are no padding.

    In double precision and with a ridge, since a policy that always does the same makes features equal.
    """
    if not (rows.isfinite().all() and targets.isfinite().all()):
        raise Diverged("observations or rewards are not finite; allowed: finite. Is the step size too large?")
    wide, aims = rows.double(), targets.double().unsqueeze(-1)
    ridge = _RIDGE * counts.double().view(-1, 1, 1) * torch.eye(rows.shape[-1], dtype=torch.float64)
    weights: Tensor = torch.linalg.solve(wide.mT @ wide + ridge, wide.mT @ aims)
    return weights.to(rows.dtype)


def advantages(data: Trajectories, discount: float, trace: float) -> Tensor:
    """Generalised advantages (Schulman et al. 2016), mean 0 and variance 1 within each task: [m, b, t].

    The step into a terminal state is not bootstrapped, that into a time limit is.
    """
    values, last = fitted_values(data, discount)
    ends = _is_last(data.mask)
    following = torch.cat([values[..., 1:], torch.zeros_like(values[..., :1])], dim=-1)
    following = torch.where(ends, last.unsqueeze(-1), following)
    deltas = (data.rewards + discount * following - values) * data.mask
    return normalised(_discounted(deltas, discount * trace), data.mask)


def normalised(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0, variance 1 over the steps of each task; padding is 0."""
    count = mask.sum((-1, -2), keepdim=True).clamp(min=1.0)
    centred = (values - (values * mask).sum((-1, -2), keepdim=True) / count) * mask
    spread = ((centred**2).sum((-1, -2), keepdim=True) / count).sqrt()
    return centred / (spread + 1e-8)


def _is_last(mask: Tensor) -> Tensor:
    following = torch.cat([mask[..., 1:], torch.zeros_like(mask[..., :1])], dim=-1)
    return (mask > 0) & (following == 0)


def _discounted(values: Tensor, discount: float) -> Tensor:
    """``sum_k discount^k x_(t+k)`` along the last axis."""
    out, running = torch.empty_like(values), torch.zeros_like(values[..., 0])
    for time in reversed(range(values.shape[-1])):
        running = values[..., time] + discount * running
        out[..., time] = running
    return out
