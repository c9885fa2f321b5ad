"""Plans of several steps: each is bound to what the ones before it leave behind."""

import math

import pytest

from metaagent_ros.instructions.grounding import GroundingError, expected, ground, ground_plan
from metaagent_ros.instructions.schema import Plan, clarify, refuse
from sim_envs.simulation import table_scene
from sim_envs.spec import ObjectRef, Scene, SceneItem, Target, TaskSpec

TABLE = table_scene(0)
REF, RED = ObjectRef("red", "cube"), Target("object", color="red", shape="cube")


def test_a_plan_is_bound_to_what_its_steps_leave_behind():
    bin_ = Target("bin", "left")
    blue = TaskSpec("pick_place", ObjectRef("blue"), bin_, "in")
    first, second = ground_plan(
        Plan("ok", None, (TaskSpec("pick_place", REF, bin_, "in"), blue)), TABLE, "panda"
    )
    assert first.goal[:2] == (0.5, 0.3) and math.dist(first.goal, second.goal) > 0.04
    stack = TaskSpec("stack", ObjectRef("yellow"), RED, "on")
    _, on = ground_plan(Plan("ok", None, (TaskSpec("pick_place", REF, bin_, "in"), stack)), TABLE, "panda")
    assert on.goal == pytest.approx((0.5, 0.3, 0.062))
    with pytest.raises(GroundingError, match=r"Step 2 \(grasp\): There is no white"):
        ground_plan(Plan("ok", None, (blue, TaskSpec("grasp", ObjectRef("white")))), TABLE, "panda")
    for plan in (refuse("unsafe", "No."), clarify("ambiguous", "Which?")):
        with pytest.raises(GroundingError, match=plan.message) as caught:
            ground_plan(plan, TABLE, "panda")
        assert caught.value.status == plan.status


def test_a_base_goes_on_from_where_it_has_got_to():
    desk = SceneItem("desk", "landmark", (3.0, 0.0, 0.4), (0.3, 0.3, 0.4))
    scene, forward = (
        Scene((desk,), robot_yaw=1.0),
        TaskSpec("navigate", target=Target("direction", "backward")),
    )
    to_desk = TaskSpec("navigate", target=Target("landmark", "desk"))
    first, second = ground_plan(Plan("ok", None, (to_desk, forward)), scene, "diffbot")
    assert first.goal == pytest.approx((2.35, 0.0, 0.0)) and second.goal == pytest.approx((1.35, 0.0, 0.0))
    there = expected(scene, first)
    assert there.robot_yaw == pytest.approx(0.0)
    assert expected(there, ground(to_desk, there, "diffbot")).robot_yaw == pytest.approx(0.0)
