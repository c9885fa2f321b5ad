"""What a robot reports about itself, checked once at the border and then trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sim_envs.spec import BaseState as BaseState


class StateError(ValueError):
    """A state that cannot be used; the message names what is missing or wrong."""


def finite(value: object) -> bool:
    """Whether ``value`` is a finite real number, also for integers too large for a float."""
    return all_finite((value,))


def all_finite(values: Iterable[Any]) -> bool:
    """Whether each of the ``values`` is :func:`finite`."""
    try:
        return all(map(math.isfinite, values))
    except (OverflowError, TypeError, ValueError):
        return False


def name_difference(given: Sequence[str], wanted: Sequence[str]) -> str:
    """How two lists of joint names differ as sets, in words; empty where they do not."""
    parts = []
    if missing := [n for n in wanted if n not in given]:
        parts.append(f"missing {', '.join(missing)}")
    if extra := [n for n in given if n not in wanted]:
        parts.append(f"unknown {', '.join(extra)}")
    if twice := sorted({n for n in given if list(given).count(n) > 1}):
        parts.append(f"named twice {', '.join(twice)}")
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class ArmState:
    """Measured joint positions [rad, fingers m] and velocities [rad/s], ordered as ``names``."""

    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...]

    def position(self, name: str) -> float:
        """The measured position of one joint."""
        return self.positions[self.names.index(name)]

    def at(self, names: tuple[str, ...]) -> tuple[float, ...]:
        """The measured positions of several joints, in that order."""
        return self.positions if names == self.names else tuple(self.position(name) for name in names)


RobotState = ArmState | BaseState


def arm_state(
    names: Sequence[str],
    positions: Sequence[float],
    velocities: Sequence[float],
    required: Sequence[str],
) -> ArmState:
    """Pick the ``required`` joints by name out of a reported state, in that order.

    Other joints are ignored; absent velocities count as zero, as joint_states allows. Raises
    :class:`StateError` for a missing joint, arrays of different lengths, or anything not finite.
    """
    if len(positions) != len(names) or len(velocities) not in (0, len(names)):
        raise StateError(
            f"{len(names)} joint names with {len(positions)} positions and {len(velocities)} velocities."
        )
    wanted = tuple(required)
    index = _places(tuple(names), wanted)
    pos = tuple([positions[i] for i in index])
    vel = tuple([velocities[i] for i in index]) if len(velocities) else (0.0,) * len(index)
    if not all_finite((*pos, *vel)):
        name, p, v = next(j for j in zip(wanted, pos, vel, strict=True) if not all_finite(j[1:]))
        raise StateError(f"{name} is at {p!r} with velocity {v!r}; both must be finite.")
    return ArmState(wanted, tuple(map(float, pos)), tuple(map(float, vel)))


@lru_cache(maxsize=64)  # a robot reports in one order; StateErrors are not kept
def _places(names: tuple[str, ...], required: tuple[str, ...]) -> tuple[int, ...]:
    if absent := [n for n in required if n not in names]:
        raise StateError(f"missing {', '.join(absent)}; reported: {', '.join(names)}.")
    return tuple(names.index(n) for n in required)


def base_state(x: float, y: float, yaw: float, linear: float, angular: float) -> BaseState:
    """A base state without a scan; raises :class:`StateError` for anything not finite."""
    values = {"x": x, "y": y, "yaw": yaw, "linear": linear, "angular": angular}
    if bad := [f"{k} is {v!r}" for k, v in values.items() if not finite(v)]:
        raise StateError(f"odometry {', '.join(bad)}; it must be finite.")
    return BaseState(float(x), float(y), float(yaw), float(linear), float(angular))
