"""An arm without a world: kinematics of a measured state, in a Bullet client of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim_envs.bullet import connect
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Arm, ArmState, Array
from sim_envs.spec import NOMINAL, Hidden


class StillArm(Arm):
    """An arm that only :meth:`set_state` moves, so that what was read of it holds until then."""

    _seen: ArmState | None = None
    _joints: tuple[Array, Array] | None = None

    def reset(self, hidden: Hidden = NOMINAL) -> None:
        """As of every arm."""
        self._seen = self._joints = None
        super().reset(hidden)

    def set_state(self, positions: Sequence[float] | Array, velocities: Sequence[float] | Array) -> None:
        """As of every arm."""
        self._seen = None
        super().set_state(positions, velocities)
        self._joints = np.array(positions, dtype=np.float64), np.array(velocities, dtype=np.float64)

    def read(self) -> ArmState:
        """As of every arm, once for each state."""
        if self._seen is None:
            self._seen = super().read()
        return self._seen

    def joint_state(self) -> tuple[Array, Array]:
        """As of every arm, once for each state."""
        if self._joints is None:
            self._joints = super().joint_state()
        return self._joints


class Kinematics:
    """The arm of a profile, set to measured states and never stepped. Close it after use."""

    def __init__(self, profile: ArmProfile) -> None:
        self.client: Any = connect()
        self.arm = StillArm(self.client, profile)
        self._closed = False

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()
