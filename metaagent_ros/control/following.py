"""Joint targets for a controller that takes velocities."""

from __future__ import annotations

from collections.abc import Sequence

from metaagent_ros.control.state import ArmState
from sim_envs.spec import JointCommand

Velocities = tuple[float, ...]


class VelocityFollower:
    """Turns the newest joint target into velocities (n_joints,) [rad/s], in the order of ``names``.

    The way that is left is to be covered in the command's duration, as far as ``limits`` (n_joints,) [rad/s]
    allow: a proportional law, which comes to rest at the target. ``hold`` [s] after the last target, or after
    the last measured state, all is zero, since a velocity controller itself never stops. Times are those of
    one monotonic clock.
    """

    def __init__(self, names: Sequence[str], limits: Sequence[float], hold: float) -> None:
        self.names, self.limits, self.hold = tuple(names), tuple(limits), hold
        self._target: dict[str, float] = {}
        self._duration = hold
        self._aimed = self._measured = float("-inf")
        self._state: ArmState | None = None

    def aim(self, command: JointCommand, now: float) -> None:
        """Another target, which the limiter has let through."""
        self._target = dict(zip(command.names, command.positions, strict=True))
        self._duration, self._aimed = command.duration, now

    def measure(self, state: ArmState, now: float) -> None:
        """Where the joints are."""
        self._state, self._measured = state, now

    def velocities(self, now: float) -> Velocities:
        """What to send at ``now`` [s]."""
        recent = 0.0 <= now - min(self._aimed, self._measured) <= self.hold
        state = self._state
        if state is None or not recent or not self._target:
            return (0.0,) * len(self.names)
        way = [self._target[name] - state.position(name) for name in self.names]
        return tuple(
            max(-most, min(most, w / self._duration)) for w, most in zip(way, self.limits, strict=True)
        )
