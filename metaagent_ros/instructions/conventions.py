"""The conventions that the schema leaves to words: which relation a target takes when none is said.

One function, used by the generator and by every parser, so that all speak the same dialect
(``docs/instructions.md``).
"""

from __future__ import annotations

from sim_envs.spec import Target

SURFACES = ("table", "shelf", "desk")


def relation_for(skill: str, target: Target | None, said: str | None) -> str | None:
    """The relation of a step, given what the sentence said (``None``: nothing)."""
    if target is None or skill in ("grasp", "follow") or target.kind == "direction":
        return None
    if skill == "stack":
        return "on"
    said = None if said == "at" else said
    if skill == "push":
        near = target.kind in ("bin", "object")
        return "next_to" if near and said in (None, "in", "on") else said or "at"
    if skill == "pick_place":
        return _place_relation(target, said)
    if skill == "navigate" and said in ("in", "on", "above"):  # a base stands before things, not in them
        return "in" if said == "in" and (target.kind == "room" or target.name == "corridor") else "at"
    if target.kind == "bin" and skill == "reach":
        return "in" if said in (None, "on") else said
    return said or "at"


def _place_relation(target: Target, said: str | None) -> str:
    if target.kind == "bin":
        return "in" if said in (None, "on") else said
    if said is not None:
        return said
    if target.kind == "object":
        return "next_to"
    return "on" if target.name in SURFACES else "at"
