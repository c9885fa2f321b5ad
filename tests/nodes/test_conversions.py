"""Values survive the way through messages; messages that are no values raise."""

import math

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from metaagent_interfaces.msg import GroundedTask as GroundedTaskMessage
from metaagent_interfaces.msg import ObjectStates, PlanWords
from metaagent_interfaces.msg import Plan as PlanMessage
from metaagent_ros.control import BaseState, StateError
from metaagent_ros.control.execution import Outcome, Progress
from metaagent_ros.control.robot_side import Waypoint, check_trajectory
from metaagent_ros.instructions.schema import Plan, Words, clarify, refuse
from metaagent_ros.instructions.slots import QUERIES
from metaagent_ros.nodes import conversions, dialect, feedback
from sim_envs.robots import load_profile
from sim_envs.simulation import table_scene
from sim_envs.spec import (
    BaseCommand,
    GroundedTask,
    JointCommand,
    ObjectRef,
    Scene,
    SceneItem,
    SpecError,
    Target,
    TaskSpec,
)

pytestmark = pytest.mark.ros
SPECS = [
    TaskSpec("grasp", ObjectRef("red", "cube", "small"), speed="slow", force="gentle"),
    TaskSpec("grasp", ObjectRef()),
    TaskSpec("pick_place", ObjectRef("red"), Target("bin", "left"), "in", avoid=("blue sphere", "person")),
    TaskSpec("stack", ObjectRef("red"), Target("object", color="blue", shape="cube"), "on"),
    TaskSpec("navigate", target=Target("coordinate", x=-1.5, y=2.25), relation="at"),
    TaskSpec("navigate", target=Target("landmark", "left wall"), speed="fast"),
]
TASK = GroundedTask(SPECS[2], (0.5, 0.28, 0.022), 0.08, "red_cube", "left_bin", ((1.0, 2.0, 0.5),))


def through(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_specs_and_tasks_survive(spec):
    assert conversions.spec_value(through(conversions.spec_message(spec))) == spec
    task = GroundedTask(spec, (0.1, -0.2, 0.3), 0.05)
    assert conversions.task_value(through(conversions.task_message(task))) == task
    assert conversions.task_value(through(conversions.task_message(TASK))) == TASK


TEXT = "把红色的方块拿起来 🤖 crimson"
WORDS = (Words(0, "color", 1, 4), Words(2, "t_color", 14, len(TEXT)), Words(1, "x", 0, 0))


@pytest.mark.parametrize(
    "plan",
    [
        Plan("ok", None, tuple(SPECS[:3]), "", "rules", 0.5),
        Plan("ok", None, tuple(SPECS[:3]), "", "default", 0.5, "0123456789ab", WORDS),
        refuse("unsafe", "Nö."),
        clarify("ambiguous", "?"),
        Plan("clarify", "ambiguous", (), "red or orange?", "default", 0.4, "0123456789ab", WORDS),
    ],
)
def test_plans_survive(plan):
    back = conversions.plan_value(through(conversions.plan_message(plan, TEXT)))
    assert back == plan
    assert back.to_dict(provenance=True) == plan.to_dict(provenance=True)


@pytest.mark.parametrize("slot", QUERIES)
def test_every_slot_of_the_parsers_passes(slot):
    plan = Plan("ok", None, (SPECS[0],), words=(Words(0, slot, 0, 1),))
    assert conversions.plan_value(through(conversions.plan_message(plan, "x"))).words == plan.words


ASTRAY = [
    (Words(0, "colour", 0, 1), "'colour'"),
    (Words(0, "\x1b[31m", 0, 1), "slot is"),
    (Words(1, "color", 0, 1), "step 1"),
    (Words(0, "color", 2, 1), "2 to 1"),
    (Words(0, "color", 0, 5), "4 characters"),
    (Words(0, "color", 0, 2**32 - 1), "4 characters"),
]


@pytest.mark.parametrize(("words", "message"), ASTRAY)
def test_words_that_are_not_in_the_sentence_are_not_sent_and_not_accepted(words, message):
    good = Words(0, "shape", 0, 4)
    made = conversions.plan_message(Plan("ok", None, (SPECS[0],), words=(good, words)), "cube")
    assert conversions.plan_value(through(made)).words == (good,)
    made.words = [PlanWords(step=words.step, slot=words.slot, start=words.start, end=words.end)]
    with pytest.raises(SpecError, match=message):
        conversions.plan_value(through(made))


def test_words_that_no_message_can_hold_are_not_sent():
    strange = (Words(-1, "color", 0, 1), Words(300, "color", 0, 1), Words(0, "color", -1, 1))
    for steps in ((SPECS[0],), ()):
        plan = Plan("ok" if steps else "refuse", None if steps else "unsafe", steps, words=strange)
        assert not conversions.plan_message(plan, "cube").words


def test_scenes_survive_with_numpy_scalars_and_the_robot_itself():
    scene = table_scene(3)
    back = conversions.scene_value(through(conversions.scene_message(scene, 7, "base_link")))
    assert [i.name for i in back.items] == [i.name for i in scene.items]
    for one, two in zip(back.items, scene.items, strict=True):
        np.testing.assert_allclose((*one.position, one.yaw), (*two.position, two.yaw), atol=1e-12)
    odd = SceneItem("door", "landmark", tuple(np.float32([1, 2, 3])), tuple(np.float64([1, 1, 1])))
    moved = Scene((odd,), (1.0, 2.0, 0.0), -2.5)
    back = conversions.scene_value(through(conversions.scene_message(moved, 7, "odom", mobile=True)))
    assert back.robot_position == (1.0, 2.0, 0.0) and math.isclose(back.robot_yaw, -2.5)
    assert back.items[0].position == (1.0, 2.0, 3.0)


def broken_tasks():
    for field, value in (("tolerance", math.nan), ("tolerance", -1.0)):
        message = conversions.task_message(TASK)
        setattr(message, field, value)
        yield message
    for axis in "xyz":
        message = conversions.task_message(TASK)
        setattr(message.goal, axis, math.inf)
        yield message
    for field, value in (("skill", "drop table"), ("speed", "ludicrous"), ("target_kind", "moon")):
        message = conversions.task_message(TASK)
        setattr(message.spec, field, value)
        yield message
    yield GroundedTaskMessage()


@pytest.mark.parametrize("message", list(broken_tasks()))
def test_broken_tasks_raise(message):
    with pytest.raises(SpecError):
        conversions.task_value(message)


def test_broken_scenes_and_plans_raise():
    for spoil in (
        lambda o: setattr(o.pose.position, "x", math.nan),
        lambda o: setattr(o.pose.orientation, "w", 0.0) or setattr(o.pose.orientation, "z", 0.0),
        lambda o: setattr(o, "kind", "ghost"),
        lambda o: setattr(o, "name", ""),
        lambda o: setattr(o, "color", "mauve"),
        lambda o: setattr(o, "name", "left_bin"),
    ):
        message = conversions.scene_message(table_scene(0), 0, "base_link")
        spoil(message.objects[0])
        with pytest.raises(SpecError):
            conversions.scene_value(message)
    assert conversions.scene_value(ObjectStates()) == Scene(())
    with pytest.raises(ValueError, match="status"):
        conversions.plan_value(PlanMessage())


def test_commands_survive_as_they_are_even_when_they_are_bad():
    for value in (0.25, math.nan, math.inf):
        arm = JointCommand(("a", "b"), (value, 1.0), value, 10.0, 0.05)
        back = dialect.arm_command_value(through(dialect.arm_command_message(arm, 5)))
        np.testing.assert_equal((back.positions, back.gripper_width), (arm.positions, arm.gripper_width))
        base = dialect.twist_value(through(dialect.twist_message(BaseCommand(value, 0.5), 5)))
        np.testing.assert_equal(base.linear, value)
    arm = JointCommand(("a", "b"), np.float32([0.5, 1.0]), np.float32(0.5), np.int64(10), 0.05)
    names, points = dialect.trajectory_value(through(dialect.trajectory_message(arm)))
    assert names == ("a", "b") and points == (Waypoint(0.05, (0.5, 1.0)),)
    base = BaseCommand(np.float32(0.5), np.int64(1))
    assert dialect.plain_twist_value(through(dialect.plain_twist_message(base))) == BaseCommand(0.5, 1.0)
    assert list(through(dialect.positions_message(arm, ("b", "a"))).data) == [1.0, 0.5]
    assert dialect.gripper_value(through(dialect.gripper_message(arm))) == (0.5, 10.0)


def test_trajectories_and_grips_that_a_controller_rejects_raise():
    point = JointTrajectoryPoint(positions=[0.0, math.nan])
    for message in (
        JointTrajectory(joint_names=["a", "b"]),
        JointTrajectory(joint_names=["a"], points=[JointTrajectoryPoint(positions=[0.0, 0.0])]),
        JointTrajectory(joint_names=["a", "b"], points=[point]),
        JointTrajectory(joint_names=["a", "b"], points=[point, JointTrajectoryPoint(positions=[0.0, 0.0])]),
    ):
        with pytest.raises(ValueError):
            check_trajectory(("a", "b"), *dialect.trajectory_value(message))
    for data in ([], [0.1], [0.1, math.nan], [0.1, 1.0, 2.0]):
        with pytest.raises(ValueError):
            dialect.gripper_value(dialect.Float64MultiArray(data=data))


def test_states_survive_and_bad_ones_raise():
    message = dialect.joint_state_message(("b", "a"), np.array([1.0, 2.0]), np.array([3.0, 4.0]), 10**9 + 5)
    state = dialect.arm_state_value(through(message), ("a", "b"))
    assert (state.names, state.positions, state.velocities) == (("a", "b"), (2.0, 1.0), (4.0, 3.0))
    assert dialect.stamp_of(message) == 10**9 + 5
    with pytest.raises(StateError, match="missing c"):
        dialect.arm_state_value(message, ("c",))
    base = BaseState(1.0, 2.0, -3.0, 0.5, -0.25)
    back = dialect.base_state_value(through(dialect.odometry_message(base, 1)))
    np.testing.assert_allclose((back.x, back.y, back.yaw, back.linear, back.angular), (1, 2, -3, 0.5, -0.25))
    odometry = dialect.odometry_message(base, 1)
    odometry.twist.twist.linear.x = math.nan
    with pytest.raises(ValueError, match="linear"):
        dialect.base_state_value(odometry)


def test_progress_and_outcome_survive():
    plan = Plan("ok", None, (SPECS[0],))
    for progress in (
        Progress("parse", "text"),
        Progress("adapt", "trial", plan, 1, TASK, 0, 0.0, -3.5, 400),
        Progress("run", "", plan, 0, TASK),
    ):
        assert feedback.progress_value(through(feedback.progress_message(progress, "text"))) == progress
    for outcome in (Outcome("failed", "why"), Outcome("done", "", plan, (0.0, 0.5), True)):
        assert feedback.outcome_value(through(feedback.outcome_message(outcome, "text"))) == outcome


def test_scans_survive_in_any_layout_and_what_is_none_raises():
    profile = load_profile("diffbot")
    ranges = np.linspace(0.3, profile.range, profile.beams)
    message = through(dialect.scan_message(ranges, profile, 1))
    assert math.isinf(message.ranges[-1]) and message.angle_min == 0.0
    np.testing.assert_allclose(dialect.scan_value(message, profile), ranges, atol=1e-6)
    dense = dialect.scan_message(np.full(360, 1.5), profile, 1)
    dense.angle_min, dense.range_min = -math.pi, 0.12
    assert dialect.scan_value(dense, profile) == pytest.approx(np.full(profile.beams, 1.5))
    for spoil in (
        lambda m: setattr(m, "ranges", [1.0]),
        lambda m: setattr(m, "ranges", [math.nan] * profile.beams),
        lambda m: setattr(m, "angle_increment", 0.0),
        lambda m: setattr(m, "angle_increment", 0.2),
    ):
        message = dialect.scan_message(ranges, profile, 1)
        spoil(message)
        with pytest.raises(ValueError, match="scan"):
            dialect.scan_value(message, profile)
