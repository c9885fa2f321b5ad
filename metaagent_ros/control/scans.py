"""A lidar's scan of any layout, on the beams that a base's profile has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_EXACT = 1e-3  # [beams] a direction this near to a reading's own is that reading's


@dataclass(frozen=True, slots=True)
class ScanLayout:
    """Where readings point and what they may say: angles [rad] counter-clockwise from ahead; ranges [m]."""

    angle_min: float
    increment: float
    range_min: float
    range_max: float


class ScanError(ValueError):
    """A scan that the beams cannot be read from; the message names what is wrong."""


def resampled(ranges: Array, layout: ScanLayout, beams: int, reach: float) -> Array:
    """Ranges (beams,) [m] over 360 degrees, the first beam forward, counter-clockwise.

    Each beam gets the nearest thing that any reading in its sector sees, and of a scan that is coarser the
    nearer of the two readings beside it: thin things are not lost between beams. A scan of the same layout
    comes back as it is. By REP 117 inf is nothing in reach and -inf too near to measure; a reading of 0 from
    a lidar that cannot measure 0 is nothing in reach too (so do LDS drivers say it), and readings that are
    not numbers are left out. Raises :class:`ScanError` for a layout that is not one, and for beams without
    any reading.
    """
    _check(ranges, layout)
    values, known = _read(ranges, layout, reach)
    own, step = abs(layout.increment), 2 * math.pi / beams
    middle = layout.angle_min + layout.increment * np.arange(len(ranges))
    away = (middle[None, :] - step * np.arange(beams)[:, None] + math.pi) % (2 * math.pi) - math.pi
    width = step / 2 + _EXACT * own if own <= step / 2 else own * (1 - _EXACT)
    near = (np.abs(away) <= width) & known
    if blind := [math.degrees(step * k) for k in np.flatnonzero(~near.any(axis=1))]:
        shown = ", ".join(f"{angle:.0f}" for angle in blind[:6]) + (", ..." if len(blind) > 6 else "")
        raise ScanError(f"the scan has no reading towards {shown} degrees; allowed: 360 degrees around")
    nearest: Array = np.where(near, values[None, :], reach).min(axis=1)
    return nearest


def _check(ranges: Array, layout: ScanLayout) -> None:
    angles = (layout.angle_min, layout.increment)
    if not all(map(math.isfinite, angles)) or layout.increment == 0.0:
        raise ScanError(
            f"the scan begins at {layout.angle_min!r} rad and goes on by {layout.increment!r};"
            " both must be finite, and it must go on"
        )
    if len(ranges) * abs(layout.increment) > 2 * math.pi + 2 * abs(layout.increment):
        turn = math.degrees(len(ranges) * abs(layout.increment))
        raise ScanError(f"the scan has {len(ranges)} readings over {turn:.0f} degrees; allowed: one turn")


def _read(ranges: Array, layout: ScanLayout, reach: float) -> tuple[Array, NDArray[np.bool_]]:
    """Ranges [m] within [0, reach], and which of them say anything."""
    values = np.where(np.isneginf(ranges), max(layout.range_min, 0.0), ranges)
    if layout.range_min > 0.0:
        values = np.where(values == 0.0, np.inf, values)
    if layout.range_max > 0.0:
        values = np.where(values > layout.range_max, np.inf, values)
    known = ~np.isnan(values)
    return np.clip(np.where(known, values, reach), 0.0, reach), known
