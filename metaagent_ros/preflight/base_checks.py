"""Odometry and scan of a mobile base."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from metaagent_ros.control.scans import ScanError, ScanLayout, resampled
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import BaseSample, Observation, ScanSample
from metaagent_ros.preflight.position_checks import AGREES
from metaagent_ros.preflight.rows import Line, Row
from metaagent_ros.preflight.shadow_checks import BASE_AXES
from metaagent_ros.preflight.timing import scan_rate
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import BaseState

FRAMES = ("base_link", "base_footprint")
MOVED, TURNED = 0.05, 0.1  # [m, rad] in a window, from which on signs can be compared
WINDOW = 1.0  # [s]
_FAR = 100.0  # [m] half of the readings of no room
_FASTER = 1.2  # times the profile's limit that odometry may report


def odometry(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Numbers, frames and speed."""
    if seen.faults:
        yield Line("odometry values", "finite").fail(
            f"{len(seen.faults)} broken, the first: {seen.faults[0]}",
            "mend the publisher: the guard takes such a state for none",
        )
    if not seen.odometry:
        return
    last = seen.odometry[-1]
    pair = f"{last.frame} to {last.child}"
    good = last.frame.endswith("odom") and last.child.endswith(FRAMES)
    line = Line("odometry frames", "odom to base_link or base_footprint")
    remedy = "REP 105 names them so; goals and scenes are taken to be in odom"
    yield line.ok(pair) if good else line.warn(pair, remedy)
    yield _speed([sample.state for sample in seen.odometry], wanted)
    yield from _signs(seen.odometry)


def _speed(states: list[BaseState], wanted: Expectation) -> Row:
    profile = wanted.profile
    linear, angular = (max(abs(getattr(s, n)) for s in states) for n in ("linear", "angular"))
    line = Line("speed", f"at most {profile.max_linear:g} m/s and {profile.max_angular:g} rad/s")
    found = f"{linear:.3f} m/s, {angular:.3f} rad/s"
    if linear > _FASTER * profile.max_linear or angular > _FASTER * profile.max_angular:
        return line.fail(found, "another base, or a unit that is not m/s and rad/s")
    return line.ok(found)


def _signs(samples: tuple[BaseSample, ...]) -> Iterator[Row]:
    """Way along the heading against the reported speed, turn against the reported rate."""
    line, ratios = Line("velocity signs", "as the motion shows"), _ratios(samples)
    found = ", ".join(f"{name} {ratio:.2f} times its motion" for name, ratio in ratios.items())
    least, most = AGREES
    if not ratios:
        yield line.warn(
            "at rest, so not tried",
            "once: push the base ahead and turn it left by hand while --seconds 20 watches",
        )
    elif min(ratios.values()) < 0.0:
        yield line.fail(found, "opposite: a wheel or the IMU is mounted or wired the other way round")
    elif min(ratios.values()) < least or max(ratios.values()) > most:
        yield line.fail(found, "pose and velocity differ: wheel radius, separation, or a unit")
    else:
        yield line.ok(found)


def _ratios(samples: tuple[BaseSample, ...]) -> dict[str, float]:
    """Reported velocity over the one that the poses show, of each axis along which it moved.

    Over windows of ``WINDOW``: from one pose to the next their noise is larger than the way.
    """
    if len(samples) < 2:
        return {}
    states, times = [s.state for s in samples], np.array([s.at.stamp for s in samples])
    window = ((times[:-1] - times.min()) / WINDOW).astype(int)
    pairs = list(itertools.pairwise(states))
    ahead = [(b.x - a.x) * math.cos(a.yaw) + (b.y - a.y) * math.sin(a.yaw) for a, b in pairs]
    turned = [_wrapped(b.yaw - a.yaw) for a, b in pairs]
    found = {}
    for name, way, speed, least in (
        (BASE_AXES[0], ahead, [a.linear for a, _ in pairs], MOVED),
        (BASE_AXES[1], turned, [a.angular for a, _ in pairs], TURNED),
    ):
        shown = np.bincount(window, way)
        reported = np.bincount(window, np.array(speed) * np.diff(times))
        moved = np.abs(shown) > least
        if moved.any():
            found[name] = float((shown * reported)[moved].sum() / (shown[moved] ** 2).sum())
    return found


def scan(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Layout, reach and rate of the lidar."""
    topic, profile = wanted.name(wanted.deployment.scan_topic), wanted.profile
    if not topic:
        return
    if not seen.topic(topic).publishers:
        return  # the row of the topic says so
    if not seen.scans:
        yield Line(f"scan {topic}", "scans").fail("none heard", "no run starts without: is the lidar on?")
        return
    yield _layout(topic, seen.scans[-1], profile)
    yield _ranges(topic, seen.scans[-1], profile)
    yield scan_rate(seen, topic)


def _layout(topic: str, last: ScanSample, profile: BaseProfile) -> Row:
    """Whether the policy's beams can be read from it, by the function that the policy node uses."""
    line = Line(f"scan {topic}", f"readings all around for {profile.beams} beams")
    found = (
        f"{len(last.ranges)} from {last.start:.3f} rad by {last.step:.5f} rad in {last.frame or 'no frame'}"
    )
    layout = ScanLayout(last.start, last.step, last.nearest, last.reach)
    try:
        resampled(np.array(last.ranges), layout, profile.beams, profile.range)
    except ScanError as error:
        return line.fail(f"{found}: {error}", "another lidar, or another setting of its driver")
    return line.ok(found)


def _ranges(topic: str, last: ScanSample, profile: BaseProfile) -> Row:
    line = Line(f"ranges of {topic}", f"metres, reach of {profile.range:g} m")
    values = np.array(last.ranges)
    hits = values[np.isfinite(values) & (values > 0.0)]
    found = f"{len(hits)} of {len(values)} readings hit"
    if len(hits):
        found += f", {hits.min():.2f} to {hits.max():.2f} m"
    if len(hits) and float(np.median(hits)) > _FAR:
        return line.fail(found, "these look like millimetres: ranges are in m (REP 103)")
    if last.reach < profile.range:
        return line.warn(
            f"{found}; reach {last.reach:g} m", "what lies beyond its reach looks free to the policy"
        )
    if np.isnan(values).any():
        return line.warn(
            f"{found}; {int(np.isnan(values).sum())} not a number", "nothing in reach is inf (REP 117)"
        )
    return line.ok(found)


def _wrapped(angle: float) -> float:
    return math.atan2(math.sin(angle), math.cos(angle))
