"""Spec values to messages and back. What comes back is checked by the values themselves.

Message setters take any number silently and store another one, so every scalar goes through ``float``;
a message from the network becomes a spec value or a ``ValueError`` (``SpecError`` is one).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion, Vector3

from metaagent_interfaces.msg import GroundedTask as GroundedTaskMessage
from metaagent_interfaces.msg import ObjectRef as ObjectRefMessage
from metaagent_interfaces.msg import ObjectState, ObjectStates, PlanWords
from metaagent_interfaces.msg import Plan as PlanMessage
from metaagent_interfaces.msg import TaskSpec as TaskSpecMessage
from metaagent_ros.instructions.schema import MAX_STEPS, Plan, Words
from metaagent_ros.instructions.slots import QUERIES
from sim_envs.spec import GroundedTask, ObjectRef, Scene, SceneItem, SpecError, Target, TaskSpec, Vec3

ROBOT = "robot"
ITEM_KINDS = ("object", "bin", "landmark", "room", ROBOT)
_NS = 1_000_000_000


def time_message(nanoseconds: int) -> Time:
    """A stamp from nanoseconds."""
    return Time(sec=nanoseconds // _NS, nanosec=nanoseconds % _NS)


def nanoseconds(stamp: Time) -> int:
    """A stamp as nanoseconds."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def finite(what: str, values: Iterable[float]) -> tuple[float, ...]:
    """The values as floats; raises :class:`SpecError` unless all are finite."""
    out = tuple(map(float, values))
    if not all(map(math.isfinite, out)):
        raise SpecError(f"{what} is {list(out)}; it must be finite.")
    return out


def _three(what: str, values: Iterable[float]) -> Vec3:
    x, y, z = finite(what, values)
    return (x, y, z)


def _point(what: str, p: Point | Vector3) -> Vec3:
    return _three(what, (p.x, p.y, p.z))


def _vector(v: Vec3) -> Vector3:
    return Vector3(x=float(v[0]), y=float(v[1]), z=float(v[2]))


def quaternion(yaw: float) -> Quaternion:
    """A turn about the vertical by ``yaw`` [rad]."""
    return Quaternion(z=math.sin(float(yaw) / 2), w=math.cos(float(yaw) / 2))


def heading(q: Quaternion) -> float:
    """The yaw [rad] of a quaternion; raises :class:`SpecError` unless it is a finite turn."""
    return _yaw((q.x, q.y, q.z, q.w))


def _yaw(turn: Iterable[float]) -> float:
    x, y, z, w = finite("orientation", turn)
    if x * x + y * y + z * z + w * w < 0.5:
        raise SpecError(f"orientation is {[x, y, z, w]}; it must be a unit quaternion.")
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def _ref_message(ref: ObjectRef | None) -> ObjectRefMessage:
    given = ref or ObjectRef()
    return ObjectRefMessage(color=given.color or "", shape=given.shape or "", size=given.size or "")


def _ref(m: ObjectRefMessage) -> ObjectRef:
    return ObjectRef(m.color or None, m.shape or None, m.size or None)


def spec_message(spec: TaskSpec) -> TaskSpecMessage:
    """A step of a plan; the empty string stands for what was not said."""
    out = TaskSpecMessage(
        skill=spec.skill,
        has_object=spec.object is not None,
        object=_ref_message(spec.object),
        relation=spec.relation or "",
        speed=spec.speed,
        force=spec.force,
        avoid=list(spec.avoid),
    )
    if (target := spec.target) is not None:
        out.target_kind, out.target_name = target.kind, target.name or ""
        if target.kind == "object":
            out.target_object = _ref_message(target.object)
        if target.kind == "coordinate":
            out.x, out.y = float(target.x or 0.0), float(target.y or 0.0)
    return out


def spec_value(m: TaskSpecMessage) -> TaskSpec:
    """The inverse of :func:`spec_message`."""
    target: Target | None = None
    if m.target_kind == "object":
        ref = _ref(m.target_object)
        target = Target("object", color=ref.color, shape=ref.shape, size=ref.size)
    elif m.target_kind == "coordinate":
        target = Target("coordinate", x=float(m.x), y=float(m.y))
    elif m.target_kind:
        target = Target(m.target_kind, m.target_name or None)
    return TaskSpec(
        m.skill,
        _ref(m.object) if m.has_object else None,
        target,
        m.relation or None,
        m.speed,
        m.force,
        tuple(m.avoid),
    )


def task_message(task: GroundedTask) -> GroundedTaskMessage:
    """A step bound to a scene."""
    x, y, z = task.goal
    return GroundedTaskMessage(
        spec=spec_message(task.spec),
        object_name=task.object_name or "",
        target_name=task.target_name or "",
        goal=Point(x=float(x), y=float(y), z=float(z)),
        tolerance=float(task.tolerance),
        avoid=[_vector(circle) for circle in task.avoid],
    )


def task_value(m: GroundedTaskMessage) -> GroundedTask:
    """The inverse of :func:`task_message`."""
    (tolerance,) = finite("tolerance", (m.tolerance,))
    if tolerance <= 0.0:
        raise SpecError(f"tolerance is {tolerance!r} m; it must be positive.")
    return GroundedTask(
        spec_value(m.spec),
        _point("goal", m.goal),
        tolerance,
        m.object_name or None,
        m.target_name or None,
        tuple(_point("avoid", circle) for circle in m.avoid),
    )


def plan_message(plan: Plan, instruction: str) -> PlanMessage:
    """A plan and the sentence that it was made from; words that do not lie in the sentence are left out."""
    steps, length = len(plan.steps), len(instruction)
    return PlanMessage(
        status=plan.status,
        reason=plan.reason or "",
        message=plan.message,
        steps=[spec_message(step) for step in plan.steps],
        parser=plan.parser,
        model=plan.model,
        confidence=float(plan.confidence),
        words=[
            PlanWords(step=int(w.step), slot=w.slot, start=int(w.start), end=int(w.end))
            for w in plan.words
            if not _astray(w, steps, length)
        ],
        instruction=instruction,
    )


def plan_value(m: PlanMessage) -> Plan:
    """The inverse of :func:`plan_message`, less the sentence; raises for words that are not in it."""
    steps = tuple(spec_value(step) for step in m.steps)
    words = tuple(Words(int(w.step), w.slot, int(w.start), int(w.end)) for w in m.words)
    for w in words:
        if wrong := _astray(w, len(steps), len(m.instruction)):
            raise SpecError(wrong)
    return Plan(m.status, m.reason or None, steps, m.message, m.parser, float(m.confidence), m.model, words)


def _astray(words: Words, steps: int, length: int) -> str:
    """What is wrong with the place that a slot was read from; empty for nothing.

    A plan without steps may say which words made it ask or refuse.
    """
    last = (steps or MAX_STEPS) - 1
    if words.slot not in QUERIES:
        return f"slot is {words.slot!r}; allowed: {', '.join(QUERIES)}."
    if not 0 <= words.step <= last:
        return f"words of {words.slot} are of step {words.step}; allowed: 0 to {last}."
    if not 0 <= words.start <= words.end <= length:
        span = f"{words.start} to {words.end}"
        return f"words of {words.slot} are {span}; the sentence has {length} characters."
    return ""


def _item_message(item: SceneItem) -> ObjectState:
    out = ObjectState(
        name=item.name,
        kind=item.kind,
        color=item.color or "",
        shape=item.shape or "",
        size=item.size or "",
        extent=_vector(item.extent),
    )
    x, y, z = item.position
    out.pose.position = Point(x=float(x), y=float(y), z=float(z))
    out.pose.orientation = quaternion(item.yaw)
    return out


def scene_message(scene: Scene, stamp_ns: int, frame: str, mobile: bool = False) -> ObjectStates:
    """A scene; a ``mobile`` robot lists itself as item ``robot``."""
    items = [_item_message(item) for item in scene.items]
    if mobile and all(item.name != ROBOT for item in scene.items):
        items.append(_item_message(SceneItem(ROBOT, ROBOT, scene.robot_position, yaw=scene.robot_yaw)))
    out = ObjectStates(objects=items)
    out.header.stamp, out.header.frame_id = time_message(stamp_ns), frame
    return out


def scene_value(m: ObjectStates) -> Scene:
    """The inverse of :func:`scene_message`."""
    items = [_item(o) for o in m.objects]
    names = [item.name for item in items]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise SpecError(f"scene items are named twice: {', '.join(twice)}.")
    robot = next((i for i in items if i.kind == ROBOT), None)
    others = tuple(i for i in items if i.kind != ROBOT)
    return Scene(others) if robot is None else Scene(others, robot.position, robot.yaw)


def _item(o: ObjectState) -> SceneItem:
    p, q, e = o.pose.position, o.pose.orientation, o.extent
    words, turn = (o.name, o.kind, o.color, o.shape, o.size), (q.x, q.y, q.z, q.w)
    return _reported(words, (p.x, p.y, p.z), turn, (e.x, e.y, e.z))


@lru_cache(maxsize=256)  # most things stand still, and a tick waits for the scene that came just before it
def _reported(words: tuple[str, ...], at: Any, turn: Any, extent: Any) -> SceneItem:
    name, kind, color, shape, size = words
    if not name or kind not in ITEM_KINDS:
        raise SpecError(f"scene item {name!r} is of kind {kind!r}; allowed: {', '.join(ITEM_KINDS)}.")
    ref = ObjectRef(color or None, shape or None, size or None)
    place, half = _three(f"position of {name}", at), _three("extent", extent)
    return SceneItem(name, kind, place, half, _yaw(turn), ref.color, ref.shape, ref.size)
