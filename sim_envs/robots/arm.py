"""An arm in a Bullet world: kinematics, commands and measured state. Simulation and robot share it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim_envs.description import load, robot_urdf
from sim_envs.robots import ArmProfile
from sim_envs.spec import NOMINAL, Hidden, JointCommand, SpecError, Vec3

Array = NDArray[np.float64]
Quaternion: TypeAlias = tuple[float, float, float, float]
TOOL_SPEED = 0.5  # [m/s] of tool motion for an action of 1 at normal speed
SPEED_SCALE = {"slow": 0.6, "normal": 1.0, "fast": 1.3}
FORCE_SCALE = {"gentle": 0.5, "normal": 0.75, "firm": 1.0}
TRACKING = 0.005 / -math.log(0.75)  # [s] time constant with which a joint follows its target
_DAMPING = 1e-3
_FINGER_FRICTION = 1.0
_FINGER_GAIN = 0.1
TOUCHING = (1, -1)
"""Group and mask of what touches everything. Setting it makes Bullet forget which things were near: it drops
those pairs only now and then, and what is left of them changes the last bits of the next episode."""
_COUPLING = 200.0  # [N] between the two fingers


class ArmState(NamedTuple):
    """A measured state: joints then fingers [rad, m]; tool [m], its quaternion and velocity [m/s]."""

    positions: tuple[float, ...]
    tool: Vec3
    turn: Quaternion
    tool_velocity: Vec3


class Arm:
    """One arm, loaded into ``client`` with its base at the origin."""

    def __init__(
        self, client: Any, profile: ArmProfile, visible: bool = False, substep: float = 0.005
    ) -> None:
        self.client, self.profile = client, profile
        self._gain = 1.0 - math.exp(-substep / TRACKING)  # Bullet's is a share of the error a substep
        parts = profile.gripper_urdf, profile.gripper_link, profile.gripper_origin, profile.base_origin
        self.body: int = load(client, robot_urdf(profile.urdf, visible, *parts), useFixedBase=True)
        infos = [client.getJointInfo(self.body, i) for i in range(client.getNumJoints(self.body))]
        joint, link = _names(infos, 1), _names(infos, 12)
        self.joints = [_find(profile, "joint", joint, name) for name in profile.joints]
        self.fingers = [_find(profile, "joint", joint, name) for name in profile.gripper_joints]
        if len(self.fingers) != 2:
            raise SpecError(f"{profile.name}: gripper_joints has {len(self.fingers)} names; allowed: 2")
        self.tool = _find(profile, "link", link, profile.tool_link)
        self.hand = [_find(profile, "link", link, name) for name in profile.hand_links]
        self._all = self.joints + self.fingers
        if self._all != sorted(self._all):
            raise SpecError(
                f"{profile.name}: joints, then fingers, must stand in the order of {profile.urdf}"
            )
        for finger in self.fingers:
            client.changeDynamics(self.body, finger, lateralFriction=_FINGER_FRICTION)
        for number in range(-1, len(infos)):
            client.changeDynamics(self.body, number, linearDamping=0.0, angularDamping=0.0)
        self._couple()
        self._prepare()
        self._damped = 0.0
        self.reset()
        self._down: Quaternion = self.read().turn

    def _couple(self) -> None:
        """Both fingers move as one, as a parallel gripper's do: else what they hold slides sideways."""
        left, right = self.fingers
        gear = self.client.createConstraint(
            self.body, left, self.body, right, self.client.JOINT_GEAR, (1, 0, 0), (0, 0, 0), (0, 0, 0)
        )
        self.client.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=_COUPLING)

    def _prepare(self) -> None:
        """What every step needs, looked up once: a client's attribute costs as much as a small call."""
        client, profile, count = self.client, self.profile, len(self.joints)
        self._joint_states, self._link_state = client.getJointStates, client.getLinkState
        self._reset_states = client.resetJointStatesMultiDof
        self._inverse, self._motors = client.calculateInverseKinematics, client.setJointMotorControlArray
        self._mode = client.POSITION_CONTROL
        self._gains = [self._gain] * count + [_FINGER_GAIN] * 2
        self._efforts = list(profile.max_effort)
        steps = [v * profile.control_period for v in profile.max_velocity]
        self._limits = list(zip(steps, profile.lower, profile.upper, strict=True))
        self._damping = [_DAMPING] * len(self._all)
        self._reach = {n: TOOL_SPEED * profile.control_period * scale for n, scale in SPEED_SCALE.items()}
        self._low, self._high = profile.workspace_lower, profile.workspace_upper
        self._width = [profile.gripper_max_width / 2] * len(self.fingers)

    def reset(self, hidden: Hidden = NOMINAL) -> None:
        """Home pose at rest, gripper open, with the joint damping and lag that are hidden."""
        client, body = self.client, self.body
        for joint, value in zip(self._all, (*self.profile.home, *self._width), strict=True):
            client.resetJointState(body, joint, value, 0.0)
        if hidden.damping != self._damped:
            self._damped = hidden.damping
            for joint in self.joints:
                client.changeDynamics(body, joint, jointDamping=hidden.damping)
        for number in self.hand:
            client.setCollisionFilterGroupMask(body, number, *TOUCHING)
        lag, period = hidden.lag, self.profile.control_period
        self._share = 1.0 if lag <= 0.0 else 1.0 - math.exp(-period / lag)
        self._target = list(self.profile.home)

    def set_state(self, positions: Sequence[float] | Array, velocities: Sequence[float] | Array) -> None:
        """Take on measured positions [rad, m] and velocities, (n,) each: the joints, then the fingers."""
        at, speeds = [[float(p)] for p in positions], [[float(v)] for v in velocities]
        self._reset_states(self.body, self._all, at, speeds)

    def read(self) -> ArmState:
        """The state as it is now."""
        states = self._joint_states(self.body, self._all)
        link = self._link_state(self.body, self.tool, 1, 1)
        return ArmState(next(zip(*states, strict=True)), link[4], link[5], link[6])

    def joint_state(self) -> tuple[Array, Array]:
        """Measured positions [rad, m] and velocities of the joints, then of the fingers; (n,) each."""
        states = self._joint_states(self.body, self._all)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def tool_position(self) -> Array:
        """Position (3,) [m] of the tool in the base frame."""
        return np.array(self.read().tool)

    def target(self, state: ArmState, action: Sequence[float], speed: str) -> list[float]:
        """Joint positions (n_joints,) [rad] for an action (x, y, z in [-1, 1]) at the named speed.

        One step of damped least squares (Nakamura and Hanafusa 1986) from the state that the model has,
        which keeps the tool pointing as at home; then the limits of velocity and position.
        """
        x, y, z = state.tool
        reach, (lx, ly, lz), (hx, hy, hz) = self._reach[speed], self._low, self._high
        a, b, c = x + action[0] * reach, y + action[1] * reach, z + action[2] * reach
        aim = (
            hx if a > hx else lx if a < lx else a,
            hy if b > hy else ly if b < ly else b,
            hz if c > hz else lz if c < lz else c,
        )
        solved = self._inverse(
            self.body, self.tool, aim, self._down, jointDamping=self._damping, maxNumIterations=1
        )
        return [
            _clip(now + _clip(to - now, -step, step), low, high)
            for to, now, (step, low, high) in zip(solved, state.positions, self._limits, strict=False)
        ]

    def command(self, action: Sequence[float] | Array, speed: str, force: str) -> JointCommand:
        """Turn an action (4,) in [-1, 1] (tool motion x, y, z; gripper width) into a command."""
        profile, values = self.profile, [float(a) for a in action]
        target = self.target(self.read(), values, speed)
        width, grip = self.opening(values[3], force)
        return JointCommand(profile.joints, tuple(target), width, grip, profile.control_period)

    def opening(self, action: float, force: str) -> tuple[float, float]:
        """Gripper width [m] and force [N] for an action in [-1, 1]."""
        profile = self.profile
        return 0.5 * (1.0 + action) * profile.gripper_max_width, profile.gripper_max_force * FORCE_SCALE[
            force
        ]

    def drive(self, positions: Sequence[float] | Array, hidden: Hidden) -> None:
        """Set the joints' targets (n_joints,) [rad]; the hidden gain scales the way to go, the lag delays."""
        now = [s[0] for s in self._joint_states(self.body, self.joints)]
        self._target = self._followed(positions, hidden.gain, now)
        self._motors(
            self.body, self.joints, self._mode, targetPositions=self._target,
            positionGains=self._gains[:-2], forces=self._efforts,
        )  # fmt: skip

    def grip(self, width: float, force: float) -> None:
        """Set the gripper's width [m] and the largest force [N] of each finger."""
        half, gains = [width / 2] * 2, self._gains[-2:]
        self._motors(
            self.body, self.fingers, self._mode, targetPositions=half, positionGains=gains, forces=[force] * 2
        )

    def act(
        self, state: ArmState, positions: Sequence[float], grip: tuple[float, float], hidden: Hidden
    ) -> None:
        """:meth:`drive` and :meth:`grip` (width [m], force [N]) in one call, from a state just read."""
        width, force = grip
        self._target = wanted = self._followed(positions, hidden.gain, state.positions)
        force, half = force * hidden.gripper_gain, width / 2
        self._motors(
            self.body, self._all, self._mode, targetPositions=[*wanted, half, half],
            positionGains=self._gains, forces=[*self._efforts, force, force],
        )  # fmt: skip

    def _followed(self, wanted: Sequence[float] | Array, gain: float, now: Sequence[float]) -> list[float]:
        """What a gain that is off and a lag make of targets [rad]."""
        if gain != 1.0:
            wanted = [n + gain * (p - n) for n, p in zip(now, wanted, strict=False)]
        if self._share < 1.0:
            share = self._share
            wanted = [t + share * (w - t) for t, w in zip(self._target, wanted, strict=True)]
        return list(wanted)


def _names(infos: list[Any], field: int) -> dict[str, int]:
    return {info[field].decode(): number for number, info in enumerate(infos)}


def _find(profile: ArmProfile, what: str, known: dict[str, int], name: str) -> int:
    if name not in known:
        raise SpecError(f"{profile.name}: {profile.urdf} has no {what} {name!r}; it has: {', '.join(known)}")
    return known[name]


def _clip(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
