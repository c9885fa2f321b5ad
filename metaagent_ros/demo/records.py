"""What a run leaves: plain values, and the record that becomes ``result.json`` and the report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from metaagent_ros.instructions.schema import Plan
from sim_envs.spec import Hidden, Scene, Vec3

PASSED, FAILED, REFUSED, UNABLE, INTERRUPTED = "passed", "failed", "refused", "unable", "interrupted"
EXIT = {PASSED: 0, FAILED: 1, REFUSED: 2, UNABLE: 2, INTERRUPTED: 130}


@dataclass(frozen=True, slots=True)
class Trial:
    """The policy after one trial of adaptation; number 0 is before any.

    ``success_rate`` is over evaluation episodes in the twin; ``env_steps`` and ``seconds`` [s] count
    from the start of the step's adaptation.
    """

    step: int
    number: int
    success_rate: float
    seconds: float
    env_steps: int | None = None
    mean_return: float | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """What a step was bound to; positions [m] as the camera reports them."""

    step: int
    object: str | None
    object_position: Vec3 | None
    target: str | None
    goal: Vec3
    tolerance: float
    avoid: tuple[Vec3, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Where everything truly was at ``time`` [s] after the start of the run, in step ``step``."""

    time: float
    step: int
    scene: Scene


@dataclass(frozen=True, slots=True)
class Counts:
    """What the guard did with the policy's commands."""

    passed: int
    limited: int
    rejected: int
    state: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """Whether a step was carried out, by the simulator's truth; ``text`` is one clause for a person."""

    step: int
    passed: bool
    text: str
    distance: float | None = None
    allowed: float | None = None


@dataclass(slots=True)
class Record:
    """Everything that is known of a run; grows while it goes on."""

    sentence: str
    robot: str
    command: str
    plan: Plan
    hidden: Hidden
    scene_seed: int
    hidden_seed: int
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S %z"))
    outcome: str = FAILED
    message: str = ""
    bound: list[Bound] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    rolled_back: bool = False
    samples: list[Sample] = field(default_factory=list)
    verdicts: tuple[StepVerdict, ...] = ()
    counts: Counts | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time [s] of a block to a stage."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - start

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict; the samples stand in the recording, not here."""
        kept = [f.name for f in dataclasses.fields(self) if f.name not in ("samples", "plan")]
        out: dict[str, Any] = {name: _plain(getattr(self, name)) for name in kept}
        out["plan"] = self.plan.to_dict(provenance=True)
        out["exit_code"] = EXIT[self.outcome]
        return out


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
