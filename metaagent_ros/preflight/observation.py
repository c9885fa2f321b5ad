"""What was seen of a live graph, as frozen values: the rim fills them, the checks judge them.

Stamps and arrivals are seconds of the same clock: the one that the robot's stamps are of (wall time, or
simulated time where ``/clock`` is published). Joints are in rad (sliding ones in m), poses in m.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sim_envs.spec import BaseState, Vec3

INFINITE = math.inf


@dataclass(frozen=True, slots=True)
class QoS:
    """The policies that decide whether two endpoints talk; times [s], infinite where none was set."""

    reliability: str = "RELIABLE"
    durability: str = "VOLATILE"
    deadline: float = INFINITE
    liveliness: str = "AUTOMATIC"
    lease: float = INFINITE


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A publisher or subscription of a topic; ``node`` is the full name, with its namespace."""

    node: str
    topic_type: str
    qos: QoS = QoS()


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, by its full name, and who is on it; this tool's own endpoints are left out."""

    name: str
    publishers: tuple[Endpoint, ...] = ()
    subscriptions: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """An endpoint that our nodes have or will have on a topic, for which the robot is the other side."""

    topic: str
    role: str
    """``publisher`` or ``subscription``: what ours is."""
    topic_type: str
    qos: QoS = QoS()
    node: str = "guard"


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a message came and what its header says [s]; ``age`` is on the clock of the stamps."""

    received: float
    stamp: float
    age: float


@dataclass(frozen=True, slots=True)
class JointSample:
    """One joint state message as it came, in its own order; ``velocities`` may be empty."""

    at: Arrival
    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseSample:
    """One odometry message, and its two frames."""

    at: Arrival
    state: BaseState
    frame: str = "odom"
    child: str = "base_link"


@dataclass(frozen=True, slots=True)
class ScanSample:
    """One scan: ``ranges`` [m], the first at ``start`` [rad], each ``step`` [rad] further; what the
    lidar can measure: ``nearest`` to ``reach`` [m]."""

    at: Arrival
    ranges: tuple[float, ...]
    start: float
    step: float
    nearest: float
    reach: float
    frame: str = ""


@dataclass(frozen=True, slots=True)
class CommandSample:
    """A command of a dry run: positions [rad] or velocities [rad/s] by joint, for ``duration`` [s].

    Of a base: ``velocities`` forward [m/s] and to the left [rad/s]. A dialect without a duration has 0.
    """

    names: tuple[str, ...]
    positions: tuple[float, ...] = ()
    velocities: tuple[float, ...] = ()
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolPose:
    """Where the robot itself says that its tool is: ``source`` names the topic or the tf frames."""

    source: str
    position: Vec3
    frame: str = ""


@dataclass(frozen=True, slots=True)
class ActionEndpoint:
    """An action: the nodes that serve it and those that hold a client of it."""

    name: str
    servers: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """A live graph, watched for ``seconds`` [s]."""

    seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the settings that decide who is discovered, those that are set."""
    nodes: tuple[str, ...] = ()
    """Full names; one that two nodes share stands twice. Ours is left out."""
    topics: tuple[Topic, ...] = ()
    actions: tuple[ActionEndpoint, ...] = ()
    joints: tuple[JointSample, ...] = ()
    odometry: tuple[BaseSample, ...] = ()
    scans: tuple[ScanSample, ...] = ()
    commands: tuple[CommandSample, ...] = ()
    """What the guard sent below ``shadow/``."""
    faults: tuple[str, ...] = ()
    """Messages that could not be read, in words."""
    sim_time: bool = False
    """Whether somebody publishes ``/clock``."""
    speed_scaling: float | None = None
    program_running: bool | None = None
    tool_source: str = ""
    """Where the tool's pose was asked for: a topic, ``tf``, or nowhere."""
    tool: ToolPose | None = None
    scene_frame: str | None = None
    """Frame of the object states, where there are any."""

    def topic(self, name: str) -> Topic:
        """The topic of that full name; an empty one where nobody is on it."""
        return next((t for t in self.topics if t.name == name), Topic(name))

    def action(self, name: str) -> ActionEndpoint:
        """The action of that full name; an empty one where nobody is on it."""
        return next((a for a in self.actions if a.name == name), ActionEndpoint(name))
