"""From measured state to command: the observation that training used, the policy, the robot's scaling."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.state import ArmState, BaseState, RobotState
from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from metaagent_ros.policies.prompt import PromptPolicy
from sim_envs.base_observation import Observer
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import BaseCommand, GroundedTask, JointCommand, Scene
from sim_envs.tasks import Family, family

Command: TypeAlias = JointCommand | BaseCommand
Array = NDArray[np.float64]
APPROACH_SPEED = 0.5  # share of the velocity limits on the way to the start pose
EMPTY_HAND = 0.005  # [m] between the fingers: closed on nothing, so it opens on the way
AT_HOME = 0.08  # [rad] from the start pose, each joint


class _ArmSide:
    """An arm: kinematics of the measured joints, one scene item, the damped inverse."""

    def __init__(self, robot: str, task: GroundedTask, kinematics: Kinematics | None) -> None:
        self.profile, self.task = load_profile(robot), task
        self._own = kinematics is None
        self._kinematics = kinematics or Kinematics(self.profile)
        self._arm = self._kinematics.arm
        self._tasks = family(robot).module
        self._name = str(task.object_name)
        self._names = self.profile.joints + self.profile.gripper_joints
        self._taken: RobotState | None = None

    def take(self, state: RobotState) -> None:
        if state is self._taken:  # a tick asks more than once about the same measurement
            return
        if not isinstance(state, ArmState):
            raise ValueError("an arm needs a measured joint state")
        positions, velocities = state.positions, state.velocities
        if state.names != self._names:
            index = [state.names.index(name) for name in self._names]
            positions, velocities = tuple(positions[i] for i in index), tuple(velocities[i] for i in index)
        self._arm.set_state(positions, velocities)
        self._taken = state

    def rehearse(self, state: RobotState, scene: Scene, last: Array) -> NDArray[np.float32] | None:
        """All that a tick on this state asks for, although it may be the one that was taken last."""
        self._taken = None
        self.take(state)
        self.done(scene)
        return self.observe(scene, last)

    def observe(self, scene: Scene, last: Array) -> NDArray[np.float32]:
        observation: NDArray[np.float32] = self._tasks.observe(
            self._arm, scene.item(self._name), self.task, last
        )
        return observation

    def command(self, action: Array) -> JointCommand:
        return self._arm.command(action, self.task.spec.speed, self.task.spec.force)

    def done(self, scene: Scene) -> bool:
        return bool(self._tasks.done(scene.item(self._name), self.task, self._width()))

    def approach(self, before: Command | None) -> JointCommand | None:
        profile = self.profile
        joints = self._arm.joint_state()[0][: len(profile.joints)]
        gap = np.array(profile.home) - joints
        if np.abs(gap).max() < AT_HOME:
            return None
        if self._width() < EMPTY_HAND:
            before = None
        limit = APPROACH_SPEED * profile.control_period * np.array(profile.max_velocity)
        return self._at(joints + np.clip(gap, -limit, limit), before)

    def hold(self, before: Command | None) -> JointCommand:
        return self._at(self._arm.joint_state()[0][: len(self.profile.joints)], before)

    def _at(self, joints: Array, before: Command | None) -> JointCommand:
        profile = self.profile
        width, force = profile.gripper_max_width, profile.gripper_max_force
        if isinstance(before, JointCommand):  # what is in the hand stays there
            width, force = before.gripper_width, before.gripper_force
        return JointCommand(profile.joints, tuple(joints.tolist()), width, force, profile.control_period)

    def _width(self) -> float:
        return float(self._arm.joint_state()[0][len(self.profile.joints) :].sum())

    def close(self) -> None:
        if self._own:
            self._kinematics.close()


class _BaseSide:
    """A base: odometry, lidar, and a way planned in the scene."""

    def __init__(self, robot: str, task: GroundedTask) -> None:
        self.profile, self.task = load_profile(robot), task
        self._tasks: Any = family(robot).module
        self._observer = Observer(task, self.profile)
        self._state = BaseState(0.0, 0.0, 0.0, 0.0, 0.0)

    def take(self, state: RobotState) -> None:
        if not isinstance(state, BaseState) or state.ranges is None:
            raise ValueError("a base needs odometry and a scan")
        self._state = state

    def rehearse(self, state: RobotState, scene: Scene, last: Array) -> NDArray[np.float32] | None:
        """None: an observation here may plan another way, and that is for a tick to do."""
        return None

    def observe(self, scene: Scene, last: Array) -> NDArray[np.float32]:
        return self._observer.observe(self._state, scene, last)

    def command(self, action: Array) -> BaseCommand:
        command: BaseCommand = self._tasks.command(action, self.task.spec, self.profile)
        return command

    def done(self, scene: Scene) -> bool:
        return bool(self._tasks.done(self._state, self.task))

    def approach(self, before: Command | None) -> BaseCommand | None:
        return None

    def hold(self, before: Command | None) -> BaseCommand:
        return BaseCommand(0.0, 0.0)

    def close(self) -> None:
        """Nothing is held."""


class Controller:
    """One run of one policy: each method takes the measured state of one control tick.

    ``kinematics`` may be shared between the runs of an arm (loading it takes a fraction of a second);
    ``before`` is the last command of the run before, whose grip is kept. ``seen`` holds the observation and
    the action of the last tick.
    """

    def __init__(
        self,
        policy: PolicyFile,
        robot: str,
        task: GroundedTask,
        kinematics: Kinematics | None = None,
        before: Command | None = None,
    ) -> None:
        kin = family(robot)
        if task.spec.skill not in kin.skills:
            raise ValueError(f"{task.spec.skill} is no skill of {robot}; its skills: {', '.join(kin.skills)}")
        self._policy, self._before = PromptPolicy(policy), before
        self._last = np.zeros(_checked_size(self._policy, kin))
        self.seen: tuple[NDArray[np.float32], Array] = np.zeros(0, dtype=np.float32), self._last
        self._side: Any = _ArmSide(robot, task, kinematics) if kin.name == "arm" else _BaseSide(robot, task)

    def approach(self, state: RobotState) -> Command | None:
        """A step toward the pose in which every episode of training began; None when there."""
        self._side.take(state)
        return self._sent(self._side.approach(self._before))

    def tick(self, state: RobotState, scene: Scene) -> Command:
        """What the policy wants until the next tick; raises ``ValueError`` for unusable numbers."""
        self._side.take(state)
        observation = self._side.observe(scene, self._last)
        self._last = self._decide(observation)
        self.seen = observation, self._last
        command: Command = self._side.command(self._last)
        return self._sent(command) or command

    def rehearse(self, state: RobotState, scene: Scene) -> Command:
        """What :meth:`tick` would command, with its work and no consequences.

        For a base it is what the last one commanded.
        """
        seen = self._side.rehearse(state, scene, self._last)
        command: Command = self._side.command(self._decide(self.seen[0] if seen is None else seen))
        return command

    def _decide(self, observation: NDArray[np.float32]) -> Array:
        """The action in [-1, 1]."""
        action = self._policy.act(observation).astype(np.float64)
        if not np.isfinite(action).all():
            raise ValueError(f"the policy answered {action.tolist()}; it must be finite")
        return np.clip(action, -1.0, 1.0)

    def done(self, state: RobotState, scene: Scene) -> bool:
        """Success as measured."""
        self._side.take(state)
        return bool(self._side.done(scene))

    def hold(self, state: RobotState) -> Command:
        """What keeps the robot where it is measured, with the grip as it was."""
        self._side.take(state)
        command: Command = self._side.hold(self._before)
        return command

    def close(self) -> None:
        """Free what the controller itself loaded; twice is fine."""
        self._side.close()

    def _sent(self, command: Command | None) -> Command | None:
        self._before = command or self._before
        return command


def _checked_size(policy: PromptPolicy, kin: Family) -> int:
    """The length of an action; a policy of another shape is refused before it moves anything."""
    (size,) = [n for name, n, _, _ in kin.module.OBSERVATION if name == "last_action"]
    try:
        answer = policy.act(np.zeros(len(kin.scale), dtype=np.float32))
    except ValueError as error:
        raise PolicyFileError(f"the policy does not take {len(kin.scale)} numbers: {error}") from None
    if answer.shape != (size,):
        raise PolicyFileError(f"the policy answers {answer.shape}; a {kin.name} takes ({size},)")
    return int(size)
