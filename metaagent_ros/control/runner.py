"""The policy node's core: takes assignments, ticks a controller, ends a run when it is over."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from metaagent_ros.control.controller import Command, Controller
from metaagent_ros.control.episode import EpisodeLog
from metaagent_ros.control.pacing import NS
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.state import RobotState
from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import GroundedTask, Scene

CONFIRM = 3  # ticks in a row that success must be measured
SCENE_AGE_S = 0.5  # [s] of robot time: an older scene is none
JUMP_BACK_S = 1.0  # [s] of robot time, from which on a run makes no sense any more
APPROACH_S = 6.0  # [s] of robot time to reach the start pose


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to run: weights as a safetensors file with its hash, the task, the limit [s, robot time]."""

    run_id: str
    task: GroundedTask
    parameters: bytes
    sha256: str
    time_limit: float


class Runner:
    """One run after the other on one robot; a new assignment replaces the one before.

    Every method is called from one thread, so a swap always falls between two ticks.
    """

    def __init__(self, robot: str) -> None:
        profile = load_profile(robot)
        self.robot, self.period, self.is_arm = robot, float(profile.control_period), profile.family == "arm"
        self._kinematics = Kinematics(profile) if self.is_arm else None
        self._controller: Controller | None = None
        self._limit, self._confirmed = 0.0, 0
        self._assigned_ns: int | None = None
        self._started_ns: int | None = None
        self._clock_ns: int | None = None
        self._seen_ns: int | None = None
        self._last: Command | None = None
        self.log = EpisodeLog(self.period)
        self.report = PolicyReport()

    @property
    def running(self) -> bool:
        """Whether ticks become commands."""
        return self.report.state == "running"

    def assign(self, assignment: Assignment) -> None:
        """Swap the policy; broken bytes end in state ``fault`` with the cause."""
        self._free()
        self._assigned_ns = self._started_ns = self._clock_ns = self._seen_ns = None
        self._confirmed = 0
        self.log.begin(assignment.run_id)
        try:
            self._controller = self._checked(assignment)
        except ValueError as error:
            self.fault(assignment.run_id, str(error))
            return
        self._limit = assignment.time_limit
        self.report = PolicyReport(assignment.run_id, "running", 0, str(assignment.task.spec.skill))

    def stop(self) -> None:
        """Hold: nothing is commanded until another assignment."""
        if self.running:
            self._end("stopped", "stopped on request")

    def fault(self, run_id: str, message: str) -> None:
        """A run that cannot be."""
        self._free()
        self.report = PolicyReport(run_id, "fault", 0, message)

    def tick(self, stamp_ns: int, state: RobotState, scene: Scene | None, seen_ns: int) -> Command | None:
        """The command for the measured state of ``stamp_ns``; ``scene`` was seen at ``seen_ns``."""
        controller = self._controller
        if not self.running or controller is None:
            return None
        before, self._seen_ns = self._seen_ns, stamp_ns
        try:
            if before is not None and stamp_ns < before - JUMP_BACK_S * NS:
                raise ValueError(f"robot time jumped back by {(before - stamp_ns) / NS:.2f} s")
            command = self._step(controller, stamp_ns, state, scene, seen_ns)
        except ValueError as error:
            command = _hold(controller, state)
            self._end("fault", str(error))
        self._last = command or self._last
        return command

    def rehearse(self, state: RobotState, scene: Scene | None) -> Command | None:
        """All the work of a tick on the state of the last one, and no consequences; what it would command.

        A process that slept since then finds the caches cold and takes several times as long for the first
        such piece of work; done shortly before a tick, this is that piece.
        """
        if (
            self.running
            and self._controller is not None
            and self._started_ns is not None
            and scene is not None
        ):
            try:
                return self._controller.rehearse(state, scene)
            except ValueError:
                pass  # the tick will say it
        return None

    def wait(self, stamp_ns: int) -> None:
        """Not now, the robot is paused: the run and its clock stand still at the state of ``stamp_ns``."""
        passed = 0 if self._seen_ns is None else max(0, stamp_ns - self._seen_ns)
        self._seen_ns = stamp_ns
        if self._assigned_ns is not None:
            self._assigned_ns += passed
        if self._started_ns is not None:
            self._started_ns += passed
        if self._clock_ns is not None:
            self._clock_ns += passed

    def expire(self, now_ns: int) -> None:
        """End the run when the node's clock goes on but no state arrives (stamps may be of another clock)."""
        if not self.running:
            return
        if self._clock_ns is None or now_ns < self._clock_ns:
            self._clock_ns = now_ns
        if now_ns - self._clock_ns > (self._limit + APPROACH_S + 1.0) * NS:
            self._end("timeout", f"no measured state to end the run within {self._limit:g} s")

    def close(self) -> None:
        """Free the kinematics; twice is fine."""
        self._free()
        if self._kinematics is not None:
            self._kinematics.close()

    def _checked(self, assignment: Assignment) -> Controller:
        digest = hashlib.sha256(assignment.parameters).hexdigest()
        if digest != assignment.sha256:
            raise PolicyFileError(f"sha256 of the parameters is {digest}, announced: {assignment.sha256!r}")
        if not (math.isfinite(assignment.time_limit) and assignment.time_limit > 0.0):
            raise ValueError(f"time limit is {assignment.time_limit!r} s; it must be finite and positive")
        policy = PolicyFile.loads(assignment.parameters, f"policy of run {assignment.run_id}")
        return Controller(policy, self.robot, assignment.task, self._kinematics, self._last)

    def _step(
        self, controller: Controller, stamp_ns: int, state: RobotState, scene: Scene | None, seen_ns: int
    ) -> Command | None:
        if scene is None:
            raise ValueError("no scene yet: there is nothing to act on or to plan a way in")
        if self.is_arm and stamp_ns - seen_ns > SCENE_AGE_S * NS:  # what a base drives around stays there
            raise ValueError(f"no scene within the last {SCENE_AGE_S:g} s")
        if self._assigned_ns is None or stamp_ns < self._assigned_ns:
            self._assigned_ns = stamp_ns
        if self._started_ns is None:
            command = controller.approach(state)
            if command is not None:
                if stamp_ns - self._assigned_ns > APPROACH_S * NS:
                    return self._over(controller, state, "timeout", "the start pose was not reached")
                return command
            self._started_ns = stamp_ns
        return self._run(controller, stamp_ns, state, scene)

    def _run(self, controller: Controller, stamp_ns: int, state: RobotState, scene: Scene) -> Command:
        age_ns = stamp_ns - (self._started_ns or 0)
        if controller.done(state, scene):
            self._confirmed += 1
            if self._confirmed >= CONFIRM:
                return self._over(controller, state, "done", f"done after {age_ns / NS:.2f} s")
            return controller.hold(state)  # training ended here: the policy has no say beyond it
        self._confirmed = 0
        if age_ns > self._limit * NS:
            return self._over(controller, state, "timeout", f"not done within {self._limit:g} s")
        run = self.report
        self.report = PolicyReport(run.run_id, run.state, run.ticks + 1, run.message)
        command = controller.tick(state, scene)
        self.log.add(stamp_ns, *controller.seen)
        return command

    def _over(self, controller: Controller, state: RobotState, ended: str, message: str) -> Command:
        command = controller.hold(state)
        self._end(ended, message)
        return command

    def _end(self, state: str, message: str) -> None:
        self.report = PolicyReport(self.report.run_id, state, self.report.ticks, message)
        self._free()

    def _free(self) -> None:
        if self._controller is not None:
            self._controller.close()
            self._controller = None


def _hold(controller: Controller, state: RobotState) -> Command | None:
    """Where the robot is measured; None where even that cannot be used (the guard then holds)."""
    try:
        return controller.hold(state)
    except ValueError:
        return None
