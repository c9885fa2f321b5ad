"""Whatever goes in, nothing that is not finite or outside the limits comes out."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent_ros.control import (
    ArmLimiter,
    ArmLimits,
    ArmState,
    BaseLimiter,
    BaseLimits,
    BaseState,
)
from sim_envs.spec import BaseCommand, JointCommand

LIMITS = ArmLimits(("a", "b"), (-1.0, -2.0), (1.0, 2.0), (2.0, 1.0), (0.0, 0.08), 40.0)
BASE = BaseLimits(0.5, 1.0, 1.0, 2.0)
HERE = ArmState(("a", "b"), (0.0, 0.0), (0.0, 0.0))
STILL = BaseState(0.0, 0.0, 0.0, 0.0, 0.0)
anything = st.one_of(st.floats(), st.integers(), st.booleans())


def command(**changes: object) -> JointCommand:
    fields = {
        "names": ("a", "b"),
        "positions": (0.05, -0.02),
        "gripper_width": 0.04,
        "gripper_force": 10.0,
        "duration": 0.05,
    }
    return JointCommand(**(fields | changes))  # type: ignore[arg-type]


@given(
    st.lists(anything, max_size=3),
    anything,
    anything,
    anything,
    st.lists(st.floats(), min_size=2, max_size=2),
)
def test_arm_output_is_always_within_limits(positions, width, force, duration, measured):
    given_ = command(positions=tuple(positions), gripper_width=width, gripper_force=force, duration=duration)
    state = ArmState(("a", "b"), tuple(measured), (0.0, 0.0))
    verdict = ArmLimiter(LIMITS).check(given_, state, 0.0)
    if verdict.command is None:
        assert verdict.reason
        return
    sent = verdict.command
    for i, p in enumerate(sent.positions):
        assert LIMITS.lower[i] <= p <= LIMITS.upper[i]
        assert abs(p - measured[i]) <= LIMITS.velocity[i] * sent.duration + 1e-9
    assert 0.0 <= sent.gripper_width <= 0.08 and 0.0 <= sent.gripper_force <= 40.0
    assert 0.01 <= sent.duration <= 0.2


@given(st.lists(st.tuples(anything, anything, anything), max_size=8), st.floats(), st.floats())
def test_base_output_is_always_within_limits(commands, linear, angular):
    limiter = BaseLimiter(BASE)
    state = BaseState(0.0, 0.0, 0.0, linear, angular)
    for v, w, now in commands:
        sent = limiter.check(BaseCommand(v, w), state, now).command
        if sent is not None:
            assert math.isfinite(sent.linear) and abs(sent.linear) <= BASE.linear
            assert math.isfinite(sent.angular) and abs(sent.angular) <= BASE.angular


def test_a_sane_command_passes_unchanged():
    verdict = ArmLimiter(LIMITS).check(command(), HERE, 0.0)
    assert verdict.command == command() and not verdict.limited


def test_permuted_joints_mean_the_same_motion():
    permuted = command(names=("b", "a"), positions=(-0.02, 0.05))
    assert ArmLimiter(LIMITS).check(permuted, HERE, 0.0).command == command()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"positions": (math.nan, 0.0)}, "position of a"),
        ({"positions": (math.inf, 0.0)}, "finite"),
        ({"positions": (0.0,)}, "1 positions for 2"),
        ({"names": ("a", "c")}, "missing b; unknown c"),
        ({"names": ("a", "b", "b"), "positions": (0.0, 0.0, 0.0)}, "named twice b"),
        ({"gripper_width": math.nan}, "gripper_width"),
        ({"gripper_force": 10**400}, "gripper_force"),
        ({"duration": 0.0}, "duration is 0.0 s; allowed: 0.002 to 0.2"),
    ],
)
def test_rejections_name_the_cause(changes, word):
    verdict = ArmLimiter(LIMITS).check(command(**changes), HERE, 0.0)
    assert verdict.command is None and word in verdict.reason


def test_velocity_step_starts_at_the_measured_position():
    sent = ArmLimiter(LIMITS, speed_scale=0.5).check(command(positions=(1.0, 0.0)), HERE, 0.0)
    assert sent.limited and sent.command is not None
    assert sent.command.positions == pytest.approx((0.05, 0.0))  # 2 rad/s * 0.05 s * 0.5


def test_far_outside_its_limits_nothing_is_sent():
    outside = ArmState(("a", "b"), (3.0, 0.0), (0.0, 0.0))
    assert "too far outside" in ArmLimiter(LIMITS).check(command(), outside, 0.0).reason


def test_base_acceleration_is_limited_per_period():
    limiter = BaseLimiter(BASE)
    speeds = []
    for i in range(4):
        sent = limiter.check(BaseCommand(0.5, 0.0), STILL, 0.05 * i).command
        assert sent is not None
        limiter.sent(sent, STILL, 0.05 * i)
        speeds.append(sent.linear)
    assert speeds == pytest.approx([0.1, 0.15, 0.2, 0.25])


@given(st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2), st.floats(0.0, 1.0))
def test_too_fast_a_command_keeps_its_direction(positions, scale):
    verdict = ArmLimiter(LIMITS).check(command(positions=tuple(positions)), HERE, 0.0, scale)
    (x, y), sent = (max(-m, min(m, p)) for m, p in zip((1.0, 2.0), positions, strict=True)), verdict.command
    assert sent is not None
    assert sent.positions[0] * y == pytest.approx(sent.positions[1] * x, abs=1e-9)


def test_outside_the_soft_limits_it_may_stay_or_go_back_but_not_on():
    limits = dataclasses.replace(LIMITS, margin=0.05)
    there = ArmState(("a", "b"), (1.03, 0.0), (0.0, 0.0))
    for wanted, sent in ((1.2, 1.03), (1.03, 1.03), (0.99, 0.99)):
        verdict = ArmLimiter(limits).check(command(positions=(wanted, 0.0)), there, 0.0)
        assert verdict.command is not None and verdict.command.positions[0] == pytest.approx(sent)
    beyond = ArmState(("a", "b"), (1.2, 0.0), (0.0, 0.0))
    assert "too far" in ArmLimiter(limits).check(command(), beyond, 0.0).reason


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(0.0, 0.3)), max_size=12))
def test_the_velocity_of_an_arm_changes_within_the_acceleration(wishes):
    limits = dataclasses.replace(LIMITS, acceleration=(5.0, 3.0))
    limiter, here, now, before = ArmLimiter(limits), (0.0, 0.0), 0.0, (0.0, 0.0)
    for a, b, passed in wishes:
        now += passed
        state = ArmState(("a", "b"), here, (0.0, 0.0))
        sent = limiter.check(command(positions=(a, b)), state, now).command
        assert sent is not None
        limiter.sent(sent, state, now)
        velocity = tuple((p - m) / 0.05 for p, m in zip(sent.positions, here, strict=True))
        if passed <= 0.1:
            inside = [abs(p) < m for p, m in zip(sent.positions, (1.0, 2.0), strict=True)]
            for v, v0, most, free in zip(velocity, before, (5.0, 3.0), inside, strict=True):
                assert not free or abs(v - v0) <= most * max(passed, 0.0) + 1e-6 or before == (0.0, 0.0)
        here, before = sent.positions, velocity
