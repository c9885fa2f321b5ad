"""The action of an SB3 SAC actor for a control loop: numpy alone, and quick after a sleep too.

Between two control ticks a process sleeps. What torch's dispatcher touches on its way is cold then and costs
ten times what it costs in a loop (127 us, numpy 28; in a loop 16 and 12; two cores of an AMD EPYC). The price
is the order of the sums: an action is off that of ``model.predict`` by rounding, as on another processor
(``python -m benchmarks.reptile --only inference`` says by how much).
"""

from __future__ import annotations

import numpy as np

from metaagent_ros.policies.context import squash
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.layers import ActorLayers, Vector


class PromptPolicy:
    """Answers as :class:`~metaagent_ros.policies.inference.FastPolicy` does, up to rounding."""

    def __init__(self, file: PolicyFile) -> None:
        self._held = ActorLayers.of(file)
        self._context: Vector = squash(self._held.context, np.tanh).astype(np.float32)

    def act(self, observation: Vector) -> Vector:
        """Observation (n,) in SI units to action (m,) in [-1, 1]; ``ValueError`` for another n."""
        held = self._held
        row = held.taken(observation)
        (first, shift), (second, more), (last, end) = held.layers
        with np.errstate(over="ignore", invalid="ignore"):  # who asks looks at the answer
            hidden = np.dot(first, np.concatenate((row / held.scale, self._context)))
            hidden += shift
            hidden = np.dot(second, np.maximum(hidden, 0.0, out=hidden))
            hidden += more
            action: Vector = np.dot(last, np.maximum(hidden, 0.0, out=hidden))
            action += end
            return np.tanh(action, out=action)
