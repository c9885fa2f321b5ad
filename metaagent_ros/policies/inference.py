"""The deterministic action of an SB3 SAC actor: the bits of ``model.predict`` without its overhead.

The same kernels in the same order. For what must say what training says: evaluation and adaptation. A control
loop has :class:`~metaagent_ros.policies.prompt.PromptPolicy`.
"""

from __future__ import annotations

import torch
from torch.nn.functional import linear

from metaagent_ros.policies.context import squash
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.layers import ActorLayers, Vector


class FastPolicy:
    """Two ReLU layers and a tanh, as SB3 builds them; actions in [-1, 1].

    It copies what it needs of the file and keeps nothing between calls. Raises ``PolicyFileError`` where a
    tensor is missing or does not fit the others.
    """

    def __init__(self, file: PolicyFile) -> None:
        self._held = held = ActorLayers.of(file)
        self._scale = torch.from_numpy(held.scale)
        self._context = squash(torch.from_numpy(held.context), torch.tanh)[None]
        self._layers = [(torch.from_numpy(weight), torch.from_numpy(bias)) for weight, bias in held.layers]

    def act(self, observation: Vector) -> Vector:
        """Observation (n,) in SI units to action (m,) in [-1, 1]; ``ValueError`` for another n."""
        row = torch.from_numpy(self._held.taken(observation).copy())[None]
        first, second, last = self._layers
        inputs = torch.cat([row / self._scale, self._context], dim=1)
        hidden = linear(linear(inputs, *first).relu_(), *second).relu_()
        action: Vector = linear(hidden, *last).tanh_().numpy()[0]
        # SB3's way from [-1, 1] to the bounds of an action, which are the same: it costs the last bits
        action += 1.0
        action -= 1.0
        return action
