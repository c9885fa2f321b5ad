"""What the guard lets through, when it stops, and what it takes to go on: without ROS, clocks by hand."""

import itertools
import math

import pytest

from metaagent_ros.control import (
    ArmLimiter,
    ArmLimits,
    ArmState,
    BaseLimiter,
    BaseLimits,
    BaseState,
    Guard,
    Timeouts,
)
from metaagent_ros.control.guard import TICK_S
from sim_envs.spec import BaseCommand, JointCommand

LIMITS = ArmLimits(("a",), (-1.0,), (1.0,), (2.0,), (0.0, 0.08), 40.0, acceleration=(10.0,))
BASE = BaseLimits(0.5, 1.0, 10.0, 10.0)
PERIOD, NS = 0.05, 1_000_000_000


def command(position: float) -> JointCommand:
    return JointCommand(("a",), (position,), 0.02, 10.0, PERIOD)


class Bench:
    """A guard, and an ideal joint that is measured and commanded every :data:`PERIOD`."""

    def __init__(self, guard: Guard | None = None) -> None:
        self.guard = guard or Guard(ArmLimiter(LIMITS))
        self.now = self.wall = 10.0
        self.position = 0.0

    def measure(self, position: float | None = None, stamp: float | None = None) -> None:
        self.position = self.position if position is None else position
        state = ArmState(("a",), (self.position,), (0.0,))
        self.guard.feed_state(state, self.ns(stamp), self.now, self.wall)

    def want(self, position: float, stamp: float | None = None, who: str = "one") -> JointCommand | None:
        return self.guard.feed_command(command(position), self.ns(stamp), self.now, self.wall, who)

    def step(self, position: float, who: str = "one") -> JointCommand | None:
        """One period later: what is sent is where the joint will be."""
        self.wait(PERIOD)
        self.measure()
        sent = self.want(position, who=who)
        if sent is not None:
            self.position = sent.positions[0]
        return sent

    def tick(self) -> JointCommand | None:
        self.wait(TICK_S)
        return self.guard.tick(self.now, self.wall)

    def wait(self, seconds: float) -> None:
        self.now, self.wall = self.now + seconds, self.wall + seconds

    def ns(self, stamp: float | None) -> int:
        return round((self.now if stamp is None else stamp) * NS)

    def run(self, position: float = 1.0, steps: int = 5) -> float:
        """Get moving; the last velocity [rad/s]."""
        before = 0.0
        for _ in range(steps):
            before = self.position
            self.step(position)
        return (self.position - before) / PERIOD

    def settle(self, steps: int = 60) -> list[float]:
        """What is sent on the way to rest."""
        sent = [self.tick() for _ in range(steps)]
        return [s.positions[0] for s in sent if s is not None]


@pytest.fixture
def bench():
    return Bench()


def speeds(start: float, positions: list[float]) -> list[float]:
    return [(b - a) / TICK_S for a, b in zip([start, *positions], positions, strict=False)]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_1_not_finite_is_rejected_held_counted_and_a_fault_after_ten(bench, bad):
    assert bench.run() > 1.0
    guard, first = bench.guard, bench.step(bad)
    assert first is not None and math.isfinite(first.positions[0]) and guard.state == "holding"
    bench.settle()
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


def test_10_without_commands_it_holds_after_the_time_out(bench):
    bench.run()
    waited = 0.0
    while bench.guard.state == "active":
        bench.measure()
        bench.tick()
        waited += TICK_S
    assert waited <= 0.2 + 2 * TICK_S and "no command" in bench.guard.message
    assert bench.settle(5) == []  # once is enough: a trajectory ends at rest
    assert bench.guard._last.positions == (bench.position,)


def test_12_the_second_commander_is_refused_by_name_and_the_first_goes_on(bench):
    for _ in range(10):
        assert bench.step(0.5, who="/first") is not None
        assert bench.want(-0.5, stamp=bench.now + 0.01, who="/second") is None
    assert bench.guard.counts.refused == 10
    assert bench.guard.message == "refused /second: /first holds the lease."
    assert bench.guard.counts.rejected == 0 and bench.position > 0.2


def test_12_the_lease_is_free_after_silence_and_after_a_run(bench):
    bench.step(0.1, who="/first")
    bench.wait(0.21)
    assert bench.step(0.1, who="/second") is not None
    bench.guard.new_run("")  # the end of a run
    assert bench.step(0.1, who="/third") is not None


def test_12_nonsense_takes_no_lease(bench):
    bench.step(math.nan, who="/nonsense")
    assert bench.step(0.1, who="/policy") is not None and bench.guard.lease.holder(bench.now) == "/policy"
    for _ in range(20):
        bench.step(0.1, who="/policy")
        bench.want(math.nan, stamp=bench.now + 0.01, who="/nonsense")
    assert bench.guard.state == "active" and bench.guard.counts.refused == 20


def test_13_an_e_stop_is_latched_and_a_reset_needs_a_fresh_state_and_silence(bench):
    bench.run()
    guard = bench.guard
    assert guard.estop("the topic", bench.wall) is not None and guard.state == "fault"
    bench.settle()
    guard.new_run("another")
    assert guard.state == "fault" and bench.step(0.0) is None
    assert "commands still come in" in guard.reset(bench.now, bench.wall)
    bench.wait(1.0)
    assert "fresh state" in guard.reset(bench.now, bench.wall)
    bench.measure()
    assert guard.reset(bench.now, bench.wall) == "" and guard.state == "holding"
    sent = bench.step(1.0)
    assert sent is not None and sent.positions == (bench.position,)


def test_13_an_e_stop_in_mid_motion_brakes_within_the_acceleration(bench):
    speed = bench.run()
    bench.wait(0.01)
    first = bench.guard.estop("now", bench.wall)
    positions = [first.positions[0], *bench.settle()]
    assert len(positions) <= math.ceil(speed / 10.0 / TICK_S)
    assert positions == sorted(positions)


@pytest.mark.parametrize("jump", [-5.0, 30.0])
def test_14_a_jump_of_robot_time_holds_and_judges_anew(bench, jump):
    bench.run()
    bench.now += jump
    bench.tick()
    assert bench.guard.state == "holding" and "jumped" in bench.guard.message
    bench.settle(12)
    assert bench.step(0.0) is not None and bench.guard.state == "active"


def test_14_robot_time_that_stands_still_is_noticed_by_the_wall_clock(bench):
    bench.run()
    bench.wall += 0.4
    bench.guard.tick(bench.now, bench.wall)
    assert bench.guard.state == "active"
    bench.wall += 0.2
    bench.guard.tick(bench.now, bench.wall)
    assert bench.guard.state == "holding" and "wall" in bench.guard.message


class Ahead:
    """A forecast that says what it is told."""

    def __init__(self) -> None:
        self.says = (1.0, "")

    def scale(self, command, state):
        return self.says

    def close(self):
        pass


def test_17_slower_when_near_and_halted_when_in_the_way():
    ahead = Ahead()
    bench = Bench(Guard(ArmLimiter(LIMITS), forecast=ahead))
    bench.run()
    ahead.says = (0.25, "near: the table")
    assert [bench.step(1.0) for _ in range(8)]
    before = bench.position
    bench.step(1.0)
    assert bench.position - before == pytest.approx(0.25 * 2.0 * PERIOD)
    assert bench.guard.counts.slowed > 0 and bench.guard.message == "near: the table"
    ahead.says = (0.0, "ahead: the table")
    bench.step(1.0)
    assert bench.guard.state == "holding" and bench.guard.counts.collisions == 1
    for _ in range(9):
        bench.settle(20)
        bench.step(1.0)
    assert bench.guard.state == "fault" and "ahead: the table" in bench.guard.message


def test_18_paused_nothing_is_sent_and_it_goes_on_without_a_jump(bench):
    bench.run()
    bench.guard.pause("the robot's speed scaling is 0.")
    assert bench.guard.state == "paused"
    assert [bench.step(1.0) for _ in range(20)] == [None] * 20 and bench.settle() == []
    assert bench.guard.counts.rejected == 0 and bench.guard.state == "paused"
    bench.guard.resume()
    here = bench.position
    assert bench.step(1.0).positions == (here,)
    assert bench.step(1.0).positions[0] - here <= 10.0 * PERIOD * PERIOD + 1e-9


def test_18_a_pause_does_not_lift_a_fault(bench):
    bench.guard.estop("now", bench.wall)
    bench.guard.pause("paused")
    bench.guard.resume()
    assert bench.guard.state == "fault"


def test_19_rest_is_the_whole_way_to_rest(bench):
    speed = bench.run()
    way = [c.positions[0] for c in bench.guard.rest("deactivated", bench.wall)]
    velocity = speeds(bench.position - speed * PERIOD, way)[1:]
    assert way == sorted(way) and way[-1] == way[-2]
    assert all(abs(b - a) <= 10.0 * TICK_S + 1e-6 for a, b in itertools.pairwise(velocity))
    assert bench.guard.state == "holding" and bench.guard.rest("again", bench.wall) == ()


def test_another_run_in_mid_motion_waits_for_a_fresh_state(bench):
    bench.run()
    bench.guard.new_run("two")
    bench.tick()
    assert bench.guard.state == "holding"


class Base:
    """A guarded base that drives."""

    def __init__(self) -> None:
        self.guard = Guard(BaseLimiter(BASE), Timeouts())
        self.now = 1.0

    def step(self, linear: float) -> BaseCommand | None:
        self.now += 0.05
        stamp = round(self.now * NS)
        self.guard.feed_state(BaseState(0.0, 0.0, 0.0, 0.0, 0.0), stamp, self.now, self.now)
        return self.guard.feed_command(BaseCommand(linear, 0.0), stamp, self.now, self.now)


def test_a_base_is_told_zero_for_as_long_as_it_holds():
    base = Base()
    assert base.step(0.3) == BaseCommand(0.3, 0.0)
    for later in (0.25, 0.3, 0.35):
        assert base.guard.tick(base.now + later, base.now + later) == BaseCommand(0.0, 0.0)


def test_19_a_base_that_is_deactivated_ramps_down():
    base = Base()
    base.step(0.5)
    way = [c.linear for c in base.guard.rest("deactivated", base.now)]
    assert way == pytest.approx([0.3, 0.1, 0.0, 0.0])


def test_12_the_first_name_may_be_empty_but_is_a_name():
    bench = Bench()
    bench.step(0.1, who="")
    bench.want(0.1, stamp=bench.now + 0.01, who="/second")
    assert bench.guard.message == "refused /second: a commander without a name holds the lease."
