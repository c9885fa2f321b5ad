"""Freshness, order of stamps, and clocks that jump."""

import math

import pytest

from metaagent_ros.control import StateError, Watchdog, arm_state, base_state


def test_fresh_until_the_timeout():
    dog = Watchdog(0.1)
    assert not dog.fresh(0.0)
    assert dog.feed(1, 5.0)
    assert dog.fresh(5.0) and dog.fresh(5.1) and not dog.fresh(5.11)


def test_old_and_repeated_stamps_are_dropped_and_counted():
    dog = Watchdog(0.1)
    assert dog.feed(10, 0.0)
    assert not dog.feed(10, 0.05) and not dog.feed(9, 0.09)
    assert dog.dropped == 2 and not dog.fresh(0.15)


@pytest.mark.parametrize("now", [-1.0, math.nan, math.inf, -math.inf])
def test_a_clock_that_jumps_is_not_fresh(now):
    dog = Watchdog(0.1)
    dog.feed(1, 0.0)
    assert not dog.fresh(now)


def test_reset_takes_earlier_stamps_again():
    dog = Watchdog(0.1)
    dog.feed(10, 0.0)
    dog.reset()
    assert not dog.fresh(0.0) and dog.feed(1, 0.0) and dog.fresh(0.0)


@pytest.mark.parametrize("timeout", [0.0, -1.0, math.nan, math.inf])
def test_a_timeout_must_be_positive(timeout):
    with pytest.raises(ValueError, match="positive"):
        Watchdog(timeout)


def test_arm_state_is_picked_by_name():
    state = arm_state(["z", "b", "a"], [9.0, 2.0, 1.0], [], ("a", "b"))
    assert state.positions == (1.0, 2.0) and state.velocities == (0.0, 0.0)


@pytest.mark.parametrize(
    ("names", "positions", "word"),
    [
        (["a"], [1.0], "missing b"),
        (["a", "b"], [1.0], "1 positions"),
        (["a", "b"], [1.0, math.nan], "finite"),
    ],
)
def test_bad_arm_states_are_named(names, positions, word):
    with pytest.raises(StateError, match=word):
        arm_state(names, positions, [], ("a", "b"))


def test_bad_odometry_is_named():
    with pytest.raises(StateError, match="yaw is nan"):
        base_state(0.0, 0.0, math.nan, 0.0, 0.0)
