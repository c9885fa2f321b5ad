"""Who tells success: the camera, the fingers or a person; and nobody's silence is taken for an answer."""

import dataclasses
import threading
import time

import numpy as np
import pytest
from session_peers import TASK, episode

from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.telling import (
    Button,
    Seen,
    by_button,
    by_gripper,
    by_object,
    by_person,
    require_judge,
)
from sim_envs.spec import GroundedTask, Scene, SceneItem, SpecError, TaskSpec


def never() -> bool:
    return False


def seen(z: float, width: float | None) -> Seen:
    place = (0.5, 0.0, z)
    return Seen(
        Scene((SceneItem("red_cube", "object", place, (0.022,) * 3, 0.0, "red", "cube", "medium"),)), width
    )


def ended(grip: float):
    """An episode that ended with that entry of the action: -1 closed, 1 open."""
    whole = episode(1)
    return dataclasses.replace(whole, actions=np.full((5, 4), grip, np.float32))


@pytest.mark.parametrize(("z", "width", "success"), [(0.16, 0.044, True), (0.022, 0.044, False)])
def test_an_object_at_its_goal_is_a_success(z, width, success):
    assert by_object("panda", lambda: seen(z, width))(TASK, ended(-1.0), never) is success


def test_a_base_is_judged_by_where_the_camera_sees_it():
    task = GroundedTask(TaskSpec("navigate"), (2.0, 1.0, 0.0), 0.3)
    for place, success in (((2.1, 1.1, 0.0), True), ((2.0, 1.4, 0.0), False)):
        look = lambda place=place: Seen(Scene((), place, 0.3))  # noqa: E731
        assert by_object("diffbot", look)(task, ended(0.0), never) is success


@pytest.mark.parametrize(
    ("width", "grip", "success"),
    [
        (0.044, -1.0, True),  # told to close, something is in between
        (0.001, -1.0, False),  # closed on nothing
        (0.080, 1.0, False),  # open because it was told so
        (0.040, 0.0, False),  # half open because it was told so
        (0.044, 0.0, True),  # told 40 mm, held at 44
    ],
)
def test_an_object_between_the_fingers_keeps_them_apart(width, grip, success):
    assert by_gripper("panda", lambda: seen(0.1, width))(TASK, ended(grip), never) is success


def test_an_unmeasured_gripper_is_no_answer():
    for make in (by_gripper, by_object):
        with pytest.raises(Stopped, match="not measured"):
            make("panda", lambda: seen(0.1, None))(TASK, ended(-1.0), never)


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_answers_after_the_question(answer):
    button = Button(5.0)
    threading.Timer(0.1, lambda: button.press(answer)).start()
    assert by_button(button)(TASK, ended(0.0), never) is answer


def test_what_was_pressed_before_does_not_count():
    button = Button(0.2)
    button.press(True)
    button.forget()
    with pytest.raises(Stopped, match=r"no answer within 0.2 s: was the trial a success"):
        by_button(button)(TASK, ended(0.0), never)


def test_an_answer_is_taken_once():
    button = Button(0.2)
    button.press(True)
    assert button.wait(never, "first?")
    with pytest.raises(Stopped):
        button.wait(never, "second?")


def test_waiting_for_a_person_ends_within_a_second_when_it_is_over():
    button, began = Button(60.0), time.monotonic()
    with pytest.raises(Stopped) as stopped:
        by_person(button)(1, lambda: time.monotonic() - began > 0.2)
    assert stopped.value.status == "cancelled" and time.monotonic() - began < 1.2


def test_a_person_may_say_that_the_scene_cannot_be_put_back():
    button = Button(1.0)
    button.press(False)
    with pytest.raises(Stopped, match="cannot be put back"):
        by_person(button)(1, never)


@pytest.mark.parametrize(
    ("robot", "skill", "name", "near"),
    [
        ("panda", "pick_place", "gripper", "object, button"),
        ("diffbot", "navigate", "gripper", "object, button"),
        ("panda", "grasp", "buton", "Did you mean 'button'"),
    ],
)
def test_a_judge_that_cannot_tell_is_refused_by_name(robot, skill, name, near):
    with pytest.raises(SpecError, match=near):
        require_judge(robot, skill, name)
    require_judge("panda", "grasp", "gripper")
