"""The deterministic action of an SB3 SAC actor, in numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.policies.context import NAME, squash
from metaagent_ros.policies.files import PolicyFile, PolicyFileError

Vector = NDArray[np.float32]
_SCALE, _CONTEXT = "actor.features_extractor.scale", NAME
_LAYERS = ("actor.latent_pi.0", "actor.latent_pi.2", "actor.mu")


class FastPolicy:
    """Two ReLU layers and a tanh, as SB3 builds them; actions in [-1, 1]."""

    def __init__(self, file: PolicyFile) -> None:
        names = [_SCALE, _CONTEXT, *(f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias"))]
        missing = [name for name in names if name not in file.tensors]
        if missing:
            raise PolicyFileError(f"the policy lacks {', '.join(missing)}")
        self._scale = file.tensors[_SCALE]
        self._context = squash(file.tensors[_CONTEXT], np.tanh).astype(np.float32)
        self._layers = [(file.tensors[f"{n}.weight"], file.tensors[f"{n}.bias"]) for n in _LAYERS]

    def act(self, observation: Vector) -> Vector:
        """Observation (n,) in SI units to action (m,) in [-1, 1]."""
        hidden = np.concatenate([observation / self._scale, self._context])
        for weight, bias in self._layers[:-1]:
            hidden = np.maximum(weight @ hidden + bias, 0.0)
        weight, bias = self._layers[-1]
        action: Vector = np.tanh(weight @ hidden + bias)
        return action
