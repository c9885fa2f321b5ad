"""Measured positions of an arm: unit, limits, gripper, home pose, and whether velocities fit the motion."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.joint_checks import Array, table
from metaagent_ros.preflight.observation import Observation
from metaagent_ros.preflight.rows import Line, Row
from sim_envs.robots import ArmProfile

HOME_TOLERANCE = 0.05  # [rad] a person drives there by hand
FINGER_SLACK = 0.003  # [m] that a closed or open gripper may report beyond its range
MOVING, ENOUGH = 0.02, 5  # [rad/s] a joint counts as moving; intervals of motion that can be judged
AGREES = (0.5, 2.0)  # reported velocity over the one that the positions show
STRIDE = 0.02  # [s] at least, between the two ends of an interval
_WIDE = 5.0  # times its range that no finger reports in metres
_TURN = math.pi / 2


def limits(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Measured positions inside the limits; a unit that is not rad shows here."""
    profile, said = wanted.profile, wanted.deployment
    now, _ = table(seen.joints, profile.joints)
    lower, upper = np.array(profile.lower), np.array(profile.upper)
    low, high = now.min(axis=0), now.max(axis=0)
    outside = (low < lower) | (high > upper)
    if outside.any():
        degrees = np.radians([low, high])
        if (degrees[0] >= lower).all() and (degrees[1] <= upper).all():
            yield Line("joint limits", "radians").fail(
                _values(profile.joints, now[-1], outside),
                "these look like degrees: joint states are in rad (REP 103)",
            )
            return
        yield Line("joint limits", _ranges(profile, outside)).fail(
            _values(profile.joints, now[-1], outside),
            "not this robot, an encoder offset, or a joint beyond its limit: jog it back",
        )
        return
    near = (low < lower + said.soft_margin) | (high > upper - said.soft_margin)
    if near.any():
        yield Line("joint limits", f"{said.soft_margin:g} rad inside").warn(
            _values(profile.joints, now[-1], near),
            "the guard moves it only inwards: jog it away from the limit",
        )
    else:
        yield Line("joint limits", "inside").ok("inside")


def gripper(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Finger positions in metres, inside the gripper's range."""
    profile = wanted.profile
    now, _ = table(seen.joints, profile.gripper_joints)
    most = profile.gripper_max_width / 2
    line = Line("gripper", f"0 to {most:g} m each")
    outside = (now.min(axis=0) < -FINGER_SLACK) | (now.max(axis=0) > most + FINGER_SLACK)
    found = _values(profile.gripper_joints, now[-1], np.ones(len(profile.gripper_joints), bool), "m")
    if not outside.any():
        yield line.ok(found)
    elif now.min() >= 0.0 and _WIDE * most < now.max() <= 1e3 * (most + FINGER_SLACK):
        yield line.fail(found, "these look like millimetres: lengths are in m (REP 103)")
    else:
        yield line.fail(found, "another gripper, or its opening instead of the way of each finger")


def home(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """A robot of which a person says that it stands at home."""
    profile = wanted.profile
    now = np.median(table(seen.joints, profile.joints)[0], axis=0)
    away = np.abs(now - profile.home) > HOME_TOLERANCE
    pose = ", ".join(f"{q:g}" for q in profile.home)
    line = Line("home pose", f"at {pose} rad, each within {HOME_TOLERANCE:g}")
    if not away.any():
        yield line.ok(f"within {np.abs(now - profile.home).max():.3f} rad")
        return
    yield line.fail(_values(profile.joints, now, away), _suspicion(now, profile, away))


def _suspicion(now: Array, profile: ArmProfile, away: NDArray[np.bool_]) -> str:
    """What would explain the difference; otherwise that it may not stand there."""
    said = []
    for name, q, at, off in zip(profile.joints, now.tolist(), profile.home, away, strict=True):
        if not off:
            continue
        turns = round((q - at) / _TURN)
        if abs(q + at) <= HOME_TOLERANCE:
            said.append(f"{name} counts the other way round")
        elif abs(at) > HOME_TOLERANCE and abs(math.radians(q) - at) <= HOME_TOLERANCE:
            said.append(f"{name} is in degrees")
        elif turns and abs(q - at - turns * _TURN) <= HOME_TOLERANCE:
            said.append(f"{name} has its zero {turns * _TURN:+.2f} rad off")
    return "; ".join(said) or "it does not stand at home, or the zeros of its encoders are off"


def signs(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Reported velocities against the motion that the positions show."""
    joints, line = wanted.profile.joints, Line("velocity signs", "as the motion shows")
    positions, velocities = table(seen.joints, joints)
    if velocities is None:
        yield line.warn(
            "no velocities reported", "they count as zero: the policy was trained with velocities"
        )
        return
    ratio, tried = slopes(np.array([s.at.stamp for s in seen.joints]), positions, velocities)
    if not tried.any():
        yield line.warn(
            "at rest, so not tried",
            "once: move each joint by hand (freedrive, guiding) while --seconds 20 watches",
        )
        return
    yield _compared(line, [(n, r) for n, r, m in zip(joints, ratio, tried, strict=True) if m], len(joints))


def slopes(times: Array, positions: Array, velocities: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Reported velocity over the one that the positions show, of each joint: least squares, (joints,).

    Only motion counts: below ``MOVING`` the noise of an encoder is most of it. The second array tells of
    which joints there was enough.
    """
    kept = _apart(times)
    times, positions, velocities = times[kept], positions[kept], velocities[kept]
    steps = np.diff(times)
    good = steps > 0.0
    shown = np.diff(positions, axis=0)[good] / steps[good, None]
    reported = ((velocities[1:] + velocities[:-1]) / 2)[good]
    moving = np.abs(shown) > MOVING
    power = (shown**2 * moving).sum(axis=0)
    ratio: Array = np.divide(
        (shown * reported * moving).sum(axis=0), power, out=np.zeros_like(power), where=power > 0.0
    )
    return ratio, moving.sum(axis=0) >= ENOUGH


def _apart(times: Array) -> list[int]:
    """Samples at least ``STRIDE`` apart: over a shorter time the encoder's resolution is the motion."""
    kept = [0]
    for number, time in enumerate(times):
        if time - times[kept[-1]] >= STRIDE:
            kept.append(number)
    return kept


def _compared(line: Line, ratios: Sequence[tuple[str, float]], count: int) -> Row:
    least, most = AGREES
    bad = [(name, ratio) for name, ratio in ratios if not least <= ratio <= most]
    if not bad:
        return line.ok(f"{len(ratios)} of {count} joints moved, all agree")
    found = ", ".join(f"{name} reports {ratio:.2g} times its motion" for name, ratio in bad)
    if any(ratio < -0.1 for _, ratio in bad):
        remedy = "position and velocity have opposite signs: mend the driver or the description"
    elif any(least < ratio * unit < most for _, ratio in bad for unit in (math.radians(1), math.degrees(1))):
        remedy = "one of the two is in degrees: both are in rad (REP 103)"
    else:
        remedy = "a filter, or velocities of another unit: the guard decelerates along them"
    return line.fail(found, remedy)


def _values(names: Sequence[str], now: Array, which: NDArray[np.bool_], unit: str = "rad") -> str:
    return ", ".join(f"{n} {q:.3f} {unit}" for n, q, w in zip(names, now, which, strict=True) if w)


def _ranges(profile: ArmProfile, which: NDArray[np.bool_]) -> str:
    rows = zip(profile.joints, profile.lower, profile.upper, which, strict=True)
    return ", ".join(f"{n} {low:g} to {high:g} rad" for n, low, high, w in rows if w)
