"""What a base's guard sees coming with the lidar: nothing is touched, whatever is asked."""

import dataclasses
import itertools

import numpy as np
import pytest

from metaagent_ros.control import BaseLimiter, BaseState
from metaagent_ros.control.clearance import CRAWL, HALT, NEAR, TURNS, ClearanceForecast
from metaagent_ros.control.limiter import TURNING
from metaagent_ros.control.limits import base_limits, guard_for
from metaagent_ros.control.pacing import NS
from metaagent_ros.deployment import load_deployment
from sim_envs.robots import load_profile
from sim_envs.simulation import make_simulation
from sim_envs.spec import BaseCommand

PROFILE = load_profile("diffbot")
LIMITS = base_limits(PROFILE)
RADIUS, FULL = PROFILE.radius, BaseCommand(PROFILE.max_linear, 0.0)
ANGLES = 2.0 * np.pi * np.arange(PROFILE.beams) / PROFILE.beams


@pytest.fixture
def forecast():
    return ClearanceForecast(PROFILE, LIMITS)


def seeing(*things: tuple[float, float], linear: float = 0.0) -> BaseState:
    """A state with points (x, y) [m] on the beams nearest to them."""
    ranges = np.full(PROFILE.beams, PROFILE.range)
    for x, y in things:
        beam = round(np.arctan2(y, x) / ANGLES[1]) % PROFILE.beams
        ranges[beam] = min(ranges[beam], np.hypot(x, y))
    return BaseState(0.0, 0.0, 0.0, linear, 0.0, ranges)


def beside_a_wall(distance: float, heading: float = 0.0, linear: float = 0.0) -> BaseState:
    """A long wall that far from the middle, its foot at that heading [rad]."""
    across = np.cos(ANGLES - heading)
    ranges = np.where(across > 1e-6, distance / np.maximum(across, 1e-6), np.inf)
    return BaseState(0.0, 0.0, 0.0, linear, 0.0, np.minimum(ranges, PROFILE.range))


def test_17_a_base_slows_down_before_a_wall_and_is_halted_at_it(forecast):
    assert forecast.scale(FULL, beside_a_wall(2.0)) == (1.0, "")
    shares = [forecast.scale(FULL, beside_a_wall(RADIUS + gap))[0] for gap in np.arange(0.8, 0.0, -0.02)]
    assert all(b <= a for a, b in itertools.pairwise(shares))
    assert shares[0] == 1.0 and shares[-1] == 0.0 and any(CRAWL < share < 1.0 for share in shares)
    scale, why = forecast.scale(FULL, beside_a_wall(RADIUS + HALT))
    assert scale == 0.0 and why == "ahead: something 0.22 m away at 0 degrees"


def test_how_fast_it_goes_already_counts(forecast):
    slow, gap = BaseCommand(0.2, 0.0), RADIUS + 0.15
    assert forecast.scale(slow, beside_a_wall(gap))[0] == 1.0
    assert forecast.scale(slow, beside_a_wall(gap, linear=1.0))[0] < 1.0


def test_along_a_wall_and_away_from_it_is_free(forecast):
    assert forecast.scale(FULL, beside_a_wall(RADIUS + NEAR + 0.01, np.pi / 2)) == (1.0, "")
    near = beside_a_wall(RADIUS + 0.005, 0.0)
    assert forecast.scale(BaseCommand(-0.5, 0.0), near) == (1.0, "")
    assert forecast.scale(BaseCommand(0.0, 2.0), near) == (1.0, "")
    assert forecast.scale(BaseCommand(0.5, 0.0), near)[0] == 0.0
    assert forecast.scale(BaseCommand(-0.5, 0.0), beside_a_wall(RADIUS + 0.1, np.pi))[0] < 0.5


def test_the_arc_is_looked_along_not_the_heading(forecast):
    ahead, beside = seeing((0.45, 0.0)), seeing((0.30, 0.30))
    turning = BaseCommand(0.5, 2.0)
    assert forecast.scale(BaseCommand(0.5, 0.0), ahead)[0] < 1.0
    assert forecast.scale(turning, seeing((0.48, -0.2))) == (1.0, "")
    assert forecast.scale(turning, beside)[0] < 1.0
    assert forecast.scale(BaseCommand(0.5, -2.0), beside) == (1.0, "")


def test_without_a_scan_it_may_only_turn(forecast):
    blind = BaseState(0.0, 0.0, 0.0, 0.0, 0.0)
    scale, why = forecast.scale(FULL, blind)
    assert scale == 0.0 and "no scan within 0.5 s" in why
    assert forecast.scale(BaseCommand(0.0, 1.0), blind) == (1.0, "")


def test_what_is_seen_inside_the_body_is_the_robot_itself(forecast):
    post = seeing((0.1, 0.0), (0.0, 0.12))
    assert forecast.scale(FULL, post) == (1.0, "")
    behind = dataclasses.replace(post, ranges=np.minimum(beside_a_wall(RADIUS + HALT).ranges, post.ranges))
    assert forecast.scale(FULL, behind)[0] < CRAWL


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("linear", [5e-324, 1e-300, 1e-4, 2e-3, -2e-3, 1e308, -1e308])
@pytest.mark.parametrize("angular", [0.0, 1e-300, -2.6, 1e308])
def test_any_finite_command_is_judged(forecast, linear, angular):
    limited = BaseLimiter(LIMITS).check(BaseCommand(linear, angular), beside_a_wall(0.4), 0.0).command
    scale, _ = forecast.scale(limited, beside_a_wall(0.4, 1.0, linear=0.3))
    assert 0.0 <= scale <= 1.0


def test_a_robot_without_a_lidar_has_no_forecast():
    deployment = dataclasses.replace(load_deployment("diffbot"), scan_topic="")
    assert guard_for("diffbot", deployment)._forecast is None
    assert isinstance(guard_for("diffbot")._forecast, ClearanceForecast)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
def test_a_slower_robot_stays_on_the_same_circle(share):
    asked = BaseCommand(PROFILE.max_linear, 0.5 * PROFILE.max_angular)
    moving = BaseState(0.0, 0.0, 0.0, share * asked.linear, share * asked.angular)
    sent = BaseLimiter(LIMITS, share).check(asked, moving, 0.0).command
    assert sent is not None and sent.linear == pytest.approx(share * asked.linear)
    assert sent.angular / sent.linear == pytest.approx(asked.angular / asked.linear)


def test_17_what_it_may_not_drive_it_may_turn(forecast):
    blocked, away = beside_a_wall(RADIUS + HALT), BaseCommand(0.5, 1.5)
    scale, why = forecast.scale(away, blocked)
    assert scale == TURNS and why.startswith("ahead: something")
    sent = BaseLimiter(LIMITS).check(away, blocked, 0.0, scale).command
    assert sent is not None and abs(sent.linear) < 1e-5
    assert sent.angular == pytest.approx(TURNING * PROFILE.max_angular)


def nearest_while_pushed(seed: int, guarded: bool) -> tuple[float, float]:
    """Full speed at whatever is there, now and then another way: nearest range, way driven [m]."""
    rng, simulation = np.random.default_rng(seed), make_simulation("diffbot", seed, seed)
    guard = guard_for("diffbot", simulated=True)
    if not guarded:
        guard._forecast = None
    nearest, way, wanted, every = PROFILE.range, 0.0, FULL, round(PROFILE.control_period / simulation.substep)
    try:
        for tick in range(600):
            now = simulation.time
            state = dataclasses.replace(simulation.pose(), ranges=simulation.scan())
            nearest, way = min(nearest, float(state.ranges.min())), way + abs(state.linear) * 0.04
            if tick % 40 == 0:
                guard.new_run(f"run {tick}")  # whatever was refused is forgotten
                wanted = BaseCommand(rng.choice([-1.0, 1.0]), rng.choice([0.0, 0.0, rng.uniform(-2.6, 2.6)]))
            guard.feed_state(state, round(now * NS), now, now)
            sent = guard.feed_command(wanted, round(now * NS), now, now, "test")
            if sent is not None:
                simulation.command_velocity(sent.linear, sent.angular)
            for _ in range(every):
                simulation.advance()
    finally:
        guard.close()
        simulation.close()
    return nearest, way


def test_17_full_speed_among_furniture_touches_nothing():
    seeds = (0, 1, 5, 13, 28)  # motors that lag 0.3 s and go a fifth too fast, wheels that differ
    found = [nearest_while_pushed(seed, guarded=True) for seed in seeds]
    assert (
        min(nearest for nearest, _ in found) > RADIUS + 0.002
    )  # of the cylinder that the body is in physics
    assert min(way for _, way in found) > 1.0
    assert max(nearest_while_pushed(seed, guarded=False)[0] for seed in seeds) < RADIUS + 1e-3  # all touch
