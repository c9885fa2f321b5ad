import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_steps import PARSER, said

from metaagent_ros.instructions import lexicon, load_parser, scoring, sentences
from metaagent_ros.instructions.grounding import GroundingError, ground
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.schema import plan_from_json
from sim_envs.spec import Scene, SceneItem, SpecError

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


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Please pick up the small red box!", [("grasp", "small red cube", "-", None)]),
        ("take the navy marble from the table", [("grasp", "blue sphere", "-", None)]),
        ("grab something green", [("grasp", "green object", "-", None)]),
        ("lift the can that is next to the ball", [("grasp", "cylinder", "-", None)]),
        ("put the red cube into the left-hand basket", [("pick_place", "red cube", "left bin", "in")]),
        ("put the red cube in the bin on the left", [("pick_place", "red cube", "left bin", "in")]),
        ("put the red cube behind the right bin", [("pick_place", "red cube", "right bin", "behind")]),
        ("bring the ball to the cube", [("pick_place", "sphere", "cube", "next_to")]),
        ("take the tiny orb to the charger", [("pick_place", "small sphere", "charger", "at")]),
        ("place the tin on the desk", [("pick_place", "cylinder", "desk", "on")]),
        ("carry the ball to (1, -2)", [("pick_place", "sphere", "(1, -2) m", "at")]),
        ("pick up the ball, then put it on the shelf", [("pick_place", "sphere", "shelf", "on")]),
        ("the brick, put it in the right bin", [("pick_place", "cube", "right bin", "in")]),
        ("put the red cube on top of the blue one", [("stack", "red cube", "blue object", "on")]),
        ("stack the big cube on the small cube", [("stack", "large cube", "small cube", "on")]),
        ("put the red cube under the ball", [("stack", "sphere", "red cube", "on")]),
        ("push the ball to the left", [("push", "sphere", "left", None)]),
        ("move the ball to the left", [("push", "sphere", "left", None)]),
        ("nudge the cube away from you", [("push", "cube", "forward", None)]),
        ("slide the cube over to the right bin", [("push", "cube", "right bin", "next_to")]),
        ("shove the can in front of the ball", [("push", "cylinder", "sphere", "in_front_of")]),
        ("touch the red cube", [("reach", "-", "red cube", "at")]),
        ("hover over the red cube", [("reach", "-", "red cube", "above")]),
        ("move your gripper to x=0.4, y=-.2", [("reach", "-", "(0.4, -0.2) m", "at")]),
        ("reach into the left bin", [("reach", "-", "left bin", "in")]),
        ("go to the exit", [("navigate", "-", "door", "at")]),
        ("drive into the laboratory", [("navigate", "-", "lab", "in")]),
        ("go back to the dock", [("navigate", "-", "charger", "at")]),
        ("drive two metres forward", [("navigate", "-", "forward", None)]),
        ("back up", [("navigate", "-", "backward", None)]),
        ("drive to y 3 and x 4", [("navigate", "-", "(4, 3) m", "at")]),
        ("park near the red ball", [("navigate", "-", "red sphere", "next_to")]),
        ("follow the wall on your left", [("follow", "-", "left wall", None)]),
        ("follow the hallway", [("follow", "-", "corridor", None)]),
        ("go to the hallway", [("navigate", "-", "hallway", "at")]),
        (
            "go to the lab but first touch the can",
            [("reach", "-", "cylinder", "at"), ("navigate", "-", "lab", "at")],
        ),
        (
            "touch the can, then push it right",
            [("reach", "-", "cylinder", "at"), ("push", "cylinder", "right", None)],
        ),
    ],
)  # fmt: skip
def test_what_it_reads(text: str, steps: list[tuple[str, str, str, str | None]]):
    assert said(text) == steps


def test_modifiers_and_avoid_belong_to_their_step():
    plan = PARSER.parse(
        "carefully put the cube in the left bin, then quickly drive to the door without hitting the chair"
    )
    assert [(s.force, s.speed, s.avoid) for s in plan.steps] == [
        ("gentle", "normal", ()),
        ("normal", "fast", ("chair",)),
    ]
    (only,) = PARSER.parse("go to the door, take your time, avoid people and the small red can").steps
    assert (only.speed, only.avoid) == ("slow", ("person", "small red cylinder"))


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("pick up the red cube or the blue one", "clarify", "ambiguous"),
        ("either push the ball left or right", "clarify", "ambiguous"),
        ("put the red cube in the bin", "clarify", "ambiguous"),
        ("put the red cube in one of the bins", "clarify", "ambiguous"),
        ("pick it up", "clarify", "ambiguous"),
        ("pick up the object", "clarify", "ambiguous"),
        ("tidy up the table", "clarify", "ambiguous"),
        ("pick up the ball and the cube", "clarify", "ambiguous"),
        ("go to the door and the window", "clarify", "ambiguous"),
        ("follow the door", "clarify", "ambiguous"),
        ("put the ball 10 cm left of the cube", "clarify", "ambiguous"),
        ("put the red cube on the red cube", "clarify", "ambiguous"),
        ("touch the ball, push it left, go to the door, then follow the corridor", "clarify", "ambiguous"),
        ("put the red cube", "clarify", "missing_target"),
        ("push the ball", "clarify", "missing_target"),
        ("go to", "clarify", "missing_target"),
        ("pick up", "clarify", "missing_target"),
        ("stack on the cube", "clarify", "missing_target"),
        ("throw the ball", "refuse", "unsafe"),
        ("fly to the kitchen and throw the ball", "refuse", "unsafe"),
        ("fly to the kitchen", "refuse", "impossible"),
        ("lift the table", "refuse", "impossible"),
        ("pick up the ball without touching it", "refuse", "impossible"),
        ("drive to (300, 2)", "refuse", "impossible"),
        ("pick up the banana", "refuse", "out_of_scope"),
        ("pick up the pink cube", "refuse", "out_of_scope"),
        ("go to the bathroom", "refuse", "out_of_scope"),
        ("bring me the ball", "refuse", "out_of_scope"),
        ("don't move", "refuse", "out_of_scope"),
        ("avoid the banana and go to the door", "refuse", "out_of_scope"),
        ("window", "refuse", "nonsense"),
        ("the red one", "refuse", "nonsense"),
        ("asdf qwertz", "refuse", "nonsense"),
    ],
)
def test_what_it_does_not_read(text: str, status: str, reason: str):
    plan = PARSER.parse(text)
    assert (plan.status, plan.reason) == (status, reason), plan.message
    assert plan.message and plan.parser == "rules"


def test_it_says_which_word():
    assert "banana" in PARSER.parse("pick up the banana").message


@pytest.mark.parametrize(("language", "least", "share"), [("en", 60, 0.4), ("zh", 30, 0.3)])
@pytest.mark.parametrize("name", ["development", "calibration"])
def test_what_it_lets_through_is_right(name: str, language: str, least: int, share: float):
    answers = [(s, PARSER.parse(s.text)) for s in sentences.load(name) if s.language == language]
    through = [(s, plan) for s, plan in answers if plan.status == "ok"]
    wrong = [s.text for s, plan in through if not scoring.is_exact(plan, s.plan)]
    assert len(through) > least
    assert len(wrong) <= 0.05 * len(through), wrong
    right = sum(scoring.is_exact(plan, s.plan) for s, plan in answers)
    assert right > share * len(answers)


def test_every_word_of_the_bank_is_in_the_lexicon():
    known, bank = lexicon.lexicon(), phrases("en")
    for slot, kind in (
        ("color", "color"),
        ("shape", "shape"),
        ("landmark", "landmark"),
        ("room", "room"),
        ("avoid", "avoid"),
    ):
        for word, value in bank.table(slot).items():
            (token,) = lexicon.tokens(word)
            assert token.get("ref", token)[kind] == value
    assert len(known) > 1000
