"""An arm at a table as an environment, and the observation that simulation and robot share."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.core import Float32, RobotTaskEnv, Situation, Step
from sim_envs.physics import arm_world
from sim_envs.robots import load_profile
from sim_envs.robots.arm import Arm, ArmState
from sim_envs.spec import (
    FORCES,
    NOMINAL,
    SHAPES,
    SPEEDS,
    GroundedTask,
    Hidden,
    Scene,
    SceneItem,
    SpecError,
    TaskSpec,
    Vec3,
)
from sim_envs.tasks.arm import ArmTask, ArmView
from sim_envs.tasks.catalogue import find_task

SKILLS = ("grasp", "pick_place")
"""The tasks of ``MetaGrasp-v0``: what the shipped policy has learned."""
CONTEXT_SKILLS = ("reach", "push", "grasp", "pick_place", "stack")
TIME_LIMIT = 125
OBSERVATION = (
    ("tool_position", 3, 1.0, 0.3), ("tool_velocity", 3, 3.0, 0.5), ("gripper_width", 1, 0.1, 0.05),
    ("object_from_tool", 3, 2.0, 0.1), ("object_position", 3, 2.0, 0.3),
    ("goal_from_object", 3, 2.0, 0.2), ("avoid_from_tool", 3, 2.0, 0.2), ("last_action", 4, 1.0, 1.0),
    ("skill", 5, 1.0, 1.0), ("shape", 3, 1.0, 1.0), ("speed", 1, 1.0, 1.0), ("force", 1, 1.0, 1.0),
)  # fmt: skip
"""Layout of the observation: name, length, bound, typical size; metres, metres a second, context last.

``avoid_from_tool`` is x, y and radius of the nearest circle to stay out of, zeros without one; where no
object is named (reach) the tool takes its place."""
BOUND = np.concatenate([np.full(n, b) for _, n, b, _ in OBSERVATION]).astype(np.float32)
_LOW = -BOUND
HIDDEN_RANGES = {
    "mass": (0.05, 0.4), "friction": (0.5, 1.2), "restitution": (0.0, 0.5), "gripper_gain": (0.6, 1.2),
    "offset_x": (-0.035, 0.035), "offset_y": (-0.035, 0.035), "gain": (0.6, 1.3), "lag": (0.0, 0.06),
    "damping": (0.0, 5.0), "noise": (0.0, 0.003),
}  # fmt: skip
"""What the hidden parameters are drawn from, uniformly; units as in :class:`sim_envs.spec.Hidden`."""

CONTEXT = ("offset_x", "offset_y")
"""The hidden parameters on which the best action depends most: a policy has a context for them."""


def context(spec: TaskSpec, shape: str | None) -> list[float]:
    """The named part as numbers: skill (5), shape (3), speed and force in {-1, 0, 1}."""
    skill = [float(spec.skill == s) for s in CONTEXT_SKILLS]
    form = [float(shape == s) for s in SHAPES]
    return [*skill, *form, float(SPEEDS.index(spec.speed) - 1), float(FORCES.index(spec.force) - 1)]


def nearest_circle(circles: Sequence[Vec3], tool: Vec3) -> Vec3:
    """x, y from the tool and radius [m] of the circle whose rim is nearest; zeros without one."""
    if not circles:
        return (0.0, 0.0, 0.0)
    x, y, _ = tool
    cx, cy, radius = min(circles, key=lambda c: math.hypot(c[0] - x, c[1] - y) - c[2])
    return (cx - x, cy - y, radius)


def pack(
    state: ArmState, seen: Vec3, task: GroundedTask, last: Sequence[float], named: Sequence[float]
) -> Float32:
    """Observation (33,) from measured values; ``seen`` [m] is the object, ``named`` the :func:`context`."""
    (tx, ty, tz), (x, y, z), (gx, gy, gz) = state.tool, seen, task.goal
    width = state.positions[-2] + state.positions[-1]
    out = np.array(
        (tx, ty, tz, *state.tool_velocity, width, x - tx, y - ty, z - tz, x, y, z, gx - x, gy - y, gz - z,
         *nearest_circle(task.avoid, state.tool), *last, *named),
        dtype=np.float32,
    )  # fmt: skip
    bounded: Float32 = np.minimum(np.maximum(out, _LOW, out=out), BOUND, out=out)
    return bounded


def observe(
    arm: Arm, item: SceneItem | None, task: GroundedTask, last_action: Sequence[float] | NDArray[np.float64]
) -> Float32:
    """Observation (33,), laid out as :data:`OBSERVATION`: what simulation and robot both can measure.

    ``item`` is the object (None for reach) and ``task.goal`` the goal as the camera reports them; ``arm``
    holds the measured joint state.
    """
    state = arm.read()
    seen = state.tool if item is None else item.position
    return pack(state, seen, task, list(last_action), context(task.spec, item.shape if item else None))


def done(item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
    """Success as measured: ``item`` as the camera reports it, ``gripper_width`` [m] of the fingers."""
    return find_arm_task(task.spec.skill).done(item, task, gripper_width)


def shifted(item: SceneItem, hidden: Hidden, sign: float = 1.0) -> SceneItem:
    """The item as the camera reports it; with ``sign`` -1 the way back to where it really is."""
    x, y, z = item.position
    return dataclasses.replace(item, position=(x + sign * hidden.offset_x, y + sign * hidden.offset_y, z))


def shifted_task(task: GroundedTask, hidden: Hidden, sign: float = 1.0) -> GroundedTask:
    """A grounded task as the camera's offset moves it: goal and circles."""
    dx, dy = sign * hidden.offset_x, sign * hidden.offset_y
    x, y, z = task.goal
    avoid = tuple((cx + dx, cy + dy, radius) for cx, cy, radius in task.avoid)
    return dataclasses.replace(task, goal=(x + dx, y + dy, z), avoid=avoid)


def find_arm_task(name: str) -> ArmTask:
    """The arm's task of that name; raises ``SpecError`` with the nearest match."""
    task = find_task(name)
    if not isinstance(task, ArmTask):
        raise SpecError(f"task {name!r} is for a {task.family}; allowed here: tasks for an arm")
    return task


class ArmEnv(RobotTaskEnv):
    """An arm at a table with objects and two bins.

    =====  ================================================  ==================
    index  action, ``Box(-1, 1, (4,))``                      an action of 1
    =====  ================================================  ==================
    0-2    motion of the tool along x, y, z (base frame)     20 mm in 40 ms (a)
    3      width of the gripper, -1 closed                   0.08 m
    =====  ================================================  ==================

    (a) at normal speed; slow 0.6, fast 1.3 of it.

    =====  =================================================  =====  =======
    index  observation, ``Box((33,))``, base frame            unit   bound
    =====  =================================================  =====  =======
    0-2    tool position                                      m      1
    3-5    tool velocity                                      m/s    3
    6      gripper width                                      m      0.1
    7-9    object from tool (b)                               m      2
    10-12  object position (b)                                m      2
    13-15  goal from object (b)                               m      2
    16-18  x, y from tool and radius of the nearest circle    m      2
           to stay out of (zeros: none)
    19-22  last action                                        1      1
    23-27  context: skill (reach, push, grasp, pick_place,    0, 1   1
           stack)
    28-30  context: shape (cube, sphere, cylinder)            0, 1   1
    31-32  context: speed, force                              -1..1  1
    =====  =================================================  =====  =======

    (b) as the camera reports it: with the hidden offset and noise. What is hidden
    (:class:`sim_envs.spec.Hidden`) is not in it. :data:`OBSERVATION` is the same as values.

    Reward ``phi - 1`` with the task's ``potential`` phi in [0, 1), 0 on success (the formula of phi stands
    in each task's docstring). ``terminated`` is success or failure (off the table, or a thing to be
    avoided was touched), ``truncated`` the time limit of 125 steps (5 s).
    """

    ranges = HIDDEN_RANGES
    time_limit = TIME_LIMIT

    def __init__(
        self,
        robot: str = "panda",
        tasks: Sequence[str] = SKILLS,
        hidden: Hidden | str = NOMINAL,
        render_mode: str | None = None,
        physics: str = "bullet",
    ) -> None:
        super().__init__([find_arm_task(name) for name in tasks], hidden, render_mode, BOUND, 4)
        self.robot, self.physics = robot, physics
        self.world = arm_world(load_profile(robot), physics, visible=render_mode is not None)
        self.task = GroundedTask(TaskSpec("reach"), (0.0, 0.0, 0.0), 0.05)
        self.view: ArmView
        self.definition: ArmTask
        self._seen_task, self._seen = self.task, (0.0, 0.0, 0.0)
        self._named: list[float] = []
        self._last: tuple[float, ...] = ()
        self._steps = 0

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self.world.close()

    def success(self) -> bool:
        """Whether the true state is what was asked for."""
        return self.definition.success(self.view)

    def _arguments(self) -> dict[str, Any]:
        tasks, hidden, mode = tuple(self.tasks), self.default_hidden, self.render_mode
        named = {"robot": self.robot, "tasks": tasks, "hidden": hidden, "render_mode": mode}
        return named | {"physics": self.physics}

    def _begin(self, options: Mapping[str, Any]) -> tuple[Float32, dict[str, Any]]:
        self.hidden = hidden = self._draw_hidden(options)
        if "scene" in options:
            scene, self._seen_task = options["scene"], options["task"]
            items = tuple([shifted(item, hidden, -1.0) for item in scene.items])
            situation = Situation(Scene(items), shifted_task(self._seen_task, hidden, -1.0))
            self.definition = find_arm_task(options.get("skill") or situation.task.spec.skill)
        else:
            self.definition = find_arm_task(self._choose(options).name)
            situation = options.get("situation") or self.definition.draw(
                self.np_random, int(options.get("clutter", 0))
            )
            self._seen_task = shifted_task(situation.task, hidden)
        self.task = situation.task
        self.world.reset(situation.scene.items, hidden)
        self.view = ArmView(self.world, situation)
        item = self.view.item
        self._named = context(self.task.spec, item.shape if item else None)
        self._last, self._steps = (0.0, 0.0, 0.0, 0.0), 0
        return self._observe(), {"task": self._seen_task}

    def _advance(self, action: tuple[float, ...]) -> Step:
        spec, arm, hidden, view = self.task.spec, self.world.arm, self.hidden, self.view
        target = arm.target(view.state, action, spec.speed)
        arm.act(view.state, target, arm.opening(action[3], spec.force), hidden)
        self.world.step()
        view.update()
        self._last = action
        self._steps += 1
        success = self.definition.success(view)
        failure = not success and (view.lost() or self.definition.failure(view))
        reward = 0.0 if success else self.definition.potential(view) - 1.0
        truncated = self._steps >= TIME_LIMIT and not (success or failure)
        return self._observe(), reward, success or failure, truncated, {"is_success": success}

    def _observe(self) -> Float32:
        hidden, (x, y, z) = self.hidden, self.view.thing
        if self.view.item is not None:
            x, y = x + hidden.offset_x, y + hidden.offset_y
            if hidden.noise > 0.0:
                dx, dy, dz = (hidden.noise * self.np_random.standard_normal(3)).tolist()
                x, y, z = x + dx, y + dy, z + dz
        self._seen = (x, y, z)
        return pack(self.view.state, self._seen, self._seen_task, self._last, self._named)

    def _script(self) -> Sequence[float]:
        return self.definition.expert(self.view)

    def _naive_script(self) -> Sequence[float]:
        believed = copy.copy(self.view)
        believed.goal = self._seen_task.goal
        if self.view.item is not None:
            believed.thing = self._seen
        return self.definition.expert(believed)

    def _picture(self) -> NDArray[np.uint8]:
        return self.world.render()


def expert(env: ArmEnv) -> Float32:
    """The scripted expert's action, from the true state."""
    return env.expert()
