"""The 2D point navigation of the MAML paper (Finn et al. 2017, section 5.3), all episodes in one tensor.

====================  ==========  =============================================================
observation           [2]         position, in the paper's units; starts at the origin
action                [2]         velocity, clipped to [-0.1, 0.1] on each axis, added to the position
reward                            minus the Euclidean distance to the goal, after the move
terminated                        within 0.01 of the goal on both axes
truncated                         after 100 steps
====================  ==========  =============================================================

A task is a goal, uniform in the square [-0.5, 0.5]^2; the observation does not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from gymnasium import spaces
from torch import Tensor

from metaagent_ros.meta.policy_maml_rollout import Act, Trajectories

HORIZON = 100
REACHED = 0.01
SPEED = 0.1
HALF_WIDTH = 0.5

OBSERVATIONS = spaces.Box(-float("inf"), float("inf"), (2,))
ACTIONS = spaces.Box(-SPEED, SPEED, (2,))


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the point should go."""

    x: float
    y: float


def draw_goals(count: int, generator: torch.Generator) -> list[Goal]:
    """Uniform in the square."""
    places = (2.0 * torch.rand((count, 2), generator=generator) - 1.0) * HALF_WIDTH
    return [Goal(float(x), float(y)) for x, y in places]


def move(positions: Tensor, actions: Tensor, goals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One step of the world: new positions, rewards and whether the goal is reached; axes [..., 2]."""
    moved = positions + actions.clamp(-SPEED, SPEED)
    gap = goals - moved
    return moved, -torch.linalg.vector_norm(gap, dim=-1), (gap.abs() <= REACHED).all(-1)


class PointWorld:
    """A ``Sampler`` of :class:`Goal`: every trajectory of every task takes its step at once."""

    def __init__(self, horizon: int = HORIZON) -> None:
        self.horizon = horizon

    def sample(
        self, tasks: Sequence[Goal], act: Act, trajectories: int, generator: torch.Generator
    ) -> Trajectories:
        """See ``Sampler``; the world itself draws nothing."""
        goals = torch.tensor([[g.x, g.y] for g in tasks]).unsqueeze(1)
        positions = torch.zeros(len(tasks), trajectories, 2)
        running = torch.ones(len(tasks), trajectories)
        seen, made, paid, mask = [], [], [], []
        for _ in range(self.horizon):
            actions = act(positions, slice(None))
            moved, rewards, reached = move(positions, actions, goals)
            seen.append(positions)
            made.append(actions)
            paid.append(rewards * running)
            mask.append(running)
            positions = torch.where(running.bool().unsqueeze(-1), moved, positions)
            running = running * (~reached).to(running.dtype)
            if not running.any():
                break
        return Trajectories(
            torch.stack(seen, 2), torch.stack(made, 2), torch.stack(paid, 2), torch.stack(mask, 2),
            final=positions, truncated=running,
        )  # fmt: skip
