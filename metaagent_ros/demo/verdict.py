"""Whether the robot did it: judged by the simulator's ground truth, never by the policy's own opinion.

Every step is bound anew, to the true scene at its beginning, so that a wrong camera cannot make a
wrong place right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from metaagent_ros.demo.records import Sample, StepVerdict
from metaagent_ros.instructions.grounding import GroundingError, ground
from sim_envs.spec import GroundedTask, Scene, SceneItem, TaskSpec, Vec3

LIFTED = 0.10  # [m] above where it lay
REST_SECONDS, REST_MOTION = 0.5, 0.003  # [s], [m]: it moved less than this for so long
ROBOT = "robot"


def true_scene(scene: Scene) -> Scene:
    """The ground truth as a scene to bind to: a base that lists itself becomes the robot's pose."""
    found = [item for item in scene.items if item.name == ROBOT]
    if not found:
        return scene
    others = tuple(item for item in scene.items if item.name != ROBOT)
    return Scene(others, found[0].position, found[0].yaw)


def judge(steps: Sequence[TaskSpec], robot: str, samples: Sequence[Sample]) -> tuple[StepVerdict, ...]:
    """One verdict a step. A thing is judged where it ends, unless a later step moves it again."""
    return tuple(_judge_step(number, steps, robot, samples) for number in range(len(steps)))


def _judge_step(number: int, steps: Sequence[TaskSpec], robot: str, samples: Sequence[Sample]) -> StepVerdict:
    step = steps[number]
    during = [sample for sample in samples if sample.step == number]
    if not during:
        return StepVerdict(number, False, f"step {number + 1} ({step.skill}) did not begin")
    try:
        task = ground(step, true_scene(during[0].scene), robot)
    except GroundingError as error:
        return StepVerdict(number, False, f"step {number + 1} cannot be judged: {error}")
    if step.skill == "grasp":
        return _grasped(number, task, during)
    if step.skill == "pick_place":
        again = any(later.object == step.object for later in steps[number + 1 :])
        return _placed(number, task, during if again else [s for s in samples if s.step >= number])
    return _reached(number, task, during)


def _said(task: GroundedTask) -> str:
    return f"the {task.spec.object}"


def _grasped(number: int, task: GroundedTask, during: Sequence[Sample]) -> StepVerdict:
    name = str(task.object_name)
    height = _place(during[-1], name)[2] - _place(during[0], name)[2]
    if height >= LIFTED:
        text = f"{_said(task)} is held {millimetres(height)} above where it lay"
        return StepVerdict(number, True, text, height, LIFTED)
    text = f"{_said(task)} is {millimetres(max(height, 0.0))} above where it lay, not {millimetres(LIFTED)}"
    return StepVerdict(number, False, text, height, LIFTED)


def _placed(number: int, task: GroundedTask, during: Sequence[Sample]) -> StepVerdict:
    name, scene = str(task.object_name), during[-1].scene
    place, into = scene.item(name).position, scene.item(str(task.target_name))
    distance = math.dist(place[:2], into.position[:2])
    what, where = _said(task), f"the {task.spec.target}"
    if problem := _not_in(place, into) or _not_resting(during, name):
        text = f"{what} is not in {where}: {problem}"
        return StepVerdict(number, False, text, distance, into.extent[0])
    text = f"{what} is in {where} ({millimetres(distance)} from its middle)"
    return StepVerdict(number, True, text, distance, into.extent[0])


def _not_in(place: Vec3, into: SceneItem) -> str:
    gaps = [abs(a - b) for a, b in zip(place[:2], into.position[:2], strict=True)]
    if any(gap >= half for gap, half in zip(gaps, into.extent[:2], strict=True)):
        return f"it is {millimetres(math.dist(place[:2], into.position[:2]))} from its middle"
    if place[2] >= into.position[2] + into.extent[2]:
        return "it is above the rim"
    return ""


def _not_resting(during: Sequence[Sample], name: str) -> str:
    return "" if at_rest(during, name) else "it has not come to rest"


def at_rest(samples: Sequence[Sample], name: str) -> bool:
    """Whether the thing has been seen to lie still for :data:`REST_SECONDS`."""
    if not samples or samples[-1].time - samples[0].time < REST_SECONDS:
        return False
    end = samples[-1]
    last = [s for s in samples if s.time >= end.time - REST_SECONDS]
    return all(math.dist(_place(s, name), _place(end, name)) < REST_MOTION for s in last)


def still(samples: Sequence[Sample]) -> bool:
    """Whether everything has been seen to lie still."""
    return bool(samples) and all(at_rest(samples, item.name) for item in samples[-1].scene.items)


def _reached(number: int, task: GroundedTask, during: Sequence[Sample]) -> StepVerdict:
    path = [true_scene(sample.scene).robot_position for sample in during]
    distance = math.dist(path[-1][:2], task.goal[:2])
    where = f"its goal ({task.spec.target})"
    if distance > task.tolerance:
        text = f"the robot is {distance:.2f} m from {where}; {task.tolerance:.2f} m would do"
        return StepVerdict(number, False, text, distance, task.tolerance)
    text = f"the robot is {distance:.2f} m from {where}"
    if kept := ", ".join(task.spec.avoid):
        if entered(path, task.avoid):
            text = f"{text}, but came too near to what it had to keep away from ({kept})"
            return StepVerdict(number, False, text, distance, task.tolerance)
        text = f"{text} and kept away from the {kept}"
    return StepVerdict(number, True, text, distance, task.tolerance)


def entered(path: Sequence[Vec3], circles: Sequence[Vec3]) -> bool:
    """Whether the path goes from outside of a circle (x, y, radius) to its inside."""
    for x, y, radius in circles:
        inside = [math.hypot(px - x, py - y) < radius for px, py, _ in path]
        if any(now and not before for before, now in itertools.pairwise(inside)):
            return True
    return False


def gap(sample: Sample, task: GroundedTask) -> float:
    """How far [m] what is to be moved truly is from a (true) goal, horizontally for a base."""
    if task.object_name is None:
        return math.dist(true_scene(sample.scene).robot_position[:2], task.goal[:2])
    return math.dist(_place(sample, task.object_name), task.goal)


def true_tasks(steps: Sequence[TaskSpec], robot: str, samples: Sequence[Sample]) -> dict[int, GroundedTask]:
    """Every step that began, bound to the true scene at its beginning."""
    tasks: dict[int, GroundedTask] = {}
    for sample in samples:
        if sample.step not in tasks and sample.step < len(steps):
            try:
                tasks[sample.step] = ground(steps[sample.step], true_scene(sample.scene), robot)
            except GroundingError:
                continue
    return tasks


def millimetres(length: float) -> str:
    """A length for a person."""
    return f"{1000 * length:.0f} mm" if length < 1.0 else f"{length:.2f} m"


def _place(sample: Sample, name: str) -> Vec3:
    return sample.scene.item(name).position
