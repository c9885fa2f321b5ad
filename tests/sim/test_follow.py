import dataclasses
import math

import numpy as np
import pytest

from sim_envs.base_env import OBSERVATION, BaseEnv, expert
from sim_envs.base_world import BaseWorld
from sim_envs.paths import distance, solid
from sim_envs.places import HOUSES_PER_WORLD, ROOMS_PER_WORLD, drawn_scene
from sim_envs.robots import load_profile
from sim_envs.rooms import room_scene
from sim_envs.spec import NOMINAL, GroundedTask, Scene, SpecError, Target, TaskSpec
from sim_envs.tasks.follow import BAND, OFF_AXIS, followed

PROFILE = load_profile("diffbot")
FORWARD = np.array([0.8, 0.0], dtype=np.float32)


@pytest.fixture(scope="module")
def env():
    made = BaseEnv(tasks=("follow",))
    yield made
    made.close()


def drawn(env: BaseEnv, name: str, seed: int = 0):
    """A task of that target."""
    for number in range(seed, seed + 60):
        _, info = env.reset(seed=number)
        if info["task"].spec.target.name == name:
            return info["task"]
    raise AssertionError(f"no {name} among 60 tasks")


def play(env: BaseEnv, act) -> dict:
    over = False
    while not over:
        observation, _, terminated, truncated, info = env.step(act(env))
        assert env.observation_space.contains(observation)
        over = terminated or truncated
    return info | {"terminated": terminated}


@pytest.mark.parametrize("robot", ["diffbot", "husky", "turtlebot3"])
def test_the_expert_follows_what_is_drawn(robot: str):
    made, solved, names = BaseEnv(robot, ("follow",)), [], set()
    for seed in range(40):
        _, info = made.reset(seed=seed)
        names.add(info["task"].spec.target.name)
        assert not made.definition.failure(made.view) and made.view.inside  # it starts where it is to stay
        solved.append(play(made, expert)["is_success"])
    made.close()
    assert np.mean(solved) >= 0.95 and names == {"corridor", "left wall", "right wall"}


@pytest.mark.parametrize(("name", "side"), [("corridor", 0.0), ("left wall", 1.0), ("right wall", -1.0)])
def test_the_observation_says_what_is_followed(env: BaseEnv, name: str, side: float):
    drawn(env, name)
    last = env.step(FORWARD * 0.0)[0][-3:]
    assert OBSERVATION[-1][0] == "side" and last.tolist() == [0.0, 1.0, side]


@pytest.mark.parametrize("name", ["corridor", "left wall"])
def test_to_stray_is_a_failure_before_anything_is_touched(env: BaseEnv, name: str):
    drawn(env, name)
    turn = np.array([0.4, -0.5], dtype=np.float32)
    ended = play(env, lambda _: turn)
    assert ended["terminated"] and not ended["is_success"] and not env.world.touched()


def test_a_base_that_starts_outside_may_come_in(env: BaseEnv):
    scene = room_scene(3)
    item, goal = followed(scene, Target("landmark", "left wall"), PROFILE.radius)
    spec = TaskSpec("follow", target=Target("landmark", "left wall"))
    env.reset(options={"scene": scene, "task": GroundedTask(spec, goal, 0.3, None, item.name)})
    assert not env.definition.failure(env.view) and not env.view.inside
    rim = item.position[1] - item.extent[1] - goal[1] - PROFILE.radius
    assert BAND[0] < rim < BAND[1] and goal[0] == pytest.approx(2.0)


def test_the_goal_is_ahead_of_the_base_and_in_the_middle():
    scene = drawn_scene(ROOMS_PER_WORLD, PROFILE.radius)
    for yaw, sign in ((0.2, 1.0), (math.pi - 0.2, -1.0)):
        turned = dataclasses.replace(scene, robot_yaw=yaw)
        item, (x, y, _) = followed(turned, Target("landmark", "corridor"), PROFILE.radius)
        assert sign * x > 2.0 and abs(y) < 1e-9 and item.extent[1] > OFF_AXIS + PROFILE.radius


def test_what_cannot_be_followed_is_refused_with_what_can():
    with pytest.raises(SpecError, match="left wall"):
        followed(room_scene(3), Target("landmark", "table"), 0.2)
    with pytest.raises(SpecError, match="corridor"):
        followed(room_scene(3), Target("landmark", "corridor"), 0.2)  # a room has none


@pytest.mark.parametrize("radius", [0.2, 0.5])
def test_houses_have_rooms_that_the_base_fits_into(radius: float):
    for number in range(ROOMS_PER_WORLD, ROOMS_PER_WORLD + HOUSES_PER_WORLD):
        scene = drawn_scene(number, radius)
        names = [item.name for item in scene.items]
        rooms = [item for item in scene.items if item.kind == "room"]
        assert len(set(names)) == len(names) and len(rooms) == 5
        for item in rooms:
            assert distance(solid(scene.items), *item.position[:2]) > radius + 0.1
    assert scene == drawn_scene(number, radius)


def test_the_lidar_is_that_of_bullet_within_a_millimetre():
    world, rng = BaseWorld(PROFILE), np.random.default_rng(0)
    total = wrong = 0
    for number in range(0, ROOMS_PER_WORLD + HOUSES_PER_WORLD, 3):
        scene: Scene = drawn_scene(number, PROFILE.radius)
        if number % 2:  # of no family, and turned
            yaws = rng.uniform(-1.0, 1.0, len(scene.items)).tolist()
            things = [(i, 0.0 if "wall" in i.name else yaw) for i, yaw in zip(scene.items, yaws, strict=True)]
            scene = Scene(tuple(dataclasses.replace(i, yaw=yaw) for i, yaw in things))
        for _ in range(6):
            x, y, yaw = (*rng.uniform(-2.2, 2.2, 2).tolist(), float(rng.uniform(-3.0, 3.0)))
            if distance(solid(scene.items), x, y) < 0.1:
                continue
            world.reset(dataclasses.replace(scene, robot_position=(x, y, 0.0), robot_yaw=yaw), NOMINAL)
            off = np.abs(world.scan() - cast(world, x, y, yaw))
            total, wrong = total + off.size, wrong + int((off > 1e-3).sum())
    world.close()
    assert total > 5000 and wrong < 0.005 * total  # Bullet rounds edges off: beams that graze one


def cast(world: BaseWorld, x: float, y: float, yaw: float) -> np.ndarray:
    """The same scan by Bullet's own rays."""
    (ox, oy), height = world.base.origin, PROFILE.lidar_height
    angles = yaw + 2 * np.pi * np.arange(PROFILE.beams) / PROFILE.beams
    ends = [(x + ox + 4 * math.cos(a), y + oy + 4 * math.sin(a), height) for a in angles]
    hits = world.client.rayTestBatch([(x + ox, y + oy, height)] * PROFILE.beams, ends)
    return 4.0 * np.array([hit[2] for hit in hits])
