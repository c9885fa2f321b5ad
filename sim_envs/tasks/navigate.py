"""Drive to a place in a furnished room: ``MetaNavigate-v0``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sim_envs.base_world import BaseWorld
from sim_envs.pursuit import Way
from sim_envs.robots import load_profile
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.rooms import room
from sim_envs.spec import (
    NOMINAL,
    SPEEDS,
    BaseCommand,
    BaseState,
    GroundedTask,
    Hidden,
    Scene,
    SpecError,
    TaskSpec,
    Vec3,
    require,
)
from sim_envs.tasks.goals import draw_task

Array = NDArray[np.float64]
SKILLS = ("navigate",)
TIME_LIMIT = 300
BEAMS = 24
STOPPED = 0.1  # [m/s]: slower counts as standing
SPEED_SCALE = {"slow": 0.6, "normal": 1.0, "fast": 1.3}
BACKWARD = 0.3  # share of the forward speed
OBSERVATION = (
    ("goal_distance", 1, 10.0, 2.0), ("goal_bearing", 2, 1.0, 1.0), ("linear_velocity", 1, 3.0, 0.5),
    ("angular_velocity", 1, 10.0, 1.5), ("clearance", BEAMS, 4.0, 2.0), ("last_action", 2, 1.0, 1.0),
    ("speed", 1, 1.0, 1.0),
)  # fmt: skip
"""Layout of the observation: name, length, bound, typical size; metres, radians, seconds, context last.

``goal_bearing`` is the cosine and sine of the goal's direction in the robot's frame; ``clearance`` [m]
counter-clockwise from straight ahead."""
BOUND = np.concatenate([np.full(n, b) for _, n, b, _ in OBSERVATION]).astype(np.float32)
HIDDEN_RANGES = {
    "gain": (0.6, 1.3), "wheel_bias": (-0.3, 0.3), "slip": (0.0, 0.35), "heading_offset": (-1.2, 1.2),
}  # fmt: skip
"""What the hidden parameters are drawn from, uniformly; units as in :class:`sim_envs.spec.Hidden`."""
CONTEXT = ("heading_offset", "wheel_bias")
"""The hidden parameters on which the best action depends most: a policy has a context for them."""
_ANGLES = 2 * np.pi * np.arange(BEAMS) / BEAMS
_FIRST_BEAM = 5


def sample_hidden(rng: np.random.Generator) -> Hidden:
    """One draw of the hidden part."""
    return Hidden(**{name: float(rng.uniform(*ends)) for name, ends in HIDDEN_RANGES.items()})


def command(action: Sequence[float] | Array, spec: TaskSpec, profile: BaseProfile) -> BaseCommand:
    """Turn an action (2,) in [-1, 1] (forward, turn left) into velocities at the named speed."""
    share = SPEED_SCALE[spec.speed] / max(SPEED_SCALE.values())
    forward, turn = float(action[0]), float(action[1])
    forward *= share if forward >= 0.0 else share * BACKWARD
    return BaseCommand(forward * profile.max_linear, turn * share * profile.max_angular)


def circle_ranges(state: BaseState, circles: Sequence[Vec3], reach: float) -> Array:
    """Distance (BEAMS,) [m] along each beam to the nearest circle (x, y, radius), at most ``reach``."""
    out = np.full(BEAMS, reach)
    along_x, along_y = np.cos(_ANGLES + state.yaw), np.sin(_ANGLES + state.yaw)
    for cx, cy, radius in circles:
        dx, dy = cx - state.x, cy - state.y
        outside = dx * dx + dy * dy - radius * radius
        if outside <= 0.0:
            return np.zeros(BEAMS)
        middle = along_x * dx + along_y * dy
        root = middle * middle - outside
        hit = (root >= 0.0) & (middle > 0.0)
        out[hit] = np.minimum(out[hit], middle[hit] - np.sqrt(root[hit]))
    return out


def observe(
    state: BaseState,
    ranges: Array,
    task: GroundedTask,
    last_action: Sequence[float] | Array,
    profile: BaseProfile,
) -> NDArray[np.float32]:
    """Observation (32,), laid out as :data:`OBSERVATION`, of measured values only.

    ``ranges`` (BEAMS,) [m] are the lidar's; a place to avoid shortens the beams toward it. Raises
    ``ValueError`` for another number of beams or anything not a number.
    """
    if len(ranges) != BEAMS:
        raise ValueError(f"{len(ranges)} ranges; allowed: {BEAMS}")
    dx, dy = task.goal[0] - state.x, task.goal[1] - state.y
    bearing = math.atan2(dy, dx) - state.yaw
    out = np.empty(len(BOUND), dtype=np.float32)
    out[:_FIRST_BEAM] = math.hypot(dx, dy), math.cos(bearing), math.sin(bearing), state.linear, state.angular
    clearance = np.minimum(ranges, profile.range)
    if task.avoid:
        clearance = np.minimum(clearance, circle_ranges(state, task.avoid, profile.range))
    out[_FIRST_BEAM : _FIRST_BEAM + BEAMS] = clearance
    out[-3:] = last_action[0], last_action[1], SPEEDS.index(task.spec.speed) - 1
    if math.isnan(float(out.sum())):
        raise ValueError("the measured state or the scan holds something that is not a number")
    return np.clip(out, -BOUND, BOUND, out=out)


def done(state: BaseState, task: GroundedTask) -> bool:
    """Success as measured: within the tolerance of the goal, and standing."""
    gap = math.hypot(task.goal[0] - state.x, task.goal[1] - state.y)
    return gap < task.tolerance and abs(state.linear) < STOPPED


class NavigateEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """A base in a furnished room of about 6 x 5 m.

    Action ``Box(-1, 1, (2,))``: forward (backward at 0.3 of it) and turning speed, 1 = the named speed's
    share of the robot's limits. One step is one control period (50 ms). Observation ``Box((32,))``: the
    layout :data:`OBSERVATION`, metres and radians, all of it measured: the heading with the hidden
    offset, the speeds by wheel odometry, which sees neither slip nor wheel bias.

    Reward ``2 Δd - 0.05 c - 0.01``, with ``Δd`` [m] how much closer to the goal the step has brought it and
    ``c = clip(1 - (m - radius) / 0.25, 0, 1)``, ``m`` [m] the smallest true clearance; plus 5 on success,
    minus 5 on failure. ``terminated`` is success (truly within ``task.tolerance`` of ``task.goal`` and slower
    than 0.1 m/s) or failure (it touches something, or enters a circle of ``task.avoid``); ``truncated`` the
    time limit of 300 steps.

    ``reset(options=...)`` takes ``hidden`` (a Hidden, or ``"sample"`` for a draw), ``skill``, and ``scene``
    with ``task`` to play a given situation: items and the base's true pose. Without them
    the base stands at the origin of a drawn room, and goal, speed and what to avoid are drawn.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, robot: str = "diffbot", hidden: Hidden | str = NOMINAL, render_mode: str | None = None
    ) -> None:
        if render_mode is not None:
            require("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode, self.default_hidden, self.hidden = render_mode, hidden, NOMINAL
        self.profile: BaseProfile = load_profile(robot)
        if self.profile.beams != BEAMS:
            raise SpecError(f"{robot}: beams is {self.profile.beams}; allowed: {BEAMS}")
        self.world = BaseWorld(self.profile, visible=render_mode is not None)
        self.observation_space = gym.spaces.Box(-BOUND, BOUND, dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), dtype=np.float32)
        self.scene = Scene(())
        self.task = GroundedTask(TaskSpec("navigate"), (0.0, 0.0, 0.0), 0.3)
        self.way: Way | None = None  # the expert's, planned at its first step
        self._last, self._steps, self._gap = np.zeros(2), 0, 0.0
        self._ranges: Array = np.full(BEAMS, self.profile.range)
        self._outside: list[bool] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A new room; see the class for ``options``."""
        super().reset(seed=seed)
        options = options or {}
        hidden = options.get("hidden", self.default_hidden)
        self.hidden = hidden if isinstance(hidden, Hidden) else sample_hidden(self.np_random)
        require("skill", options.get("skill") or SKILLS[0], SKILLS)
        pose = (0.0, 0.0, 0.0)
        if "scene" in options:
            self.scene, self.task = options["scene"], options["task"]
            x, y, _ = self.scene.robot_position
            pose = (x, y, self.scene.robot_yaw)
        else:
            self.scene, grid, free = room(self.np_random)
            self.task = draw_task(self.np_random, self.scene, grid, free)
        self.world.reset(self.scene.items, self.hidden, pose)
        self.way, self._last, self._steps = None, np.zeros(2), 0
        self._gap, self._outside = self._distance(), [gap > 0.0 for gap in self._circle_gaps()]
        return self._observe(), {"task": self.task}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One control period; a non-finite or misshapen action raises ``ValueError``."""
        wanted = np.asarray(action, dtype=np.float64)
        if wanted.shape != (2,) or not np.isfinite(wanted).all():
            raise ValueError(f"action is {action!r}; allowed: 2 finite numbers in [-1, 1]")
        self._last = np.clip(wanted, -1.0, 1.0)
        order = command(self._last, self.task.spec, self.profile)
        self.world.base.command(order.linear, order.angular)
        self.world.step()
        self._steps += 1
        observation, before = self._observe(), self._gap
        self._gap = self._distance()
        failure = self._failed()
        success = not failure and self._gap < self.task.tolerance and self.world.base.speed() < STOPPED
        reward = 2.0 * (before - self._gap) - 0.05 * self._closeness() - 0.01 + 5.0 * (success - failure)
        truncated = not (success or failure) and self._steps >= TIME_LIMIT
        return observation, reward, success or failure, truncated, {"is_success": success}

    def render(self) -> Any:
        """An RGB image (360, 480, 3)."""
        return self.world.render() if self.render_mode else None

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self.world.close()

    def _observe(self) -> NDArray[np.float32]:
        self._ranges = self.world.base.scan()
        return observe(self.world.base.measured(), self._ranges, self.task, self._last, self.profile)

    def _distance(self) -> float:
        """True distance [m] to the goal."""
        x, y, _ = self.world.base.pose()
        return math.hypot(self.task.goal[0] - x, self.task.goal[1] - y)

    def _circle_gaps(self) -> list[float]:
        """True distance [m] to each circle to stay out of; negative inside."""
        x, y, _ = self.world.base.pose()
        return [math.hypot(cx - x, cy - y) - radius for cx, cy, radius in self.task.avoid]

    def _failed(self) -> bool:
        """It touches something, or a circle that it has been outside of has it inside now."""
        gaps = self._circle_gaps()
        entered = any(out and gap < 0.0 for out, gap in zip(self._outside, gaps, strict=True))
        self._outside = [out or gap > 0.0 for out, gap in zip(self._outside, gaps, strict=True)]
        return entered or self.world.touched()

    def _closeness(self) -> float:
        """How uncomfortably close [0, 1] the nearest thing is, truly."""
        radius = self.profile.radius
        gap = min([float(self._ranges.min()) - radius, *self._circle_gaps()])
        return min(max(1.0 - gap / 0.25, 0.0), 1.0)


def expert(env: NavigateEnv) -> NDArray[np.float32]:
    """A scripted action from the true state: A* around things and circles, then pure pursuit."""
    base, profile = env.world.base, env.profile
    x, y, yaw = base.pose()
    if env.way is None or env.way.astray(x, y):
        env.way = Way.plan(env.scene.items, env.task, (x, y), profile.radius)
    top = command((1.0, 1.0), env.task.spec, profile)
    linear, angular = base.command_for(*env.way.follow(x, y, yaw, top.linear))
    action = np.array([linear / top.linear, angular / top.angular])
    return (action / max(1.0, float(np.abs(action).max()))).astype(np.float32)
