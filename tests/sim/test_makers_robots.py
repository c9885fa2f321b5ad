"""Robots that one can buy: our descriptions against what their makers publish."""

import math

import numpy as np
import pytest

from sim_envs import make_env
from sim_envs.robots import load_profile
from sim_envs.robots.arm import Arm
from sim_envs.robots.kinematics import Kinematics

PI = math.pi
# Classic Denavit-Hartenberg rows a, d [m], alpha [rad] (UR, "DH parameters for calculations of kinematics")
UR5E = [(0.0, 0.1625, PI / 2), (-0.425, 0.0, 0.0), (-0.3922, 0.0, 0.0),
        (0.0, 0.1333, PI / 2), (0.0, 0.0997, -PI / 2), (0.0, 0.0996, 0.0)]  # fmt: skip
# Modified (Craig) rows a, d, alpha before each joint, then the flange (Franka, FCI documentation)
FR3 = [(0.0, 0.333, 0.0), (0.0, 0.0, -PI / 2), (0.0, 0.316, PI / 2), (0.0825, 0.0, PI / 2),
       (-0.0825, 0.384, -PI / 2), (0.0, 0.0, PI / 2), (0.088, 0.0, PI / 2)]  # fmt: skip
TO_TOOL = {"ur5e": 0.093, "fr3": 0.107 + 0.1034}  # [m] along the flange's z, from the last frame


def turned(axis: str, angle: float) -> np.ndarray:
    c, s, out = math.cos(angle), math.sin(angle), np.eye(4)
    if axis == "x":
        out[1:3, 1:3] = ((c, -s), (s, c))
    else:
        out[:2, :2] = ((c, -s), (s, c))
    return out


def moved(x: float, z: float) -> np.ndarray:
    out = np.eye(4)
    out[0, 3], out[2, 3] = x, z
    return out


def tool(robot: str, angles: np.ndarray) -> np.ndarray:
    """The tool's place (4, 4) in the base frame of the description."""
    if robot == "ur5e":
        at = turned("z", PI)  # from base_link to the controller's base
        for (a, d, alpha), q in zip(UR5E, angles, strict=True):
            at = at @ turned("z", q) @ moved(a, d) @ turned("x", alpha)
    else:
        at = np.eye(4)
        for (a, d, alpha), q in zip(FR3, angles, strict=True):
            at = at @ turned("x", alpha) @ moved(a, 0.0) @ turned("z", q) @ moved(0.0, d)
    return at @ moved(0.0, TO_TOOL[robot])


@pytest.mark.parametrize("robot", ["ur5e", "fr3"])
def test_the_tool_is_where_the_makers_parameters_say(robot: str):
    profile = load_profile(robot)
    kinematics, rng = Kinematics(profile), np.random.default_rng(0)
    for _ in range(50):
        angles = rng.uniform(profile.lower, profile.upper)
        kinematics.arm.set_state([*angles, 0.0, 0.0], np.zeros(len(angles) + 2))
        state, wanted = kinematics.arm.read(), tool(robot, angles)
        assert np.allclose(state.tool, wanted[:3, 3], atol=1e-4)
        axes = np.array(kinematics.client.getMatrixFromQuaternion(state.turn)).reshape(3, 3)
        assert np.allclose(axes[:, 2], wanted[:3, 2], atol=1e-4)
    kinematics.close()


@pytest.mark.parametrize("robot", ["panda", "ur5e"])
def test_what_a_still_arm_remembers_is_what_bullet_has(robot: str):
    kinematics, rng = Kinematics(load_profile(robot)), np.random.default_rng(0)
    arm, count = kinematics.arm, len(kinematics.arm.joint_state()[0])
    for _ in range(20):
        at, speeds = rng.uniform(-1.0, 1.0, count), rng.uniform(-1.0, 1.0, count)
        arm.set_state(at, speeds)
        for remembered, there in zip(arm.joint_state(), Arm.joint_state(arm), strict=True):
            assert np.array_equal(remembered, there)
    assert np.array_equal(arm.joint_state()[0], at)
    kinematics.close()


def test_the_burger_reaches_what_it_is_sent_to_with_its_own_speed():
    env, solved, fastest = make_env("turtlebot3", ["navigate"]), 0, 0.0
    for seed in range(100, 120):
        env.reset(seed=seed)
        over = False
        while not over:
            *_, terminated, truncated, info = env.step(env.expert())
            fastest = max(fastest, abs(env.world.base.speed()))
            over = terminated or truncated
        solved += info["is_success"]
    assert solved >= 19 and 0.15 < fastest <= 0.22 + 1e-6
    assert env.time_limit == round(375 / 0.22) and make_env("diffbot").time_limit == 375
    env.close()
