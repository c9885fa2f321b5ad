"""What the guard lets through, and when it holds."""

import math

from metaagent_ros.control import (
    ArmLimiter,
    ArmLimits,
    ArmState,
    BaseLimiter,
    BaseLimits,
    BaseState,
    Guard,
)
from sim_envs.spec import BaseCommand, JointCommand

LIMITS = ArmLimits(("a",), (-1.0,), (1.0,), (2.0,), (0.0, 0.08), 40.0)
MS = 1_000_000


def command(position: float) -> JointCommand:
    return JointCommand(("a",), (position,), 0.02, 10.0, 0.05)


def guard_at(position: float) -> Guard[JointCommand]:
    guard = Guard(ArmLimiter(LIMITS))
    guard.feed_state(ArmState(("a",), (position,), (0.0,)), 1 * MS, 0.0, 0.0)
    return guard


def test_passes_limits_and_rejects():
    guard = guard_at(0.0)
    assert guard.feed_command(command(0.05), 1, 0.0, 0.0) == command(0.05)
    assert guard.feed_command(command(0.5), 2, 0.0, 0.0) == command(0.1)
    assert guard.feed_command(command(math.nan), 3, 0.0, 0.0) is None
    assert (guard.counts.passed, guard.counts.limited, guard.counts.rejected) == (1, 1, 1)
    assert guard.state == "active" and "finite" in guard.message


def test_nothing_passes_without_a_fresh_state():
    assert Guard(ArmLimiter(LIMITS)).feed_command(command(0.0), 1, 0.0, 0.0) is None
    assert guard_at(0.0).feed_command(command(0.0), 1, 0.2, 0.0) is None
    assert guard_at(0.0).feed_command(command(0.0), 1, 0.0, 0.6) is None


def test_holds_once_at_the_measured_pose_and_keeps_the_grip():
    guard = guard_at(0.0)
    guard.feed_command(command(0.05), 1, 0.0, 0.0)
    guard.feed_state(ArmState(("a",), (0.03,), (0.0,)), 2 * MS, 0.2, 0.2)
    assert guard.tick(0.2, 0.2) is None
    guard.feed_state(ArmState(("a",), (0.04,), (0.0,)), 3 * MS, 0.21, 0.21)
    held = guard.tick(0.21, 0.21)
    assert held is not None and held.positions == (0.04,) and held.gripper_width == 0.02
    assert guard.state == "holding" and guard.tick(0.22, 0.22) is None


def test_commands_resume_after_a_hold():
    guard = guard_at(0.0)
    guard.feed_command(command(0.05), 1, 0.0, 0.0)
    assert guard.tick(0.3, 0.3) is not None
    guard.feed_state(ArmState(("a",), (0.0,), (0.0,)), 9 * MS, 0.3, 0.3)
    assert guard.feed_command(command(0.05), 2, 0.3, 0.3) is not None and guard.state == "active"


def test_stopped_robot_time_is_noticed_by_the_wall_clock():
    guard = guard_at(0.0)
    guard.feed_command(command(0.05), 1, 0.0, 0.0)
    assert guard.tick(0.0, 0.4) is None
    assert guard.tick(0.0, 0.6) is not None and "wall" in guard.message


def test_abort_is_latched_until_another_run():
    guard = guard_at(0.0)
    guard.new_run("one")
    guard.feed_state(ArmState(("a",), (0.0,), (0.0,)), 1 * MS, 0.0, 0.0)
    guard.feed_command(command(0.05), 1, 0.0, 0.0)
    assert guard.abort("person") is not None and guard.state == "fault"
    guard.new_run("one")
    assert guard.feed_command(command(0.05), 2, 0.0, 0.0) is None
    guard.new_run("two")
    guard.feed_state(ArmState(("a",), (0.0,), (0.0,)), 2 * MS, 0.0, 0.0)
    assert guard.feed_command(command(0.05), 3, 0.0, 0.0) is not None


def test_a_base_is_told_zero_for_as_long_as_it_holds():
    guard = Guard(BaseLimiter(BaseLimits(0.5, 1.0, 10.0, 10.0)))
    guard.feed_state(BaseState(0.0, 0.0, 0.0, 0.0, 0.0), 1, 0.0, 0.0)
    assert guard.feed_command(BaseCommand(0.3, 0.0), 1, 0.0, 0.0) == BaseCommand(0.3, 0.0)
    for now in (0.3, 0.35, 0.4):
        assert guard.tick(now, now) == BaseCommand(0.0, 0.0)


def test_another_run_in_mid_motion_stops_a_base_until_fresh_state_comes():
    guard = Guard(BaseLimiter(BaseLimits(0.5, 1.0, 10.0, 10.0)))
    guard.feed_state(BaseState(0.0, 0.0, 0.0, 0.0, 0.0), 1, 0.0, 0.0)
    guard.feed_command(BaseCommand(0.3, 0.0), 1, 0.0, 0.0)
    guard.new_run("two")
    assert guard.tick(0.01, 0.01) == BaseCommand(0.0, 0.0) == guard.tick(0.02, 0.02)
