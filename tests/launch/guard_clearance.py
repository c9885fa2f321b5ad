"""How near a posed arm is to the table, to itself and to the edge of its workspace, apart from the guard."""

from collections.abc import Sequence

from metaagent_ros.control.collision import ABOVE, BELOW
from sim_envs.robots import ArmProfile
from sim_envs.robots.kinematics import Kinematics

REACH = 0.5  # [m] within which distances are looked for


class Clearance:
    """Distances [m] for joint positions (n_joints,) [rad]; below 0: inside, or beyond the edge."""

    def __init__(self, profile: ArmProfile, links: tuple[str, str]) -> None:
        self._kinematics = Kinematics(profile)
        self._arm, self._client = self._kinematics.arm, self._kinematics.client
        client, body = self._client, self._arm.body
        shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=(1.5, 1.5, 0.1))
        self._table = client.createMultiBody(0.0, shape, -1, (0.0, 0.0, -0.1))
        named = {client.getJointInfo(body, i)[12].decode(): i for i in range(client.getNumJoints(body))}
        self._links = [named[name] for name in links]
        box = zip(profile.workspace_lower, BELOW, profile.workspace_upper, ABOVE, strict=True)
        self._box = [(low - below, high + above) for low, below, high, above in box]

    def table(self, joints: Sequence[float]) -> float:
        """Of the hand to the table."""
        self._pose(joints)
        points = self._client.getClosestPoints(self._arm.body, self._table, REACH)
        return min((p[8] for p in points if p[3] in self._arm.hand), default=REACH)

    def itself(self, joints: Sequence[float]) -> float:
        """Of the two links to each other."""
        self._pose(joints)
        body = self._arm.body
        points = self._client.getClosestPoints(body, body, REACH, *self._links)
        return min((p[8] for p in points), default=REACH)

    def edge(self, joints: Sequence[float]) -> float:
        """Of the tool to the edge of where it may be."""
        self._pose(joints)
        tool = self._arm.read().tool
        return min(min(t - low, high - t) for t, (low, high) in zip(tool, self._box, strict=True))

    def close(self) -> None:
        self._kinematics.close()

    def _pose(self, joints: Sequence[float]) -> None:
        self._arm.set_state([*joints, 0.04, 0.04], [0.0] * (len(joints) + 2))
