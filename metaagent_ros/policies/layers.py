"""What a policy file holds of the actor: scale, context and layers, checked to fit each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.policies.context import NAME
from metaagent_ros.policies.files import PolicyFile, PolicyFileError

Vector = NDArray[np.float32]
_SCALE = "actor.features_extractor.scale"
_LAYERS = ("actor.latent_pi.0", "actor.latent_pi.2", "actor.mu")


@dataclass(frozen=True)
class ActorLayers:
    """Copies: the observation's scale (n,), the raw context (k,), (weight, bias) of three layers."""

    scale: Vector
    context: Vector
    layers: tuple[tuple[Vector, Vector], ...]

    @classmethod
    def of(cls, file: PolicyFile) -> ActorLayers:
        """Raises :class:`PolicyFileError` where a tensor is missing or does not fit the others."""
        names = [_SCALE, NAME, *(f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias"))]
        missing = [name for name in names if name not in file.tensors]
        if missing:
            raise PolicyFileError(f"the policy lacks {', '.join(missing)}")
        held = {name: np.array(file.tensors[name], dtype=np.float32) for name in names}
        layers = tuple((held[f"{layer}.weight"], held[f"{layer}.bias"]) for layer in _LAYERS)
        found = cls(held[_SCALE], held[NAME], layers)
        found._check()
        return found

    def taken(self, observation: Vector) -> Vector:
        """The observation as it is; ``ValueError`` where it has another length than the scale."""
        row = np.asarray(observation, dtype=np.float32)
        if row.shape != self.scale.shape:
            raise ValueError(f"the observation is {row.shape}; the policy takes {self.scale.shape}")
        return row

    def _check(self) -> None:
        """That each layer takes what the one before it gives."""
        seen, told = len(self.scale), len(self.context)
        given = seen + told
        for name, (weight, bias) in zip(_LAYERS, self.layers, strict=True):
            if weight.shape != (len(bias), given):
                raise PolicyFileError(
                    f"{name}.weight is {weight.shape} and does not fit: with {seen} numbers observed "
                    f"and {told} of context it must be ({len(bias)}, {given})"
                )
            given = len(bias)
