"""The context of a policy: a few parameters of its own that adaptation moves first.

After CAVIA (Zintgraf et al. 2019, arXiv:1810.03642, section 3) a policy has, beside its weights, a small
vector that is an input of its network. Pretraining sets it to the hidden values of the training task,
scaled to [-1, 1], so that the network learns what they mean; from then on it is a parameter like any
other, starts where meta-training left it and follows gradients. No hidden value is ever given to it again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from metaagent_ros.policies.files import PolicyFile

NAME = "critic.features_extractor.context"  # where a policy file keeps it
LIMIT = 1.3
GAIN = 3000.0  # a step of the optimiser moves the context so much further than a weight


def squash(raw: Any, tanh: Any) -> Any:
    """The network's input for a raw parameter: about ``GAIN * raw``, within ±``LIMIT``."""
    return LIMIT * tanh(GAIN / LIMIT * raw)


def raw(context: Any) -> Any:
    """The parameter (k,) of which :func:`squash` makes ``context`` (k,), each within [-1, 1]."""
    return np.arctanh(np.clip(context, -1.0, 1.0) / LIMIT) * LIMIT / GAIN


def with_context(file: PolicyFile, context: Any) -> PolicyFile:
    """The policy with another context (k,), in units of the hidden parameters' ranges."""
    return replace(file, tensors={**file.tensors, NAME: raw(context).astype(np.float32)})


def context_of(file: PolicyFile) -> tuple[float, ...]:
    """What :func:`with_context` has put into a policy: (k,), in [-1, 1]."""
    return tuple(float(value) for value in squash(file.tensors[NAME], np.tanh))
