import pytest

from metaagent_ros.demo.options import BadInput, choose_robot
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.policies.learned import lacking
from sim_envs.spec import ObjectRef, SpecError, Target, TaskSpec

RED, LEFT, BLUE = ObjectRef("red"), Target("bin", "left"), Target("object", color="blue")
PUSH = TaskSpec("push", RED, Target("direction", "left"))
FOLLOW = TaskSpec("follow", None, Target("landmark", "corridor"))


@pytest.mark.parametrize(
    ("step", "robot", "why"),
    [
        (TaskSpec("grasp", RED), "panda", ""),
        (TaskSpec("pick_place", RED, LEFT, "in"), "panda", ""),
        (TaskSpec("pick_place", RED, LEFT), "panda", ""),
        (TaskSpec("navigate", None, Target("room", "lab"), "in"), "diffbot", ""),
        (TaskSpec("pick_place", RED, BLUE, "next_to"), "panda", "not next to the blue object"),
        (TaskSpec("pick_place", RED, LEFT, "left_of"), "panda", "not left of the left bin"),
        (PUSH, "panda", "push is not available for panda yet; available: grasp, pick_place"),
        (FOLLOW, "diffbot", "follow is not available for diffbot yet; available: navigate"),
    ],
)
def test_only_what_a_policy_has_learned_is_carried_out(step: TaskSpec, robot: str, why: str):
    said = lacking(step, robot)
    assert said.endswith(why) and bool(said) == bool(why)


def test_the_demo_says_what_is_available_and_for_which_robot():
    for step in (PUSH, FOLLOW):
        with pytest.raises(BadInput, match=f"{step.skill} is not available for .*; available: "):
            choose_robot(Plan("ok", None, (step,)), "auto")
    with pytest.raises(BadInput, match="--robot panda is for that"):
        choose_robot(Plan("ok", None, (TaskSpec("grasp", RED),)), "diffbot")
    with pytest.raises(SpecError, match="panda"):
        lacking(PUSH, "pandda")
