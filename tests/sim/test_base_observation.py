"""The observation of a base: what a robot makes of odometry, scan and scene is what the environment shows."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pytest
from base_parts import START, part, task_to

from sim_envs.base_env import BaseEnv, expert
from sim_envs.base_observation import Observer
from sim_envs.robots import load_profile
from sim_envs.spec import BaseState, GroundedTask, Hidden, Scene, SceneItem

PROFILE = load_profile("diffbot")
EMPTY = Scene(())


@pytest.fixture
def env() -> Iterator[BaseEnv]:
    made = BaseEnv()
    yield made
    made.close()


def observe(state: BaseState, ranges: np.ndarray, task: GroundedTask, scene: Scene = EMPTY) -> np.ndarray:
    """The first observation of a run."""
    return Observer(task, PROFILE).observe(dataclasses.replace(state, ranges=ranges), scene, (0.0, 0.0))


def test_circles_to_avoid_show_in_the_beams():
    open_space = np.full(PROFILE.beams, PROFILE.range)
    ahead = observe(START, open_space, task_to(3.0, 0.0, (2.0, 0.0, 0.5)))
    assert part(ahead, "clearance")[0] == pytest.approx(1.5)
    assert np.allclose(part(ahead, "clearance")[4:-3], PROFILE.range)
    turned = dataclasses.replace(START, yaw=math.pi / 2)
    aside = observe(turned, open_space, task_to(3.0, 0.0, (2.0, 0.0, 0.5)))
    assert part(aside, "clearance")[48] == pytest.approx(1.5)  # now on its right
    inside = observe(START, open_space, task_to(3.0, 0.0, (0.2, 0.0, 0.5)))
    assert not part(inside, "clearance").any()


def test_the_path_leads_around_what_the_scene_names_and_the_bearing_to_the_goal_through_it():
    table = SceneItem("table", "landmark", (1.5, 0.1, 0.4), (0.3, 0.8, 0.4))
    ranges, task = np.full(PROFILE.beams, 4.0), task_to(3.0, 0.0)
    around = observe(START, ranges, task, Scene((table,)))
    assert np.allclose(part(around, "goal_bearing"), [1.0, 0.0], atol=1e-6)
    assert part(around, "path_bearing")[1] < -0.3  # its right end is the nearer one
    assert part(around, "path_distance") == pytest.approx(3.0, abs=0.3)
    straight = observe(START, ranges, task)
    assert np.allclose(part(straight, "path_bearing"), [1.0, 0.0], atol=0.15)
    turned = observe(dataclasses.replace(START, yaw=0.5), ranges, task, Scene((table,)))
    before, after = (math.atan2(*part(seen, "path_bearing")[::-1]) for seen in (around, turned))
    assert before - after == pytest.approx(0.5, abs=1e-5)


def test_a_way_is_planned_anew_where_the_base_has_left_it_or_the_scene_has_changed():
    table = SceneItem("table", "landmark", (1.5, 0.1, 0.4), (0.3, 0.8, 0.4))
    robot = SceneItem("robot", "robot", (0.0, 0.0, 0.0))
    ranges, observer = np.full(PROFILE.beams, 4.0), Observer(task_to(3.0, 0.0), PROFILE)

    def bearing(x: float, y: float, *items: SceneItem) -> float:
        state = BaseState(x, y, 0.0, 0.0, 0.0, ranges)
        cosine, sine = part(observer.observe(state, Scene(items), (0.0, 0.0)), "path_bearing")
        return math.atan2(sine, cosine)

    first = bearing(0.0, 0.0, table)
    moved = dataclasses.replace(robot, position=(0.1, 0.0, 0.0))
    assert bearing(0.0, 0.0, table, moved) == first < -0.3  # the robot is nothing to go around
    assert abs(bearing(0.0, 0.0)) < 0.15  # the table is gone
    assert abs(bearing(0.0, -2.5)) > 0.3  # far off: a new way, up to the goal
    assert bearing(0.0, -2.5) < math.pi / 2


def test_a_robot_sees_what_the_environment_shows(env: BaseEnv):
    for seed in range(6):
        shown, info = env.reset(seed=seed, options={"hidden": Hidden(heading_offset=0.4, wheel_bias=0.2)})
        observer, last = Observer(info["task"], PROFILE), np.zeros(2)
        for _ in range(40):
            state = env.world.base.measured(env.world.scan())
            assert np.array_equal(observer.observe(state, env.scene, last), shown)
            last = expert(env)
            shown, _, terminated, truncated, _ = env.step(last)
            if terminated or truncated:
                break


def test_measured_numbers_that_are_none_are_refused():
    ranges = np.full(PROFILE.beams, 1.0)
    with pytest.raises(ValueError, match="not a number"):
        observe(dataclasses.replace(START, x=math.nan), ranges, task_to(1.0, 0.0))
    with pytest.raises(ValueError, match="64"):
        observe(START, ranges[:-1], task_to(1.0, 0.0))
    ranges[3] = math.inf  # nothing in reach, as a driver says it
    assert np.isfinite(observe(START, ranges, task_to(1.0, 0.0))).all()
