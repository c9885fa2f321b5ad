"""What every meta-learner offers, whatever its tasks are; and the file its state is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from sim_envs.atomic import write_atomically

TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
PolicyT_co = TypeVar("PolicyT_co", covariant=True)


class MetaLearner(Protocol[TaskT_contra, PolicyT_co]):
    """Learns over many tasks what makes one more task quick to learn."""

    def meta_step(self, tasks: Sequence[TaskT_contra]) -> dict[str, float]:
        """One outer step over a batch of tasks; returns what is worth a line of a log."""
        ...

    def adapt(self, task: TaskT_contra, budget: int) -> tuple[PolicyT_co, list[float]]:
        """The policy after ``budget`` inner steps on one task, and its curve; the learner stays as it is.

        The curve has one value before adaptation and one after each step: ``budget + 1``.
        """
        ...


class StateError(ValueError):
    """A file of state that cannot be taken up; the message names the file and the cause."""


def save_state(path: Path, tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
    """Tensors of any type with their bits, and the card as JSON in the same file's header: never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    header = {"card": json.dumps(dict(card), sort_keys=True, allow_nan=False)}
    write_atomically(path, save(whole, metadata=header))


def load_state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What :func:`save_state` wrote; raises :class:`StateError`."""
    try:
        data = path.read_bytes()
        tensors = load(data)
        size = int.from_bytes(data[:8], "little")
        card: dict[str, Any] = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["card"])
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"{path}: not a meta-learner's state: {error}") from None
    return tensors, card
