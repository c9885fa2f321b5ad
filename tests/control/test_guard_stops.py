"""When the guard stops, and what it takes to go on, without ROS (docs/safety.md, points 10 to 19)."""

import itertools
import math

import pytest
from guard_joint import LIMITS, NS, PERIOD, TICK_S, Bench, command, speeds

from metaagent_ros.control import ArmLimiter, BaseLimiter, BaseLimits, BaseState, Guard, Timeouts
from sim_envs.spec import BaseCommand

BASE = BaseLimits(0.5, 1.0, 10.0, 10.0)


@pytest.fixture
def bench():
    return Bench()


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


def test_4_a_state_that_goes_missing_while_it_holds_is_a_fault_too_until_another_run(bench):
    bench.run()
    while bench.guard.state == "active":  # held for another reason: nobody commands
        bench.measure()
        bench.tick()
    assert "no command" in bench.guard.message
    while bench.guard.state == "holding":
        bench.tick()
        assert bench.now < 12.0, "no fault"
    assert bench.guard.message.startswith("stopped for good: the measured state is stale")
    bench.guard.new_run("another")
    bench.tick()
    assert bench.guard.state == "holding"
    bench.measure()
    assert bench.step(0.1) is not None and bench.guard.state == "active"


@pytest.mark.parametrize("pause", [0.15, 0.6])
def test_9_a_guard_that_was_stopped_holds_where_it_sent_the_arm_not_where_that_was_before(bench, pause):
    bench.run()
    bench.wait(pause)  # no tick meanwhile: the process slept, and the last trajectory is over
    held = bench.guard.tick(bench.now, bench.wall)
    assert held is not None and held.positions == (bench.position,) and bench.guard.state == "holding"


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

    def prepare(self, command, state):
        assert self.says[0] == 1.0, "nothing to prepare near something"

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


class Wall(Ahead):
    """A forecast of a wall that a joint must be able to stop before."""

    def __init__(self, at: float) -> None:
        self.at = at

    def scale(self, command, state):
        speed = (command.positions[0] - state.positions[0]) / command.duration
        there = command.positions[0] + speed * abs(speed) / (2.0 * LIMITS.acceleration[0])
        return (0.0, "ahead: the wall") if there > self.at else (1.0, "")

    def prepare(self, command, state):
        pass


def test_17_what_cannot_brake_in_time_goes_slower_before_it_is_halted():
    bench = Bench(Guard(ArmLimiter(LIMITS), forecast=Wall(0.5)))
    for _ in range(40):
        bench.step(1.0)
    assert bench.guard.counts.slowed > 0
    assert 0.48 < bench.position <= 0.5  # as far as it goes at a tenth of its speed, never beyond
    assert bench.guard.state == "fault" and "the wall" in bench.guard.message  # asked on, it is one
    near = Bench(Guard(ArmLimiter(LIMITS), forecast=Wall(0.08)))
    near.step(0.0)
    assert near.step(1.0) is not None and near.guard.counts.collisions == 0  # at rest, the wall well away
    while near.position < 0.06:
        assert near.step(1.0) is not None


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


def test_judging_the_last_command_once_more_has_no_consequences():
    plain, rehearsed = Bench(), Bench()
    assert rehearsed.guard.rehearse(command(0.0)) is None
    for number in range(20):
        position = math.sin(number)
        assert plain.step(position) == rehearsed.step(position)
        assert rehearsed.guard.rehearse(command(math.cos(number))) is not None
        assert plain.guard.counts == rehearsed.guard.counts
        assert plain.guard.message == rehearsed.guard.message
