"""An arm without a world: kinematics of a measured state, in a Bullet client of its own."""

from __future__ import annotations

from typing import Any

from sim_envs.bullet import connect
from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Arm


class Kinematics:
    """The arm of a profile, set to measured states and never stepped. Close it after use."""

    def __init__(self, profile: ArmProfile) -> None:
        self.client: Any = connect()
        self.arm = Arm(self.client, profile)
        self._closed = False

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()
