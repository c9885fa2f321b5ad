"""The arms of the comparison: a start, and a way to adapt it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped
from sim_envs.spec import require

SUITES = {"grasp": "panda", "navigate": "diffbot"}


@dataclass(frozen=True, slots=True)
class Arm:
    """``start``: which policy of a training run; ``how``: which of :mod:`metaagent_ros.meta.sessions`.

    ``settings`` of the session hold for every suite; ``tuned`` are those of one suite and come before them.
    """

    start: str
    how: str
    says: str
    settings: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, dict[str, Any]] = field(default_factory=dict)

    def settings_for(self, suite: str) -> dict[str, Any]:
        """What the session is made with in a suite."""
        return {**self.settings, **self.tuned.get(suite, {})}


ARMS = {
    "scratch": Arm("scratch", "learn", "random weights, SAC", {"rate": 3e-4}, {"navigate": {"rate": 1e-3}}),
    "zero_shot": Arm("joint", "fixed", "joint pretraining, never told what is hidden; no adaptation"),
    "finetune": Arm("joint", "learn", "joint pretraining, then SAC on all weights", {"rate": 1e-6}),
    "reptile": Arm(
        "reptile",
        "learn",
        "Reptile from the told start, then SAC on context and weights",
        {"rate": 5e-6},
        {"navigate": {"rate": 1e-7}},
    ),
    "context": Arm(
        "told",
        "learn",
        "the told start, then SAC on context and weights (CAVIA)",
        {"rate": 5e-6},
        {"navigate": {"rate": 1e-7}},
    ),
    "search": Arm(
        "told",
        "search",
        "the told start, CMA-ES over the context",
        {"spread": 0.5},
        {"navigate": {"spread": 0.3}},
    ),
    "infer": Arm(
        "told",
        "infer",
        "the told start, context inferred with rewards (PEARL, RMA)",
        {"noise": 0.1},
        {"navigate": {"noise": 0.0}},
    ),
    "infer_blind": Arm(
        "told", "infer_blind", "the told start, context inferred without rewards (RMA)", {"noise": 0.1}
    ),
    "reptile_infer": Arm(
        "reptile", "infer_blind", "Reptile from the told start, the same inference", {"noise": 0.1}
    ),
    "maml": Arm(
        "maml",
        "maml",
        "MAML from the told start, then its policy-gradient steps",
        {"pace": 1.0},
        {"navigate": {"pace": 0.3}},
    ),
    "fomaml": Arm(
        "fomaml",
        "maml",
        "first-order MAML from the told start, then the same steps",
        {"pace": 1.0},
        {"navigate": {"pace": 0.3}},
    ),
    "oracle": Arm("told", "oracle", "the told start, given the hidden part: what is to be had"),
}
FOLDERS = {
    "reptile": ".",
    "told": "pretrained",
    "joint": "joint",
    "maml": "maml",
    "fomaml": "fomaml",
}
"""Where a training run keeps its starts."""
SHIPPED = {"told": ".", "reptile": "reptile", "joint": "joint"}
"""Where ``models/ROBOT`` keeps those that ship; the told start, which inference adapts, is what runs."""


def arms_of(runs: Path | None) -> tuple[str, ...]:
    """The arms that a comparison has without naming any: with shipped policies those that are shipped."""
    there = {"scratch", *(SHIPPED if runs is None else FOLDERS)}
    return tuple(name for name, arm in ARMS.items() if arm.start in there)


def load_start(name: str, robot: str, seed: int, runs: Path | None) -> PolicyFile:
    """A start of the run with that seed, of the shipped one where ``runs`` is None."""
    require("start", name, ("scratch", *FOLDERS))
    if name == "scratch":
        from metaagent_ros.meta.training import MetaConfig, scratch

        return scratch(MetaConfig(robot, seed))
    if runs is None and name not in SHIPPED:
        raise PolicyFileError(
            f"{name} is not shipped; shipped: {', '.join(SHIPPED)}. Name a folder of --runs"
        )
    base = shipped(robot) if runs is None else runs / f"seed{seed}"
    more = " --maml-iterations 30" if "maml" in name else ""
    try:
        return PolicyFile.load(base / (SHIPPED if runs is None else FOLDERS)[name])
    except PolicyFileError as error:
        raise PolicyFileError(
            f"{error}; metaagent train --robot {robot} --seed {seed} --out {base}{more} makes it"
        ) from None
