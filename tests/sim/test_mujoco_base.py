"""A base on wheels that grip: the same methods and figures as the ideal drive in Bullet, near enough."""

import dataclasses
import math

import numpy as np
import pytest

from sim_envs.base_simulation import BaseSimulation
from sim_envs.lidar import Lidar
from sim_envs.mujoco_base import MujocoBaseWorld
from sim_envs.physics import PHYSICS
from sim_envs.robots import load_profile
from sim_envs.rooms import room_scene
from sim_envs.simulation import make_simulation
from sim_envs.spec import NOMINAL, Hidden, SpecError

NAMES = ("diffbot", "turtlebot3")
DIFFBOT = load_profile("diffbot")


def drive(simulation: BaseSimulation, linear: float, angular: float, seconds: float) -> None:
    for _ in range(round(seconds / 0.04)):
        simulation.command_velocity(linear, angular)
        for _ in range(round(0.04 / simulation.substep)):
            simulation.advance()


@pytest.fixture(params=NAMES)
def pair(request):
    profile = load_profile(request.param)
    made = [BaseSimulation(profile, 3, NOMINAL, physics) for physics in PHYSICS]
    yield made
    for each in made:
        each.close()
        each.close()


def test_both_engines_speak_the_same(pair):
    bullet, ours = pair
    assert ours.truth() == bullet.truth() and ours.scene() == bullet.scene()
    assert ours.joint_state()[0] == bullet.joint_state()[0]
    assert [a.shape for a in ours.joint_state()[1:]] == [a.shape for a in bullet.joint_state()[1:]]
    assert ours.state().keys() == bullet.state().keys()
    np.testing.assert_allclose(ours.scan(), bullet.scan(), atol=1e-9)
    most = ours.profile.max_linear
    for linear, angular, seconds in ((0.5, 0.0, 1.6), (0.3, 0.4, 1.2), (0.0, -0.5, 0.8), (-0.3, 0.0, 0.4)):
        for each in pair:
            drive(each, linear * most, angular * each.profile.max_angular, seconds)
    one, two = ours.pose(), bullet.pose()
    assert math.dist((one.x, one.y), (two.x, two.y)) < 0.04 * most and one.yaw == pytest.approx(
        two.yaw, abs=0.06
    )
    assert (one.linear, one.angular) == pytest.approx((two.linear, two.angular), abs=0.03)
    np.testing.assert_allclose(ours.joint_state()[1], bullet.joint_state()[1], atol=0.02 * most / 0.033)
    other = BaseSimulation(ours.profile, 3, NOMINAL, "mujoco")
    other.show(ours.state())
    assert other.pose().x == pytest.approx(one.x) and other.render(96, 72).std() > 10.0
    np.testing.assert_allclose(other.joint_state()[1], ours.joint_state()[1])
    other.close()


def test_hidden_bias_slip_gain_and_heading_act_as_in_bullet():
    hidden = Hidden(wheel_bias=0.2, slip=0.25, gain=0.8, lag=0.15, heading_offset=0.4)
    bullet, ours = made = [BaseSimulation(DIFFBOT, 3, hidden, physics) for physics in PHYSICS]
    for each in made:
        drive(each, 0.4, 0.0, 2.0)
    one, two = ours.pose(), bullet.pose()
    assert (one.x, one.y, one.yaw) == pytest.approx((two.x, two.y, two.yaw), abs=0.03)
    assert one.yaw - ours.truth().robot_yaw == pytest.approx(0.4)
    assert one.linear == pytest.approx(0.8 * 0.4, abs=2e-3)  # what the encoders say
    for each in made:
        each.close()


def test_the_command_ends_and_what_is_not_finite_is_refused(pair):
    _, ours = pair
    for bad in ((math.nan, 0.0), (0.0, math.inf)):
        with pytest.raises(ValueError, match="finite"):
            ours.command_velocity(*bad)
    ours.command_velocity(0.5 * ours.profile.max_linear, 0.0)
    for _ in range(round(1.5 / ours.substep)):
        ours.advance()
    assert abs(ours.pose().linear) < 1e-3 and 0.0 < ours.pose().x < 0.6 * ours.profile.max_linear


def test_the_lidar_sees_what_stands_there_from_anywhere():
    made, scene = MujocoBaseWorld(DIFFBOT), room_scene(7, DIFFBOT.radius)
    lidar = Lidar(scene.items, DIFFBOT.beams, DIFFBOT.range, DIFFBOT.lidar_height)
    rng = np.random.default_rng(0)
    for x, y, yaw in rng.uniform((-0.3, -0.3, -3.0), (0.3, 0.3, 3.0), (5, 3)):
        made.reset(dataclasses.replace(scene, robot_position=(x, y, 0.0), robot_yaw=yaw), NOMINAL)
        np.testing.assert_allclose(made.scan(), lidar.scan(x, y, yaw), atol=1e-6)
    made.close()


def test_a_wall_holds_the_base_while_its_wheels_slip_or_stall():
    ours = BaseSimulation(DIFFBOT, 3, NOMINAL, "mujoco")
    wall = ours.truth().item("front_wall")
    assert not ours._world.touched()
    drive(ours, 0.9, 0.0, 6.5)
    touches = []
    for _ in range(10):
        drive(ours, 0.9, 0.0, 0.04)
        touches.append(ours._world.touched())
    edge = wall.position[0] - wall.extent[0] - ours.truth().robot_position[0]
    assert any(touches) and edge == pytest.approx(DIFFBOT.radius, abs=0.01)
    assert ours._world.base.speed() < 0.02
    ours.close()


def test_runs_are_the_same_bit_for_bit_also_after_a_reset():
    def states(simulation: BaseSimulation) -> list:
        rng, seen = np.random.default_rng(0), []
        for linear, angular in rng.uniform(-1.0, 1.0, (15, 2)):
            drive(simulation, linear, 2.0 * angular, 0.08)
            seen.append([simulation._world.base.pose(), simulation.scan().tolist()])
        return seen

    one, two = (make_simulation("diffbot", 3, 4, physics="mujoco") for _ in range(2))
    first = states(one)
    assert first == states(two)
    two.reset()
    assert first == states(two)
    one.close()
    two.close()


def test_a_base_that_skids_is_refused_by_name():
    with pytest.raises(SpecError, match="husky has 4 wheels"):
        make_simulation("husky", 0, 0, physics="mujoco")
