"""A round of training as a small file of its own: low-rank differences to the weights of a trained parser.

LoRA (Hu et al. 2021, arXiv:2106.09685) on every matrix of the network; what is small (biases, norms, queries,
heads) learns whole. Such a round takes half a megabyte where new weights take fourteen, so that a repository
can hold many. A file has, for each matrix ``NAME``, ``NAME.a`` (rank, columns) and ``NAME.b`` (rank, rows)
with eight bits a number and one scale a row, and ``NAME.d``, the difference of what is small, in half
precision: ``W + bᵀ a``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

FILE = "adapter.safetensors"
SMALL = 16384  # numbers of a parameter that learns whole


class LowRank(nn.Module):
    """A difference of low rank to a frozen matrix (rows, columns), zero at the start."""

    def __init__(self, shape: torch.Size, rank: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, shape[1]))
        self.b = nn.Parameter(torch.zeros(rank, shape[0]))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """The matrix with its difference, in full precision under autocast too."""
        with torch.autocast("cpu", enabled=False):
            return weight + self.b.T @ self.a


def attach(net: nn.Module, rank: int) -> dict[str, LowRank]:
    """Freeze all matrices of ``net`` and give each a :class:`LowRank`; by the name of the matrix."""
    found = dict[str, LowRank]()
    for prefix, module in list(net.named_modules()):
        for name, value in list(module.named_parameters(recurse=False)):
            if not value.requires_grad or value.dim() != 2 or value.numel() <= SMALL:
                continue
            value.requires_grad_(False)
            low = LowRank(value.shape, rank)
            parametrize.register_parametrization(module, name, low)
            found[f"{prefix}.{name}"] = low
    return found


def resume(net: nn.Module, found: dict[str, LowRank], packed: dict[str, Tensor]) -> None:
    """Go on from the differences of a file; raises ``ValueError`` where their rank is higher.

    What the new ones have more begins like a fresh difference, at nothing.
    """
    small = {name: value.data for name, value in net.named_parameters()}
    for name, low in found.items():
        given = len(packed[f"{name}.a"])
        if given > len(low.a):
            raise ValueError(f"the round to go on from has rank {given}; given: {len(low.a)}")
        for part, matrix in (("a", low.a), ("b", low.b)):
            matrix.data[:given] = _full(packed, f"{name}.{part}")
    for key, value in packed.items():
        if key.endswith(".d"):
            small[key[:-2]].add_(value.float())


def groups(net: nn.Module, found: dict[str, LowRank], rate: float) -> list[dict[str, Any]]:
    """Parameter groups of an optimiser: the differences at ``rate``, what learns whole at a third of it."""
    low = [p for part in found.values() for p in part.parameters()]
    known = {id(p) for p in low}
    whole = [p for p in net.parameters() if p.requires_grad and id(p) not in known]
    return [{"params": low, "lr": rate, "weight_decay": 0.0}, {"params": whole, "lr": rate / 3}]


def differences(net: nn.Module, found: dict[str, LowRank], before: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a file holds: the pairs, eight bits a number, and what learned whole less ``before``."""
    out = dict[str, Tensor]()
    for name, low in found.items():
        for part, value in (("a", low.a), ("b", low.b)):
            out |= _packed(f"{name}.{part}", value.detach())
    for name, value in net.named_parameters():
        if value.requires_grad and "parametrizations" not in name:
            out[f"{name}.d"] = (value.detach() - before[name]).half()
    return out


def averaged(one: dict[str, Tensor], two: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean of two files with the same names, factor by factor."""
    out = dict[str, Tensor]()
    for name in one:
        if name.endswith(".d"):
            out[name] = ((one[name].float() + two[name].float()) / 2).half()
        elif not name.endswith(".scale"):
            out |= _packed(name, (_full(one, name) + _full(two, name)) / 2)
    return out


def merged(state: dict[str, Tensor], packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` with the differences of a file; raises ``ValueError`` where they do not fit."""
    out = dict(state)
    for key, value in packed.items():
        name, part = key.rsplit(".", 1)
        if part not in ("a", "d"):
            continue
        if name not in state:
            raise ValueError(f"a difference to {name!r}, which the weights lack")
        a, b = (_full(packed, f"{name}.{k}") for k in "ab") if part == "a" else (value.float(), None)
        change = a if b is None else b.T @ a
        if change.shape != state[name].shape:
            raise ValueError(f"{name}: {tuple(change.shape)} to add to {tuple(state[name].shape)}")
        out[name] = state[name] + change
    return out


def _full(packed: dict[str, Tensor], name: str) -> Tensor:
    return packed[name].float() * packed[f"{name}.scale"]


def _packed(name: str, value: Tensor) -> dict[str, Tensor]:
    scale = value.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
    return {name: (value / scale).round().to(torch.int8), f"{name}.scale": scale}
