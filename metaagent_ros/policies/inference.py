"""The deterministic action of an SB3 SAC actor: the bits of ``model.predict`` without its overhead.

The same kernels in the same order. Sums in another order, such as numpy's, are up to 2e-5 off.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import linear

from metaagent_ros.policies.context import NAME, squash
from metaagent_ros.policies.files import PolicyFile, PolicyFileError

Vector = NDArray[np.float32]
_SCALE, _CONTEXT = "actor.features_extractor.scale", NAME
_LAYERS = ("actor.latent_pi.0", "actor.latent_pi.2", "actor.mu")


class FastPolicy:
    """Two ReLU layers and a tanh, as SB3 builds them; actions in [-1, 1].

    It copies what it needs of the file and keeps nothing between calls. Raises :class:`PolicyFileError`
    where a tensor is missing or does not fit the others.
    """

    def __init__(self, file: PolicyFile) -> None:
        names = [_SCALE, _CONTEXT, *(f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias"))]
        missing = [name for name in names if name not in file.tensors]
        if missing:
            raise PolicyFileError(f"the policy lacks {', '.join(missing)}")
        held = {name: torch.from_numpy(np.array(file.tensors[name], dtype=np.float32)) for name in names}
        self._scale = held[_SCALE]
        self._context: Tensor = squash(held[_CONTEXT], torch.tanh)[None]
        self._layers = [(held[f"{layer}.weight"], held[f"{layer}.bias"]) for layer in _LAYERS]
        self._check()

    def act(self, observation: Vector) -> Vector:
        """Observation (n,) in SI units to action (m,) in [-1, 1]; ``ValueError`` for another n."""
        row = np.array(observation, dtype=np.float32)[None]
        if row.shape[1:] != self._scale.shape:
            raise ValueError(
                f"the observation is {row.shape[1:]}; the policy takes {tuple(self._scale.shape)}"
            )
        first, second, last = self._layers
        inputs = torch.cat([torch.from_numpy(row) / self._scale, self._context], dim=1)
        hidden = linear(linear(inputs, *first).relu_(), *second).relu_()
        action: Vector = linear(hidden, *last).tanh_().numpy()[0]
        # SB3's way from [-1, 1] to the bounds of an action, which are the same: it costs the last bits
        action += 1.0
        action -= 1.0
        return action

    def _check(self) -> None:
        """That each layer takes what the one before it gives."""
        seen, told = len(self._scale), self._context.shape[1]
        given = seen + told
        for name, (weight, bias) in zip(_LAYERS, self._layers, strict=True):
            if tuple(weight.shape) != (len(bias), given):
                raise PolicyFileError(
                    f"{name}.weight is {tuple(weight.shape)} and does not fit: with {seen} numbers observed "
                    f"and {told} of context it must be ({len(bias)}, {given})"
                )
            given = len(bias)
