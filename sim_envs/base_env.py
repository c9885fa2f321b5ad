"""A mobile base as an environment: what it is told, what it is rewarded for, when it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sim_envs.base_observation import BEAMS, BOUND, circle_ranges, context, find_base_task, pack
from sim_envs.base_observation import OBSERVATION as OBSERVATION
from sim_envs.base_world import BaseWorld
from sim_envs.core import Float32, RobotTaskEnv, Situation, Step
from sim_envs.robots import load_profile
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import NOMINAL, BaseState, GroundedTask, Hidden, Scene, SpecError, TaskSpec
from sim_envs.tasks.base import STOPPED, BaseTask, BaseView, command

Array = NDArray[np.float64]
SKILLS = ("navigate",)
"""The tasks of ``MetaNavigate-v0``: what the shipped policy has learned."""
TIME_LIMIT = 375
HIDDEN_RANGES = {
    "gain": (0.6, 1.3), "lag": (0.0, 0.3), "wheel_bias": (-0.3, 0.3), "slip": (0.0, 0.35),
    "heading_offset": (-1.2, 1.2), "noise": (0.0, 0.02),
}  # fmt: skip
"""What the hidden parameters are drawn from, uniformly; units as in :class:`sim_envs.spec.Hidden`."""
CONTEXT = ("heading_offset", "wheel_bias")
"""The hidden parameters on which the best action depends most: a policy has a context for them."""


def done(state: BaseState, task: GroundedTask) -> bool:
    """Success as measured: within the tolerance of the goal, and standing."""
    gap = math.hypot(task.goal[0] - state.x, task.goal[1] - state.y)
    return gap < task.tolerance and abs(state.linear) < STOPPED


class BaseEnv(RobotTaskEnv):
    """A base in a furnished room or a small house; positions [m] in the scene's frame.

    =====  ================================================  ==================
    index  action, ``Box(-1, 1, (2,))``                      an action of 1
    =====  ================================================  ==================
    0      forward speed (backward at 0.3 of it)             the robot's limit, at
    1      turning speed, to the left                        the named speed's share
    =====  ================================================  ==================

    =====  ================================================  =======  =======
    index  observation, ``Box((78,))``, all of it measured   unit     bound
    =====  ================================================  =======  =======
    0      distance of the goal                              m        10
    1-2    cosine and sine of its bearing from the robot     1        1
    3      distance of the end of the planned way (a)        m        10
    4-5    cosine and sine of the bearing of a point on it,  1        1
           0.35 m ahead
    6-7    forward and turning speed by wheel odometry (b)   m/s,     3, 10
                                                             rad/s
    8-71   clearance along 64 beams, counter-clockwise       m        4
           from straight ahead; circles to avoid count
    72-73  last action                                       1        1
    74     context: speed                                    -1..1    1
    75-76  context: skill (navigate, follow)                 0, 1     1
    77     context: side of the wall to follow (left 1)      -1..1    1
    =====  ================================================  =======  =======

    (a) around all that the scene names, from the measured position, as a navigation stack's global planner
    does over its map; planned at the start and wherever the base is more than 0.75 m from the point ahead.
    (b) which sees neither slip nor wheel bias; the pose has the hidden heading offset and noise in it.
    One step is one control period (40 ms). :data:`OBSERVATION` is the same as values.

    Reward ``2 Δd - 0.05 c - 0.01``, with ``Δd`` [m] how much less of the way to the goal is left after the
    step (the task says along which way) and ``c = clip(1 - (m - radius) / 0.25, 0, 1)``, ``m`` [m] the
    smallest true clearance; plus 5 on success, minus 5 on failure. ``terminated`` is success
    (as the task judges; always slower than 0.1 m/s within ``task.tolerance`` of ``task.goal``) or
    failure (it touches something, enters a circle of ``task.avoid``, or the task says so); ``truncated`` the
    time limit of 375 steps (15 s), in proportion more for a robot that drives less than 1 m/s.
    """

    ranges = HIDDEN_RANGES

    def __init__(
        self,
        robot: str = "diffbot",
        tasks: Sequence[str] = SKILLS,
        hidden: Hidden | str = NOMINAL,
        render_mode: str | None = None,
    ) -> None:
        super().__init__([find_base_task(name) for name in tasks], hidden, render_mode, BOUND, 2)
        self.robot = robot
        self.profile: BaseProfile = load_profile(robot)
        if self.profile.beams != BEAMS:
            raise SpecError(f"{robot}: beams is {self.profile.beams}; allowed: {BEAMS}")
        self.time_limit = round(TIME_LIMIT / min(1.0, self.profile.max_linear))
        self.world = BaseWorld(self.profile, visible=render_mode is not None)
        self.scene = Scene(())
        self.task = GroundedTask(TaskSpec("navigate"), (0.0, 0.0, 0.0), 0.3)
        self.view: BaseView
        self._believed: BaseView
        self.definition: BaseTask
        self._named: list[float] = []
        self._last: tuple[float, ...] = ()
        self._outside: list[bool] = []
        self._steps, self._length, self._nearest = 0, 0.0, 0.0

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self.world.close()

    def success(self) -> bool:
        """Whether the true state is what was asked for."""
        return self.definition.success(self.view)

    def _arguments(self) -> dict[str, Any]:
        tasks, hidden = tuple(self.tasks), self.default_hidden
        return {"robot": self.robot, "tasks": tasks, "hidden": hidden, "render_mode": self.render_mode}

    def _begin(self, options: Mapping[str, Any]) -> tuple[Float32, dict[str, Any]]:
        self.hidden = self._draw_hidden(options)
        situation = self._situation(options)
        self.scene, self.task = situation.scene, situation.task
        self.world.reset(self.scene, self.hidden)
        self.view = view = BaseView(self.world.base, self.scene, self.task)
        view.move(view.pose)
        self._believed = BaseView(self.world.base, self.scene, self.task, informed=False)
        self._named, self._last, self._steps = context(self.task), (0.0, 0.0), 0
        self._length = self.definition.distance(view)
        self._outside = [gap > 0.0 for gap in self._circle_gaps()]
        return self._observe(), {"task": self.task}

    def _situation(self, options: Mapping[str, Any]) -> Situation:
        if "scene" in options:
            situation = Situation(options["scene"], options["task"])
        elif "situation" in options:
            situation = options["situation"]
        else:
            self.definition = cast(BaseTask, self._choose(options))
            return self.definition.draw(self.np_random, int(options.get("clutter", 0)), self.profile.radius)
        self.definition = find_base_task(options.get("skill") or situation.task.spec.skill)
        return situation

    def _advance(self, action: tuple[float, ...]) -> Step:
        world, view, definition = self.world, self.view, self.definition
        order = command(action, self.task.spec, self.profile)
        world.base.command(order.linear, order.angular)
        view.move(world.step())
        self._last = action
        self._steps += 1
        observation, before = self._observe(), self._length
        self._length = definition.distance(view)
        failure = world.touched() or self._entered() or definition.failure(view)
        success = not failure and definition.success(view)
        reward = 2.0 * (before - self._length) - 0.05 * self._closeness() - 0.01 + 5.0 * (success - failure)
        truncated = self._steps >= self.time_limit and not (success or failure)
        return observation, reward, success or failure, truncated, {"is_success": success}

    def _script(self) -> Sequence[float]:
        return self.definition.expert(self.view)

    def _naive_script(self) -> Sequence[float]:
        return self.definition.expert(self._believed)

    def _picture(self) -> NDArray[np.uint8]:
        return self.world.render()

    def _observe(self) -> Float32:
        world, task, level = self.world, self.task, self.hidden.noise
        noise = None
        if level > 0.0:
            dx, dy, turn = self.np_random.standard_normal(3).tolist()
            noise = (level * dx, level * dy, level * turn)
        state, ranges = world.base.measured(None, noise), world.scan()
        self._believed.move((state.x, state.y, state.yaw))
        self._nearest = float(np.minimum.reduce(ranges))
        if task.avoid:
            ranges = np.minimum(ranges, circle_ranges(state, task.avoid, self.profile.range))
        way = self.definition.lead(self._believed)
        return pack(state, ranges, task, way, (*self._last, *self._named))

    def _circle_gaps(self) -> list[float]:
        """True distance [m] to each circle to stay out of; negative inside."""
        x, y, _ = self.view.pose
        return [math.hypot(cx - x, cy - y) - radius for cx, cy, radius in self.task.avoid]

    def _entered(self) -> bool:
        """Whether a circle that it has been outside of has it inside now."""
        if not self.task.avoid:
            return False
        gaps = self._circle_gaps()
        entered = any(out and gap < 0.0 for out, gap in zip(self._outside, gaps, strict=True))
        self._outside = [out or gap > 0.0 for out, gap in zip(self._outside, gaps, strict=True)]
        return entered

    def _closeness(self) -> float:
        """How uncomfortably close [0, 1] the nearest thing is, truly."""
        gap = self._nearest - self.profile.radius
        if self.task.avoid:
            gap = min(gap, *self._circle_gaps())
        return 0.0 if gap >= 0.25 else 1.0 if gap <= 0.0 else 1.0 - 4.0 * gap


def expert(env: BaseEnv) -> Float32:
    """The scripted expert's action, from the true state."""
    return env.expert()
