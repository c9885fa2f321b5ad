"""Runs a policy again on the states of a bag, through the code of the policy node, and compares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.runner import Assignment, Runner
from metaagent_ros.deployment import Deployment, load_deployment
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.recording import BagError
from metaagent_ros.recording.reader import Bag
from metaagent_ros.recording.runs import Names, Run, Tick, Values, assignments, runs
from sim_envs.spec import BaseCommand, JointCommand, Scene

Array = NDArray[np.float64]
TOLERANCE = 1e-6  # [rad, m, m/s, rad/s, N]: float32 weights on another processor stay well below
_NS = 1e9


@dataclass(frozen=True, slots=True)
class Difference:
    """The first tick at which a command differs: its number, time [s] in the run, column, by how much."""

    tick: int
    seconds: float
    column: str
    value: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """One run, recorded and recomputed; both tables (ticks, columns), NaN where there is no command.

    ``times`` [s] from the first tick; ``columns`` name joint or axis and unit; ``ended`` and ``again`` are
    how it ended as recorded and as recomputed; ``notes`` say what the bag lacks.
    """

    run_id: str
    skill: str
    columns: tuple[str, ...]
    times: Array
    recorded: Array
    recomputed: Array
    ended: str
    again: str
    notes: tuple[str, ...] = ()

    @property
    def gaps(self) -> Array:
        """Absolute differences (ticks, columns); NaN where one side has no command."""
        return np.abs(self.recorded - self.recomputed)

    @property
    def compared(self) -> int:
        """Ticks with a command on both sides."""
        return int(np.isfinite(self.gaps).all(axis=1).sum())

    def largest(self) -> dict[str, float]:
        """The greatest difference of each column."""
        return self._by_column(lambda gaps: gaps.max(axis=0))

    def rms(self) -> dict[str, float]:
        """The root mean square of the differences of each column."""
        return self._by_column(lambda gaps: np.sqrt((gaps**2).mean(axis=0)))

    def first(self, tolerance: float) -> Difference | None:
        """Where a difference is above ``tolerance`` for the first time; None for nowhere."""
        gaps = np.nan_to_num(self.gaps, nan=0.0)
        above = np.argwhere(gaps > tolerance)
        if not len(above):
            return None
        tick, column = map(int, above[0])
        return Difference(tick, float(self.times[tick]), self.columns[column], float(gaps[tick, column]))

    def same(self, tolerance: float) -> bool:
        """Whether every recorded command was recomputed within ``tolerance``."""
        return self.compared == len(self.times) and self.first(tolerance) is None

    def _by_column(self, of: Callable[[Array], Array]) -> dict[str, float]:
        whole = self.gaps[np.isfinite(self.gaps).all(axis=1)]
        values = of(whole) if len(whole) else np.full(len(self.columns), np.nan)
        return dict(zip(self.columns, map(float, values), strict=True))


@dataclass(frozen=True, slots=True)
class Replay:
    """A whole bag: its robot, whether its recorder finished it, the runs."""

    robot: str
    complete: bool
    runs: tuple[Replayed, ...]

    def same(self, tolerance: float) -> bool:
        """Whether all runs are."""
        return all(run.same(tolerance) for run in self.runs)


def replay(
    path: Path,
    values: Callable[[Deployment], Values],
    policy: PolicyFile | None = None,
    robot: str = "",
    namespace: str | None = None,
) -> Replay:
    """Run every assignment of a bag again, with ``policy`` in place of the recorded one where given.

    ``robot`` empty: the one that the recorded policy is of. Raises :class:`BagError` for a bag that cannot
    be read or holds no run, ``SpecError`` for an unknown robot.
    """
    bag = Bag(path)
    names = Names(bag, namespace)
    given = assignments(bag, names)
    if not given:
        raise BagError(f"{path} holds no assignment with a task: no policy ran")
    robot = robot or _robot(path, given)
    deployment = load_deployment(robot)
    found = runs(bag, deployment, names, given)
    if not found:
        raise BagError(f"{path} holds assignments, but no policy/status says that one of them ran")
    runner = Runner(robot)
    try:
        done = tuple(_again(run, runner, values(deployment), policy) for run in found)
    finally:
        runner.close()
    return Replay(robot, bag.complete, done)


def _robot(path: Path, given: dict[str, Any]) -> str:
    for assignment in given.values():
        card = PolicyFile.loads(bytes(assignment.parameters), f"a policy in {path}").card
        if name := card.get("robot"):
            return str(name)
    raise BagError(f"the policies in {path} do not say which robot they are of; name it with --robot")


def _again(run: Run, runner: Runner, values: Values, policy: PolicyFile | None) -> Replayed:
    assignment = run.assignment
    data = bytes(assignment.parameters) if policy is None else policy.dumps()
    digest = assignment.sha256 if policy is None else hashlib.sha256(data).hexdigest()
    task = values.task(assignment.task)
    runner.assign(Assignment(run.run_id, task, data, digest, float(assignment.time_limit)))
    if policy is not None and runner.report.state == "fault":
        raise BagError(f"the policy does not fit run {run.run_id}: {runner.report.message}")
    pairs = [(values.command(tick.command), _tick(tick, runner, values)) for tick in run.ticks]
    columns = _columns(pairs[0][0]) if pairs else ()
    shape = (len(pairs), len(columns))
    first = run.ticks[0].stamp_ns if run.ticks else 0
    return Replayed(
        run.run_id,
        task.spec.skill,
        columns,
        np.array([(t.stamp_ns - first) / _NS for t in run.ticks]),
        np.array([_row(recorded, columns) for recorded, _ in pairs]).reshape(shape),
        np.array([_row(command, columns) for _, command in pairs]).reshape(shape),
        f"{run.ended}: {run.message}" if run.ended else "",
        f"{runner.report.state}: {runner.report.message}",
        _notes(run),
    )


def _tick(tick: Tick, runner: Runner, values: Values) -> JointCommand | BaseCommand | None:
    """What the policy node makes of the recorded moment; None where the bag lacks the state."""
    if tick.state is None:
        return None
    if tick.paused:  # the run's clock stood still until the tick before
        runner.wait(tick.stamp_ns - round(runner.period * _NS))
    scan = None if tick.scan is None else tick.scan.value()
    state = values.state(tick.state.value(), scan)
    scene: Scene | None = None
    seen_ns = 0
    if tick.scene is not None:
        scene, seen_ns = values.scene(tick.scene.value()), tick.scene.stamp_ns()
    return runner.tick(tick.stamp_ns, state, scene, seen_ns)


def _notes(run: Run) -> tuple[str, ...]:
    notes = []
    if run.first_ticks:
        notes.append(f"the bag begins after {run.first_ticks} ticks of this run")
    for what in ("state", "scene"):
        if lacking := sum(getattr(tick, what) is None for tick in run.ticks):
            notes.append(f"the {what} of {lacking} of {len(run.ticks)} ticks is not in the bag")
    if not run.ended:
        notes.append("the bag ends before this run does")
    return tuple(notes)


def _columns(command: JointCommand | BaseCommand) -> tuple[str, ...]:
    if isinstance(command, BaseCommand):
        return ("linear [m/s]", "angular [rad/s]")
    return (*(f"{name} [rad]" for name in command.names), "gripper width [m]", "gripper force [N]")


def _row(command: JointCommand | BaseCommand | None, columns: tuple[str, ...]) -> list[float]:
    """The numbers of a command in the order of ``columns``; NaN where there are none, or of other joints."""
    if isinstance(command, BaseCommand):
        return [command.linear, command.angular]
    if command is None or _columns(command) != columns:
        return [float("nan")] * len(columns)
    return [*command.positions, command.gripper_width, command.gripper_force]
