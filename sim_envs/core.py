"""What all environments share: a robot in a world, a task drawn for it, steps, snapshots.

An environment is robot × task by composition. The world moves bodies and knows no task; a
:class:`TaskDefinition` draws situations, judges them and solves them, and knows no robot.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sim_envs.spec import GroundedTask, Hidden, Scene, SpecError, require

Float32: TypeAlias = NDArray[np.float32]
Step: TypeAlias = tuple[Float32, float, bool, bool, dict[str, Any]]
View = TypeVar("View")
Ranges: TypeAlias = Mapping[str, tuple[float, float]]
OPTIONS = ("hidden", "skill", "situation", "scene", "task", "clutter")


@dataclass(frozen=True, slots=True)
class Situation:
    """A drawn scene and the task in it, both as they truly are."""

    scene: Scene
    task: GroundedTask


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where an environment is: how its episode began, and the actions since then.

    Bullet's own saved states lose what warm-starts its solver; playing the actions again does not, and
    gives the same bits in any process.
    """

    arguments: tuple[tuple[str, Any], ...]
    generator: Mapping[str, Any]
    options: Mapping[str, Any]
    actions: tuple[tuple[float, ...], ...]
    started: bool = True


class TaskDefinition(ABC, Generic[View]):
    """One task: how it is drawn, what it is worth, when it is done, and a script that solves it.

    ``name`` is the task's own; ``skill`` the word of the instruction vocabulary that asks for it. The
    ``View`` is what is truly there; none of it reaches a policy.
    """

    name: ClassVar[str]
    skill: ClassVar[str]
    family: ClassVar[str]

    @abstractmethod
    def draw(self, rng: np.random.Generator, clutter: int = 0) -> Situation:
        """A situation, with up to ``clutter`` things that have nothing to do with the task."""

    @abstractmethod
    def success(self, view: View) -> bool:
        """Whether the true state is what was asked for."""

    def failure(self, view: View) -> bool:
        """Whether it can no longer be."""
        return False

    @abstractmethod
    def expert(self, view: View) -> Sequence[float]:
        """A scripted action, each entry clipped to [-1, 1] by the caller."""


class RobotTaskEnv(gym.Env[Float32, Float32], ABC):
    """What is the same for arms and bases. ``reset(options=...)`` takes

    =============  ==========================================================================
    ``hidden``     a :class:`~sim_envs.spec.Hidden`, or ``"sample"`` for a draw
    ``skill``      the name of one of the environment's tasks; else one is drawn
    ``clutter``    how many unrelated things to put there
    ``situation``  a :class:`Situation` to play, true positions
    ``scene``      with ``task``: the same as the camera reports it
    =============  ==========================================================================
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 25}  # noqa: RUF012
    ranges: Ranges
    time_limit: int

    def __init__(
        self,
        tasks: Sequence[TaskDefinition[Any]],
        hidden: Hidden | str,
        render_mode: str | None,
        bound: Float32,
        actions: int,
    ) -> None:
        if render_mode is not None:
            require("render_mode", render_mode, self.metadata["render_modes"])
        if isinstance(hidden, str):
            require("hidden", hidden, ("sample",))
        self.render_mode, self.default_hidden = render_mode, hidden
        self.tasks = {task.name: task for task in tasks}
        self.hidden = Hidden()
        self.observation_space = gym.spaces.Box(-bound, bound, dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (actions,), dtype=np.float32)
        self._size = actions
        self._generator: Mapping[str, Any] = {}
        self._options: Mapping[str, Any] = {}
        self._actions: list[tuple[float, ...]] | None = None
        self._window: Callable[[NDArray[np.uint8]], None] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """A new episode; see the class for ``options``. Unknown ones raise ``SpecError``."""
        super().reset(seed=seed)
        for name in options or ():
            require("reset option", name, OPTIONS)
        self._generator, self._options = self.np_random.bit_generator.state, dict(options or {})
        self._actions = []
        return self._begin(self._options)

    def step(self, action: Float32) -> Step:
        """One control period; a non-finite or misshapen action raises ``ValueError``."""
        if self._actions is None:
            raise gym.error.ResetNeeded("step was called before reset")
        wanted = self._checked(action)
        self._actions.append(wanted)
        result = self._advance(wanted)
        if self.render_mode == "human":
            self.render()
        return result

    def expert(self) -> Float32:
        """The scripted expert's action, from the true state."""
        wanted = np.array(self._script(), dtype=np.float32)
        return np.clip(wanted, -1.0, 1.0)

    def naive_expert(self) -> Float32:
        """The same script acting on what is measured, as if nothing were hidden: tuned for the nominal."""
        wanted = np.array(self._naive_script(), dtype=np.float32)
        return np.clip(wanted, -1.0, 1.0)

    def save(self) -> Snapshot:
        """Where the environment is, as plain values that pickle."""
        arguments, actions = tuple(self._arguments().items()), self._actions
        if actions is None:
            return Snapshot(arguments, {}, {}, (), started=False)
        return Snapshot(arguments, self._generator, self._options, tuple(actions))

    def restore(self, snapshot: Snapshot) -> None:
        """Go to where a :meth:`save` was; from there everything continues bit for bit."""
        if snapshot.arguments != tuple(self._arguments().items()):
            raise SpecError(f"the snapshot is of {snapshot.arguments}; this is {self._arguments()}")
        self._actions = None
        if not snapshot.started:
            return
        generator = np.random.Generator(np.random.PCG64())
        generator.bit_generator.state = dict(snapshot.generator)
        self.np_random = generator
        self.reset(options=dict(snapshot.options))
        mode, self.render_mode = self.render_mode, None
        for action in snapshot.actions:
            self.step(np.array(action))
        self.render_mode = mode

    def render(self) -> Any:
        """An RGB image (360, 480, 3); in mode ``human`` it is shown in a window instead."""
        if self.render_mode is None:
            return None
        picture = self._picture()
        if self.render_mode == "rgb_array":
            return picture
        if self._window is None:
            self._window = _open_window()
        self._window(picture)
        return None

    def __getstate__(self) -> Snapshot:
        return self.save()

    def __setstate__(self, snapshot: Snapshot) -> None:
        type(self).__init__(self, **dict(snapshot.arguments))
        self.restore(snapshot)

    def _checked(self, action: Any) -> tuple[float, ...]:
        try:
            values = action.tolist() if isinstance(action, np.ndarray) else list(action)
            total = sum(values)
            if len(values) == self._size and total - total == 0.0:  # nan and inf are not equal to it
                return tuple([-1.0 if v < -1.0 else 1.0 if v > 1.0 else v for v in values])
        except TypeError:
            pass
        raise ValueError(f"action is {action!r}; allowed: {self._size} finite numbers in [-1, 1]")

    def _choose(self, options: Mapping[str, Any]) -> TaskDefinition[Any]:
        """The task that the options name, or a drawn one."""
        names = tuple(self.tasks)
        name = options.get("skill") or names[int(self.np_random.random() * len(names))]
        require("skill", name, names)
        return self.tasks[str(name)]

    def _draw_hidden(self, options: Mapping[str, Any]) -> Hidden:
        hidden = options.get("hidden", self.default_hidden)
        return hidden if isinstance(hidden, Hidden) else sample_hidden(self.ranges, self.np_random)

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """What the constructor was called with."""

    @abstractmethod
    def _begin(self, options: Mapping[str, Any]) -> tuple[Float32, dict[str, Any]]:
        """Set up an episode."""

    @abstractmethod
    def _advance(self, action: tuple[float, ...]) -> Step:
        """One control period with a checked action."""

    @abstractmethod
    def _script(self) -> Sequence[float]:
        """The scripted expert's action."""

    @abstractmethod
    def _naive_script(self) -> Sequence[float]:
        """The scripted expert's action from measured values alone."""

    @abstractmethod
    def _picture(self) -> NDArray[np.uint8]:
        """An image (360, 480, 3)."""


def sample_hidden(ranges: Ranges, rng: np.random.Generator) -> Hidden:
    """One draw of the hidden part, each parameter uniform over its range."""
    return Hidden(**{name: low + (high - low) * rng.random() for name, (low, high) in ranges.items()})


def _open_window() -> Callable[[NDArray[np.uint8]], None]:
    """Something that shows pictures; without a display they are drawn and thrown away."""
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() == "agg":
        print("render_mode human: no display here, so nothing is shown", file=sys.stderr)
        return lambda picture: None
    figure, axes = plt.subplots(num="sim_envs")
    axes.set_axis_off()
    shown: list[Any] = []

    def show(picture: NDArray[np.uint8]) -> None:
        if not shown:
            shown.append(axes.imshow(picture))
        shown[0].set_data(picture)
        figure.canvas.draw_idle()
        plt.pause(0.001)

    return show
