"""What MuJoCo compiles: the robot of a URDF with servos, and things as geoms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from sim_envs.description import robot_urdf
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import TRACKING
from sim_envs.spec import Hidden, SceneItem, SpecError, Vec3
from sim_envs.world import BIN_HALF, BIN_HEIGHT, BIN_PLACES, BIN_WALL, TABLE_HALF, TABLE_MIDDLE

TIMESTEP = 0.002  # [s] at most; a control period is a whole number of steps
SERVO_RATIO = 1.25  # damping of the servos, which are TRACKING behind a steadily moving target
FINGER_STIFFNESS, FINGER_DAMPING = 1.0e4, 500.0  # [N/m, N s/m]: the force limit counts, from 4 mm on
STIFF = 150.0  # [rad/s] the frequency of a contact as a spring and damper
BOUNCES = (0.035, 0.13, 0.18, 0.24, 0.34, 0.41, 0.51, 0.62)
RATIOS = (3.0, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.02)
"""The damping ratios that give :data:`BOUNCES`, speeds after a bounce over those before: measured, with balls
that fell 0.05 to 0.15 m, 0.03 either way. MuJoCo has no restitution, and its steps take from a bounce too."""
FINGER_FRICTION, OTHER_FRICTION = 1.0, 0.5  # Bullet's for the two; it multiplies them with the object's
PAD_RADIUS = 0.005  # [m] of a contact patch: friction against turning about its normal
ROLLING = 0.001  # [m] rolling friction of a sphere
SIDES = 32  # of the prism that a cylinder is
_ROBOT, _THING = (1, 2), (6, 4)  # contype, conaffinity: a robot does not touch itself, as in Bullet
_PRISM, _ROUND = (2, 0), (4, 4)  # of a cylinder what only robots touch, and what only things touch
_EXTENSION = '<mujoco><compiler fusestatic="false" discardvisual="true" balanceinertia="true"/></mujoco>'


def robot_spec(text: str, step: float) -> Any:
    """An ``MjSpec`` of a URDF's text with the options of all our worlds; ``step`` [s]."""
    try:
        spec = mujoco.MjSpec.from_string(text.replace("</robot>", f"{_EXTENSION}</robot>"))
    except ValueError as error:
        raise SpecError(f"MuJoCo refuses the description: {error}") from None
    for equality in list(spec.equalities):  # what the URDF's mimic became: fingers are coupled below
        spec.delete(equality)
    option = spec.option
    # solves contacts with the servos' damping in the metric; the other implicit ones let what is held slip
    option.timestep, option.integrator = step, mujoco.mjtIntegrator.mjINT_DISCRETE
    option.cone, option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10.0
    option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)  # a fault shall show
    return spec


def arm_model(profile: ArmProfile, items: Sequence[SceneItem], hidden: Hidden, step: float) -> Any:
    """The compiled ``MjModel``: the arm at the table with its bins and those objects.

    Actuators: one a joint, then one a finger, all with position targets [rad, m]. Bodies of objects have
    their item's name. Raises ``SpecError`` where the description lacks what the profile names.
    """
    mount = profile.gripper_urdf, profile.gripper_link, profile.gripper_origin, profile.base_origin
    spec = robot_spec(robot_urdf(profile.urdf, False, *mount), step)
    for number, geom in enumerate(spec.geoms):
        geom.name = f"robot_{number}"
    fingers = _equip(spec, profile, hidden)
    _table(spec)
    for item in items:
        if item.kind == "object":
            _object(spec, item, hidden)
    _touch(spec, fingers, hidden)
    model = spec.compile()
    _tune(model, profile)
    return model


def joint_of(spec: Any, profile: ArmProfile, name: str) -> Any:
    """The joint of that name; raises ``SpecError``."""
    joint = spec.joint(name)
    if joint is None:
        known = ", ".join(j.name for j in spec.joints)
        raise SpecError(f"{profile.name}: {profile.urdf} has no joint {name!r}; it has: {known}")
    return joint


def solref(restitution: float) -> tuple[float, float]:
    """Time constant [s] and damping ratio of contacts that keep that part of a bounce's speed, 0 to 0.6."""
    ratio = float(np.interp(restitution, BOUNCES, RATIOS))
    return 1.0 / (STIFF * ratio), ratio


def _equip(spec: Any, profile: ArmProfile, hidden: Hidden) -> list[Any]:
    """Servos, gravity compensation, coupled fingers; the fingers' bodies."""
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0
    for name, effort in zip(profile.joints, profile.max_effort, strict=True):
        joint = joint_of(spec, profile, name)
        joint.damping = np.full_like(joint.damping, 0.0)
        joint.damping[0] = hidden.damping
        joint.actfrclimited, joint.actfrcrange = mujoco.mjtLimited.mjLIMITED_TRUE, (-effort, effort)
        joint.actgravcomp = True
        servo = spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name)
        servo.biastype = mujoco.mjtBias.mjBIAS_AFFINE
        if hidden.lag > 0.0:
            servo.dyntype = mujoco.mjtDyn.mjDYN_FILTEREXACT
            servo.dynprm[0] = hidden.lag
    for name in profile.gripper_joints:
        joint = joint_of(spec, profile, name)
        joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_FALSE
        force = profile.gripper_max_force
        servo = spec.add_actuator(name=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, target=name)
        servo.set_to_position(kp=FINGER_STIFFNESS, kv=FINGER_DAMPING)
        servo.forcelimited, servo.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, (-force, force)
    left, right = profile.gripper_joints
    gear = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1=left, name2=right)
    gear.data[:5] = (0.0, 1.0, 0.0, 0.0, 0.0)
    gear.solref = (2.0 * spec.option.timestep, 1.0)
    return [joint_of(spec, profile, name).parent for name in profile.gripper_joints]


def _touch(spec: Any, fingers: Sequence[Any], hidden: Hidden) -> None:
    """Who touches whom, and how: a finger's friction has priority; of any others' the higher counts."""
    soft = solref(hidden.restitution)
    grips = {geom.name for body in fingers for geom in body.geoms}
    kinds = {"robot": _ROBOT, "prism": _PRISM}
    for geom in spec.geoms:
        round_ = _ROUND if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER else _THING
        geom.contype, geom.conaffinity = kinds.get(geom.name.partition("_")[0], round_)
        held = geom.name in grips
        share = FINGER_FRICTION if held else OTHER_FRICTION
        geom.priority, geom.condim = int(held), 4
        geom.friction = (share * hidden.friction, PAD_RADIUS if held else 0.001, ROLLING)
        geom.solref = (1.0 / STIFF, 1.0) if held else soft
        if geom.type == mujoco.mjtGeom.mjGEOM_SPHERE:
            geom.condim = 6


def _table(spec: Any) -> None:
    middle = BIN_HEIGHT / 2
    _box(spec, "table", TABLE_MIDDLE, TABLE_HALF)
    for name, (x, y, _) in BIN_PLACES.items():
        for number, sign in enumerate((-1, 1)):
            along, across = (BIN_WALL, BIN_HALF, middle), (BIN_HALF, BIN_WALL, middle)
            _box(spec, f"{name}_{number}", (x + sign * BIN_HALF, y, middle), along)
            _box(spec, f"{name}_{number + 2}", (x, y + sign * BIN_HALF, middle), across)


def _box(spec: Any, name: str, position: Vec3, half: Vec3) -> None:
    box = mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(name=f"thing_{name}", type=box, pos=position, size=half)


def _object(spec: Any, item: SceneItem, hidden: Hidden) -> None:
    half = float(item.extent[0])
    shapes = {
        "cube": (mujoco.mjtGeom.mjGEOM_BOX, (half, half, half)),
        "sphere": (mujoco.mjtGeom.mjGEOM_SPHERE, (half, 0.0, 0.0)),
        "cylinder": (mujoco.mjtGeom.mjGEOM_CYLINDER, (half, half, 0.0)),
    }
    kind, size = shapes[str(item.shape)]
    turn = (math.cos(item.yaw / 2), 0.0, 0.0, math.sin(item.yaw / 2))
    body = spec.worldbody.add_body(name=item.name, pos=item.position, quat=turn)
    body.add_freejoint()
    body.add_geom(name=f"thing_{item.name}", type=kind, size=size, mass=hidden.mass)
    if item.shape == "cylinder":
        spec.add_mesh(name=item.name, uservert=_prism(half))
        mesh = mujoco.mjtGeom.mjGEOM_MESH
        body.add_geom(name=f"prism_{item.name}", type=mesh, meshname=item.name, mass=0.0)


def _prism(half: float) -> list[float]:
    """Vertices of a cylinder of that radius and half height as a prism of :data:`SIDES` sides: what a robot
    touches of it.

    Where a finger's edge meets MuJoCo's own cylinder, its many-point contacts have normals along the finger,
    and what should be held is pressed out.
    """
    angles = 2.0 * np.pi * np.arange(SIDES) / SIDES
    ring = np.stack([np.cos(angles), np.sin(angles), np.ones(SIDES)], axis=1) * half
    return [float(v) for v in np.concatenate([ring, ring * (1.0, 1.0, -1.0)]).ravel()]


def _tune(model: Any, profile: ArmProfile) -> None:
    """Stiffness and damping of the servos, by the inertia that each joint has at home."""
    data = mujoco.MjData(model)
    joints = [model.joint(name) for name in profile.joints]
    for joint, angle in zip(joints, profile.home, strict=True):
        data.qpos[joint.qposadr[0]] = angle
    mujoco.mj_forward(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    speed = 2.0 * SERVO_RATIO / TRACKING  # [rad/s]
    for number, joint in enumerate(joints):
        moved = inertia[joint.dofadr[0], joint.dofadr[0]]
        stiffness, damping = moved * speed**2, 2.0 * SERVO_RATIO * moved * speed
        model.actuator_gainprm[number, 0] = stiffness
        model.actuator_biasprm[number, 1:3] = -stiffness, -damping
