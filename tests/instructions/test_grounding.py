"""Arms: what is named, what is there, and where things go."""

import dataclasses
import math

import pytest

from metaagent_ros.instructions.grounding import BASES, SKILLS, GroundingError, ground
from sim_envs import ROBOT_TASKS
from sim_envs.paths import distance
from sim_envs.robots import load_profile
from sim_envs.spec import ObjectRef, Scene, SceneItem, SpecError, Target, TaskSpec
from sim_envs.tasks.arm import bins
from sim_envs.world import HALF_SIZE

PANDA = load_profile("panda")


def thing(color, shape, x, y, size="medium", z=0.0, name="", yaw=0.0):
    half = HALF_SIZE[size]
    name = name or f"{color}_{shape}"
    return SceneItem(name, "object", (x, y, z + half), (half,) * 3, yaw, color, shape, size)


RED, BLUE = thing("red", "cube", 0.45, 0.0), thing("blue", "cube", 0.55, 0.05)
BALL = thing("green", "sphere", 0.42, -0.12)
TABLE = Scene((RED, BLUE, BALL, *bins()))
REF = ObjectRef("red", "cube")


def described(item: SceneItem) -> Target:
    return Target("object", color=item.color, shape=item.shape)


def bound(skill, target=None, relation=None, scene=TABLE, ref=REF, robot="panda", avoid=()):
    ref = None if skill in ("reach", "navigate", "follow") else ref
    return ground(TaskSpec(skill, ref, target, relation, avoid=avoid), scene, robot)


def refused(*arguments, status="refuse", **named) -> str:
    with pytest.raises(GroundingError) as caught:
        bound(*arguments, **named)
    assert caught.value.status == status
    return str(caught.value)


def gap(task, scene=TABLE) -> float:
    """From the middle of the goal to the nearest other thing."""
    others = [i for i in scene.items if i.name != task.object_name]
    return distance(others, *task.goal[:2])


def test_families_and_skills_are_those_of_the_simulation():
    for robot, names in ROBOT_TASKS.items():
        assert set(SKILLS["base" if robot in BASES else "arm"]) == set(names)
    assert refused("navigate", Target("landmark", "door")).startswith("navigate is not available for panda")
    with pytest.raises(SpecError, match="panda"):
        bound("grasp", robot="pandda")


def test_a_thing_is_lifted_from_where_it_is():
    task = bound("grasp")
    assert task.goal == (0.45, 0.0, pytest.approx(0.142)) and task.object_name == "red_cube"
    far = Scene((thing("red", "cube", 0.8, 0.0),))
    message = refused("grasp", scene=far)
    assert "(0.80, 0.00) m" in message and "x 0.30 to 0.64 m" in message
    at_the_rim = Scene((thing("red", "cube", 0.67, 0.0),))  # a camera may be off so much
    assert bound("grasp", scene=at_the_rim).goal[0] == 0.67
    wide = Scene((dataclasses.replace(RED, extent=(0.05, 0.05, 0.05)),))
    assert "opens to 0.08 m" in refused("grasp", scene=wide)


@pytest.mark.parametrize("relation", ["in", None, "on", "at"])
def test_into_a_bin_its_middle_or_what_is_free_in_it(relation):
    task = bound("pick_place", Target("bin", "left"), relation)
    assert task.goal == pytest.approx((0.5, 0.3, 0.022)) and task.target_name == "left_bin"
    assert task.tolerance == pytest.approx(0.09)
    there = Scene((*TABLE.items, thing("white", "cube", 0.5, 0.3)))
    again = bound("pick_place", Target("bin", "left"), relation, scene=there)
    off = [abs(a - b) for a, b in zip(again.goal, (0.5, 0.3, 0.022), strict=True)]
    assert gap(again, Scene((*TABLE.items[:3], there.items[-1]))) > 0.03
    assert max(off[:2]) + again.tolerance <= 0.09 + 1e-9
    full = [thing("white", "cube", 0.5 + 0.05 * i, 0.3 + 0.05 * j, name=f"w_{3 * i + j}")
            for i in (-1, 0, 1) for j in (-1, 0, 1)]  # fmt: skip
    message = refused("pick_place", Target("bin", "left"), relation, scene=Scene((*TABLE.items, *full)))
    assert "in the left bin" in message and "white cube" in message


@pytest.mark.parametrize(
    ("relation", "axis", "sign"),
    [("left_of", 1, 1), ("right_of", 1, -1), ("behind", 0, 1), ("in_front_of", 0, -1)],
)
@pytest.mark.parametrize("skill", ["pick_place", "push", "reach"])
def test_sides_are_those_of_the_base_frame_and_the_place_is_free(skill, relation, axis, sign):
    anchor = thing("blue", "cube", 0.48, 0.0)
    start = {"left_of": (0.48, 0.2), "right_of": (0.48, -0.2)}.get(relation, (0.48 + 0.14 * sign, 0.0))
    scene = Scene((thing("red", "cube", *start), anchor))
    task = bound(skill, described(anchor), relation, scene=scene)
    off = [task.goal[i] - anchor.position[i] for i in (0, 1)]
    assert sign * off[axis] > abs(off[1 - axis]) - 1e-6
    assert 0.04 < distance([anchor], *task.goal[:2]) < 0.2
    assert all(PANDA.workspace_lower[i] <= task.goal[i] <= PANDA.workspace_upper[i] for i in range(3))
    assert task.target_name == "blue_cube"


def test_next_to_is_on_the_side_from_which_it_comes_unless_that_is_taken():
    target = described(BLUE)
    task = bound("pick_place", target, "next_to")
    assert math.dist(task.goal[:2], RED.position[:2]) < math.dist(BLUE.position[:2], RED.position[:2])
    taken = Scene((*TABLE.items, thing("white", "cube", *task.goal[:2])))
    other = bound("pick_place", target, "next_to", scene=taken)
    assert gap(other, taken) > 0.04 and math.dist(other.goal[:2], task.goal[:2]) > 0.04
    assert bound("pick_place", target, "at").goal == task.goal


def test_a_side_with_no_room_is_refused_with_what_is_in_the_way():
    crowd = [thing("white", "cube", 0.45 + dx, 0.06 + dy, name=f"w_{n}") for n, (dx, dy) in enumerate(
        [(dx, dy) for dx in (-0.14, -0.07, 0.0, 0.07, 0.14) for dy in (0.0, 0.06)])]  # fmt: skip
    scene = Scene((RED, thing("yellow", "cube", 0.5, -0.2), *crowd, *bins()))
    message = refused("pick_place", described(RED), "left_of", scene=scene, ref=ObjectRef("yellow"))
    assert message.startswith("There is no free place to the left of the medium red cube:")
    assert "white cube" in message
    message = refused("pick_place", Target("bin", "left"), "left_of")
    assert "reach (x 0.30 to 0.64 m, y -0.40 to 0.40 m)" in message


@pytest.mark.parametrize("skill", ["pick_place", "push"])
def test_coordinates_are_taken_as_they_are_or_refused_with_what_is_allowed(skill):
    task = bound(skill, Target("coordinate", x=0.45, y=0.12), "at")
    assert task.goal == pytest.approx((0.45, 0.12, 0.022)) and task.target_name is None
    assert "Allowed" not in (far := refused(skill, Target("coordinate", x=1.0, y=0.0), "at"))
    assert "reach (x 0.30 to 0.64 m" in far
    inside = refused(skill, Target("coordinate", x=0.55, y=0.05), "at")
    assert "the medium blue cube is in the way" in inside and "Allowed: x 0.30 to 0.64 m" in inside
    assert "left bin" in refused(skill, Target("coordinate", x=0.5, y=0.3), "at")


@pytest.mark.parametrize("skill", ["pick_place", "push"])
def test_a_direction_is_a_fixed_way(skill):
    for name, (dx, dy) in {"forward": (0.12, 0), "left": (0, 0.12)}.items():
        task = bound(skill, Target("direction", name), scene=Scene((RED, *bins())))
        assert task.goal == pytest.approx((0.45 + dx, dy, 0.022)) and task.target_name is None
    near = Scene((thing("red", "cube", 0.36, 0.0), thing("blue", "cube", 0.36, 0.12)))
    assert "reach" in refused(skill, Target("direction", "backward"), scene=near)
    assert "blue cube is in the way" in refused(skill, Target("direction", "left"), scene=near)


def test_a_push_needs_a_free_way_and_room_for_the_hand():
    between = Scene((RED, thing("white", "cube", 0.5, 0.0)))
    assert "white cube is in the way" in refused("push", Target("coordinate", x=0.59, y=0.0), scene=between)
    assert bound("pick_place", Target("coordinate", x=0.59, y=0.0), scene=between).goal[0] == 0.59
    behind = Scene((RED, thing("white", "cube", 0.39, 0.0)))
    assert "white cube" in refused("push", Target("direction", "forward"), scene=behind)
    near = Scene((thing("red", "cube", 0.3, 0.0),))
    assert "no room" in refused("push", Target("direction", "forward"), scene=near)
    boxed = Scene((thing("red", "cube", 0.5, 0.3), *bins()))
    assert "in the left bin" in refused("push", Target("direction", "right"), scene=boxed)
    piled = Scene((thing("red", "cube", 0.55, 0.05, z=0.044), BLUE))
    assert "not stand on the table" in refused("push", Target("direction", "right"), scene=piled)


def test_a_push_to_something_ends_next_to_it():
    task = bound("push", Target("bin", "left"), "next_to")
    assert 0.02 < distance([bins()[0]], *task.goal[:2]) < 0.12 and task.goal[2] == RED.position[2]
    assert bound("push", Target("bin", "left"), "in").goal == task.goal
    assert 0.04 < distance([BLUE], *bound("push", described(BLUE)).goal[:2]) < 0.12


def test_the_hand_goes_over_to_and_beside():
    over = bound("reach", described(BLUE), "above")
    assert over.goal == (0.55, 0.05, 0.12) and over.object_name is None and over.target_name == "blue_cube"
    assert bound("reach", described(BLUE), "at").goal == pytest.approx((0.55, 0.05, 0.064))
    assert bound("reach", Target("bin", "left"), "above").goal == pytest.approx((0.5, 0.3, 0.2))
    assert bound("reach", Target("bin", "left"), "in").goal == pytest.approx((0.5, 0.3, 0.06))
    assert bound("reach", Target("coordinate", x=0.4, y=0.1), "at").goal == (0.4, 0.1, 0.12)
    assert "reach" in refused("reach", Target("coordinate", x=0.4, y=0.9), "at")
    assert "hand" in refused("reach", Target("direction", "left"))
    tower = Scene(
        (BLUE, *(thing("white", "cube", 0.55, 0.05, z=0.044 * k, name=f"w_{k}") for k in (1, 2, 3)))
    )
    assert bound("reach", described(BLUE), "above", scene=tower).goal[2] == pytest.approx(0.196)


def test_what_carries_and_what_does_not():
    task = bound("stack", described(BLUE), "on")
    assert task.goal == pytest.approx((0.55, 0.05, 0.066)) and task.target_name == "blue_cube"
    assert bound("pick_place", described(BLUE), "on").goal == task.goal
    assert "sphere" in refused("stack", described(BALL), "on")
    assert "sphere" in refused("stack", described(RED), "on", ref=ObjectRef("green"))
    small = Scene((thing("red", "cube", 0.45, 0.0, "large"), thing("blue", "cube", 0.55, 0.05, "small")))
    assert "too small" in refused("stack", described(BLUE), "on", scene=small)
    taken = Scene((*TABLE.items, thing("white", "cube", 0.551, 0.05, z=0.044)))
    assert "white cube is on the medium blue cube already" in refused("stack", described(BLUE), scene=taken)
    below = Scene((RED, thing("blue", "cube", 0.45, 0.0, z=0.044)))
    assert "stands on" in refused("stack", described(BLUE), scene=below)
    tower = [thing("white", "cube", 0.55, 0.05, z=0.044 * k, name=f"w_{k}") for k in range(8)]
    top = Scene((RED, *tower, thing("blue", "cube", 0.55, 0.05, z=0.352)))
    assert "height" in refused("stack", described(BLUE), scene=top)


@pytest.mark.parametrize(("relation", "words"), [("in", "Nothing can be put into"), ("above", "would fall")])
def test_what_cannot_be_done_with_an_object_says_what_can(relation, words):
    message = refused("pick_place", described(BLUE), relation)
    assert words in message and "next to it" in message


def test_surfaces_are_used_where_the_scene_has_them():
    board = SceneItem("shelf", "landmark", (0.45, 0.2, 0.05), (0.1, 0.1, 0.05))
    scene = Scene((RED, board))
    on = bound("pick_place", Target("landmark", "shelf"), "on", scene=scene)
    assert on.goal == pytest.approx((0.45, 0.2, 0.122))
    taken = Scene((RED, board, thing("white", "cube", 0.45, 0.2, z=0.1)))
    other = bound("pick_place", Target("landmark", "shelf"), "on", scene=taken)
    assert math.dist(on.goal, other.goal) > 0.05 and distance([board], *other.goal[:2]) < -0.03
    assert (
        distance([board], *bound("pick_place", Target("landmark", "shelf"), "at", scene=scene).goal[:2]) > 0
    )
    top = SceneItem("table", "landmark", (0.5, 0.0, -0.02), (0.4, 0.6, 0.02))
    table = Scene((RED, top, *bins()))
    assert bound("pick_place", Target("landmark", "table"), "on", scene=table).goal[2] == pytest.approx(0.022)
    assert bound("pick_place", Target("coordinate", x=0.5, y=0.1), scene=table).goal[0] == 0.5
    message = refused("pick_place", Target("landmark", "desk"), scene=Scene((RED, *bins())))
    assert message == "There is no desk here. There is: medium red cube, left bin, right bin."


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        (ObjectRef("purple", "cube"), "no purple cube here; did you mean the red cube or the blue cube?"),
        (ObjectRef("red", "sphere"), "did you mean the red cube or the green sphere?"),
        (ObjectRef("red", "cube", "large"), "no large red cube here; did you mean the medium red cube?"),
        (ObjectRef("white"), "white object here. There is: medium red cube, medium blue cube, medium green"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_what_is_nearest(ref, words):
    assert words in refused("grasp", ref=ref)


def test_bins_that_are_not_there():
    scene = Scene((RED, bins()[1]))
    message = refused("pick_place", Target("bin", "left"), "in", scene=scene)
    assert message == "There is no left bin here; did you mean the right bin? There is: right bin."
    assert "nothing" in refused("reach", Target("bin", "left"), "in", scene=Scene(()))


def test_several_are_asked_back_with_words_that_tell_them_apart():
    two = Scene(
        (thing("red", "cube", 0.45, 0.12, name="a"), thing("red", "cube", 0.45, -0.1, name="b"), BLUE)
    )
    message = refused("grasp", scene=two, status="clarify")
    assert message.startswith(
        "Which red cube? There are: the left medium red cube at (0.45, 0.12) m, the right"
    )
    deep = Scene(tuple(thing("red", "cube", x, 0.0, name=n) for n, x in (("a", 0.6), ("b", 0.4), ("c", 0.5))))
    message = refused("grasp", scene=deep, status="clarify")
    assert all(
        w in message for w in ("far medium red cube at (0.60", "near medium red cube at (0.40", "middle")
    )
    message = refused("grasp", ref=ObjectRef(shape="cube"), status="clarify")
    assert message == "Which cube? There are: the medium red cube, the medium blue cube."
    twice = Scene(
        (*TABLE.items, dataclasses.replace(bins()[0], name="left_bin_2", position=(0.4, 0.3, 0.03)))
    )
    message = refused("pick_place", Target("bin", "left"), "in", scene=twice, status="clarify")
    assert "the far left bin at (0.50, 0.30) m" in message and "the near left bin at (0.40" in message
    assert "object" in refused("grasp", ref=None, status="clarify")
    assert "Where to" in refused("push", status="clarify")


def test_a_thing_is_never_its_own_target():
    cubes = ObjectRef(shape="cube")
    task = bound("stack", Target("object", shape="cube"), "on")
    assert (task.object_name, task.target_name) == ("red_cube", "blue_cube")
    task = bound("stack", described(BLUE), "on", ref=cubes)
    assert (task.object_name, task.target_name) == ("red_cube", "blue_cube")
    alone = refused("pick_place", Target("object", color="red"), "next_to", scene=Scene((RED, BALL)))
    assert alone.startswith("There is no other red object here.")


def test_what_is_to_be_avoided():
    task = bound("pick_place", Target("bin", "left"), "in", avoid=("green sphere", "person", "chair"))
    assert task.avoid == ((0.42, -0.12, 0.05),)  # who is not there is no matter
    task = bound("grasp", avoid=("cube", "blue object", "sphere"))
    assert task.avoid == ((0.55, 0.05, 0.05), (0.42, -0.12, 0.05))  # never the thing itself
    held_high = dataclasses.replace(BALL, position=(0.42, -0.12, 0.3))  # in nobody's way but to be avoided
    there, scene = Target("coordinate", x=0.42, y=-0.1), Scene((RED, held_high))
    assert bound("pick_place", there, "at", scene=scene).goal[1] == -0.1
    assert "to be avoided" in refused("pick_place", there, "at", scene=scene, avoid=("sphere",))
