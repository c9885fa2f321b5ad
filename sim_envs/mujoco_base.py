"""A mobile base on its wheels in MuJoCo: the peers of ``MobileBase`` and ``BaseWorld``."""

from __future__ import annotations

import math
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from sim_envs.base_world import BaseWorld
from sim_envs.description import robot_urdf
from sim_envs.mujoco_model import STIFF, TIMESTEP, robot_spec
from sim_envs.paths import solid
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.robots.drive import Drive, Pose, wrapped
from sim_envs.spec import NOMINAL, BaseState, Hidden, Scene, SceneItem, SpecError

Array = NDArray[np.float64]
WHEEL_TIME = 0.015  # [s] time constant with which a wheel takes on its speed, the base's weight on it
GRIP = 1.0  # friction of a wheel on the floor; nothing else of the base has any, as in Bullet
_ROBOT, _THING = (1, 2), (2, 0)  # contype, conaffinity
_SEEN = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)  # groups of geoms that the lidar sees
_FLOOR = "floor"


def base_model(profile: BaseProfile, scene: Scene, step: float) -> Any:
    """The compiled ``MjModel``: the robot of the URDF on a floor, among what stands in the scene.

    One velocity actuator a wheel [rad/s], in the order of the profile. Raises ``SpecError`` where the
    description lacks a wheel.
    """
    spec = robot_spec(robot_urdf(profile.urdf, False), step)
    spec.worldbody.bodies[0].add_freejoint()
    for name in profile.wheel_joints:
        joint = spec.joint(name)
        if joint is None:
            raise SpecError(f"{profile.name}: {profile.urdf} has no joint {name!r}")
        spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name).set_to_velocity(kv=1.0)
    for geom in spec.geoms:
        geom.contype, geom.conaffinity, geom.group = *_ROBOT, 1
        geom.friction, geom.solref, geom.condim = (0.0, 0.0, 0.0), (1.0 / STIFF, 1.0), 3
    for name in profile.wheel_joints:
        for geom in spec.joint(name).parent.geoms:
            geom.friction[0] = GRIP
    _thing(spec, mujoco.mjtGeom.mjGEOM_PLANE, name=_FLOOR, size=(0.0, 0.0, 1.0))
    for item in solid(scene.items):
        _stand(spec, item)
    model = spec.compile()
    _tune(model, profile)
    return model


class MujocoBase(Drive):
    """The base of a compiled model; poses are those of its middle on the floor.

    The wheels turn as commanded and what moves the base is their friction: it accelerates, slips sideways
    and is stopped by walls as its weight and grip allow. The hidden bias and slip lie between encoder and
    wheel: a wheel turns that much more or less than its encoder says.
    """

    def bind(self, model: Any, data: Any) -> None:
        """Be the base of that model."""
        self._model, self._data = model, data
        wheels = [model.joint(name) for name in self.profile.wheel_joints]
        self._angle_at = np.array([wheel.qposadr[0] for wheel in wheels])
        self._speed_at = np.array([wheel.dofadr[0] for wheel in wheels])
        mujoco.mj_kinematics(model, data)
        low = min(float(data.xanchor[wheel.id][2]) for wheel in wheels)
        self._height = float(data.qpos[2]) - low + self.profile.wheel_radius

    def reset(self, x: float, y: float, yaw: float, hidden: Hidden) -> None:
        """At rest at a true pose [m, rad], with that hidden part."""
        self.begin(hidden)
        each = len(self.profile.wheel_joints) // 2
        self._share = np.repeat(self._ground, each)  # of what an encoder reads, that a wheel turns
        self._data.qpos[self._angle_at] = 0.0
        self._data.ctrl[:] = 0.0
        self.place(x, y, yaw)

    def place(self, x: float, y: float, yaw: float) -> None:
        """Put it there, at rest."""
        self._data.qpos[:7] = (x, y, self._height, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
        self._data.qvel[:] = 0.0
        mujoco.mj_forward(self._model, self._data)

    def turn_wheels(self, left: float, right: float) -> None:
        """Set how far the rims of the wheels have rolled [m], as encoders read it."""
        angles = np.array([left, right]) / self.profile.wheel_radius
        self._data.qpos[self._angle_at] = np.repeat(angles, len(self._share) // 2) * self._share

    def drive(self, period: float) -> None:
        """Set the wheels' speeds for the next ``period`` [s]."""
        if self._lagged != self._wanted:
            self._motors(period)
        speeds = np.repeat(self._wheels, len(self._share) // 2) / self.profile.wheel_radius
        self._data.ctrl[:] = speeds * self._share

    def pose(self) -> Pose:
        """True position x, y [m] and yaw [rad]."""
        x, y, _, w, i, j, k = self._data.qpos[:7].tolist()
        return x, y, math.atan2(2 * (w * k + i * j), 1 - 2 * (j * j + k * k))

    def speed(self) -> float:
        """True speed [m/s] over ground."""
        return math.hypot(*self._data.qvel[:2].tolist())

    def measured(self, ranges: Array | None = None, noise: Pose | None = None) -> BaseState:
        """What the robot reports: position, heading with the hidden offset, wheel odometry.

        ``noise`` [m, m, rad] is added to the pose.
        """
        x, y, yaw = self.pose()
        dx, dy, turn = noise or (0.0, 0.0, 0.0)
        rims = self.joint_state()[2] * self.profile.wheel_radius
        left, right = rims.reshape(2, -1).mean(axis=1).tolist()
        heading = wrapped(yaw + self.hidden.heading_offset + turn)
        linear, angular = (left + right) / 2, (right - left) / (2 * self._half)
        return BaseState(x + dx, y + dy, heading, linear, angular, ranges)

    def joint_state(self) -> tuple[tuple[str, ...], Array, Array]:
        """Names, angles [rad] and velocities [rad/s] of the wheels, as encoders read them."""
        data, share = self._data, self._share
        return self.profile.wheel_joints, data.qpos[self._angle_at] / share, data.qvel[self._speed_at] / share


class MujocoBaseWorld:
    """The base on a floor among boxes and cylinders that do not move. Close it after use.

    Each reset compiles a model of its own. Pictures are drawn by Bullet's CPU renderer.
    """

    def __init__(self, profile: BaseProfile, visible: bool = False) -> None:
        self.profile, self.visible = profile, visible
        self.substeps = math.ceil(profile.control_period / TIMESTEP - 1e-9)
        self.substep = profile.control_period / self.substeps
        self.base = MujocoBase(profile)
        self._picture: BaseWorld | None = None
        angles = 2 * np.pi * np.arange(profile.beams) / profile.beams
        self._beams = np.stack([np.cos(angles), np.sin(angles), np.zeros(profile.beams)])
        self.reset(Scene(()), NOMINAL)

    def reset(self, scene: Scene, hidden: Hidden) -> None:
        """The scene, and in it the base at rest at its true pose."""
        self._scene, self._drawn = scene, False
        self.model: Any = base_model(self.profile, scene, self.substep)
        self.data: Any = mujoco.MjData(self.model)
        self._floor = self.model.geom(_FLOOR).id
        self.base.bind(self.model, self.data)
        x, y, _ = scene.robot_position
        self.base.reset(x, y, scene.robot_yaw, hidden)

    def step(self, substeps: int = 0) -> Pose:
        """Advance, one control period unless told otherwise; the true pose then."""
        for _ in range(substeps or self.substeps):
            self.base.drive(self.substep)
            mujoco.mj_step(self.model, self.data)
        return self.base.pose()

    def scan(self) -> Array:
        """Lidar ranges (beams,) [m] from the middle of the base; nothing within reach reads ``range``."""
        profile, (x, y, yaw) = self.profile, self.base.pose()
        c, s = math.cos(yaw), math.sin(yaw)
        ways = (np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ self._beams).T.ravel()
        start = np.array([x, y, profile.lidar_height])
        hit, out = np.empty(profile.beams, dtype=np.int32), np.empty(profile.beams)
        mujoco.mj_multiRay(
            self.model, self.data, start, ways, _SEEN, True, -1, hit, out, None, profile.beams, profile.range
        )
        out[(out < 0.0) | (out > profile.range)] = profile.range
        return out

    def touched(self) -> bool:
        """Whether the base touches anything but the floor."""
        return bool((self.data.contact.geom != self._floor).all(axis=1).any())

    def render(self, width: int = 480, height: int = 360) -> NDArray[np.uint8]:
        """An image (height, width, 3) of the scene from above and behind, by the CPU renderer."""
        if not self.visible:
            raise RuntimeError("this world was made without what is only for the eye")
        picture = self._picture = self._picture or BaseWorld(self.profile, visible=True)
        if not self._drawn:
            picture.reset(self._scene, NOMINAL)
            self._drawn = True
        picture.base.place(*self.base.pose())
        rims = self.base.joint_state()[1] * self.profile.wheel_radius
        picture.base.turn_wheels(float(rims[0]), float(rims[-1]))
        return picture.render(width, height)

    def close(self) -> None:
        """Free what draws; twice is fine."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None


def _stand(spec: Any, item: SceneItem) -> None:
    (hx, hy, hz), yaw = item.extent, item.yaw
    turn = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
    if item.shape == "cylinder":
        kind, size = mujoco.mjtGeom.mjGEOM_CYLINDER, (hx, hz, 0.0)
    else:
        kind, size = mujoco.mjtGeom.mjGEOM_BOX, (hx, hy, hz)
    _thing(spec, kind, pos=item.position, quat=turn, size=size)


def _thing(spec: Any, kind: Any, **shape: Any) -> None:
    geom = spec.worldbody.add_geom(type=kind, **shape)
    geom.contype, geom.conaffinity, geom.group = *_THING, 0
    geom.friction, geom.solref, geom.condim = (0.0, 0.0, 0.0), (1.0 / STIFF, 1.0), 3


def _tune(model: Any, profile: BaseProfile) -> None:
    """Velocity gains by what each wheel has to accelerate: itself, and its share of the base."""
    mass = float(model.body_mass.sum()) / len(profile.wheel_joints)
    for number, name in enumerate(profile.wheel_joints):
        body = int(model.joint(name).bodyid[0])
        inertia = mass * profile.wheel_radius**2 + float(model.body_inertia[body].max())
        model.actuator_gainprm[number, 0] = inertia / WHEEL_TIME
        model.actuator_biasprm[number, 2] = -inertia / WHEEL_TIME
