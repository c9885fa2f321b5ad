"""A session's robot without ROS and faster than real time: simulation, runner and guard in one loop.

The same cores as the nodes run, at the same rates, on one thread: the simulator's states go to the guard at
100 Hz, a control tick falls on the first state of each period, and what the policy wants reaches the
simulation only as far as the guard lets it through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metaagent_ros.control.episode import Episode
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.guard import TICK_S
from metaagent_ros.control.limits import guard_for
from metaagent_ros.control.pacing import NS, Grid, run_limit
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.runner import Assignment, Runner
from metaagent_ros.control.state import ArmState, RobotState, arm_state
from metaagent_ros.control.telling import Judge, Over, Seen, by_object
from metaagent_ros.policies.files import PolicyFile
from sim_envs.robots import load_profile
from sim_envs.simulation import make_simulation
from sim_envs.spec import BaseCommand, BaseState, GroundedTask, JointCommand, Scene

RATE = 100.0  # [Hz] of measured states
CAMERA_S = 0.04  # [s] between two scenes
REST_S = 0.5  # [s] from the end of a run to the judgement, with the guard holding


class SimulatedRobot:
    """A :class:`~.session.SessionRobot` over :func:`sim_envs.simulation.make_simulation`.

    ``ground`` binds the task to the scene as the camera sees it; with ``real_limits`` the guard allows an arm
    no more acceleration than a real one may have. Close it after use.
    """

    def __init__(
        self,
        robot: str,
        scene_seed: int,
        hidden_seed: int,
        ground: Callable[[Scene], GroundedTask],
        physics: str = "bullet",
        real_limits: bool = False,
    ) -> None:
        self.profile: Any = load_profile(robot)
        self.simulation: Any = make_simulation(robot, scene_seed, hidden_seed, physics)
        self.runner, self.guard = Runner(robot), guard_for(robot, simulated=not real_limits)
        self._arm = self.profile.family == "arm"
        self._ground, self._runs = ground, 0
        self._grid = Grid(self.runner.period)
        self._substeps = max(1, round(1.0 / (RATE * self.simulation.substep)))
        self._every, self._steps = round(TICK_S * RATE), 0
        self._scene, self._seen_ns = self.simulation.scene(), 0
        self._judge: Judge = by_object(robot, self.look)

    def restore(self, number: int, over: Over) -> GroundedTask:
        """The scene as a person puts it back, the robot home."""
        self.simulation.reset(number)
        return self._ground(self.simulation.scene())

    def run(self, task: GroundedTask, policy: PolicyFile, over: Over) -> tuple[PolicyReport, Episode | None]:
        """One run from its assignment to rest."""
        data, self._runs = policy.dumps(), self._runs + 1
        run_id = f"run-{self._runs}"
        limit = run_limit(self.profile)
        self.guard.new_run(run_id)
        self.runner.assign(Assignment(run_id, task, data, hashlib.sha256(data).hexdigest(), limit))
        self._grid.restart()
        while self.runner.running:
            if over():
                self.runner.stop()
                raise Stopped("cancelled", "over")
            if self.guard.state == "fault":
                self.runner.stop()
                raise Stopped("failed", f"guard: {self.guard.message}")
            self._step()
        report = self.runner.report
        for _ in range(round(REST_S * RATE)):
            self._step()
        return report, self.runner.log.episode()

    def judge(self, task: GroundedTask, episode: Episode, over: Over) -> bool:
        """By the goal's tolerance."""
        return self._judge(task, episode, over)

    def look(self) -> Seen:
        """The scene now, and the width of the gripper."""
        width = None
        if self._arm:
            width = float(self.simulation.joint_state()[1][len(self.profile.joints) :].sum())
        return Seen(self.simulation.scene(), width)

    def close(self) -> None:
        """Free the physics."""
        self.guard.close()
        self.runner.close()
        self.simulation.close()

    def _step(self) -> None:
        """To the next measured state, and what follows from it."""
        simulation, now = self.simulation, self.simulation.time
        stamp = round(now * NS)
        if stamp - self._seen_ns >= CAMERA_S * NS - 1:
            self._scene, self._seen_ns = simulation.scene(), stamp
        state = self._measured()
        self.guard.feed_state(self._for_guard(state), stamp, now, now)
        if self._grid.due(stamp) and self.runner.running:
            wanted = self.runner.tick(stamp, state, self._scene, self._seen_ns)
            if wanted is not None:
                self._send(self.guard.feed_command(wanted, stamp, now, now))
        self._steps += 1
        if self._steps % self._every == 0:
            self._send(self.guard.tick(now, now))
        for _ in range(self._substeps):
            simulation.advance()

    def _measured(self) -> RobotState:
        if not self._arm:
            pose: BaseState = self.simulation.pose()
            return replace(pose, ranges=self.simulation.scan())
        names, positions, velocities = self.simulation.joint_state()
        return arm_state(names, positions, velocities, self.profile.joints + self.profile.gripper_joints)

    def _for_guard(self, state: RobotState) -> RobotState:
        if not isinstance(state, ArmState):
            return state
        return arm_state(state.names, state.positions, state.velocities, self.profile.joints)

    def _send(self, command: JointCommand | BaseCommand | None) -> None:
        """The only way to the simulated robot."""
        if isinstance(command, JointCommand):
            self.simulation.command_joints(command.names, command.positions)
            self.simulation.command_gripper(command.gripper_width, command.gripper_force)
        elif isinstance(command, BaseCommand):
            self.simulation.command_velocity(command.linear, command.angular)
