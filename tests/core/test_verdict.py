import dataclasses

import pytest

from metaagent_ros.demo.records import Sample
from metaagent_ros.demo.verdict import judge, still
from sim_envs.simulation import table_scene
from sim_envs.spec import ObjectRef, Scene, SceneItem, Target, TaskSpec

CUBE, BALL = ObjectRef("red", "cube"), ObjectRef("blue", "sphere")
PLACE = TaskSpec("pick_place", CUBE, Target("bin", "left"), "in")
IN_LEFT = (0.51, 0.29, 0.022)


def moved(scene: Scene, name: str, position) -> Scene:
    items = (dataclasses.replace(i, position=position) if i.name == name else i for i in scene.items)
    return Scene(tuple(items))


def samples(*legs, step=0, start=0.0, period=0.05):
    """Each leg is (scene, how many samples)."""
    scenes = [scene for scene, count in legs for _ in range(count)]
    return [Sample(start + period * i, step, scene) for i, scene in enumerate(scenes)]


START = table_scene(0)


def test_a_thing_at_rest_in_the_named_bin_passes():
    (verdict,) = judge([PLACE], "panda", samples((START, 5), (moved(START, "red_cube", IN_LEFT), 15)))
    assert verdict.passed
    assert verdict.text == "the red cube is in the left bin (14 mm from its middle)"


@pytest.mark.parametrize(
    ("position", "why"),
    [
        ((0.51, -0.29, 0.022), "from its middle"),
        ((0.51, 0.392, 0.022), "from its middle"),
        ((0.51, 0.29, 0.065), "above the rim"),
    ],
)
def test_beside_above_or_in_the_other_bin_fails(position, why):
    (verdict,) = judge([PLACE], "panda", samples((START, 5), (moved(START, "red_cube", position), 15)))
    assert not verdict.passed
    assert why in verdict.text


def test_another_thing_in_the_bin_is_not_the_one_asked_for():
    (verdict,) = judge([PLACE], "panda", samples((START, 5), (moved(START, "blue_sphere", IN_LEFT), 15)))
    assert not verdict.passed


def test_a_thing_that_still_moves_fails_and_is_not_still():
    path = [(moved(START, "red_cube", (0.45 + 0.005 * i, 0.29, 0.022)), 1) for i in range(20)]
    (verdict,) = judge([PLACE], "panda", samples((START, 5), *path))
    assert not verdict.passed
    assert "rest" in verdict.text
    assert not still(samples(*path))
    assert not still([])
    assert still(samples((START, 15)))


@pytest.mark.parametrize(("height", "passed"), [(0.13, True), (0.11, False)])
def test_a_grasp_is_ten_centimetres_above_where_it_lay(height, passed):
    x, y, _ = START.item("red_cube").position
    up = moved(START, "red_cube", (x, y, height))
    (verdict,) = judge([TaskSpec("grasp", CUBE)], "panda", samples((START, 5), (up, 5)))
    assert verdict.passed is passed


def test_every_step_is_judged_and_one_that_did_not_begin_fails():
    steps = [PLACE, TaskSpec("pick_place", BALL, Target("bin", "right"), "in")]
    first = samples((START, 5), (moved(START, "red_cube", IN_LEFT), 15))
    assert [v.passed for v in judge(steps, "panda", first)] == [True, False]
    both = moved(moved(START, "red_cube", IN_LEFT), "blue_sphere", (0.5, -0.3, 0.022))
    assert all(v.passed for v in judge(steps, "panda", first + samples((both, 15), step=1, start=1.0)))


def test_what_a_later_step_throws_out_again_fails():
    steps = [PLACE, TaskSpec("pick_place", BALL, Target("bin", "right"), "in")]
    first = samples((START, 5), (moved(START, "red_cube", IN_LEFT), 15))
    thrown = moved(START, "blue_sphere", (0.5, -0.3, 0.022))
    verdicts = judge(steps, "panda", first + samples((thrown, 15), step=1, start=1.0))
    assert [v.passed for v in verdicts] == [False, True]


def test_what_a_later_step_moves_on_is_judged_before_it():
    steps = [PLACE, TaskSpec("pick_place", CUBE, Target("bin", "right"), "in")]
    first = samples((START, 5), (moved(START, "red_cube", IN_LEFT), 15))
    then = moved(START, "red_cube", (0.5, -0.3, 0.022))
    assert all(v.passed for v in judge(steps, "panda", first + samples((then, 15), step=1, start=1.0)))


ROOM = (
    SceneItem("charger", "landmark", (3.0, 0.0, 0.1), (0.2, 0.2, 0.1)),
    SceneItem("table", "landmark", (1.5, 0.0, 0.4), (0.3, 0.3, 0.4)),
)
GO = TaskSpec("navigate", None, Target("landmark", "charger"), "at", avoid=("table",))


def way(*points):
    """Samples of a base that lists itself as item ``robot``, as the ground truth does."""
    return [
        Sample(0.05 * i, 0, Scene((*ROOM, SceneItem("robot", "object", (x, y, 0.0)))))
        for i, (x, y) in enumerate(points)
    ]


def test_a_base_must_end_near_its_goal_and_keep_away():
    around = [(0.0, 0.0), (0.7, 1.0), (1.5, 1.1), (2.3, 0.8), (2.5, 0.0)]
    (verdict,) = judge([GO], "diffbot", way(*around))
    assert verdict.passed, verdict
    assert "kept away from the table" in verdict.text
    (verdict,) = judge([GO], "diffbot", way(*around[:-1], (1.9, 0.9)))
    assert not verdict.passed
    assert "from its goal" in verdict.text
    (verdict,) = judge([GO], "diffbot", way((0.0, 0.0), (1.5, 0.1), (2.5, 0.0)))
    assert not verdict.passed
    assert "too near" in verdict.text
