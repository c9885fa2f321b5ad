"""What lies ahead of a command: the arm itself, the table, the edge of the workspace; from the URDF.

Only the robot's own links and the table are known here. Objects, bins and people are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.freedom import Freedom, levers
from metaagent_ros.control.limiter import clamp
from metaagent_ros.control.state import ArmState, RobotState
from sim_envs.robots import ArmProfile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import JointCommand

APART = (0.03, 0.005)  # [m] where to slow down and where to halt: two links, a link above the table
TOUCHING = (0.001, -0.003)  # the same of the hand, which takes things off the table
EDGE = (0.05, 0.0)  # the same of the tool to the edge of where it may be, which is
BELOW, ABOVE = (0.15, 0.15, 0.10), (0.15, 0.15, 0.32)  # [m] more than the box in which a policy aims
"""The way to the start pose is straight for the joints: from the corners of that box it arcs up to 0.29 m
above and 0.15 m beside it (measured on all arms)."""
SLOWEST = 0.1
SLOWER = (0.3, SLOWEST)  # shares at which a command is looked at that is too fast to brake in time
FURTHER = 0.10  # [m] how far it is looked between two commands
_BELOW = np.array([[-np.inf, -np.inf, -np.inf], [np.inf, np.inf, 0.0]])
_NEARER = 1e-5  # [m] of a difference that counts
_TABLE = "the table"
Array = NDArray[np.float64]
Distances = dict[tuple[str, str], float]


class Forecast(Protocol):
    """What lies ahead of a command."""

    def scale(self, command: Any, state: RobotState) -> tuple[float, str]:
        """1: nothing; below: how much slower to go, and what is near; 0: what is in the way."""
        ...

    def prepare(self, command: Any, state: RobotState) -> None:
        """Between two commands: look around that one, so that the next one is judged at once."""
        ...

    def close(self) -> None:
        """Free what is held; twice is fine."""
        ...


def pace(forecast: Forecast, state: RobotState, at: Callable[[float], Any]) -> tuple[float, str]:
    """How fast to go, as a share of the limits of velocity, and what is near; 0 where that is in the way.

    ``at(share)`` is what would be sent at that share. What cannot brake in time at full speed may at less:
    one that stands well away from the table shall not be kept from going there.
    """
    scale, near = forecast.scale(at(1.0), state)
    for share in SLOWER:
        if scale > 0.0:
            break
        there = at(share)
        scale = 0.0 if there is None else min(share, forecast.scale(there, state)[0])
    return scale, near


class CollisionForecast:
    """Looks at the pose in which an arm comes to rest when it brakes after the command.

    A motion away from what is too near is allowed at :data:`SLOWEST`. Left out are pairs of links with at
    most two joints between them, which the limits of those joints keep apart (and whose hulls overlap at an
    elbow), and pairs that touch in the home pose. ``acceleration`` (n_joints,) [rad/s²] is what the arm
    brakes with.
    """

    def __init__(self, profile: ArmProfile, acceleration: tuple[float, ...]) -> None:
        self._profile, self._acceleration = profile, acceleration
        self._kinematics = Kinematics(profile)
        self._arm, self._client = self._kinematics.arm, self._kinematics.client
        self._table = self._client.createMultiBody(
            0.0,
            self._client.createCollisionShape(self._client.GEOM_BOX, halfExtents=(1.5, 1.5, 0.1)),
            -1,
            (0.0, 0.0, -0.1),
        )
        lows = [low - more for low, more in zip(profile.workspace_lower, BELOW, strict=True)]
        self._box = list(
            zip(lows, (h + more for h, more in zip(profile.workspace_upper, ABOVE, strict=True)), strict=True)
        )
        self._pairs: dict[tuple[str, str], tuple[int, int | None]] = {}
        self._zones = {_EDGE: EDGE}
        self._watch()
        self._free = Freedom(levers(self._arm, self._client))

    def scale(self, command: JointCommand, state: RobotState) -> tuple[float, str]:
        """1, or how much slower to go and what is near; 0 where that is in the way."""
        if not isinstance(state, ArmState):
            return 1.0, ""
        rest = self._rest(command, state)
        if self._free.covers(rest, command.gripper_width):
            return 1.0, ""
        there = self._look(rest, command.gripper_width)
        here: Distances | None = None
        slowest, why = 1.0, ""
        for pair, distance in there.items():
            slow, halt = self._zones[pair]
            share = clamp((distance - halt) / (slow - halt), 0.0, 1.0)
            if share >= slowest:
                continue
            if share < SLOWEST:
                if here is None:
                    here = self._look(_positions(command, state), command.gripper_width)
                away = distance > here.get(pair, slow) + _NEARER
                share = SLOWEST if share > 0.0 or away else 0.0
            slowest, why = share, f"{' and '.join(pair)}: {1000 * distance:.0f} mm"
        return slowest, f"{'ahead' if slowest <= 0.0 else 'near'}: {why}" if why else ""

    def prepare(self, command: JointCommand, state: RobotState) -> None:
        """Remember how far every joint may move from here before anything comes near."""
        if not isinstance(state, ArmState):
            return
        rest, width = self._rest(command, state), command.gripper_width
        if self._free.covers(rest, width, share=0.5):
            return
        there = self._look(rest, width, FURTHER)
        room = min(there.get(pair, FURTHER) - slow for pair, (slow, _) in self._zones.items())
        self._free.know(rest, width, room)

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self._kinematics.close()

    def _rest(self, command: JointCommand, state: ArmState) -> list[float]:
        """Where the joints end up: v²/2a beyond the command."""
        out, measured = [], state.at(command.names)
        for p, m, a in zip(command.positions, measured, self._acceleration, strict=True):
            v = (p - m) / command.duration
            out.append(p + v * abs(v) / (2.0 * a))
        return out

    def _look(self, joints: list[float], width: float, reach: float = APART[0]) -> Distances:
        """Distances [m] of the pairs within ``reach``, and how far inside the workspace the tool is."""
        arm, client = self._arm, self._client
        positions = [*joints, *(width / 2 for _ in arm.fingers)]
        arm.set_state(positions, [0.0] * len(positions))
        boxes = np.array([client.getAABB(arm.body, link) for link in self._links])
        out: Distances = {}
        for number in np.flatnonzero(_gaps(boxes, self._ends) < reach):
            pair = self._order[number]
            link, other = self._pairs[pair]
            if other is None:
                points = client.getClosestPoints(arm.body, self._table, reach, link)
            else:
                points = client.getClosestPoints(arm.body, arm.body, reach, link, other)
            if points:
                out[pair] = min(float(point[8]) for point in points)
        out[_EDGE] = min(min(t - lo, hi - t) for t, (lo, hi) in zip(arm.read().tool, self._box, strict=True))
        return out

    def _watch(self) -> None:
        """Choose the pairs: their links, and the distances at which to slow down and to halt."""
        client, body, profile = self._client, self._arm.body, self._profile
        infos = [client.getJointInfo(body, i) for i in range(client.getNumJoints(body))]
        names = {-1: client.getBodyInfo(body)[0].decode()} | {i[0]: i[12].decode() for i in infos}
        self._links = [link for link in names if client.getCollisionShapeData(body, link)]
        parts, hand = _Parts(infos, client.JOINT_FIXED), set(self._arm.hand)
        for link in self._links:
            if parts.of[link] != -1:
                pair = (names[link], _TABLE)
                self._pairs[pair], self._zones[pair] = (link, None), TOUCHING if link in hand else APART
            for other in (o for o in self._links if o > link):
                if not parts.close(link, other) and not {link, other} <= hand:
                    pair = (names[link], names[other])
                    self._pairs[pair], self._zones[pair] = (link, other), APART
        self._index()
        for pair, distance in self._look(list(profile.home), profile.gripper_max_width).items():
            slow, halt = self._zones[pair]
            if distance <= halt:
                del self._zones[pair], self._pairs[pair]
            elif pair != _EDGE:
                self._zones[pair] = (min(slow, (distance + halt) / 2.0), halt)
        self._index()

    def _index(self) -> None:
        """The pairs as numbers of boxes."""
        self._order = list(self._pairs)
        number = {link: k for k, link in enumerate(self._links)}
        ends = [(number[a], -1 if b is None else number[b]) for a, b in self._pairs.values()]
        self._ends = np.array(ends, dtype=np.int64).reshape(-1, 2)


class _Parts:
    """The rigid parts of an arm: links that fixed joints hold together."""

    def __init__(self, infos: list[Any], fixed: int) -> None:
        self.of, self._before = {-1: -1}, {-1: -1}
        for info in infos:
            number, parent = info[0], info[16]
            self.of[number] = self.of[parent] if info[2] == fixed else number
            if info[2] != fixed:
                self._before[number] = self.of[parent]

    def close(self, link: int, other: int) -> bool:
        """Whether there are at most two joints between them."""
        a, b = self.of[link], self.of[other]
        return a in self._up(b) or b in self._up(a)

    def _up(self, part: int) -> tuple[int, int, int]:
        return part, self._before[part], self._before[self._before[part]]


def _gaps(boxes: Array, ends: NDArray[np.int64]) -> Array:
    """The gaps [m] between boxes (n, 2, 3) with these two numbers each (pairs, 2), along the widest axis.

    Number -1 is the half-space below the table top.
    """
    low, high = np.vstack([boxes[:, 0], _BELOW[0]]), np.vstack([boxes[:, 1], _BELOW[1]])
    a, b = ends.T
    gaps: Array = np.maximum(low[a] - high[b], low[b] - high[a]).max(axis=1)
    return gaps


_EDGE = ("the tool", "the edge of the workspace")


def _positions(command: JointCommand, state: ArmState) -> list[float]:
    return [state.position(name) for name in command.names]
