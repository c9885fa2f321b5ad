"""A step that is said twice in a row."""

import pytest

from metaagent_ros.instructions.repeats import once
from metaagent_ros.instructions.schema import Words
from sim_envs.spec import ObjectRef, Target, TaskSpec

LAB, LEFT = Target("room", "lab"), Target("direction", "left")
TO_LAB, INTO_LAB = (TaskSpec("navigate", None, LAB, relation) for relation in ("at", "in"))
TAKE = TaskSpec("grasp", ObjectRef("red", "cube"))


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ((TO_LAB, TO_LAB), (TO_LAB,)),
        ((INTO_LAB, TO_LAB), (TO_LAB,)),
        ((TO_LAB, INTO_LAB), (INTO_LAB,)),
        ((TAKE, TO_LAB, TO_LAB), (TAKE, TO_LAB)),
        ((TAKE, TAKE, TAKE), (TAKE,)),
        ((TO_LAB, TAKE, TO_LAB), (TO_LAB, TAKE, TO_LAB)),
        ((TaskSpec("navigate", None, LEFT), TaskSpec("navigate", None, LEFT)), None),
        ((TaskSpec("push", TAKE.object, LEFT), TaskSpec("push", TAKE.object, LEFT)), None),
        ((TO_LAB, TaskSpec("navigate", None, LAB, "next_to")), None),
        ((TO_LAB, TaskSpec("navigate", None, LAB, "at", "fast")), None),
        ((TO_LAB,), None),
        ((), None),
    ],
)
def test_only_what_says_the_same_again_is_left_out(steps, left):
    assert once(steps, ()) == (left or steps, ())


def test_the_words_are_those_of_the_steps_that_stay():
    words = (Words(0, "skill", 0, 4), Words(1, "target", 10, 13), Words(2, "target", 20, 23))
    steps, said = once((TAKE, TO_LAB, TO_LAB), words)
    assert steps == (TAKE, TO_LAB)
    assert said == (Words(0, "skill", 0, 4), Words(1, "target", 20, 23))
