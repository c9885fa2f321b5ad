import dataclasses
import json
import math

import numpy as np
import pytest

from metaagent_ros.instructions.grounding import ground
from sim_envs import assets
from sim_envs.base_env import HIDDEN_RANGES, BaseEnv, command
from sim_envs.base_observation import Observer
from sim_envs.base_simulation import BaseSimulation
from sim_envs.core import sample_hidden
from sim_envs.robots import ROBOTS, ArmProfile, load_profile
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.rooms import PASSAGE, PLACES, room, room_scene
from sim_envs.spec import NOMINAL, GroundedTask, Hidden, SpecError, TaskSpec

PROFILE = load_profile("diffbot")


@pytest.fixture
def simulation():
    made = BaseSimulation(PROFILE, 3, NOMINAL)
    yield made
    made.close()
    made.close()


def test_a_room_has_every_place_once_and_each_can_be_reached():
    for seed in range(40):
        scene, grid, free = room(np.random.default_rng(seed))
        names = [item.name for item in scene.items]
        assert len(set(names)) == len(names) and set(PLACES) < set(names)
        assert scene.item("left_wall").position[1] > 1.0 > -1.0 > scene.item("right_wall").position[1]
        assert grid.gap[grid.index(0.0, 0.0)] >= PASSAGE
        x, y = grid.middles()
        for name in PLACES:
            sentence = TaskSpec.from_dict({"skill": "navigate", "target": {"kind": "landmark", "name": name}})
            task = ground(sentence, scene, "diffbot")
            assert np.hypot(x - task.goal[0], y - task.goal[1])[free].min() < task.tolerance
    assert room_scene(5) == room_scene(5) != room_scene(6)


def test_commands_time_out(simulation: BaseSimulation):
    simulation.command_velocity(0.4, 0.0)
    while simulation.time < 0.45:
        simulation.advance()
    assert simulation.pose().linear == pytest.approx(0.4, abs=0.02)
    while simulation.time < 1.0:
        simulation.advance()
    assert abs(simulation.pose().linear) < 0.01
    assert simulation.truth().item("robot").position[0] > 0.1


@pytest.mark.parametrize("bad", [(math.nan, 0.0), (0.0, math.inf)])
def test_a_bad_velocity_never_reaches_the_physics(simulation: BaseSimulation, bad: tuple[float, float]):
    with pytest.raises(ValueError, match="finite"):
        simulation.command_velocity(*bad)
    for _ in range(20):
        simulation.advance()
    assert abs(simulation.pose().x) < 1e-3 and math.isfinite(simulation.pose().yaw)


def test_velocities_and_accelerations_stay_within_the_profile(simulation: BaseSimulation):
    speeds = []
    while simulation.time < 0.4:
        simulation.command_velocity(50.0, 0.0)
        simulation.advance()
        speeds.append(simulation.pose().linear)
    most = PROFILE.max_linear_acceleration * PROFILE.control_period
    count = round(PROFILE.control_period / simulation.substep)
    gained = np.array(speeds[count:]) - speeds[:-count]  # over one control period
    assert simulation.substep <= 0.01
    assert gained.max() < 1.3 * most and max(speeds) < 1.05 * PROFILE.max_linear


def test_environment_and_simulation_are_the_same_robot():
    env, task = BaseEnv(), GroundedTask(TaskSpec("navigate"), (1.0, 0.0, 0.0), 0.3)
    hidden = dataclasses.replace(sample_hidden(HIDDEN_RANGES, np.random.default_rng(1)), noise=0.0)
    made, observer = BaseSimulation(PROFILE, 3, hidden), Observer(task, PROFILE)
    observation, _ = env.reset(options={"scene": made.scene(), "task": task, "hidden": hidden})
    action = [0.0, 0.0]
    for _ in range(10):
        state = dataclasses.replace(made.pose(), ranges=made.scan())
        assert np.allclose(observer.observe(state, made.scene(), action), observation, atol=1e-6)
        action = [0.5, 0.4]
        observation, *_ = env.step(np.array(action, dtype=np.float32))
        wanted = command(action, task.spec, PROFILE)
        made.command_velocity(wanted.linear, wanted.angular)
        for _ in range(round(PROFILE.control_period / made.substep)):
            made.advance()
    made.close()
    env.close()


def test_scene_and_truth_and_pose(simulation: BaseSimulation):
    turned = BaseSimulation(PROFILE, 3, Hidden(heading_offset=0.5))
    assert turned.truth() == simulation.truth() and turned.scene() == simulation.scene()
    assert turned.pose().yaw == pytest.approx(simulation.pose().yaw + 0.5)
    turned.close()
    assert [i.name for i in simulation.truth().items if i.kind == "robot"] == ["robot"]
    assert all(i.kind == "landmark" for i in simulation.scene().items)
    assert simulation.scan().shape == (PROFILE.beams,)


def test_a_recorded_state_shows_again(simulation: BaseSimulation):
    simulation.command_velocity(0.5, 1.0)
    for _ in range(60):
        simulation.advance()
    state = json.loads(json.dumps(simulation.state()))
    other = BaseSimulation(PROFILE, 3, NOMINAL)
    other.show(state)
    assert np.allclose(other.truth().robot_position, simulation.truth().robot_position, atol=1e-6)
    picture = other.render(160, 120)
    other.close()
    assert picture.shape == (120, 160, 3) and picture.dtype == np.uint8 and picture.std() > 10.0


def test_a_husky_has_four_wheels_and_a_room_that_it_fits():
    profile = load_profile("husky")
    made = BaseSimulation(profile, 3, NOMINAL)
    made.command_velocity(0.5, 0.0)
    for _ in range(20):
        made.advance()
    names, angles, speeds = made.joint_state()
    assert names == profile.wheel_joints and len(names) == 4
    assert np.allclose(angles, angles[0]) and angles[0] > 0.0 and np.allclose(speeds, speeds[0])
    state = made.state()
    other = BaseSimulation(profile, 3, NOMINAL)
    other.show(state)
    assert np.allclose(other.joint_state()[1], angles)
    assert other.render(160, 120).std() > 10.0 and made.scan().min() > profile.radius
    made.close()
    other.close()


def test_a_wall_stops_the_base_and_the_wheels_turn_on(simulation: BaseSimulation):
    wall = simulation.truth().item("front_wall")
    while simulation.time < 12.0:
        simulation.command_velocity(0.5, 0.0)
        simulation.advance()
    x = simulation.truth().robot_position[0]
    assert x < wall.position[0] - wall.extent[0] - PROFILE.radius + 0.01
    assert simulation.pose().linear == pytest.approx(0.5) and simulation.scan()[0] < 1.0


@pytest.mark.parametrize("count", [0, 3])
def test_wheels_come_in_pairs(count: int):
    with pytest.raises(SpecError, match="left side"):
        dataclasses.replace(PROFILE, wheel_joints=("wheel",) * count)


def test_profiles_and_assets():
    assert {"diffbot", "panda"} <= set(ROBOTS)
    assert isinstance(PROFILE, BaseProfile) and isinstance(load_profile("panda"), ArmProfile)
    with pytest.raises(SpecError, match="'diffbot'"):
        load_profile("difbot")
    with pytest.raises(SpecError, match="above 0"):
        dataclasses.replace(PROFILE, radius=-0.2)
    assert assets.find_urdf(PROFILE.urdf).parent.name == "urdf"
    assert assets.find_urdf("franka_panda/panda.urdf").is_file()
    with pytest.raises(assets.AssetError, match=r"nowhere\.urdf is in none of.*share/metaagent_ros/urdf"):
        assets.find_urdf("nowhere.urdf")
