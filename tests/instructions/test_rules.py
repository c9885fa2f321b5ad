import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent_ros.instructions import load_parser
from metaagent_ros.instructions.grounding import GroundingError, ground
from metaagent_ros.instructions.schema import plan_from_json
from sim_envs.spec import Scene, SceneItem, SpecError

PARSER = load_parser("rules")
SCENE = Scene(
    (
        SceneItem("red_cube", "object", (0.5, 0.1, 0.02), (0.02,) * 3, color="red", shape="cube"),
        SceneItem("red_ball", "object", (0.5, -0.1, 0.02), (0.02,) * 3, color="red", shape="sphere"),
        SceneItem("left_bin", "bin", (0.5, 0.3, 0.04), (0.1, 0.1, 0.04)),
    )
)
ROOM = Scene(
    (
        SceneItem("charger", "landmark", (3.0, 0.0, 0.1), (0.1, 0.1, 0.1)),
        SceneItem("table", "landmark", (1.5, 1.0, 0.4), (0.5, 0.3, 0.4)),
    )
)


def step(text: str):
    plan = PARSER.parse(text)
    assert plan.status == "ok", plan.message
    return plan.steps[0]


def test_the_cube_goes_to_the_bin():
    task = ground(step("pick up the red cube and put it in the left bin"), SCENE, "panda")
    assert (task.object_name, task.target_name) == ("red_cube", "left_bin")
    assert task.goal == pytest.approx((0.5, 0.3, 0.02))


def test_the_base_stops_before_the_charger_and_keeps_away():
    task = ground(step("drive to the charger and keep away from the table"), ROOM, "diffbot")
    assert task.goal == pytest.approx((2.55, 0.0, 0.0))
    assert task.avoid == (pytest.approx((1.5, 1.0, 0.85)),)


def test_a_wall_is_approached_straight_and_keeps_no_circle():
    room = Scene((SceneItem("left_wall", "landmark", (1.0, 2.5, 0.5), (3.0, 0.05, 0.5)),))
    task = ground(step("go to the left wall and avoid the wall"), room, "diffbot")
    assert task.goal == pytest.approx((0.0, 2.1, 0.0))
    assert task.avoid == ()


@pytest.mark.parametrize(
    ("text", "robot", "status", "words"),
    [
        ("grasp the purple cube", "panda", "refuse", "red cube"),
        ("grasp the red object", "panda", "clarify", "red_ball"),
        ("grasp the red cube", "diffbot", "refuse", "navigate"),
    ],
)
def test_grounding_says_what_there_is(text: str, robot: str, status: str, words: str):
    with pytest.raises(GroundingError, match=words) as caught:
        ground(step(text), SCENE, robot)
    assert caught.value.status == status


@given(st.one_of(st.text(), st.binary(), st.none(), st.integers()))
def test_no_input_raises_and_every_plan_is_in_the_schema(text: object):
    plan = PARSER.parse(text)  # type: ignore[arg-type]
    assert plan_from_json(plan.to_json()).steps == plan.steps


def test_a_megabyte_is_refused():
    assert PARSER.parse("red cube " * 120_000).status == "refuse"


def test_unknown_parser():
    with pytest.raises(SpecError, match="rules"):
        load_parser("rule")
