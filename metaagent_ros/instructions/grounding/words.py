"""Words for things in a scene: how a person tells them apart, and what comes nearest to what was said."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Sequence

from sim_envs.spec import ObjectRef, Scene, SceneItem, Target

RELATION_WORDS = {
    "next_to": "next to", "left_of": "to the left of", "right_of": "to the right of", "behind": "behind",
    "in_front_of": "in front of", "in": "in", "on": "on", "above": "above", "at": "at",
}  # fmt: skip
_SIDES = {2: ("left", "right"), 3: ("left", "middle", "right")}
_DEPTHS = {2: ("near", "far"), 3: ("near", "middle", "far")}
_MOST = 3  # near matches that are named


def place_text(x: float, y: float) -> str:
    """A place [m] for a person."""
    return f"({x:.2f}, {y:.2f}) m"


def told_apart(items: Sequence[SceneItem], scene: Scene) -> list[str]:
    """Words for each of them that fit none of the others; sides are as the robot sees them."""
    alike = [[other for other in items if plain(other) == plain(item)] for item in items]
    return [
        _placed(item, group, scene) if len(group) > 1 else _named(item)
        for item, group in zip(items, alike, strict=True)
    ]


def plain(item: SceneItem) -> str:
    """What it is called: a place that is there twice by the same words as the first."""
    return str(item) if item.kind == "object" else re.sub(r" \d+$", "", str(item))


def there(items: Sequence[SceneItem]) -> str:
    """A list of what there is."""
    counts = Counter(plain(item) for item in items if not re.search(r"\d+_wall$", item.name))
    many = {1: "", 2: " (twice)"}
    said = [f"{name}{many.get(count, f' ({count} times)')}" for name, count in counts.items()]
    return ", ".join(said) or "nothing"


def nearest(ref: ObjectRef, items: Sequence[SceneItem]) -> str:
    """What comes nearest to a description among objects, as "the red cube or the red sphere"; maybe ""."""
    scores = [
        2 * (ref.color is not None and ref.color == item.color)
        + 2 * (ref.shape is not None and ref.shape == item.shape)
        + (ref.size is not None and ref.size == item.size)
        for item in items
    ]
    best = max(scores, default=0)
    said = [
        str(ObjectRef(item.color, item.shape, item.size if ref.size else None))
        for item, score in zip(items, scores, strict=True)
        if score == best > 0
    ]
    return " or ".join(f"the {words}" for words in list(dict.fromkeys(said))[:_MOST])


def nearest_place(target: Target, items: Sequence[SceneItem]) -> str:
    """The place whose name is most like the one that was said; maybe ""."""
    cutoff = 0.4 if target.kind == "bin" else 0.6
    close = difflib.get_close_matches(str(target), [plain(item) for item in items], 1, cutoff)
    return f"the {close[0]}" if close else ""


def _named(item: SceneItem) -> str:
    """Its description, and its name where that says something else."""
    parts = [part for part in item.name.split("_") if not part.isdigit()]
    odd = item.kind == "object" and not set(parts) <= set(str(item).split())
    return f"the {plain(item)} ({item.name})" if odd else f"the {plain(item)}"


def _placed(item: SceneItem, alike: Sequence[SceneItem], scene: Scene) -> str:
    """A thing among others of the same description: by its side, where that is one word, and its place."""
    ahead, left = zip(*(_seen(other, scene) for other in alike), strict=True)
    wide = max(left) - min(left) >= max(ahead) - min(ahead)
    words = (_SIDES if wide else _DEPTHS).get(len(alike))
    order = sorted(alike, key=lambda i: -_seen(i, scene)[1] if wide else _seen(i, scene)[0])
    word = f"{words[[i.name for i in order].index(item.name)]} " if words else ""
    return f"the {word}{plain(item)} at {place_text(*item.position[:2])}"


def _seen(item: SceneItem, scene: Scene) -> tuple[float, float]:
    """How far ahead and how far to the left [m] of the robot."""
    dx, dy = item.position[0] - scene.robot_position[0], item.position[1] - scene.robot_position[1]
    c, s = math.cos(scene.robot_yaw), math.sin(scene.robot_yaw)
    return c * dx + s * dy, c * dy - s * dx
