"""Grasp, and pick and place into a bin: ``MetaGrasp-v0``."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sim_envs.robots import load_profile
from sim_envs.robots.arm import Arm, Array
from sim_envs.spec import (
    COLORS,
    FORCES,
    LIFT_HEIGHT,
    NOMINAL,
    SHAPES,
    SIZES,
    SPEEDS,
    GroundedTask,
    Hidden,
    ObjectRef,
    Scene,
    SceneItem,
    Target,
    TaskSpec,
    require,
)
from sim_envs.world import BIN_HALF, BIN_PLACES, HALF_SIZE, ArmWorld

SKILLS = ("grasp", "pick_place")
TIME_LIMIT = 100
HELD_HEIGHT = LIFT_HEIGHT - 0.02  # [m] above its start: lifted
OBSERVATION = (
    ("tool_position", 3, 1.0, 0.3), ("tool_velocity", 3, 3.0, 0.5), ("gripper_width", 1, 0.1, 0.05),
    ("object_from_tool", 3, 2.0, 0.1), ("object_position", 3, 2.0, 0.3),
    ("goal_from_object", 3, 2.0, 0.2), ("last_action", 4, 1.0, 1.0), ("skill", 2, 1.0, 1.0),
    ("shape", 3, 1.0, 1.0), ("speed", 1, 1.0, 1.0), ("force", 1, 1.0, 1.0),
)  # fmt: skip
"""Layout of the observation: name, length, bound, typical size; metres, metres a second, context last."""
BOUND = np.concatenate([np.full(n, b) for _, n, b, _ in OBSERVATION]).astype(np.float32)
HIDDEN_RANGES = {
    "mass": (0.05, 0.4), "friction": (0.6, 1.2), "gripper_gain": (0.7, 1.2),
    "offset_x": (-0.035, 0.035), "offset_y": (-0.035, 0.035), "gain": (0.6, 1.3),
}  # fmt: skip
"""What the hidden parameters are drawn from, uniformly; units as in :class:`sim_envs.spec.Hidden`."""

CONTEXT = ("offset_x", "offset_y")
"""The hidden parameters on which the best action depends most: a policy has a context for them."""


def sample_hidden(rng: np.random.Generator) -> Hidden:
    """One draw of the hidden part."""
    return Hidden(**{name: float(rng.uniform(*ends)) for name, ends in HIDDEN_RANGES.items()})


def context(spec: TaskSpec, shape: str) -> list[float]:
    """The named part as numbers: skill (2), shape (3), speed and force in {-1, 0, 1}."""
    skill = [float(spec.skill == s) for s in SKILLS]
    form = [float(shape == s) for s in SHAPES]
    return [*skill, *form, float(SPEEDS.index(spec.speed) - 1), float(FORCES.index(spec.force) - 1)]


def observe(arm: Arm, item: SceneItem, task: GroundedTask, last_action: Array) -> NDArray[np.float32]:
    """Observation (27,), laid out as :data:`OBSERVATION`: what simulation and robot both can measure.

    ``item`` is the object and ``task.goal`` the goal as the camera reports them; ``arm`` holds the
    measured joint state.
    """
    positions, _ = arm.joint_state()
    tool, seen, goal = arm.tool_position(), np.array(item.position), np.array(task.goal)
    width = [float(positions[len(arm.joints) :].sum())]
    named = context(task.spec, str(item.shape))
    parts = [tool, arm.tool_velocity(), width, seen - tool, seen, goal - seen, last_action, named]
    flat = np.concatenate(parts).astype(np.float32)
    return np.clip(flat, -BOUND, BOUND)


def in_goal(position: Array, task: GroundedTask) -> bool:
    """Whether a position is inside the walls of the bin that is the goal."""
    return bool(np.abs(position[:2] - np.array(task.goal[:2])).max() < BIN_HALF)


def done(item: SceneItem, task: GroundedTask, gripper_width: float) -> bool:
    """Success as measured: ``item`` as the camera reports it, ``gripper_width`` [m] of the fingers."""
    position, half = np.array(item.position), item.extent[2]
    if task.spec.skill == "grasp":
        return bool(position[2] > half + HELD_HEIGHT and gripper_width > half)
    return in_goal(position, task) and bool(position[2] < 2.2 * half) and gripper_width > 2.2 * half


def shifted(item: SceneItem, hidden: Hidden, sign: float = 1.0) -> SceneItem:
    """The item as the camera reports it; with ``sign`` -1 the way back to where it really is."""
    x, y, z = item.position
    return dataclasses.replace(item, position=(x + sign * hidden.offset_x, y + sign * hidden.offset_y, z))


class GraspEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """An arm at a table with objects and two bins.

    Action ``Box(-1, 1, (4,))``: tool motion x, y, z (1 = 25 mm a step at normal speed), gripper width
    (-1 closed, 1 open). One step is one control period (50 ms). Observation ``Box((27,))``: the layout
    :data:`OBSERVATION`, metres in the base frame; object and goal as the camera reports them, that is
    with the hidden offset. What is hidden (:class:`sim_envs.spec.Hidden`) is not in it.

    Reward ``phi - 1`` with ``phi = 0.15 (1 - tanh 15 d_xy) + 0.1 (1 - tanh 10 d_z)`` of the tool from the
    object before the grasp and ``0.35 + 0.4 (1 - tanh 4 d_goal)`` while held; 0 on success. ``terminated``
    is success (grasp: held 0.10 m above its start; pick_place: in the bin and released) or failure (off
    the table); ``truncated`` the time limit of 100 steps.

    ``reset(options=...)`` takes ``hidden`` (a Hidden, or ``"sample"`` for a draw), ``skill``, and
    ``scene`` with ``task`` (both as the camera reports them) to play a given situation; without them
    the constructor's ``hidden``, either skill and one object at a drawn place.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, robot: str = "panda", hidden: Hidden | str = NOMINAL, render_mode: str | None = None
    ) -> None:
        if render_mode is not None:
            require("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode, self.default_hidden = render_mode, hidden
        self.hidden = NOMINAL
        self.world = ArmWorld(load_profile(robot))
        self.observation_space = gym.spaces.Box(-BOUND, BOUND, dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (4,), dtype=np.float32)
        self.item = SceneItem("target", "object", (0.5, 0.0, 0.022), shape="cube", color="red")
        self.task = GroundedTask(TaskSpec("grasp", ObjectRef()), (0.0, 0.0, 0.0), 0.05, "target")
        self._last, self._steps = np.zeros(4), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A new layout; see the class for ``options``."""
        super().reset(seed=seed)
        options = options or {}
        hidden = options.get("hidden", self.default_hidden)
        self.hidden = hidden if isinstance(hidden, Hidden) else sample_hidden(self.np_random)
        if "scene" in options:
            self.task = options["task"]
            items = tuple(shifted(i, self.hidden, -1.0) for i in options["scene"].items)
            self.item = Scene(items).item(str(self.task.object_name))
        else:
            skill = options.get("skill") or str(self.np_random.choice(SKILLS))
            require("skill", skill, SKILLS)
            self.item = self._sample_item()
            items = (self.item,)
            self.task = self._ground(skill)
        self.world.reset(items, self.hidden)
        self._last, self._steps = np.zeros(4), 0
        return self._observe(), {"task": self.task}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One control period; a non-finite or misshapen action raises ``ValueError``."""
        wanted = np.asarray(action, dtype=np.float64)
        if wanted.shape != (4,) or not np.isfinite(wanted).all():
            raise ValueError(f"action is {action!r}; allowed: 4 finite numbers in [-1, 1]")
        self._last = np.clip(wanted, -1.0, 1.0)
        spec, arm = self.task.spec, self.world.arm
        arm.apply(arm.command(self._last, spec.speed, spec.force), self.hidden)
        self.world.step()
        self._steps += 1
        success, failure = self.success(), self._lost()
        reward = 0.0 if success else self._potential() - 1.0
        truncated = not (success or failure) and self._steps >= TIME_LIMIT
        return self._observe(), reward, success or failure, truncated, {"is_success": success}

    @property
    def position(self) -> Array:
        """True position (3,) [m] of the object."""
        return self.world.position(self.item.name)

    @property
    def held(self) -> bool:
        """Whether both fingers touch the object."""
        return self.world.held(self.item.name)

    @property
    def goal(self) -> Array:
        """True goal (3,) [m]: the one that the camera reports, less the hidden offset."""
        return np.array(self.task.goal) - [self.hidden.offset_x, self.hidden.offset_y, 0.0]

    def success(self) -> bool:
        """Whether the true state is what was asked for."""
        position = self.position
        if self.task.spec.skill == "grasp":
            return bool(position[2] > self.item.position[2] + HELD_HEIGHT) and self.held
        return self.over_goal(position) and bool(position[2] < 0.05) and not self.held

    def over_goal(self, position: Array) -> bool:
        """Whether a true position is inside the walls of the goal's bin."""
        return bool(np.abs(position[:2] - self.goal[:2]).max() < BIN_HALF)

    def render(self) -> Any:
        """An RGB image (360, 480, 3)."""
        return self.world.render() if self.render_mode else None

    def close(self) -> None:
        """Free the physics; twice is fine."""
        self.world.close()

    def _sample_item(self) -> SceneItem:
        rng = self.np_random
        size = str(rng.choice(SIZES))
        half = HALF_SIZE[size]
        place = (float(rng.uniform(0.36, 0.62)), float(rng.uniform(-0.13, 0.13)), half)
        yaw, color, shape = float(rng.uniform(-0.3, 0.3)), str(rng.choice(COLORS)), str(rng.choice(SHAPES))
        return SceneItem("target", "object", place, (half,) * 3, yaw, color, shape, size)

    def _ground(self, skill: str) -> GroundedTask:
        rng, item = self.np_random, self.item
        ref = ObjectRef(item.color, item.shape, item.size)
        speed, force = str(rng.choice(SPEEDS)), str(rng.choice(FORCES))
        dx, dy = self.hidden.offset_x, self.hidden.offset_y
        if skill == "grasp":
            x, y, z = item.position
            spec = TaskSpec("grasp", ref, speed=speed, force=force)
            return GroundedTask(spec, (x + dx, y + dy, z + LIFT_HEIGHT), 0.05, "target")
        side = str(rng.choice(("left", "right")))
        x, y, _ = BIN_PLACES[f"{side}_bin"]
        spec = TaskSpec("pick_place", ref, Target("bin", side), "in", speed, force)
        return GroundedTask(spec, (x + dx, y + dy, item.extent[2]), BIN_HALF, "target", f"{side}_bin")

    def _observe(self) -> NDArray[np.float32]:
        x, y, z = self.position.tolist()
        here = dataclasses.replace(self.item, position=(x, y, z))
        return observe(self.world.arm, shifted(here, self.hidden), self.task, self._last)

    def _potential(self) -> float:
        position = self.position
        if self.held or (self.task.spec.skill == "pick_place" and self.over_goal(position)):
            return 0.35 + 0.4 * (1.0 - float(np.tanh(4.0 * np.linalg.norm(position - self.goal))))
        gap = position - self.world.arm.tool_position()
        across, up = np.tanh(15.0 * np.hypot(gap[0], gap[1])), np.tanh(10.0 * abs(gap[2]))
        return float(0.15 * (1.0 - across) + 0.1 * (1.0 - up))

    def _lost(self) -> bool:
        return bool(self.position[2] < -0.05)


def expert(env: GraspEnv) -> NDArray[np.float32]:
    """A scripted action from the true state: over it, down, close, up, over the bin, open."""
    tool, thing, goal = env.world.arm.tool_position(), env.position, env.goal
    grip, aim = 1.0, thing + np.array([0.0, 0.0, 0.12])
    if env.held:
        grip, over = -1.0, np.linalg.norm(thing[:2] - goal[:2])
        aim = np.array([tool[0], tool[1], 0.24])
        if env.task.spec.skill == "pick_place" and thing[2] > 0.13:
            aim = np.array([goal[0], goal[1], 0.20])
            grip = 1.0 if over < 0.02 else -1.0
    elif np.linalg.norm(tool[:2] - thing[:2]) < 0.012:
        aim = thing
        grip = -1.0 if tool[2] - thing[2] < 0.01 else 1.0
    motion = np.clip((aim - tool) / 0.025, -1.0, 1.0)
    return np.array([*motion, grip], dtype=np.float32)
