"""The plan as a JSON schema, for language models whose output is constrained to it."""

from __future__ import annotations

from typing import Any

from metaagent_ros.instructions.schema import AVOID, MAX_STEPS, REASONS
from sim_envs import spec


def _one_of(names: tuple[str, ...], null: bool = False) -> dict[str, Any]:
    return {"enum": [*names, None] if null else list(names)}


def _record(**fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def plan_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of exactly what ``metaagent parse --json`` prints."""
    described = {
        "color": _one_of(spec.COLORS, True),
        "shape": _one_of(spec.SHAPES, True),
        "size": _one_of(spec.SIZES, True),
    }
    named = [_record(kind=_one_of((kind,)), name=_one_of(names)) for kind, names in spec.TARGET_NAMES.items()]
    number = {"type": "number", "minimum": -spec.MAX_COORDINATE, "maximum": spec.MAX_COORDINATE}
    target = [
        *named,
        _record(kind=_one_of(("object",)), **described),
        _record(kind=_one_of(("coordinate",)), x=number, y=number),
        {"type": "null"},
    ]
    step = _record(
        skill=_one_of(spec.SKILLS),
        object={"anyOf": [_record(**described), {"type": "null"}]},
        target={"anyOf": target},
        relation=_one_of(spec.RELATIONS, True),
        speed=_one_of(spec.SPEEDS),
        force=_one_of(spec.FORCES),
        avoid={"type": "array", "items": _one_of(AVOID), "maxItems": 3},
    )
    some = {"type": "array", "items": step, "minItems": 1, "maxItems": MAX_STEPS}
    none = {"type": "array", "items": step, "maxItems": 0}
    return {
        "anyOf": [
            _record(status=_one_of(("ok",)), reason={"type": "null"}, steps=some),
            *(_record(status=_one_of((s,)), reason=_one_of(r), steps=none) for s, r in REASONS.items()),
        ]
    }
