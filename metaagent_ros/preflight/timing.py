"""When messages came: rate, gaps, age and order of their stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import Arrival, Observation
from metaagent_ros.preflight.rows import Line, Row

NOMINAL_SHARE = 0.8  # of the rate that the profile states: less is worth a word
SIMULATED_BEFORE = 1e9  # [s] a stamp before 2001 is simulated time
SLOW_SCAN, USELESS_SCAN = 10.0, 2.0  # [Hz]


def rate(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """How often states come, and the largest gap between two."""
    said = wanted.deployment
    arrivals, least = states(seen), min(said.control_rate, NOMINAL_SHARE * said.state_rate)
    expected = f"{said.state_rate:g} Hz, at least {least:g}; gaps below {_ms(said.state_timeout)}"
    line = Line(f"rate of {wanted.name(said.state_topic)}", expected)
    if not seen.topic(wanted.name(said.state_topic)).publishers:
        return  # the row of the topic says so
    if len(arrivals) < 2:
        yield line.fail(
            f"{len(arrivals)} messages in {seen.seconds:g} s",
            "the publisher is there but does not speak: its log says why",
        )
        return
    hertz, gap, jitter = spread(arrivals)
    found = f"{hertz:.1f} Hz, largest gap {_ms(gap)}, jitter {_ms(jitter)}"
    if hertz < least:
        yield line.fail(found, "raise the update rate of the state broadcaster: the policy ticks on states")
    elif gap > said.state_timeout:
        yield line.fail(found, "the guard stops the robot in such a gap: wire instead of radio, less load")
    elif hertz < NOMINAL_SHARE * said.state_rate:
        yield line.warn(found, "slower than the profile says (ros.state_rate)")
    elif hertz < said.control_rate:
        slow = f"the policy ticks on states, and was trained at {said.control_rate:g} Hz"
        yield line.warn(found, slow)
    else:
        yield line.ok(found)


def stamps(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Whether stamps are of the graph's time, fresh, and in order."""
    topic, arrivals = wanted.name(wanted.deployment.state_topic), states(seen)
    if arrivals:
        yield _kind(topic, seen, arrivals)
        yield _age(topic, arrivals, wanted.deployment.state_timeout)
        yield _order(topic, arrivals)


def scan_rate(seen: Observation, topic: str) -> Row:
    """How often scans come: they may be slower than states."""
    hertz = spread([s.at for s in seen.scans])[0] if len(seen.scans) > 1 else 0.0
    line, found = Line(f"rate of {topic}", f"at least {SLOW_SCAN:g} Hz"), f"{hertz:.1f} Hz"
    if hertz >= SLOW_SCAN:
        return line.ok(found)
    judge = line.fail if hertz < USELESS_SCAN else line.warn
    return judge(found, "the policy drives on old scans: raise the rate of the lidar, or drive slower")


def states(seen: Observation) -> list[Arrival]:
    """The arrivals of the robot's states, in the order in which they came."""
    samples = seen.joints or seen.odometry
    return [sample.at for sample in samples]


def spread(arrivals: Sequence[Arrival]) -> tuple[float, float, float]:
    """Mean rate [Hz], largest gap [s] and standard deviation of the gaps [s] of at least two arrivals."""
    gaps = np.diff([at.received for at in arrivals])
    mean = float(gaps.mean())
    return (1.0 / mean if mean > 0.0 else 0.0), float(gaps.max()), float(gaps.std())


def _kind(topic: str, seen: Observation, arrivals: Sequence[Arrival]) -> Row:
    expected, last = "/clock" if seen.sim_time else "wall time", arrivals[-1].stamp
    line = Line(f"clock of {topic}", expected)
    if all(at.stamp == 0.0 for at in arrivals):
        return line.fail(
            "no stamps: all are zero", "have the publisher fill header.stamp: age and order cannot be told"
        )
    simulated = last < SIMULATED_BEFORE
    if simulated and not seen.sim_time:
        return line.fail(
            f"stamps near {last:.1f} s, and nobody publishes /clock",
            "a simulated robot needs its /clock; a real one a set system clock",
        )
    if seen.sim_time and not simulated:
        return line.fail(
            "wall time, but /clock is published",
            "end the simulator, or start the robot's nodes with use_sim_time:=true",
        )
    return line.ok(expected)


def _age(topic: str, arrivals: Sequence[Arrival], limit: float) -> Row:
    line = Line(f"age of {topic}", f"at most {_ms(limit)}")
    age = float(np.median([at.age for at in arrivals]))
    found = f"{_ms(age)}, at most {_ms(max(at.age for at in arrivals))}"
    if age < -limit / 2:
        return line.fail(
            f"{_ms(-age)} in the future", "the clocks of the two machines differ: synchronise them (chrony)"
        )
    if age > limit:
        return line.fail(found, "the clocks of the two machines differ (chrony), or the states are stale")
    if age > limit / 2:
        return line.warn(found, "little is left for the way through policy and guard")
    return line.ok(found)


def _order(topic: str, arrivals: Sequence[Arrival]) -> Row:
    line, steps = Line(f"order of {topic}", "stamps increase"), np.diff([at.stamp for at in arrivals])
    back, same = int((steps < 0.0).sum()), int((steps == 0.0).sum())
    found = f"{back} backwards and {same} repeated of {len(arrivals)}"
    if back:
        return line.fail(found, "two publishers, or a simulation that was reset: the guard drops such states")
    if same:
        return line.warn(found, "the guard drops what comes twice")
    return line.ok(found)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.0f} ms" if abs(seconds) < 10.0 else f"{seconds:.0f} s"
