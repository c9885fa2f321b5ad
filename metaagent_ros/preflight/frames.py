"""Chains of transforms (tf), composed without a tf library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim_envs.spec import Vec3

Array: TypeAlias = NDArray[np.float64]
_DEEPEST = 64  # frames in a chain: a longer one goes round


class Transform(NamedTuple):
    """A frame in its ``parent``: translation [m], then turn (x, y, z, w)."""

    parent: str
    translation: Vec3
    turn: tuple[float, float, float, float]


def position_in(frames: Mapping[str, Transform], base: str, frame: str) -> Vec3 | None:
    """Where the origin of ``frame`` is in ``base`` [m]; None unless a chain of parents leads there."""
    point: Array = np.zeros(3)
    for _ in range(_DEEPEST):
        if frame == base:
            x, y, z = map(float, point)
            return x, y, z
        if frame not in frames:
            return None
        parent, translation, turn = frames[frame]
        point = _turned(point, turn) + translation
        frame = parent
    return None


def _turned(point: Array, turn: tuple[float, float, float, float]) -> Array:
    """A point after a unit quaternion: v + 2 w (u x v) + 2 u x (u x v)."""
    axis, w = np.array(turn[:3]), turn[3]
    once = 2.0 * np.cross(axis, point)
    out: Array = point + w * once + np.cross(axis, once)
    return out
