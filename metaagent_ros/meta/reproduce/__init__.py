"""Published results of meta-learning, made again with the code of this room; one file each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from sim_envs.spec import require

RESULTS = {
    "sinusoid": "mean squared error of sine regression from 5 points (Finn et al. 2017, section 5.1)",
    "digits": "accuracy of 5-way 5-shot classification of digits never seen in training",
    "point2d": "return of 2D navigation after policy gradient steps (Finn et al. 2017, section 5.3)",
}


def reproduce(
    name: str, seed: int = 0, iterations: int | None = None, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """One of ``RESULTS`` as a dict that JSON can hold; ``iterations`` None means the module's default.

    Every arm is a list under its name (``maml``, ``reptile``, ``pretrained``, ...): one value for each
    number of inner steps.
    """
    require("result", name, tuple(RESULTS))
    module = importlib.import_module(f"{__name__}.{name}")
    out: dict[str, Any] = module.run(seed, iterations, say)
    return out
