"""The runs in a bag: which policy got which task, and what it was shown and answered at every tick.

A command carries the stamps of the measured state, the scene and the scan that it was decided on, so the
ticks of a run and what they saw are known from its commands. The status of the policy node says which run
a command is of: both come from one process and keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from metaagent_ros.control.state import RobotState
from metaagent_ros.deployment import Deployment
from metaagent_ros.recording import BagError
from metaagent_ros.recording.reader import Bag, Message
from sim_envs.spec import BaseCommand, GroundedTask, JointCommand, Scene

ENDED = ("done", "timeout", "stopped", "fault")
ASSIGNMENT = "policy/assignment"


class Values(Protocol):
    """Recorded messages as values; what cannot be one is a ``ValueError``."""

    def task(self, message: Any) -> GroundedTask:
        """Of a ``GroundedTask``."""
        ...

    def scene(self, message: Any) -> Scene:
        """Of an ``ObjectStates``."""
        ...

    def state(self, message: Any, scan: Any) -> RobotState:
        """Of what the robot's state topic carries; ``scan`` is None where there is none."""
        ...

    def command(self, message: Any) -> JointCommand | BaseCommand:
        """Of what the policy sends to the guard."""
        ...


@dataclass(frozen=True, slots=True)
class Tick:
    """One control tick: the recorded command, and the state, scene and scan that it names (or None).

    ``stamp_ns`` is the state's; ``paused``: the robot's own program stood before this tick.
    """

    stamp_ns: int
    command: Any
    paused: bool = False
    state: Message | None = None
    scene: Message | None = None
    scan: Message | None = None


@dataclass(slots=True)
class Run:
    """One run of one policy. ``ended`` is empty where the bag does not show its end.

    ``assignment`` is the recorded message; ``first_ticks``: how many ticks had passed when it was first seen.
    """

    run_id: str
    assignment: Any
    first_ticks: int = 0
    ended: str = ""
    message: str = ""
    ticks: list[Tick] = field(default_factory=list)


class Names:
    """The topics of one graph in a bag, absolute; ``namespace`` None: that of the only graph in there."""

    def __init__(self, bag: Bag, namespace: str | None) -> None:
        found = sorted({m.topic for m in bag if m.topic.endswith("/" + ASSIGNMENT)})
        spaces = [topic[: -len(ASSIGNMENT) - 1] for topic in found]
        if not found:
            raise BagError(f"{bag.path} holds no message on {ASSIGNMENT}: no policy was given a task")
        wanted = spaces[0] if namespace is None else namespace.rstrip("/")
        if wanted and not wanted.startswith("/"):
            wanted = "/" + wanted
        if wanted not in spaces or (namespace is None and len(spaces) > 1):
            there = ", ".join(space or "/" for space in spaces)
            raise BagError(f"{bag.path} holds the graphs {there}; name one with --namespace")
        self.space = wanted

    def __call__(self, name: str) -> str:
        """The absolute name of a topic of the graph."""
        return name if name.startswith("/") else f"{self.space}/{name}"


def assignments(bag: Bag, names: Names) -> dict[str, Any]:
    """The recorded assignments by run."""
    topic = names(ASSIGNMENT)
    values = (m.value() for m in bag if m.topic == topic)
    return {value.run_id: value for value in values if value.run_id}


def runs(bag: Bag, deployment: Deployment, names: Names, given: dict[str, Any]) -> list[Run]:
    """All runs in the order in which they began, with everything that their ticks were decided on."""
    found = _by_status(bag, deployment, names, given)
    relative = deployment.state_topic, "object_states", deployment.scan_topic
    topics = tuple(names(topic) if topic else "" for topic in relative)
    wanted: dict[str, set[int]] = {topic: set() for topic in topics if topic}
    for run in found:
        for tick in run.ticks:
            for topic, stamp in zip(topics, _sources(tick), strict=True):
                wanted.get(topic, set()).add(stamp)
    kept = _kept(bag, wanted)
    for run in found:
        run.ticks = [
            Tick(
                tick.stamp_ns,
                tick.command,
                tick.paused,
                *(kept.get(key) for key in zip(topics, _sources(tick), strict=True)),
            )
            for tick in run.ticks
        ]
    return found


def _by_status(bag: Bag, deployment: Deployment, names: Names, given: dict[str, Any]) -> list[Run]:
    """The runs with their commands."""
    command = names("policy/arm_command" if deployment.family == "arm" else "policy/base_command")
    status, guard = names("policy/status"), names("guard/status")
    found: dict[str, Run] = {}
    current: Run | None = None
    paused = False
    for message in bag:
        if message.topic == status:
            current = _followed(found, message.value(), given)
        elif message.topic == guard:
            paused = paused or message.value().state == "paused"
        elif message.topic == command and current is not None:
            current.ticks.append(Tick(message.stamp_ns(), message.value(), paused))
            paused = False
    return list(found.values())


def _followed(found: dict[str, Run], status: Any, given: dict[str, Any]) -> Run | None:
    """The run that the next commands are of."""
    run = found.get(status.run_id)
    if run is None:
        if status.run_id not in given:
            return None
        run = found[status.run_id] = Run(status.run_id, given[status.run_id], int(status.ticks))
    if status.state in ENDED:
        if not run.ended:
            run.ended, run.message = status.state, status.message
        return None
    return run


def _sources(tick: Tick) -> tuple[int, int, int]:
    """The stamps [ns] of state, scene and scan."""
    return tick.stamp_ns, _nanoseconds(tick.command, "scene"), _nanoseconds(tick.command, "scan")


def _nanoseconds(command: Any, field: str) -> int:
    stamp = getattr(command, field, None)  # an arm's command has no scan
    return 0 if stamp is None else int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _kept(bag: Bag, wanted: dict[str, set[int]]) -> dict[tuple[str, int], Message]:
    """The messages of those topics with those stamps; of two with one stamp the first."""
    out: dict[tuple[str, int], Message] = {}
    for message in bag:
        stamps = wanted.get(message.topic)
        if stamps and (stamp := message.stamp_ns()) in stamps:
            out.setdefault((message.topic, stamp), message)
    return out
