import numpy as np
import pytest

from metaagent_ros.control.following import VelocityFollower
from metaagent_ros.control.state import ArmState
from sim_envs.spec import JointCommand

NAMES = ("a", "b")


def command(first: float, second: float, duration: float = 0.04) -> JointCommand:
    return JointCommand(("b", "a"), (second, first), 0.05, 10.0, duration)


def state(first: float, second: float) -> ArmState:
    return ArmState(NAMES, (first, second), (0.0, 0.0))


@pytest.fixture
def follower() -> VelocityFollower:
    return VelocityFollower(NAMES, (1.0, 2.0), 0.2)


def test_velocities_cover_the_way_in_the_commands_time_within_the_limits(follower):
    follower.aim(command(0.02, -1.0), 0.0)
    assert follower.velocities(0.0) == (0.0, 0.0)  # nothing measured yet
    follower.measure(state(0.0, 0.0), 0.0)
    assert follower.velocities(0.01) == (pytest.approx(0.5), -2.0)


def test_they_are_zero_once_commands_or_states_stop(follower):
    follower.aim(command(0.02, 0.0), 0.0)
    for number in range(60):
        follower.measure(state(0.0, 0.0), number * 0.01)
    assert follower.velocities(0.19)[0] > 0.0
    assert follower.velocities(0.21) == (0.0, 0.0)  # no command
    follower.aim(command(0.02, 0.0), 0.6)
    assert follower.velocities(0.7)[0] > 0.0
    assert follower.velocities(0.795) == (0.0, 0.0)  # the state is of 0.59
    assert follower.velocities(-1.0) == (0.0, 0.0)  # a clock that runs backwards


def test_the_loop_comes_to_rest_at_the_target_without_going_past_it(follower):
    at = np.zeros(2)
    for number in range(200):
        now = number * 0.01
        follower.aim(command(0.3, -0.2), now)
        follower.measure(state(*at), now)
        at = at + 0.01 * np.array(follower.velocities(now))
        assert at[0] <= 0.3 + 1e-9 and at[1] >= -0.2 - 1e-9
    assert np.allclose(at, (0.3, -0.2), atol=1e-6)
