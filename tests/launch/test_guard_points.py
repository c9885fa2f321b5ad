"""What the guard must survive (docs/safety.md), between real processes: what is wrong, late or in the way."""

import math
import re
import signal
import time

import numpy as np
import pytest
from guard_clearance import Clearance
from guard_rig import Rig

from metaagent_ros.nodes import dialect

pytestmark = [pytest.mark.ros, pytest.mark.slow]
NS = 1_000_000_000


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    it = Rig("panda", tmp_path_factory.mktemp("points"), ("hardware", "guard"))
    yield it
    it.close()


@pytest.fixture
def arm(rig):
    rig.settle()
    return rig


def gently() -> float:
    return 0.5  # [rad/s]


def test_2_positions_end_at_the_soft_limit(arm):
    joint, since, told, before = 6, len(arm.states), len(arm.told), arm.status
    end, far = arm.profile.upper[joint] - arm.deployment.soft_margin, arm.turned(joint, 9.0)
    arm.sent.clear()
    arm.follow(far, lambda: abs(arm.now.position[joint] - end) < 2e-3, "at the limit")
    arm.follow(far, lambda: arm.status.limited_position > before.limited_position + 10, "counts")
    sent, measured = np.array(arm.sent), np.array([s.position for s in arm.states[since:]])
    assert sent[:, joint].max() == pytest.approx(end, abs=1e-9) and measured[:, joint].max() < end + 1e-6
    assert np.abs(np.delete(measured - arm.home, joint, axis=1)).max() < 0.01
    assert arm.said("panda_joint7 clamped to position limit", told)
    assert arm.status.rejected == before.rejected


def test_3_nothing_jumps(arm):
    arm.quiet()
    since, before, told, angle = len(arm.states), arm.status, len(arm.told), [0.6]
    arm.sent.clear()

    def to_and_fro() -> np.ndarray:
        """All at once to the other side, as soon as it is on its way to this one."""
        if arm.now.position[0] * angle[-1] > 0.06:
            angle.append(-angle[-1])
        return arm.turned(0, angle[-1])

    limited = [f"panda_joint1.* clamped to {kind} limit" for kind in ("velocity", "acceleration")]
    arm.follow(to_and_fro, lambda: len(angle) > 3 and all(arm.said(w, told) for w in limited), "limits")
    assert arm.sent[0] == pytest.approx(arm.base, abs=2e-3)  # where it was measured, not what was asked for
    arm.assert_smooth(since)
    assert arm.status.started >= before.started + 1
    assert arm.status.limited_velocity > before.limited_velocity + 3
    assert arm.status.limited_acceleration > before.limited_acceleration + 3


def test_5_states_that_come_twice_or_too_late_are_dropped(arm):
    before, told, late = arm.status, len(arm.told), 7

    def spoil() -> None:
        """One that stands there already, and one from before the newest that tells of another pose."""
        old, new = arm.states[-late], arm.now
        arm.measure(arm.profile.joints, new.position, new.stamp_ns)
        arm.measure(arm.profile.joints, old.position + 0.4, old.stamp_ns)

    goal = arm.turned(0, 0.3)
    arm.follow(
        arm.toward(goal, gently), lambda: arm.at(goal) and arm.status.out_of_order > before.out_of_order + 20,
        "there", each=arm.paced(spoil),
    )  # fmt: skip
    sent = np.array(arm.sent)
    assert np.abs(sent[:, 1:] - arm.home[1:]).max() < 0.02
    assert -0.02 < sent[:, 0].min() and sent[:, 0].max() < 0.32
    assert arm.said("state ignored: it is not newer than the one before.", told)


def test_5_commands_that_come_twice_or_out_of_order_are_dropped(arm):
    before, told = arm.status, len(arm.told)
    arm.sent.clear()
    goal, wrong = arm.turned(0, 0.2), arm.turned(0, -1.0)
    step = arm.toward(goal, gently)

    def thrice() -> None:
        stamp_ns = arm.now.stamp_ns
        arm.want(step(), stamp_ns)
        arm.want(wrong, stamp_ns)
        arm.want(wrong, stamp_ns - NS // 50)

    arm.until(
        lambda: arm.at(goal) and arm.status.out_of_order > before.out_of_order + 20, 10.0, "there",
        arm.paced(thrice),
    )  # fmt: skip
    assert min(p[0] for p in arm.sent) > -0.02
    assert arm.said("dropped: the command is not newer than the one before.", told)


def test_7_permuted_names_of_a_command_mean_the_same_motion(arm):
    assert [n for n in arm.names if n in arm.profile.joints] != list(arm.profile.joints)  # nor is the robot's
    goal = arm.home + np.array([0.2, -0.05, 0.15, -0.1, 0.25, 0.1, -0.3])
    low, high = np.minimum(arm.home, goal) - 0.01, np.maximum(arm.home, goal) + 0.01
    since = len(arm.states)
    for seed, pose in enumerate((goal, arm.home)):
        order = np.random.default_rng(seed).permutation(len(goal))
        names = [arm.profile.joints[i] for i in order]
        speak = arm.paced(lambda: arm.want(pose[order], names=names))  # noqa: B023
        arm.until(lambda: arm.at(pose), 10.0, "there", speak)  # noqa: B023
    positions = np.array([s.position for s in arm.states[since:]])
    assert (low < positions).all() and (positions < high).all()


def test_7_permuted_names_of_a_state_mean_the_same_motion(arm):
    names = arm.profile.joints + arm.profile.gripper_joints
    pose = dict(zip(names, [*(arm.home + 0.01 * np.arange(len(arm.home))), 0.04, 0.04], strict=True))
    wish = [pose[n] + 0.001 * (i + 1) for i, n in enumerate(arm.profile.joints)]
    arm.quiet()
    with arm.alone():
        for order in (sorted(names, reverse=True), names[3:] + names[:3]):
            measure = lambda: arm.measure(order, [pose[n] for n in order])  # noqa: B023, E731
            arm.quiet(measure)
            live = arm.paced(lambda: arm.want(wish, stamp_ns=time.time_ns()))
            there = lambda: arm.sent and arm.sent[-1] == pytest.approx(wish, abs=1e-9)  # noqa: E731
            arm.until(there, 10.0, "the wish", lambda: (measure(), live()))  # noqa: B023
            assert arm.sent[0] == pytest.approx([pose[n] for n in arm.profile.joints], abs=1e-9)


def nan_state(arm) -> None:
    names = arm.profile.joints
    arm.measure(names, [*arm.home[:-1], math.nan])


def short_state(arm) -> None:
    arm.measure(arm.profile.joints, arm.home[:-2])


def test_8_broken_states_beside_good_ones_disturb_nothing(arm):
    told, goal = len(arm.told), arm.turned(0, 0.3)
    arm.sent.clear()
    words = ("state ignored: .* both must be finite", "state ignored: 7 joint names with 5 positions")
    arm.follow(
        arm.toward(goal, gently), lambda: arm.at(goal) and all(arm.said(w, told) for w in words), "there",
        each=arm.paced(lambda: (nan_state, short_state)[len(arm.states) % 2](arm)),
    )  # fmt: skip
    sent = np.array(arm.sent)
    assert np.isfinite(sent).all() and np.abs(sent[:, 1:] - arm.home[1:]).max() < 0.02


def test_8_a_robot_that_reports_nothing_else_is_held_then_a_fault(arm):
    arm.quiet()
    arm.sent.clear()
    with arm.alone():
        wish = arm.paced(lambda: arm.want(arm.home, stamp_ns=time.time_ns()))
        for spoil in (nan_state, short_state):
            good = lambda: (arm.measure(arm.profile.joints, arm.home), wish())  # noqa: E731
            arm.until(lambda: arm.status.state == "active", 5.0, "active", good)
            begun, told = time.time_ns(), len(arm.told)
            held = lambda: arm.said("stale in robot time", told, "holding")  # noqa: B023, E731
            bad = lambda: (spoil(arm), wish())  # noqa: B023, E731
            arm.until(held, 2.0, "a hold", bad)
            assert dialect.stamp_of(held()[0]) - begun < 0.3 * NS
        arm.until(lambda: arm.status.state == "fault", 3.0, "a fault", bad)
        assert "stopped for good: the measured state is stale in robot time." in arm.status.message
    assert np.abs(np.array(arm.sent) - arm.home).max() < 0.01


def test_9_what_was_decided_on_old_states_is_dropped(arm):
    arm.quiet()
    before, wrong = arm.status, arm.turned(0, 0.8)
    arm.sent.clear()
    newest, told = arm.now.stamp_ns, len(arm.told)
    for age in np.linspace(0.6, 0.3, 20):
        arm.want(wrong, newest - int(age * NS))
    arm.until(lambda: arm.status.stale >= before.stale + 20, 5.0, "twenty dropped")
    assert arm.said("dropped: the command was decided [+]0[.]", told) and not arm.sent
    goal = arm.turned(0, 0.1)
    arm.follow(arm.toward(goal, gently), lambda: arm.at(goal), "there")  # decided just now: goes on
    assert arm.sent[0] == pytest.approx(arm.base, abs=2e-3)


def test_9_commands_that_waited_for_a_stopped_guard_are_dropped(arm):
    goal, wrong = arm.turned(0, 0.8), arm.turned(0, -0.8)
    arm.follow(goal, lambda: arm.now.position[0] > 0.1, "motion")
    with arm.stopped("guard"):
        arm.follow(wrong, arm.after(0.3), "commands that wait")
        arm.until(arm.after(0.4), 5.0, "time")
        assert arm.still
        before = arm.status
        arm.sent.clear()
    dropped = lambda s: s.stale + s.rejected + s.out_of_order  # noqa: E731
    arm.until(lambda: dropped(arm.status) >= dropped(before) + 8, 5.0, "commands dropped")
    arm.quiet()
    assert min(s.position[0] for s in arm.states[-50:]) > 0.05  # none of them turned it back
    assert arm.status.state == "holding" and arm.status.passed == before.passed


def test_9_a_guard_that_was_stopped_holds_where_it_sent_the_arm_not_where_that_was_before(arm):
    arm.follow(arm.turned(0, 0.8), lambda: arm.now.position[0] > 0.1, "motion")
    with arm.stopped("guard"):
        arm.until(arm.after(0.4), 5.0, "time")
        assert arm.still
        rest = arm.now.position
        arm.sent.clear()
        arm.signal("hardware", signal.SIGSTOP)  # no state comes until the guard has judged
        try:
            time.sleep(0.3)  # by now the newest one is too old
            arm.signal("guard", signal.SIGCONT)
            arm.until(lambda: arm.status.state in ("holding", "fault"), 5.0, "a hold")
        finally:
            arm.signal("hardware", signal.SIGCONT)
    assert arm.sent and all(p == pytest.approx(rest, abs=2e-3) for p in arm.sent)


@pytest.fixture(scope="module")
def clearance(rig):
    it = Clearance(rig.profile, ("panda_link2", "panda_link5"))
    yield it
    it.close()


@pytest.mark.parametrize(
    ("way", "turn", "slow", "what", "least"),
    [
        ("table", (0.0, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0), 0.1, "panda_(left|right)finger and the table", -0.004),
        ("itself", (0.0, 0.0, 0.8, -0.7, -0.8, 0.0, 0.0), 0.6, "panda_link2 and panda_link5", 0.004),
        ("edge", (0.0, -1.1, 0.0, 0.0, 0.0, 0.0, 0.0), 0.6, "the tool and the edge of the workspace", -1e-3),
    ],
    ids=["table", "itself", "edge"],
)
def test_17_it_slows_down_and_halts_before_what_lies_ahead(arm, clearance, way, turn, slow, what, least):
    distance, since, before = getattr(clearance, way), len(arm.states), arm.status
    assert distance(arm.home) > 0.02 and distance(arm.home + turn) < -0.01  # there is something ahead
    ahead = arm.toward(arm.home + turn, lambda: float(np.clip(6.0 * distance(arm.now.position), slow, 0.8)))
    words = f"10 bad commands in a row of /commander#1: ahead: {what}: -?[0-9]+ mm"
    for number in range(1, 4):  # on a busy machine a few late commands may leave nothing to slow down
        arm.follow(ahead, lambda: arm.status.state == "fault", "a halt")
        assert re.fullmatch(words, arm.status.message)
        assert arm.status.collisions >= before.collisions + 10 * number
        arm.settle()  # away is always allowed
        if way == "table" or arm.status.slowed > before.slowed:  # a hand is not slowed every time
            break
    else:
        pytest.fail("not slowed down")
    nearest = min(distance(s.position) for s in arm.states[since:])
    print(f"{way}: {1000 * nearest:.1f} mm at the nearest, slowed {arm.status.slowed - before.slowed} times")
    assert least < nearest < 0.05
