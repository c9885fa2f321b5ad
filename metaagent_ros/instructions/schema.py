"""What a parser answers: a :class:`Plan` of at most three steps, or a question, or a refusal.

Inside the program everything is frozen and already checked. Untrusted JSON (a file, a language
model, a network peer) enters through :func:`plan_from_json` only, where pydantic checks types and
names and the same semantic rules as everywhere else apply.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim_envs.spec import AVOIDABLE, COLORS, SHAPES, SIZES, ObjectRef, SpecError, TaskSpec, require

STATUSES = ("ok", "clarify", "refuse")
CLARIFY_REASONS = ("ambiguous", "missing_target")
REFUSE_REASONS = ("unsafe", "impossible", "out_of_scope", "nonsense", "injection")
REASONS = {"clarify": CLARIFY_REASONS, "refuse": REFUSE_REASONS}
MAX_STEPS = 3
MAX_AVOID = 8  # things to keep away from in one step

NEEDS_OBJECT = ("grasp", "pick_place", "push", "stack")
NEEDS_TARGET = ("pick_place", "push", "reach", "stack", "navigate", "follow")


class PlanError(ValueError):
    """A plan that contradicts the schema; the message names the field and what is allowed."""


def check_step(step: TaskSpec) -> None:
    """Raise :class:`PlanError` where a step lacks, or has too much of, what its skill needs."""
    if step.skill in NEEDS_OBJECT and step.object is None:
        raise PlanError(f"{step.skill} needs an object; none is given.")
    if step.skill not in NEEDS_OBJECT and step.object is not None:
        raise PlanError(f"{step.skill} has its aim in target; object must be null.")
    if step.skill in NEEDS_TARGET and step.target is None:
        raise PlanError(f"{step.skill} needs a target; none is given.")
    if step.skill == "grasp" and step.target is not None:
        raise PlanError("grasp takes no target; did you mean 'pick_place'?")
    if step.skill == "stack" and step.target is not None and step.target.kind != "object":
        raise PlanError(f"stack needs a target of kind 'object'; given: {step.target.kind!r}.")
    same = step.target is not None and step.target.kind == "object" and step.object is not None
    if same and step.target is not None and step.target.object == step.object:
        raise PlanError(f"object and target are both {step.object}; they must differ.")


@dataclass(frozen=True, slots=True)
class Words:
    """The characters ``start`` to ``end`` of the sentence, from which a slot of a step was read."""

    step: int
    slot: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to one sentence.

    ``message`` is one sentence for a person (the question, or why not). Provenance stands outside of the
    schema of :meth:`to_dict`: which ``parser``, which ``model`` (a hash, empty for none), its ``confidence``
    (0..1) and the ``words`` that every slot came from.
    """

    status: str
    reason: str | None = None
    steps: tuple[TaskSpec, ...] = ()
    message: str = field(default="", compare=False)
    parser: str = field(default="", compare=False)
    confidence: float = field(default=1.0, compare=False)
    model: str = field(default="", compare=False)
    words: tuple[Words, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        require("status", self.status, STATUSES)
        if self.status == "ok":
            if self.reason is not None:
                raise PlanError(f"status 'ok' takes no reason; given: {self.reason!r}.")
            if not 1 <= len(self.steps) <= MAX_STEPS:
                raise PlanError(f"steps are {len(self.steps)}; allowed: 1 to {MAX_STEPS}.")
        else:
            require(f"reason of {self.status}", self.reason, REASONS[self.status])
            if self.steps:
                raise PlanError(f"status {self.status!r} takes no steps; given: {len(self.steps)}.")
        if not (math.isfinite(self.confidence) and 0.0 <= self.confidence <= 1.0):
            raise PlanError(f"confidence is {self.confidence!r}; allowed: 0 to 1.")
        for step in self.steps:
            check_step(step)

    def to_dict(self, provenance: bool = False) -> dict[str, Any]:
        """Exactly ``{status, reason, steps}``; with ``provenance`` also who made it and how sure."""
        out: dict[str, Any] = {
            "status": self.status,
            "reason": self.reason,
            "steps": [step.to_dict() for step in self.steps],
        }
        if provenance:
            out["provenance"] = {
                "parser": self.parser,
                "model": self.model,
                "confidence": self.confidence,
                "message": self.message,
                "words": [dataclasses.asdict(words) for words in self.words],
            }
        return out

    def to_json(self, provenance: bool = False) -> str:
        """:meth:`to_dict` on one line."""
        return json.dumps(self.to_dict(provenance), ensure_ascii=False, allow_nan=False)


def refuse(reason: str, message: str, parser: str = "guard", confidence: float = 1.0) -> Plan:
    """A refusal."""
    return Plan("refuse", reason, (), message, parser, confidence)


def clarify(reason: str, message: str, parser: str = "guard", confidence: float = 1.0) -> Plan:
    """A question back to the person."""
    return Plan("clarify", reason, (), message, parser, confidence)


_REFS = itertools.product((None, *COLORS), (None, *SHAPES), (None, *SIZES))
AVOID = (*AVOIDABLE, *(str(ObjectRef(*words)) for words in _REFS))  # all that ``avoid`` can say


def _avoidable(item: str) -> str:
    if item not in AVOID:
        raise ValueError(
            f"{item[:60]!r} is nothing to avoid; allowed: {', '.join(AVOIDABLE)}, 'blue sphere', ..."
        )
    return item


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _ObjectIn(_Strict):
    color: str | None = None
    shape: str | None = None
    size: str | None = None


class _TargetIn(_ObjectIn):
    kind: str
    name: str | None = None
    x: float | None = None
    y: float | None = None

    @model_validator(mode="after")
    def _only_its_own(self) -> _TargetIn:
        own = {"object": ("color", "shape", "size"), "coordinate": ("x", "y")}.get(self.kind, ("name",))
        for key in ("name", "color", "shape", "size", "x", "y"):
            if key not in own and getattr(self, key) is not None:
                raise ValueError(f"a target of kind {self.kind[:60]!r} takes no {key}.")
        return self


class _StepIn(_Strict):
    skill: str
    object: _ObjectIn | None = None
    target: _TargetIn | None = None
    relation: str | None = None
    speed: str = "normal"
    force: str = "normal"
    avoid: Annotated[list[Annotated[str, AfterValidator(_avoidable)]], Field(max_length=MAX_AVOID)] = []


class _PlanIn(_Strict):
    status: Literal["ok", "clarify", "refuse"]
    reason: str | None = None
    steps: list[_StepIn] = []


def plan_from_json(data: str | bytes | dict[str, Any], parser: str = "json") -> Plan:
    """A checked plan from untrusted JSON text or a dict; raises :class:`PlanError` only."""
    try:
        if isinstance(data, str | bytes):
            checked = _PlanIn.model_validate_json(data)
        else:
            checked = _PlanIn.model_validate(data)
        steps = tuple(TaskSpec.from_dict(step.model_dump()) for step in checked.steps)
        return Plan(checked.status, checked.reason, steps, parser=parser)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "plan"
        raise PlanError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error
    except (SpecError, TypeError) as error:
        raise PlanError(str(error)) from error
