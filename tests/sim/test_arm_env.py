"""Arms: experts, what is hidden, contacts that behave."""

import dataclasses
import math

import numpy as np
import pytest

from sim_envs import ROBOT_TASKS, make_env
from sim_envs.arm_env import ArmEnv
from sim_envs.robots import load_profile
from sim_envs.spec import NOMINAL, Hidden, SceneItem
from sim_envs.world import HALF_SIZE, ArmWorld

ARMS = [robot for robot in ROBOT_TASKS if load_profile(robot).family == "arm"]
PAIRS = [(robot, task) for robot in ARMS for task in ROBOT_TASKS[robot]]


@pytest.fixture
def env():
    made = ArmEnv()
    yield made
    made.close()


def episode(env, act, **options) -> bool:
    """Whether it ends in success."""
    env.reset(**options)
    while True:
        observation, reward, terminated, truncated, info = env.step(act())
        assert env.observation_space.contains(observation)
        assert -1.0 <= reward <= 0.0 and (reward == 0.0) == info["is_success"]
        assert not (terminated and truncated)
        if terminated or truncated:
            return info["is_success"]


@pytest.mark.parametrize(("robot", "task"), PAIRS)
def test_the_expert_solves_nominal_tasks_with_every_robot(robot: str, task: str):
    env = make_env(robot, [task])
    solved = [episode(env, env.expert, seed=seed, options={"clutter": seed % 4}) for seed in range(40)]
    env.close()
    assert np.mean(solved) >= 0.95


@pytest.mark.parametrize("task", ["push", "grasp", "pick_place", "stack"])
def test_random_actions_do_not_solve_it(task: str):
    env = make_env("panda", [task])
    env.action_space.seed(0)
    assert not any(episode(env, env.action_space.sample, seed=seed) for seed in range(5))
    env.close()


def test_the_camera_offset_shows_and_the_physics_does_not_move(env: ArmEnv):
    plain, _ = env.reset(seed=1, options={"skill": "grasp"})
    true = env.view.thing
    shifted, info = env.reset(seed=1, options={"skill": "grasp", "hidden": Hidden(offset_x=0.03)})
    assert np.allclose(env.view.thing, true)
    assert np.allclose(shifted[10:13] - plain[10:13], [0.03, 0.0, 0.0], atol=1e-6)
    assert info["task"].goal[0] == pytest.approx(env.task.goal[0] + 0.03)


def _way(env: ArmEnv, hidden: Hidden, steps: int = 6) -> float:
    """How far [m] the tool goes sideways."""
    env.reset(seed=1, options={"skill": "grasp", "hidden": hidden})
    start = env.view.tool[1]
    for _ in range(steps):
        env.step(np.array([0.0, 1.0, 0.0, 1.0], dtype=np.float32))
    return env.view.tool[1] - start


def test_gain_lag_and_damping_change_how_far_the_tool_gets(env: ArmEnv):
    nominal = _way(env, NOMINAL)
    assert _way(env, Hidden(gain=0.6)) < 0.8 * nominal
    assert _way(env, Hidden(lag=0.06)) < 0.9 * nominal
    assert _way(env, Hidden(damping=5.0)) != nominal
    assert _way(env, NOMINAL) == nominal


def test_noise_is_in_the_observation_only_and_seeded(env: ArmEnv):
    noisy = Hidden(noise=0.003)
    one, _ = env.reset(seed=2, options={"skill": "grasp", "hidden": noisy})
    two, _ = env.reset(seed=2, options={"skill": "grasp", "hidden": noisy})
    plain, _ = env.reset(seed=2, options={"skill": "grasp"})
    assert np.array_equal(one, two)
    assert 0.0 < np.abs(one[10:13] - plain[10:13]).max() < 0.015


def test_a_bouncy_object_bounces(env: ArmEnv):
    def rebound(restitution: float) -> float:
        env.reset(seed=0, options={"skill": "grasp", "hidden": Hidden(restitution=restitution)})
        world, name = env.world, env.view.item.name
        pose = world.poses()[name]
        pose[2] = 0.25
        world.place({name: pose})
        heights = []
        for _ in range(100):
            world.substep()
            heights.append(world.where(name)[2])
        low = int(np.argmin(heights))
        return max(heights[low:]) - heights[low]

    assert rebound(0.5) > rebound(0.0) + 0.01


def test_what_is_avoided_and_moved_is_a_failure():
    env = make_env("panda", ["grasp"])
    for seed in range(40):
        env.reset(seed=seed, options={"clutter": 3})
        if env.task.avoid:
            break
    other = next(n for n in env.view.names if math.dist(env.view.start[n][:2], env.task.avoid[0][:2]) < 0.01)
    pose = env.world.poses()[other]
    pose[0] += 0.03
    env.world.place({other: pose})
    _, _, terminated, _, info = env.step(np.zeros(4, dtype=np.float32))
    assert terminated and not info["is_success"]
    env.close()


@pytest.mark.parametrize("robot", ARMS)
@pytest.mark.parametrize("mass", [0.1, 0.4])
def test_a_grasped_object_holds_under_three_g_of_shaking(robot: str, mass: float):
    env = make_env(robot, ["grasp"])
    hidden = dataclasses.replace(NOMINAL, mass=mass)
    env.reset(seed=3, options={"hidden": hidden})
    for _ in range(60):
        env.step(env.expert())
    assert env.view.held
    world, start = env.world, np.array(env.view.thing) - env.view.tool
    shake = 3.0 * 9.81
    for number in range(2000):  # 10 s; gravity that swings is a table that shakes
        axis = (number // 200) % 3
        push = [0.0, 0.0, -9.81]
        push[axis] += shake * math.sin(2 * math.pi * 4.0 * number * 0.005)
        world.client.setGravity(*push)
        world.substep()
    env.view.update()
    assert env.view.held
    assert np.linalg.norm(np.array(env.view.thing) - env.view.tool - start) < 0.01
    env.close()


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
@pytest.mark.parametrize("size", HALF_SIZE)
def test_nothing_sinks_in_at_rest(shape: str, size: str):
    world, half = ArmWorld(load_profile("panda")), HALF_SIZE[size]
    thing = SceneItem("red_thing", "object", (0.5, 0.0, half + 0.01), (half,) * 3, 0.0, "red", shape, size)
    heaviest = Hidden(mass=0.4)
    world.reset([thing], heaviest)
    for _ in range(400):
        world.substep()
    assert abs(world.where("red_thing")[2] - half) < 0.001
    world.close()


def test_half_the_time_step_gives_the_same_within_three_millimetres():
    def play(substeps: int) -> tuple[np.ndarray, np.ndarray]:
        env = make_env("panda", ["grasp"])
        env.world.close()
        env.world = ArmWorld(load_profile("panda"), substeps=substeps)
        env.reset(seed=5)
        actions = iter(ACTIONS)
        for action in actions:
            env.step(action)
        out = np.array(env.view.tool), np.array(env.view.thing)
        env.close()
        return out

    recorder = make_env("panda", ["grasp"])
    recorder.reset(seed=5)
    ACTIONS = []
    for _ in range(24):
        ACTIONS.append(recorder.expert())
        recorder.step(ACTIONS[-1])
    assert recorder.view.held
    recorder.close()
    for coarse, fine in zip(play(8), play(16), strict=True):
        assert np.abs(coarse - fine).max() < 0.003


@pytest.mark.parametrize("robot", ARMS)
def test_physics_is_the_same_when_it_can_be_seen(robot: str):
    plain, seen = make_env(robot), make_env(robot, render_mode="rgb_array")
    for env in (plain, seen):
        env.reset(seed=7)
    for _ in range(30):
        action = plain.expert()
        assert np.array_equal(plain.step(action)[0], seen.step(action)[0])
    assert seen.render().shape == (360, 480, 3)
    plain.close()
    seen.close()
