"""Bind a step to a scene: grasp and pick_place into a bin for arms, navigate for bases (so far)."""

from __future__ import annotations

import math

from sim_envs.spec import LIFT_HEIGHT, GroundedTask, ObjectRef, Scene, SceneItem, TaskSpec, Vec3

BASES = ("diffbot",)
SKILLS = {"base": ("navigate",), "arm": ("grasp", "pick_place")}
CLEARANCE = 0.35
STEP = {"forward": 0.0, "left": math.pi / 2, "backward": math.pi, "right": -math.pi / 2}


class GroundingError(Exception):
    """What was asked is not there (``status`` refuse) or is there more than once (clarify)."""

    def __init__(self, message: str, status: str = "refuse") -> None:
        super().__init__(message)
        self.status = status


def ground(step: TaskSpec, scene: Scene, robot: str) -> GroundedTask:
    """The step bound to bodies and poses; raises :class:`GroundingError`."""
    family = "base" if robot in BASES else "arm"
    if step.skill not in SKILLS[family]:
        have = ", ".join(SKILLS[family])
        raise GroundingError(f"{step.skill} is not available for {robot} yet; available: {have}.")
    return _base(step, scene) if family == "base" else _arm(step, scene, robot)


def _one(found: list[SceneItem], what: str, scene: Scene, kind: str) -> SceneItem:
    if len(found) == 1:
        return found[0]
    if found:
        which = ", ".join(i.name for i in found)
        raise GroundingError(f"Which {what}? There are: {which}.", "clarify")
    there = ", ".join(str(i) for i in scene.items if i.kind == kind) or "nothing"
    raise GroundingError(f"There is no {what} here; there is: {there}.")


def _object(ref: ObjectRef, scene: Scene) -> SceneItem:
    return _one([i for i in scene.items if i.matches(ref)], str(ref), scene, "object")


def _arm(step: TaskSpec, scene: Scene, robot: str) -> GroundedTask:
    item = _object(step.object or ObjectRef(), scene)
    if step.skill == "grasp":
        x, y, z = item.position
        return GroundedTask(step, (x, y, z + LIFT_HEIGHT), 0.05, item.name)
    if step.target is None or step.target.kind != "bin" or step.relation not in (None, "in"):
        raise GroundingError(f"{robot} can only place into a bin so far; given: {step.target}.")
    name = f"{step.target.name}_bin"
    place = _one([i for i in scene.items if i.name == name], str(step.target), scene, "bin")
    floor = place.position[2] - place.extent[2]
    goal = (place.position[0], place.position[1], floor + item.extent[2])
    return GroundedTask(step, goal, 0.08, item.name, place.name)


def _base(step: TaskSpec, scene: Scene) -> GroundedTask:
    target, (rx, ry, _) = step.target, scene.robot_position
    name: str | None = None
    if target is None:
        raise GroundingError("Where to?", "clarify")
    if target.kind == "coordinate" and target.x is not None and target.y is not None:
        goal: Vec3 = (target.x, target.y, 0.0)
    elif target.kind == "direction":
        angle = scene.robot_yaw + STEP[str(target.name)]
        goal = (rx + math.cos(angle), ry + math.sin(angle), 0.0)
    else:
        place = _place(step, scene)
        name, goal = place.name, _before(place, rx, ry)
    circles = tuple(
        (i.position[0], i.position[1], max(i.extent[:2]) + CLEARANCE)
        for i in scene.items if not _is_wall(i) and any(_avoided(a, i) for a in step.avoid)
    )  # fmt: skip
    return GroundedTask(step, goal, 0.3, None, name, circles)


def _is_wall(item: SceneItem) -> bool:
    """No circle fits a wall; the lidar keeps the base away from every wall, named or not."""
    return item.name.split("_")[-1] == "wall"


def _before(place: SceneItem, rx: float, ry: float) -> Vec3:
    """Where to stand [m] to be at a place, coming from (rx, ry)."""
    x, y, _ = place.position
    half = max(place.extent[:2])
    if _is_wall(place):  # the nearest point of it
        x = min(max(rx, x - place.extent[0]), x + place.extent[0])
        y = min(max(ry, y - place.extent[1]), y + place.extent[1])
        half = 0.0
    gap = max(math.hypot(rx - x, ry - y), 1e-6)
    reach = min(half + CLEARANCE, gap)
    return (x + (rx - x) / gap * reach, y + (ry - y) / gap * reach, 0.0)


def _avoided(what: str, item: SceneItem) -> bool:
    named = item.kind != "object" and what in item.name.split("_")
    return named or (item.kind == "object" and what == str(item))


def _place(step: TaskSpec, scene: Scene) -> SceneItem:
    target = step.target
    assert target is not None  # _base has asked back
    if target.kind == "object":
        return _object(target.object, scene)
    name = str(target.name).replace(" ", "_") + ("_bin" if target.kind == "bin" else "")
    return _one([i for i in scene.items if i.name == name], str(target), scene, "landmark")
