"""An arm without a world: kinematics of a measured state, in a Bullet client of its own."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from sim_envs.robots import ArmProfile
from sim_envs.robots.arm import Arm


class Kinematics:
    """The arm of a profile, set to measured states and never stepped. Close it after use."""

    def __init__(self, profile: ArmProfile) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            import pybullet
            import pybullet_data
            from pybullet_utils.bullet_client import BulletClient
        self.client: Any = BulletClient(pybullet.DIRECT)
        self.client.setAdditionalSearchPath(str(Path(pybullet_data.getDataPath())))
        self.arm = Arm(self.client, profile)
        self._closed = False

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self.client.disconnect()
