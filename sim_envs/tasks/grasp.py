"""Grasp, and pick and place into a bin: ``MetaGrasp-v0``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sim_envs.robots import load_profile
from sim_envs.robots.arm import Array
from sim_envs.spec import (
    COLORS,
    FORCES,
    NOMINAL,
    SHAPES,
    SIZES,
    SPEEDS,
    GroundedTask,
    Hidden,
    ObjectRef,
    SceneItem,
    Target,
    TaskSpec,
    require,
)
from sim_envs.world import BIN_HALF, BIN_PLACES, HALF_SIZE, ArmWorld

SKILLS = ("grasp", "pick_place")
TIME_LIMIT = 100
LIFT = 0.12
OBSERVATION = (
    ("tool_position", 3, 1.0, 0.3), ("tool_velocity", 3, 3.0, 0.5), ("gripper_width", 1, 0.1, 0.05),
    ("object_from_tool", 3, 2.0, 0.1), ("object_position", 3, 2.0, 0.3),
    ("goal_from_object", 3, 2.0, 0.2), ("last_action", 4, 1.0, 1.0), ("skill", 2, 1.0, 1.0),
    ("shape", 3, 1.0, 1.0), ("speed", 1, 1.0, 1.0), ("force", 1, 1.0, 1.0),
)  # fmt: skip
"""Layout of the observation: name, length, bound, typical size; metres, metres a second, context last."""
HIDDEN_RANGES = {
    "mass": (0.05, 0.4), "friction": (0.4, 1.2), "gripper_gain": (0.5, 1.2),
    "offset_x": (-0.035, 0.035), "offset_y": (-0.035, 0.035), "gain": (0.6, 1.3),
}  # fmt: skip
"""What the hidden parameters are drawn from, uniformly; units as in :class:`sim_envs.spec.Hidden`."""


def sample_hidden(rng: np.random.Generator) -> Hidden:
    """One draw of the hidden part."""
    return Hidden(**{name: float(rng.uniform(*ends)) for name, ends in HIDDEN_RANGES.items()})


def context(spec: TaskSpec, shape: str) -> list[float]:
    """The named part as numbers: skill (2), shape (3), speed and force in {-1, 0, 1}."""
    skill = [float(spec.skill == s) for s in SKILLS]
    form = [float(shape == s) for s in SHAPES]
    return [*skill, *form, float(SPEEDS.index(spec.speed) - 1), float(FORCES.index(spec.force) - 1)]


class GraspEnv(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """An arm at a table with an object and two bins.

    Action ``Box(-1, 1, (4,))``: tool motion x, y, z (1 = 25 mm a step at normal speed), gripper width
    (-1 closed, 1 open). One step is one control period (50 ms). Observation ``Box((27,))``: the layout
    :data:`OBSERVATION`, metres in the base frame; object and goal as the camera reports them, that is
    with the hidden offset. What is hidden (:class:`sim_envs.spec.Hidden`) is not in it.

    Reward ``phi - 1`` with ``phi = 0.25 (1 - tanh 5 d_tool)`` before the grasp and
    ``0.35 + 0.4 (1 - tanh 4 d_goal)`` while held; 0 on success. ``terminated`` is success (grasp: held
    0.10 m above its start; pick_place: at rest in the bin and released) or failure (off the table);
    ``truncated`` the time limit of 100 steps.

    ``reset(options=...)`` takes ``hidden`` (a Hidden, or ``"sample"`` for a draw) and ``skill``; without
    them the constructor's ``hidden`` and either skill.
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
        bound = np.concatenate([np.full(n, b) for _, n, b, _ in OBSERVATION]).astype(np.float32)
        self.observation_space = gym.spaces.Box(-bound, bound, dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (4,), dtype=np.float32)
        self.task = GroundedTask(TaskSpec("grasp", ObjectRef()), (0.0, 0.0, 0.0), 0.05, "target")
        self._item = SceneItem("target", "object", (0.5, 0.0, 0.022), shape="cube", color="red")
        self._last, self._steps = np.zeros(4), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A new layout; see the class for ``options``."""
        super().reset(seed=seed)
        options = options or {}
        hidden = options.get("hidden", self.default_hidden)
        self.hidden = hidden if isinstance(hidden, Hidden) else sample_hidden(self.np_random)
        skill = options.get("skill") or str(self.np_random.choice(SKILLS))
        require("skill", skill, SKILLS)
        self._item = self._sample_item()
        self.world.reset((self._item,), "target", self.hidden)
        self.task = self._ground(skill)
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
        arm.apply(arm.command(self._last, spec.speed, spec.force, self.hidden.gain), self.hidden.gripper_gain)
        self.world.step()
        self._steps += 1
        success, failure = self.success(), self._lost()
        reward = 0.0 if success else self._potential() - 1.0
        truncated = not (success or failure) and self._steps >= TIME_LIMIT
        return self._observe(), reward, success or failure, truncated, {"is_success": success}

    def success(self) -> bool:
        """Whether the true state is what was asked for."""
        position = self.world.position("target")
        held = self.world.held("target")
        if self.task.spec.skill == "grasp":
            return held and bool(position[2] > self._item.position[2] + 0.10)
        inside = np.abs(position[:2] - self.task.goal[:2]).max() < BIN_HALF
        return bool(inside and position[2] < 0.05 and not held)

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
        place = (float(rng.uniform(0.40, 0.58)), float(rng.uniform(-0.12, 0.12)), half)
        yaw, color, shape = float(rng.uniform(-0.3, 0.3)), str(rng.choice(COLORS)), str(rng.choice(SHAPES))
        return SceneItem("target", "object", place, (half,) * 3, yaw, color, shape, size)

    def _ground(self, skill: str) -> GroundedTask:
        item = self._item
        ref = ObjectRef(item.color, item.shape, item.size)
        if skill == "grasp":
            x, y, z = item.position
            return GroundedTask(TaskSpec("grasp", ref), (x, y, z + LIFT), 0.05, "target")
        side = str(self.np_random.choice(("left", "right")))
        x, y, _ = BIN_PLACES[f"{side}_bin"]
        spec = TaskSpec("pick_place", ref, Target("bin", side), "in")
        return GroundedTask(spec, (x, y, item.extent[2]), BIN_HALF, "target", f"{side}_bin")

    def _observe(self) -> NDArray[np.float32]:
        arm = self.world.arm
        positions, velocities = arm.joint_state()
        count = len(arm.joints)
        tool = arm.tool_position()
        speed = (arm.jacobian(positions) @ velocities[:count])[:3]
        offset = np.array([self.hidden.offset_x, self.hidden.offset_y, 0.0])
        seen = self.world.position("target") + offset
        goal = np.array(self.task.goal) + offset
        width = [float(positions[count:].sum())]
        named = context(self.task.spec, str(self._item.shape))
        parts = [tool, speed, width, seen - tool, seen, goal - seen, self._last, named]
        flat = np.concatenate(parts).astype(np.float32)
        return np.clip(flat, self.observation_space.low, self.observation_space.high)  # type: ignore[attr-defined]

    def _potential(self) -> float:
        position = self.world.position("target")
        if self.world.held("target") or (self.task.spec.skill == "pick_place" and self._over_goal(position)):
            return 0.35 + 0.4 * (1.0 - float(np.tanh(4.0 * np.linalg.norm(position - self.task.goal))))
        gap = np.linalg.norm(position - self.world.arm.tool_position())
        return 0.25 * (1.0 - float(np.tanh(5.0 * gap)))

    def _over_goal(self, position: Array) -> bool:
        return bool(np.abs(position[:2] - self.task.goal[:2]).max() < BIN_HALF)

    def _lost(self) -> bool:
        return bool(self.world.position("target")[2] < -0.05)


def expert(env: GraspEnv) -> NDArray[np.float32]:
    """A scripted action from the true state: over it, down, close, up, over the bin, open."""
    world, task = env.world, env.task
    tool, thing = world.arm.tool_position(), world.position("target")
    grip, aim = 1.0, thing + np.array([0.0, 0.0, 0.12])
    if world.held("target"):
        grip, goal = -1.0, np.array(task.goal)
        over = np.linalg.norm(thing[:2] - goal[:2])
        aim = np.array([tool[0], tool[1], 0.24])
        if task.spec.skill == "pick_place" and thing[2] > 0.13:
            aim = np.array([goal[0], goal[1], 0.20])
            grip = 1.0 if over < 0.02 else -1.0
    elif np.linalg.norm(tool[:2] - thing[:2]) < 0.012:
        aim = thing
        grip = -1.0 if tool[2] - thing[2] < 0.01 else 1.0
    motion = np.clip((aim - tool) / 0.025, -1.0, 1.0)
    return np.array([*motion, grip], dtype=np.float32)
