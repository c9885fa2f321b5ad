"""Who is there: discovery, node names, topics with their types and QoS, controllers, other commanders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from metaagent_ros.preflight.expectation import GUARD, Expectation, full
from metaagent_ros.preflight.observation import Need, Observation, Topic
from metaagent_ros.preflight.qos import described, incompatible
from metaagent_ros.preflight.rows import Line, Row, listed, nearest

SETTINGS = (
    "ROS_DOMAIN_ID",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_STATIC_PEERS",
    "ROS_LOCALHOST_ONLY",
    "RMW_IMPLEMENTATION",
    "ROS_DISCOVERY_SERVER",
)
"""Environment variables that decide who finds whom."""
_CONTROLLERS = (
    "ros2 control list_controllers shows what is active; ros2 control switch_controllers --activate NAME"
)

_WAYS = "a namespace goes to --namespace, another name into the block ros: of the robot's profile"
_LOOKERS_ON = ("_", "recorder", "rosbag2", "foxglove", "rqt", "plotjuggler", "metaagent_client")


def discovery(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Whether anybody is there at all."""
    there = ", ".join(f"{key}={value}" for key, value in seen.environment.items()) or "no setting"
    line = Line("discovery", "the robot's nodes")
    if not seen.nodes and not seen.topics:
        yield line.fail(
            f"nothing, with {there}",
            "give both machines the same ROS_DOMAIN_ID and RMW_IMPLEMENTATION and, for a robot on the"
            " network, ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET; let UDP 7400-32000 and multicast pass; is the"
            " bring-up running?",
        )
        return
    count = len(set(seen.nodes))
    yield line.ok(f"{count} node{'s' if count != 1 else ''}, with {there}")


def node_names(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Two nodes of one name: parameters, services and logs of the two cannot be told apart."""
    line = Line("node names", "each once")
    twice = sorted(name for name, count in Counter(seen.nodes).items() if count > 1)
    if twice:
        yield line.fail(
            f"twice: {listed(twice)}",
            "end the one that is left from an earlier start, or give each robot a namespace",
        )
    else:
        yield line.ok("each once")


def endpoints(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """For each endpoint of ours: is the other side there, of the same type, and do the two talk."""
    for need in wanted.needs():
        yield _endpoint(seen, need, seen.topic(need.topic), wanted)


def _endpoint(seen: Observation, need: Need, topic: Topic, wanted: Expectation) -> Row:
    hears = need.role == "subscription"
    others = topic.publishers if hears else tuple(e for e in topic.subscriptions if not _listens(e.node))
    what = "publisher" if hears else "controller"
    line = Line(f"topic {need.topic}", f"a {what} of {need.topic_type}")
    if not others:
        return line.fail(f"no {what}", _absent(seen, need, wanted))
    wrong = sorted({end.topic_type for end in others} - {need.topic_type})
    if wrong:
        return line.fail(listed(wrong), _types(need, wrong))
    for end in others:
        pair = (end.qos, need.qos) if hears else (need.qos, end.qos)
        if apart := incompatible(*pair):
            ours = full(need.node, wanted.namespace)
            return Line(f"topic {need.topic}", f"QoS that goes with {described(need.qos)} of {ours}").fail(
                f"{end.node}: {'; '.join(apart)}",
                "the two never talk: change the QoS of that node (docs/qos.md)",
            )
    found = f"{listed(end.node for end in others)}; {described(others[0].qos)}"
    if hears and len(others) > 1:
        return line.warn(found, "several sources mix: keep one of them")
    return line.ok(found)


def _listens(node: str) -> bool:
    """Whether a subscriber of commands is one that only looks on."""
    return node.rpartition("/")[2].startswith(_LOOKERS_ON)


def _absent(seen: Observation, need: Need, wanted: Expectation) -> str:
    """Where such a thing is instead."""
    hears = need.role == "subscription"
    same = [
        topic.name
        for topic in seen.topics
        for end in (topic.publishers if hears else topic.subscriptions)
        if end.topic_type == need.topic_type
    ]
    near = nearest(need.topic, same) or (f"such topics: {listed(sorted(set(same)))}" if same else "")
    if not near:
        return "is the bring-up running?" if hears else _CONTROLLERS
    return f"{near}; {_WAYS}" if hears else f"{near}; {_CONTROLLERS}; {_WAYS}"


def _types(need: Need, wrong: list[str]) -> str:
    if {need.topic_type, *wrong} == {"geometry_msgs/msg/Twist", "geometry_msgs/msg/TwistStamped"}:
        stamped = wrong == ["geometry_msgs/msg/TwistStamped"]
        return f"set ros.command: {'twist_stamped' if stamped else 'twist'} in the robot's profile"
    return "another kind of controller: set ros.command in the robot's profile"


def actions(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Action servers through which the robot is commanded."""
    for name in wanted.actions:
        line, servers = Line(f"action {name}", "a server"), seen.action(name).servers
        if servers:
            yield line.ok(listed(servers))
            continue
        last = name.rpartition("/")[2]
        alike = [a.name for a in seen.actions if a.servers and a.name.rpartition("/")[2] == last]
        yield line.fail("none", f"there are: {listed(alike)}; {_WAYS}" if alike else _CONTROLLERS)


def commanders(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Who else commands the robot: two commanders fight over it."""
    guard = full(GUARD, wanted.namespace)
    for need in wanted.needs():
        if need.role == "publisher":
            yield _commanders(need.topic, [end.node for end in seen.topic(need.topic).publishers], guard)
    for name in wanted.actions:
        yield _commanders(name, list(seen.action(name).clients), guard)
    yield from _rivals(seen, wanted, guard)


def _commanders(name: str, there: list[str], guard: str) -> Row:
    others = sorted(node for node in there if node != guard)
    line = Line(f"commanders of {name}", "only the guard")
    if others:
        return line.fail(listed(others), f"end {listed(others)} first")
    if len(there) > 1:
        return line.fail(f"{len(there)} nodes {guard}", "end all but one of them")
    return line.ok("only the guard" if there else "nobody yet")


def _rivals(seen: Observation, wanted: Expectation, guard: str) -> Iterator[Row]:
    """A trajectory controller takes goals of its action beside its topic: who holds a client of it."""
    if wanted.deployment.command != "joint_trajectory":
        return
    controller = wanted.name(wanted.deployment.command_topic).rpartition("/")[0]
    name = f"{controller}/follow_joint_trajectory"
    clients = sorted(node for node in seen.action(name).clients if node != guard)
    if clients:
        yield Line(f"commanders of {name}", "nobody").warn(
            listed(clients),
            "such a node (MoveIt, for example) may send a goal at any time: end it or leave it idle",
        )


def clock(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Whose time it is."""
    sources = [end.node for end in seen.topic(wanted.clock).publishers]
    line = Line("clock", "one time for all")
    if len(sources) > 1:
        yield line.fail(
            f"{wanted.clock} of {listed(sources)}", "simulated time would jump between them: end all but one"
        )
    elif sources:
        yield line.ok(f"simulated time of {sources[0]}")
    else:
        yield line.ok("wall time")


def scene(seen: Observation, wanted: Expectation) -> Iterator[Row]:
    """Where the objects are: without it the policy waits."""
    topic = wanted.name("object_states")
    frame = wanted.deployment.base_frame if wanted.arm else "odom"
    line = Line(f"scene {topic}", f"object states in {frame}")
    if seen.scene_frame is None:
        yield line.warn(
            "none heard",
            "no policy runs before perception publishes metaagent_interfaces/msg/ObjectStates there",
        )
    elif seen.scene_frame.lstrip("/") != frame:
        yield line.fail(
            f"in {seen.scene_frame or 'no frame'}",
            f"publish positions in {frame}: the policy takes them to be so",
        )
    else:
        yield line.ok(f"in {frame}")
