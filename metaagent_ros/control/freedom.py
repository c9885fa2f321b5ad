"""How far an arm may move before anything can come near, without looking again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Freedom:
    """A pose with room around it [m], and whether another pose is surely within that room.

    ``levers`` (n_joints,) [m/rad] bounds the way of every point beyond a joint when it turns. Seen from one
    link, any other moves only with the joints between them, so one sum bounds all distances: those between
    links and those to the table and the edge of the workspace.
    """

    def __init__(self, levers: Sequence[float]) -> None:
        self._levers = tuple(levers)
        self._joints: tuple[float, ...] | None = None
        self._width = self._room = 0.0

    def know(self, joints: Sequence[float], width: float, room: float) -> None:
        """At these joints [rad] and gripper width [m] nothing is nearer than allowed, plus room [m]."""
        self._joints, self._width, self._room = tuple(joints), width, room

    def covers(self, joints: Sequence[float], width: float, share: float = 1.0) -> bool:
        """Whether the way to that pose uses up less than ``share`` of the room."""
        if self._joints is None:
            return False
        way = abs(width - self._width)
        for lever, here, there in zip(self._levers, self._joints, joints, strict=True):
            way += lever * abs(there - here)
        return way < share * self._room


def levers(arm: Any, client: Any) -> tuple[float, ...]:
    """For each joint of ``arm`` how far [m] the furthest point beyond it can be from its axis.

    The way along the origins of the links, which are rigid, and then the radius of the last link's box.
    """
    body, count = arm.body, client.getNumJoints(arm.body)
    origins = [np.array(client.getLinkState(body, i, computeForwardKinematics=True)[4]) for i in range(count)]
    parents = [client.getJointInfo(body, i)[16] for i in range(count)]
    radii = [_radius(client, body, i, origins[i]) for i in range(count)]
    out = []
    for joint in arm.joints:
        furthest = 0.0
        for link in range(count):
            way, here = radii[link], link
            while here not in (joint, -1):
                before = parents[here]
                if before != -1:
                    way += float(np.linalg.norm(origins[here] - origins[before]))
                here = before
            if here == joint:
                furthest = max(furthest, way)
        out.append(furthest)
    return tuple(out)


def _radius(client: Any, body: int, link: int, origin: Array) -> float:
    """Of a ball around the link's origin that holds its box."""
    if not client.getCollisionShapeData(body, link):
        return 0.0
    low, high = (np.array(corner) for corner in client.getAABB(body, link))
    return float(np.linalg.norm(np.maximum(np.abs(low - origin), np.abs(high - origin))))
