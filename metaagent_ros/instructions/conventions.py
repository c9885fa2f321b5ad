"""The conventions that the schema leaves to words: which relation a target takes when none is said.

One function, used by the generator and by every parser, so that all speak the same dialect.
"""

from __future__ import annotations

from sim_envs.spec import Target


def relation_for(skill: str, target: Target | None, said: str | None) -> str | None:
    """The relation of a step, given what the sentence said (``None``: nothing)."""
    if target is None or skill in ("grasp", "follow") or target.kind == "direction":
        return None
    if skill == "stack":
        return "on"
    if skill == "push":
        return _push_relation(target, said)
    if target.kind == "bin":
        return "in" if said in (None, "in", "at", "on") else said
    if said not in (None, "at"):
        return said
    if skill == "pick_place" and target.kind in ("object", "landmark"):
        return "on" if target.kind == "landmark" else "next_to"
    return "at"


def _push_relation(target: Target, said: str | None) -> str:
    if target.kind in ("bin", "object") and said in (None, "at", "in", "on"):
        return "next_to"
    return said or "at"
