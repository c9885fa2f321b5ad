"""An arm in a MuJoCo world: the peer of :class:`sim_envs.robots.arm.Arm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Arm, ArmState, Array
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import Hidden, JointCommand, SpecError, Vec3


class MujocoArm:
    """The arm of a compiled model; :meth:`bind` makes it that of the next scene's.

    From an action to joint targets it goes through the kinematics that trains policies and runs them on a
    robot (:class:`Kinematics`); that is loaded at the first such question, so a simulated robot has none.
    """

    def __init__(self, profile: ArmProfile) -> None:
        self.profile = profile
        self._kinematics: Kinematics | None = None

    def bind(self, model: Any, data: Any, hidden: Hidden) -> None:
        """Stand in that model, at home and at rest, the gripper open."""
        profile, self._model, self._data = self.profile, model, data
        joints = [model.joint(name) for name in (*profile.joints, *profile.gripper_joints)]
        self._positions = np.array([joint.qposadr[0] for joint in joints])
        self._speeds = np.array([joint.dofadr[0] for joint in joints])
        self._count = len(profile.joints)
        self._tool = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, profile.tool_link)
        if self._tool < 0:
            raise SpecError(f"{profile.name}: {profile.urdf} has no link {profile.tool_link!r}")
        self.fingers = tuple(int(model.joint(name).bodyid[0]) for name in profile.gripper_joints)
        self._velocity = np.zeros(6)
        half = profile.gripper_max_width / 2
        self.set_state((*profile.home, half, half), np.zeros(len(joints)))
        self._lags = model.na > 0
        if self._lags:
            data.act[:] = profile.home
        self.drive(profile.home, hidden)
        self.grip(profile.gripper_max_width, profile.gripper_max_force)

    def set_state(self, positions: Sequence[float] | Array, velocities: Sequence[float] | Array) -> None:
        """Take on measured positions [rad, m] and velocities, (n,) each: the joints, then the fingers."""
        self._data.qpos[self._positions] = positions
        self._data.qvel[self._speeds] = velocities
        mujoco.mj_forward(self._model, self._data)

    def joint_state(self) -> tuple[Array, Array]:
        """Measured positions [rad, m] and velocities of the joints, then of the fingers; (n,) each."""
        return self._data.qpos[self._positions], self._data.qvel[self._speeds]

    def read(self) -> ArmState:
        """The state as it is now."""
        model, data, tool = self._model, self._data, self._tool
        for derive in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_comVel):  # a step leaves them behind
            derive(model, data)
        w, x, y, z = data.xquat[tool].tolist()
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, tool, self._velocity, 0)
        positions = tuple(data.qpos[self._positions].tolist())
        return ArmState(positions, _vector(data.xpos[tool]), (x, y, z, w), _vector(self._velocity[3:]))

    def drive(self, positions: Sequence[float] | Array, hidden: Hidden) -> None:
        """Set the joints' targets (n_joints,) [rad]; the hidden gain scales the way to go, the lag delays."""
        wanted = np.asarray(positions, dtype=float)
        if hidden.gain != 1.0:
            now = self._data.qpos[self._positions[: self._count]]
            wanted = now + hidden.gain * (wanted - now)
        self._data.ctrl[: self._count] = wanted

    def grip(self, width: float, force: float) -> None:
        """Set the gripper's width [m] and the largest force [N] of each finger."""
        self._data.ctrl[self._count :] = width / 2
        self._model.actuator_forcerange[self._count :] = (-force, force)

    def target(self, state: ArmState, action: Sequence[float], speed: str) -> list[float]:
        """Joint positions (n_joints,) [rad] for an action, as :meth:`Arm.target` says."""
        return self._reckoned(state).target(state, action, speed)

    def command(self, action: Sequence[float] | Array, speed: str, force: str) -> JointCommand:
        """Turn an action (4,) in [-1, 1] into a command, as :meth:`Arm.command` says."""
        return self._reckoned(self.read()).command(action, speed, force)

    def opening(self, action: float, force: str) -> tuple[float, float]:
        """Gripper width [m] and force [N] for an action in [-1, 1]."""
        return self._reckoned(None).opening(action, force)

    def act(
        self, state: ArmState, positions: Sequence[float], grip: tuple[float, float], hidden: Hidden
    ) -> None:
        """:meth:`drive`, and :meth:`grip` (width [m], force [N]) times the hidden gain of the gripper."""
        self.drive(positions, hidden)
        self.grip(grip[0], grip[1] * hidden.gripper_gain)

    def close(self) -> None:
        """Free the kinematics; twice is fine."""
        if self._kinematics is not None:
            self._kinematics.close()
            self._kinematics = None

    def _reckoned(self, state: ArmState | None) -> Arm:
        """The arm without a world, at that state."""
        if self._kinematics is None:
            self._kinematics = Kinematics(self.profile)
        if state is not None:
            self._kinematics.arm.set_state(state.positions, np.zeros(len(state.positions)))
        return self._kinematics.arm


def _vector(values: Array) -> Vec3:
    x, y, z = values.tolist()
    return (x, y, z)
