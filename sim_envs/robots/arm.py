"""An arm in a Bullet world: kinematics, commands and measured state. Simulation and robot share it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.robots import ArmProfile
from sim_envs.spec import Hidden, JointCommand

Array = NDArray[np.float64]
STEP_LENGTH = 0.025  # [m] of tool motion for an action of 1 at normal speed
SPEED_SCALE = {"slow": 0.6, "normal": 1.0, "fast": 1.3}
FORCE_SCALE = {"gentle": 0.5, "normal": 0.75, "firm": 1.0}
_DAMPING = 1e-3
_NULL_GAIN = 0.1


class Arm:
    """One arm, loaded into ``client`` with its base at the origin."""

    def __init__(self, client: Any, profile: ArmProfile) -> None:
        self.client, self.profile = client, profile
        self.body: int = client.loadURDF(profile.urdf, useFixedBase=True)
        infos = [client.getJointInfo(self.body, i) for i in range(client.getNumJoints(self.body))]
        index = {info[1].decode(): i for i, info in enumerate(infos)}
        link = {info[12].decode(): i for i, info in enumerate(infos)}
        self.joints = [index[name] for name in profile.joints]
        self.fingers = [index[name] for name in profile.gripper_joints]
        self.tool = link[profile.tool_link]
        self._all = self.joints + self.fingers
        hand = {link[name] for name in profile.hand_links}
        for number in range(-1, len(infos)):
            if number not in hand:  # only the hand ever touches: the rest costs time for nothing
                client.setCollisionFilterGroupMask(self.body, number, 0, 0)
        for finger in self.fingers:
            client.changeDynamics(self.body, finger, lateralFriction=1.0)
        self.reset()
        self._down = client.getLinkState(self.body, self.tool, computeForwardKinematics=True)[5]

    def reset(self) -> None:
        """Home pose at rest, gripper open."""
        half = self.profile.gripper_max_width / 2
        for joint, value in zip(self._all, (*self.profile.home, *[half] * len(self.fingers)), strict=True):
            self.client.resetJointState(self.body, joint, value, 0.0)

    def set_state(self, positions: Array, velocities: Array) -> None:
        """Take on measured positions [rad, m] and velocities, (n,) each: the joints, then the fingers."""
        for joint, position, velocity in zip(self._all, positions, velocities, strict=True):
            self.client.resetJointState(self.body, joint, float(position), float(velocity))

    def joint_state(self) -> tuple[Array, Array]:
        """Measured positions [rad, m] and velocities of the joints, then of the fingers; (n,) each."""
        states = self.client.getJointStates(self.body, self._all)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def tool_position(self) -> Array:
        """Position (3,) [m] of the tool in the base frame."""
        state = self.client.getLinkState(self.body, self.tool, computeForwardKinematics=True)
        return np.array(state[4])

    def tool_velocity(self) -> Array:
        """Velocity (3,) [m/s] of the tool in the base frame."""
        positions, velocities = self.joint_state()
        velocity: Array = (self.jacobian(positions) @ velocities[: len(self.joints)])[:3]
        return velocity

    def jacobian(self, positions: Array) -> Array:
        """Geometric Jacobian (6, n_joints) of the tool at these joint and finger positions."""
        zeros = [0.0] * len(positions)
        linear, angular = self.client.calculateJacobian(
            self.body, self.tool, [0.0, 0.0, 0.0], positions.tolist(), zeros, zeros
        )
        both: Array = np.vstack([linear, angular])
        return both[:, : len(self.joints)]

    def command(self, action: Array, speed: str, force: str) -> JointCommand:
        """Turn an action (4,) in [-1, 1] (tool motion x, y, z; gripper width) into joint positions.

        Damped least squares (Nakamura and Hanafusa 1986) keeps the tool pointing down; the null space
        pulls toward home.
        """
        profile = self.profile
        positions, _ = self.joint_state()
        tool = self.tool_position()
        wanted = tool + action[:3] * STEP_LENGTH * SPEED_SCALE[speed]
        error = np.empty(6)
        error[:3] = np.clip(wanted, profile.workspace_lower, profile.workspace_upper) - tool
        error[3:] = self._tilt()
        jacobian = self.jacobian(positions)
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + _DAMPING * np.eye(6))
        joints = positions[: len(self.joints)]
        home = np.array(profile.home) - joints
        step = inverse @ error + _NULL_GAIN * (home - inverse @ (jacobian @ home))
        limit = np.array(profile.max_velocity) * profile.control_period
        target = np.clip(joints + np.clip(step, -limit, limit), profile.lower, profile.upper)
        width = 0.5 * (1.0 + float(action[3])) * profile.gripper_max_width
        grip = profile.gripper_max_force * FORCE_SCALE[force]
        return JointCommand(profile.joints, tuple(target.tolist()), width, grip, profile.control_period)

    def drive(self, positions: Array, gain: float = 1.0) -> None:
        """Set the joints' targets (n_joints,) [rad]; the hidden ``gain`` scales the way to go."""
        now = self.joint_state()[0][: len(self.joints)]
        self.client.setJointMotorControlArray(
            self.body,
            self.joints,
            self.client.POSITION_CONTROL,
            targetPositions=(now + gain * (positions - now)).tolist(),
            positionGains=[0.25] * len(self.joints),
            forces=[300.0] * len(self.joints),
        )

    def grip(self, width: float, force: float) -> None:
        """Set the gripper's width [m] and the largest force [N] of each finger."""
        self.client.setJointMotorControlArray(
            self.body,
            self.fingers,
            self.client.POSITION_CONTROL,
            targetPositions=[width / 2] * len(self.fingers),
            forces=[force] * len(self.fingers),
        )

    def apply(self, command: JointCommand, hidden: Hidden) -> None:
        """Set all motors' targets; ``command`` is in the order of the profile's joints."""
        self.drive(np.array(command.positions), hidden.gain)
        self.grip(command.gripper_width, command.gripper_force * hidden.gripper_gain)

    def _tilt(self) -> Array:
        now = self.client.getLinkState(self.body, self.tool)[5]
        turn = self.client.getDifferenceQuaternion(now, self._down)
        axis, angle = self.client.getAxisAngleFromQuaternion(turn)
        angle = angle - 2 * np.pi if angle > np.pi else angle
        tilt: Array = np.array(axis) * angle
        return tilt
