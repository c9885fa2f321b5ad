"""Every check, in the order in which a person would look: who is there, what they say, may it start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from metaagent_ros.preflight import (
    base_checks,
    graph_checks,
    joint_checks,
    position_checks,
    run_checks,
    shadow_checks,
    timing,
)
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import Observation
from metaagent_ros.preflight.rows import Row
from metaagent_ros.preflight.run_checks import Kinematics
from sim_envs.robots.kinematics import Kinematics as Model
from sim_envs.spec import Vec3

Check = Callable[[Observation, Expectation], Iterator[Row]]
_GRAPH: tuple[Check, ...] = (
    graph_checks.node_names, graph_checks.endpoints, graph_checks.actions, graph_checks.commanders,
    graph_checks.clock, timing.rate, timing.stamps,
)  # fmt: skip
_REPORTED: tuple[Check, ...] = (joint_checks.names, joint_checks.order, joint_checks.numbers)
_MEASURED: tuple[Check, ...] = (position_checks.limits, position_checks.gripper, position_checks.signs)
_RUN: tuple[Check, ...] = (run_checks.speed_scaling, run_checks.program, graph_checks.scene)


def examine(seen: Observation, wanted: Expectation, kinematics: Kinematics | None = None) -> tuple[Row, ...]:
    """All rows about a graph. What cannot be judged for want of data has no row: its cause has a failed one.

    ``kinematics`` takes the measured joints, then the fingers; by default it is that of our description.
    """
    rows = list(graph_checks.discovery(seen, wanted))
    if not seen.nodes and not seen.topics:
        return tuple(rows)
    for check in _GRAPH:
        rows += check(seen, wanted)
    rows += _arm(seen, wanted, kinematics) if wanted.arm else _base(seen, wanted)
    for check in _RUN:
        rows += check(seen, wanted)
    return tuple(rows)


def _arm(seen: Observation, wanted: Expectation, kinematics: Kinematics | None) -> list[Row]:
    rows: list[Row] = []
    if not seen.joints and not seen.faults:
        return rows
    for check in _REPORTED:
        rows += check(seen, wanted)
    usable = joint_checks.usable(seen, wanted)
    if not usable.joints:
        return rows
    for check in _MEASURED:
        rows += check(usable, wanted)
    if wanted.at_home:
        rows += position_checks.home(usable, wanted)
    rows += shadow_checks.shadow(usable, wanted)
    if kinematics is not None:
        return [*rows, *run_checks.tool(usable, wanted, kinematics)]
    model = Model(wanted.profile)
    try:
        return [*rows, *run_checks.tool(usable, wanted, lambda joints: _tool(model, joints))]
    finally:
        model.close()


def _base(seen: Observation, wanted: Expectation) -> list[Row]:
    rows: list[Row] = []
    if seen.odometry or seen.faults:
        rows += base_checks.odometry(seen, wanted)
    return [*rows, *base_checks.scan(seen, wanted), *shadow_checks.shadow(seen, wanted)]


def _tool(model: Model, joints: Sequence[float]) -> Vec3:
    model.arm.set_state(joints, [0.0] * len(joints))
    return model.arm.read().tool
