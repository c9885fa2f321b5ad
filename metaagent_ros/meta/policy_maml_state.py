"""The whole state of a meta-learner over SB3 policies in one file: a resumed run has the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from metaagent_ros.meta.learner import StateError, load_state, save_state


class Stateful(Protocol):
    """What of a learner is saved; ``iteration`` counts its outer steps."""

    parameters: dict[str, Tensor]
    sizes: dict[str, Tensor]
    generator: torch.Generator
    optimiser: torch.optim.Adam
    config: Any
    iteration: int
    env_steps: int


def save(learner: Stateful, path: Path, card: Mapping[str, Any]) -> None:
    """Write parameters, step sizes, the outer optimiser's moments, random state, counters, settings.

    ``card`` travels along and is not read here.
    """
    counts = {"iteration": learner.iteration, "env_steps": learner.env_steps}
    save_state(path, _tensors(learner) | _moments(learner), {**card, **_about(learner), **counts})


def restore(learner: Stateful, path: Path) -> None:
    """Go on, bit for bit, from what :func:`save` wrote; raises :class:`StateError` and changes nothing."""
    state, card = load_state(path)
    for key, value in _about(learner).items():
        if card.get(key) != value:
            raise StateError(f"{path}: of another run: {key} is {card.get(key)}, here it is {value}")
    for name, value in _tensors(learner).items():
        there = state.get(name)
        if there is None or there.shape != value.shape or there.dtype != value.dtype:
            raise StateError(f"{path}: of another network: {name} is missing or of another shape or type")
    with torch.no_grad():
        for part in ("parameters", "sizes"):
            for name, value in getattr(learner, part).items():
                value.copy_(state[f"{part}/{name}"])
    learner.generator.set_state(state["generator"])
    mine = learner.optimiser.state_dict()
    learner.optimiser.load_state_dict({**mine, "state": _kept(state)})
    learner.iteration, learner.env_steps = int(card["iteration"]), int(card["env_steps"])


def _about(learner: Stateful) -> dict[str, Any]:
    return {"learner": type(learner).__name__, "config": asdict(learner.config)}


def _tensors(learner: Stateful) -> dict[str, Tensor]:
    parts = {"parameters": learner.parameters, "sizes": learner.sizes}
    named = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    return named | {"generator": learner.generator.get_state()}


def _moments(learner: Stateful) -> dict[str, Tensor]:
    """Adam's, empty before the first step: ``adam/<parameter's number>/<moment>``."""
    kept = learner.optimiser.state_dict()["state"]
    return {f"adam/{number}/{key}": value for number, row in kept.items() for key, value in row.items()}


def _kept(state: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The inverse of :func:`_moments`."""
    rows: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if name.startswith("adam/"):
            _, number, key = name.split("/")
            rows.setdefault(int(number), {})[key] = value
    return rows
