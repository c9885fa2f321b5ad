"""Infer the context from what happened: a permutation-invariant network over transitions.

Trained in simulation, where the hidden part is known, as the adaptation module of RMA is (Kumar et al.
2021, arXiv:2107.04034, section III-B); it sees a set of transitions with their rewards and returns a
Gaussian over the context, as PEARL's encoder does (Rakelly et al. 2019, arXiv:1903.08254, section 4.1).
The embeddings are pooled by mean and maximum (Zaheer et al. 2017, arXiv:1703.06114, theorem 2), so that a
rare telling moment, a touch, is not averaged away. A share of the training sets comes without rewards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float32]
PREFIX = "inference."
WIDTH = 128
_BLIND = 0.3  # share of the training sets without rewards
_SET, _MOST = 32, 128  # sets in a batch, transitions drawn from each
_LEAST_LOG_VAR = -8.0


@dataclass(slots=True)
class History:
    """Transitions of episodes with one hidden part: observations (n, o), actions (n, m), rewards (n,)."""

    observations: list[Array]
    actions: list[Array]
    following: list[Array]
    rewards: list[float]

    @classmethod
    def empty(cls) -> History:
        """Nothing seen yet."""
        return cls([], [], [], [])

    def add(self, observation: Array, action: Array, following: Array, reward: float) -> None:
        """One control step."""
        self.observations.append(observation)
        self.actions.append(action)
        self.following.append(following)
        self.rewards.append(float(reward))


def rows_of(history: History, scale: Array, rewarded: bool = True) -> torch.Tensor:
    """The network's input (n, 2 o + m + 2): scaled observations, changes, actions, reward and its flag."""
    before, after = (np.array(v, dtype=np.float32) / scale for v in (history.observations, history.following))
    rewards = np.array(history.rewards, dtype=np.float32)[:, None] * float(rewarded)
    flag = np.full_like(rewards, float(rewarded))
    actions = np.array(history.actions, dtype=np.float32)
    return torch.from_numpy(np.concatenate([before, 10.0 * (after - before), actions, rewards, flag], axis=1))


class ContextInference(torch.nn.Module):
    """A set of transitions to mean and log-variance of the context, each (k,)."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        nn = torch.nn
        self.each = nn.Sequential(
            nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)
        )
        self.all = nn.Sequential(
            nn.Linear(2 * WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(),
            nn.Linear(WIDTH, 2 * size),
        )

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows (..., n, inputs) to mean (..., k) in [-1, 1] scale and log-variance (..., k)."""
        seen = self.each(rows)
        mean, spread = self.all(torch.cat([seen.mean(-2), seen.amax(-2)], dim=-1)).chunk(2, dim=-1)
        return mean, spread.clamp(_LEAST_LOG_VAR, 1.0)


def train(
    sets: Sequence[History],
    contexts: Array,
    scale: Array,
    steps: int,
    rng: np.random.Generator,
    say: Callable[[str], None] = lambda line: None,
) -> ContextInference:
    """Fit to sets of transitions and their true contexts (len(sets), k) by Gaussian likelihood."""
    seeing, blind = ([rows_of(s, scale, rewarded) for s in sets] for rewarded in (True, False))
    targets = torch.from_numpy(np.asarray(contexts, dtype=np.float32))
    net = ContextInference(seeing[0].shape[1], targets.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-3)
    loss = torch.zeros(())
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 1e-3 * (1.0 - step / steps) + 1e-5
        pool = blind if rng.random() < _BLIND else seeing
        picked = rng.integers(len(sets), size=_SET)
        count = int(rng.integers(16, _MOST))
        batch = torch.stack([_some(pool[i], count, rng) for i in picked])
        mean, log_var = net(batch)
        loss = (((mean - targets[picked]) ** 2) / log_var.exp() + log_var).mean() / 2
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 1000 == 0:
            say(f"inference {step + 1}/{steps}  loss {loss.item():.3f}")
    return net


def _some(rows: torch.Tensor, count: int, rng: np.random.Generator) -> torch.Tensor:
    """``count`` rows of a random stretch of the set, with repetition: any length of history must do."""
    end = int(rng.integers(min(16, len(rows)), len(rows) + 1))
    return rows[rng.integers(end, size=count)]


def to_tensors(net: ContextInference) -> dict[str, Array]:
    """The weights, named for a policy file."""
    return {PREFIX + name: value.detach().numpy().copy() for name, value in net.state_dict().items()}


def from_tensors(tensors: Mapping[str, Array]) -> ContextInference | None:
    """The network in a policy file, None where there is none."""
    own = {n[len(PREFIX) :]: torch.tensor(v) for n, v in tensors.items() if n.startswith(PREFIX)}
    if not own:
        return None
    net = ContextInference(own["each.0.weight"].shape[1], own["all.4.weight"].shape[0] // 2)
    net.load_state_dict(own)
    return net


def infer(net: ContextInference, history: History, scale: Array, rewarded: bool = True) -> Any:
    """Mean and standard deviation of the context, each (k,), from at least one transition."""
    with torch.no_grad():
        mean, log_var = net(rows_of(history, scale, rewarded))
    return mean.clamp(-1.0, 1.0).numpy(), (0.5 * log_var).exp().numpy()
