"""A differential drive base in a Bullet world: commands, measured state, and the model that is drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.description import load, robot_urdf
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.robots.drive import Drive, wrapped
from sim_envs.robots.drive import Pose as Pose
from sim_envs.spec import NOMINAL, BaseState, Hidden

Array = NDArray[np.float64]
_MASS = 10.0  # [kg]; everything that it can meet stands fast, so it matters little


class MobileBase(Drive):
    """One base; poses are those of its middle on the floor, relative to ``origin`` (x, y [m]).

    To physics it is an upright cylinder without friction, that keeps its height and stays upright. An ideal
    differential drive imposes its velocity at every substep: the command, ramped within the acceleration
    limits, follows with the hidden ``lag``; the wheels turn as commanded times ``gain``; on the ground
    the left wheel's radius differs by ``wheel_bias``, and ``slip`` loses part of the way. Bullet integrates
    the pose and keeps the cylinder out of what stands there. There is no model of tyres: the base
    neither drifts sideways nor tips, and its wheels go on turning where a wall holds it. The encoders read
    the wheels at their nominal radius: they see neither bias nor slip. ``unseen`` is the visual shape of the
    cylinder: pictures show the description instead.
    """

    def __init__(self, client: Any, profile: BaseProfile, unseen: int = -1) -> None:
        super().__init__(profile)
        self.client = client
        middle = profile.height / 2
        shape = client.createCollisionShape(
            client.GEOM_CYLINDER, radius=profile.radius, height=profile.height
        )
        self.body: int = client.createMultiBody(_MASS, shape, unseen, (0.0, 0.0, middle))
        client.changeDynamics(
            self.body,
            -1,
            lateralFriction=0.0,
            linearDamping=0.0,
            angularDamping=0.0,
            localInertiaDiagonal=(0.0, 0.0, _MASS * profile.radius**2 / 2),
        )
        self.origin = (0.0, 0.0)
        self._middle = middle
        # each name looked up on the client costs 0.8 µs, so they are looked up once
        self._read, self._put = client.getBasePositionAndOrientation, client.resetBasePositionAndOrientation
        self._push, self._velocity = client.resetBaseVelocity, client.getBaseVelocity
        self._contacts = client.getContactPoints
        self.reset(0.0, 0.0, 0.0, NOMINAL)

    def reset(self, x: float, y: float, yaw: float, hidden: Hidden) -> None:
        """At rest at a true pose [m, rad], with that hidden part."""
        self.begin(hidden)
        self._angles = [0.0, 0.0]
        self.place(x, y, yaw)

    def place(self, x: float, y: float, yaw: float) -> None:
        """Put it there, at rest."""
        place = (x + self.origin[0], y + self.origin[1], self._middle)
        self._put(self.body, place, (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)))
        self._push(self.body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self._pose: Pose = (x, y, yaw)

    def turn_wheels(self, left: float, right: float) -> None:
        """Set how far the rims of the wheels have rolled [m]."""
        self._angles = [left, right]

    def drive(self, period: float) -> None:
        """Impose the velocity for the next ``period`` [s]; :meth:`update` has to follow the physics."""
        if self._lagged != self._wanted:
            self._motors(period)
        (v, w), (left, right) = self._true, self._wheels
        x, y, yaw = self._pose
        ahead = yaw + 0.5 * w * period  # the heading half way: the chord of the arc
        self._push(self.body, (v * math.cos(ahead), v * math.sin(ahead), 0.0), (0.0, 0.0, w))
        self._pose = (x, y, yaw + w * period)
        self._angles[0] += left * period
        self._angles[1] += right * period

    def update(self) -> Pose:
        """Read the true pose after physics, and hold the height."""
        (x, y, z), (_, _, k, r) = self._read(self.body)
        if abs(z - self._middle) > 1e-6:
            turn = 2.0 * math.atan2(k, r)
            self._put(self.body, (x, y, self._middle), (0.0, 0.0, math.sin(turn / 2), math.cos(turn / 2)))
        self._pose = pose = (x - self.origin[0], y - self.origin[1], wrapped(2.0 * math.atan2(k, r)))
        return pose

    def pose(self) -> Pose:
        """True position x, y [m] and yaw [rad]."""
        return self._pose

    def speed(self) -> float:
        """True speed [m/s] over ground."""
        x, y, _ = self._velocity(self.body)[0]
        return math.hypot(x, y)

    def measured(self, ranges: Array | None = None, noise: Pose | None = None) -> BaseState:
        """What the robot reports: position, heading with the hidden offset, wheel odometry.

        ``noise`` [m, m, rad] is added to the pose.
        """
        x, y, yaw = self._pose
        yaw += self.hidden.heading_offset
        if noise is not None:
            x, y, yaw = x + noise[0], y + noise[1], yaw + noise[2]
        left, right = self._wheels
        return BaseState(x, y, wrapped(yaw), (left + right) / 2, (right - left) / (2 * self._half), ranges)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, angles [rad] and velocities [rad/s] of the wheels, left and right, as encoders read them."""
        each = len(self.profile.wheel_joints) // 2
        radius = self.profile.wheel_radius
        angles, speeds = np.array(self._angles) / radius, np.array(self._wheels) / radius
        return self.profile.wheel_joints, np.repeat(angles, each), np.repeat(speeds, each)

    def touches(self) -> bool:
        """Whether the body touches anything."""
        return any([contact[8] <= 0.0 for contact in self._contacts(self.body)])


class BaseModel:
    """The robot's description, only to be drawn: nothing collides with it and no lidar sees it."""

    def __init__(self, client: Any, profile: BaseProfile) -> None:
        self.client = client
        self.body = load(client, robot_urdf(profile.urdf, True), useFixedBase=True)
        infos = [client.getJointInfo(self.body, i) for i in range(client.getNumJoints(self.body))]
        index = {info[1].decode(): i for i, info in enumerate(infos)}
        self._wheels = [index[name] for name in profile.wheel_joints]
        for link in range(-1, len(infos)):
            client.setCollisionFilterGroupMask(self.body, link, 0, 0)
        low = client.getLinkState(self.body, self._wheels[0], computeForwardKinematics=1)[4][2]
        self._height = profile.wheel_radius - low

    def show(self, base: MobileBase) -> None:
        """Take on where the base and its wheels are."""
        (x, y, yaw), (_, angles, _) = base.pose(), base.joint_state()
        place = (x + base.origin[0], y + base.origin[1], self._height)
        turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
        self.client.resetBasePositionAndOrientation(self.body, place, turn)
        for joint, angle in zip(self._wheels, angles.tolist(), strict=True):
            self.client.resetJointState(self.body, joint, angle)
