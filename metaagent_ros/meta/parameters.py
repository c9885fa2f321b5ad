"""Arithmetic over ``name -> tensor``: pure functions, nothing is changed in place or aliased."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

Parameters = Mapping[str, torch.Tensor]


def clone(parameters: Parameters) -> dict[str, torch.Tensor]:
    """A deep copy; SB3's ``get_parameters`` hands out live weights."""
    return {name: value.detach().clone() for name, value in parameters.items()}


def _same_names(*sets: Parameters) -> None:
    for other in sets[1:]:
        if set(other) != set(sets[0]):
            difference = sorted(set(other) ^ set(sets[0]))
            raise ValueError(f"the parameters' names differ: {', '.join(difference)}")


def interpolate(start: Parameters, end: Parameters, step: float) -> dict[str, torch.Tensor]:
    """``start + step * (end - start)``."""
    _same_names(start, end)
    return {name: value + step * (end[name] - value) for name, value in start.items()}


def mean(sets: Sequence[Parameters]) -> dict[str, torch.Tensor]:
    """The average of at least one set."""
    if not sets:
        raise ValueError("the mean of no parameters")
    _same_names(*sets)
    return {name: torch.stack([s[name] for s in sets]).mean(0) for name in sets[0]}


def difference(end: Parameters, start: Parameters) -> dict[str, torch.Tensor]:
    """``end - start``."""
    _same_names(end, start)
    return {name: value - start[name] for name, value in end.items()}


def norm(parameters: Parameters) -> float:
    """The Euclidean norm over all entries."""
    return math.sqrt(sum(float(value.double().square().sum()) for value in parameters.values()))


def cosine(a: Parameters, b: Parameters) -> float:
    """Of the angle between two directions, over all entries; 0 where one of them has no length."""
    _same_names(a, b)
    length = norm(a) * norm(b)
    dot = sum(float((a[name].double() * b[name].double()).sum()) for name in a)
    return dot / length if length > 0.0 else 0.0
