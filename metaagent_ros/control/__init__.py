"""What stands between a policy and a robot, without ROS: state, limiter, watchdog, guard."""

from metaagent_ros.control.arm_limiter import ArmLimiter, ArmLimits
from metaagent_ros.control.counts import Counts, Timeouts
from metaagent_ros.control.guard import Guard
from metaagent_ros.control.limiter import BaseLimiter, BaseLimits, Verdict
from metaagent_ros.control.state import ArmState, BaseState, StateError, arm_state, base_state
from metaagent_ros.control.watchdog import Watchdog

__all__ = [
    "ArmLimiter",
    "ArmLimits",
    "ArmState",
    "BaseLimiter",
    "BaseLimits",
    "BaseState",
    "Counts",
    "Guard",
    "StateError",
    "Timeouts",
    "Verdict",
    "Watchdog",
    "arm_state",
    "base_state",
]
