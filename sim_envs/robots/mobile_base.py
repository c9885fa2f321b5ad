"""A differential drive base in a Bullet world: wheel commands, measured state, lidar."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.assets import find_urdf
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import NOMINAL, BaseState, Hidden

Array = NDArray[np.float64]
_WHEEL_FRICTION = 1.2
_WHEEL_TORQUE = 5.0  # [N m]


class MobileBase:
    """One base, loaded into ``client``; poses are those of ``base_link`` in ``odom``.

    The hidden part acts between command and ground: ``gain`` on the commanded velocities, the true
    radii of the wheels by ``wheel_bias``, and ``slip``. The wheels of the model all have the nominal
    radius, so what a true wheel would do on the ground is put into their speed, and taken out again of
    what the encoders read: the encoders see neither bias nor slip, as on a real robot.
    """

    def __init__(self, client: Any, profile: BaseProfile) -> None:
        self.client, self.profile = client, profile
        flags = client.URDF_USE_INERTIA_FROM_FILE
        self.body: int = client.loadURDF(
            str(find_urdf(profile.urdf)), (0, 0, profile.wheel_radius), flags=flags
        )
        infos = [client.getJointInfo(self.body, i) for i in range(client.getNumJoints(self.body))]
        index = {info[1].decode(): i for i, info in enumerate(infos)}
        height = next(info[14][2] for info in infos if info[12] == b"laser")
        self.wheels = [index[name] for name in profile.wheel_joints]
        for number in range(-1, len(infos)):  # everything but the tyres glides
            friction = _WHEEL_FRICTION if number in self.wheels else 0.0
            client.changeDynamics(
                self.body, number, lateralFriction=friction, linearDamping=0, angularDamping=0
            )
        angles = [2 * math.pi * k / profile.beams for k in range(profile.beams)]
        reach = profile.range
        self._from = [(0.0, 0.0, height)] * profile.beams
        self._to = [(reach * math.cos(a), reach * math.sin(a), height) for a in angles]
        self.reset(0.0, 0.0, 0.0, NOMINAL)

    def reset(self, x: float, y: float, yaw: float, hidden: Hidden) -> None:
        """At rest at a true pose [m, rad], with that hidden part."""
        self.hidden = hidden
        mean = 1.0 + hidden.wheel_bias / 2
        hold = 1.0 - hidden.slip
        self._ground = (1.0 + hidden.wheel_bias) / mean * hold, 1.0 / mean * hold
        self._wanted, self._ramped = (0.0, 0.0), (0.0, 0.0)
        for joint in self.wheels:
            self.client.resetJointState(self.body, joint, 0.0, 0.0)
        self.place(x, y, yaw)
        self._motors()

    def place(self, x: float, y: float, yaw: float) -> None:
        """Put it there, at rest."""
        turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
        self.client.resetBasePositionAndOrientation(self.body, (x, y, self.profile.wheel_radius), turn)

    def command(self, linear: float, angular: float) -> None:
        """Wanted velocities [m/s, rad/s], clipped to the limits; not finite raises ``ValueError``."""
        if not (math.isfinite(linear) and math.isfinite(angular)):
            raise ValueError(f"velocity is {linear!r} m/s, {angular!r} rad/s; both must be finite")
        self._wanted = (
            _clip(linear, self.profile.max_linear),
            _clip(angular, self.profile.max_angular),
        )

    def drive(self, period: float) -> None:
        """Move the wheels' speeds toward the command, as the acceleration limits allow in ``period`` [s]."""
        if self._wanted == self._ramped:
            return
        limits = (self.profile.max_linear_acceleration, self.profile.max_angular_acceleration)
        (v, w), (v_now, w_now) = self._wanted, self._ramped
        self._ramped = (
            v_now + _clip(v - v_now, limits[0] * period),
            w_now + _clip(w - w_now, limits[1] * period),
        )
        self._motors()

    def pose(self) -> tuple[float, float, float]:
        """True position x, y [m] and yaw [rad]."""
        (x, y, _), (i, j, k, r) = self.client.getBasePositionAndOrientation(self.body)
        return x, y, math.atan2(2 * (r * k + i * j), 1 - 2 * (j * j + k * k))

    def speed(self) -> float:
        """True speed [m/s] over ground."""
        x, y, _ = self.client.getBaseVelocity(self.body)[0]
        return math.hypot(x, y)

    def measured(self, ranges: Array | None = None) -> BaseState:
        """What the robot reports: position as it is, heading with the hidden offset, wheel odometry."""
        x, y, yaw = self.pose()
        yaw += self.hidden.heading_offset
        left, right = self._encoders(1)
        radius, profile = self.profile.wheel_radius, self.profile
        linear = radius * (left + right) / 2
        angular = radius * (right - left) / profile.wheel_separation
        return BaseState(x, y, math.atan2(math.sin(yaw), math.cos(yaw)), linear, angular, ranges)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, angles [rad] and velocities [rad/s] of the wheels, left and right, as encoders read them."""
        return self.profile.wheel_joints, np.array(self._encoders(0)), np.array(self._encoders(1))

    def scan(self) -> Array:
        """Lidar ranges (beams,) [m] from the middle of the base; nothing within reach reads ``range``."""
        hits = self.client.rayTestBatch(
            self._from, self._to, numThreads=1, parentObjectUniqueId=self.body, parentLinkIndex=-1
        )
        return np.array([hit[2] for hit in hits]) * self.profile.range

    def touches(self, floor: int) -> bool:
        """Whether the body touches anything but the floor."""
        contacts = self.client.getContactPoints(self.body, linkIndexA=-1)
        return any(contact[2] != floor and contact[8] <= 0.0 for contact in contacts)

    def command_for(self, linear: float, angular: float) -> tuple[float, float]:
        """The command that truly gives these velocities [m/s, rad/s], for who knows what is hidden."""
        turning, gain = angular * self.profile.wheel_separation / 2, self.hidden.gain
        left, right = (
            (linear - turning) / (gain * self._ground[0]),
            (linear + turning) / (gain * self._ground[1]),
        )
        return (left + right) / 2, (right - left) / self.profile.wheel_separation

    def _encoders(self, which: int) -> tuple[float, float]:
        left, right = self.client.getJointStates(self.body, self.wheels)
        return left[which] / self._ground[0], right[which] / self._ground[1]

    def _motors(self) -> None:
        (v, w), (left, right) = self._ramped, self._ground
        turning = w * self.profile.wheel_separation / 2
        factor = self.hidden.gain / self.profile.wheel_radius
        self.client.setJointMotorControlArray(
            self.body,
            self.wheels,
            self.client.VELOCITY_CONTROL,
            targetVelocities=(factor * left * (v - turning), factor * right * (v + turning)),
            forces=[_WHEEL_TORQUE] * 2,
        )


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
