"""What an evaluation measures, row by row; everything that is reported is computed from these."""

from __future__ import annotations

from dataclasses import dataclass

CHECKPOINTS = (0, 1, 2, 5, 10, 20)
"""Adaptation episodes after which a policy is judged on fresh episodes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fresh episode, without exploration, of the policy that ``trials`` adaptation episodes gave.

    ``seed`` is the run (meta-training and adaptation), ``task`` the number of the held-out task,
    ``total`` the return, ``steps`` the episode's length in control steps.
    """

    arm: str
    suite: str
    split: str
    skill: str
    task: int
    seed: int
    trials: int
    episode: int
    success: bool
    total: float
    steps: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What adaptation had cost at a checkpoint: environment steps, gradient steps, CPU time [s]."""

    arm: str
    task: int
    seed: int
    trials: int
    env_steps: int
    gradient_steps: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Training:
    """What an arm's start had cost before any held-out task: once for all tasks, by seed."""

    arm: str
    seed: int
    env_steps: int
    gradient_steps: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows of one ``metaagent evaluate --suite``, and the settings that gave them."""

    settings: dict[str, object]
    outcomes: tuple[Outcome, ...]
    costs: tuple[Cost, ...]
    training: tuple[Training, ...]
    inertness: dict[str, float]
    """Cosine between the Reptile direction and the joint-training direction, by name of the seed."""
