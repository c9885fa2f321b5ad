"""What the guard lets through, without ROS (docs/safety.md, points 1 to 9)."""

import itertools
import math

import pytest
from guard_joint import PERIOD, TICK_S, Bench, speeds

from sim_envs.spec import JointCommand


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_1_not_finite_is_rejected_held_counted_and_a_fault_after_ten(bench, bad):
    assert bench.run() > 1.0
    guard, first = bench.guard, bench.step(bad)
    assert first is not None and math.isfinite(first.positions[0]) and guard.state == "holding"
    bench.settle(20)
    sent = [bench.step(bad) for _ in range(8)]
    assert sent == [None] * 8 and guard.counts.rejected == 9 and guard.state == "holding"
    bench.step(bad)
    assert guard.state == "fault" and "finite" in guard.message
    bench.settle()
    assert bench.step(0.0) is None and guard.state == "fault"


def test_1_a_good_command_between_starts_the_count_again(bench):
    for _ in range(4):
        for _ in range(5):
            bench.step(math.nan)
            bench.settle(20)
        bench.step(0.0)
    assert bench.guard.state == "active" and bench.guard.counts.rejected == 20


def test_2_a_position_limit_is_clamped_counted_and_named(bench):
    for _ in range(60):
        bench.step(5.0)
    assert bench.position == 1.0 and bench.guard.counts.limited_position > 0
    assert "a clamped to position limit" in bench.guard.message


def test_3_a_motion_begins_at_the_measured_pose_and_neither_speed_nor_acceleration_jump(bench):
    bench.position, positions = 0.3, [0.3]
    for _ in range(12):
        bench.step(-1.0)
        positions.append(bench.position)
    assert positions[1] == 0.3 and bench.guard.counts.started == 1
    velocity = [(b - a) / PERIOD for a, b in itertools.pairwise(positions)]
    change = [abs(b - a) for a, b in itertools.pairwise(velocity)]
    assert min(velocity) == pytest.approx(-2.0) and max(change) <= 10.0 * PERIOD + 1e-9
    assert bench.guard.counts.limited_velocity and bench.guard.counts.limited_acceleration


def test_3_after_every_stop_it_begins_at_the_measured_pose_again(bench):
    bench.run()
    bench.guard.abort("a person", bench.wall)
    bench.settle()
    bench.guard.new_run("next")
    bench.position = -0.4  # somebody moved it by hand
    sent = bench.step(1.0)
    assert sent is not None and sent.positions == (-0.4,)


def test_4_an_old_state_brakes_within_the_acceleration_holds_and_becomes_a_fault(bench):
    speed, guard = bench.run(), bench.guard
    bench.wait(0.09)
    sent = bench.want(2.0, stamp=bench.now - 0.05)  # the state is 90 ms old by now
    assert sent is not None and guard.state == "active"
    positions = bench.settle(20)
    assert guard.state == "holding" and "stale" in guard.message
    assert len(positions) == math.ceil(speed / 10.0 / TICK_S)
    velocity = speeds(sent.positions[0] - speed * (PERIOD - TICK_S), positions)
    assert all(b <= a + 1e-6 for a, b in itertools.pairwise(velocity))
    assert max(abs(b - a) for a, b in itertools.pairwise(velocity)) <= 10.0 * TICK_S + 1e-6
    bench.settle(20)
    assert guard.state == "fault" and "stale" in guard.message
    bench.measure()
    assert bench.want(0.0) is None


def test_4_a_state_that_comes_back_in_time_lets_it_go_on_from_where_it_is(bench):
    bench.run()
    bench.settle(15)
    assert bench.guard.state == "holding"
    bench.position = 0.2
    sent = bench.step(1.0)
    assert sent is not None and sent.positions == (0.2,) and bench.guard.state == "active"


def test_5_stamps_out_of_order_or_twice_are_dropped_and_counted(bench):
    bench.run()
    guard, before = bench.guard, bench.guard.counts.passed + bench.guard.counts.limited
    bench.measure()
    bench.measure(stamp=bench.now - 0.02)
    assert guard.counts.out_of_order == 2
    assert bench.want(0.0) is None and bench.want(0.0, stamp=bench.now - 0.02) is None
    assert guard.counts.out_of_order == 4 and "not newer" in guard.message
    assert guard.counts.passed + guard.counts.limited == before and guard.state == "active"


def test_6_joint_names_of_a_command_are_rejected_with_the_difference(bench):
    wrong = JointCommand(("b",), (0.0,), 0.02, 10.0, PERIOD)
    bench.measure()
    assert bench.guard.feed_command(wrong, bench.ns(None), bench.now, bench.wall, "one") is None
    assert "missing a; unknown b" in bench.guard.message


def test_8_a_state_that_cannot_be_used_is_as_if_it_had_not_come(bench):
    bench.run()
    for _ in range(6):
        bench.wait(PERIOD)
        bench.guard.bad_state("a is at nan")
        bench.guard.tick(bench.now, bench.wall)
    assert bench.guard.counts.stale == 6 and bench.guard.state == "holding"


def test_9_a_late_command_is_dropped_and_never_queued(bench):
    bench.run()
    bench.wait(PERIOD)
    bench.measure()
    assert bench.want(0.0, stamp=bench.now - 0.21) is None and bench.guard.counts.out_of_order == 1
    guard = Bench()
    guard.measure()
    assert guard.want(0.0, stamp=guard.now - 0.21) is None
    assert guard.guard.counts.stale == 1 and "decided" in guard.guard.message
    assert guard.want(0.0, stamp=guard.now + 0.21) is None and guard.guard.counts.stale == 2
