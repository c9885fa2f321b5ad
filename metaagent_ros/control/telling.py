"""Who tells a session what no policy can know of itself: whether a trial was a success, when all is ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from metaagent_ros.control.controller import EMPTY_HAND
from metaagent_ros.control.episode import Episode
from metaagent_ros.control.execution import Stopped
from sim_envs.robots import ArmProfile, load_profile
from sim_envs.spec import BaseState, GroundedTask, Scene, require
from sim_envs.tasks import family

JUDGES = ("object", "gripper", "button")
RESTORERS = ("simulator", "person")
GRIPPED = 0.002  # [m] by which something keeps the fingers further apart than they were told to be
_POLL_S = 0.05
Over = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is measured once the robot rests: the scene, and the width between the fingers [m] of an arm."""

    scene: Scene
    width: float | None = None


class Judge(Protocol):
    """Tells whether a trial was a success; may raise :class:`Stopped`."""

    def __call__(self, task: GroundedTask, episode: Episode, over: Over) -> bool:
        """``episode`` is what the policy saw and did."""


class Restorer(Protocol):
    """Puts the scene back: the simulator or a person; may raise :class:`Stopped`."""

    def __call__(self, number: int, over: Over) -> None:
        """Before trial ``number``."""


class Button:
    """A person's answer, by a topic or a key; what was pressed before :meth:`forget` does not count.

    ``patience`` [s, wall time] is how long :meth:`wait` waits for one. Any thread may press.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._changed = threading.Condition()
        self._answer: bool | None = None

    def press(self, answer: bool) -> None:
        """The newest answer counts until it is taken."""
        with self._changed:
            self._answer = bool(answer)
            self._changed.notify_all()

    def forget(self) -> None:
        """From here on an answer is one to the next question."""
        with self._changed:
            self._answer = None

    def wait(self, over: Over, question: str) -> bool:
        """The answer; raises :class:`Stopped` when over, or when nobody answers in time."""
        asked = time.monotonic()
        while True:
            with self._changed:
                if self._answer is None:
                    self._changed.wait(_POLL_S)
                answer, self._answer = self._answer, None
            if over():
                raise Stopped("cancelled", f"over before an answer to: {question}")
            if answer is not None:
                return answer
            if time.monotonic() - asked > self.patience:
                raise Stopped("failed", f"no answer within {self.patience:g} s: {question}")


def by_object(robot: str, look: Callable[[], Seen]) -> Judge:
    """Success by the goal's tolerance, as the camera sees the object (of a base: the base) once it rests."""
    module: Any = family(robot).module

    def judge(task: GroundedTask, episode: Episode, over: Over) -> bool:
        seen = look()
        if family(robot).name == "base":
            x, y, _ = seen.scene.robot_position
            return bool(module.done(BaseState(x, y, seen.scene.robot_yaw, 0.0, 0.0), task))
        return bool(module.done(seen.scene.item(str(task.object_name)), task, _width(seen)))

    return judge


def by_gripper(robot: str, look: Callable[[], Seen]) -> Judge:
    """Success where something keeps the fingers apart, further than the policy told them at the end."""
    profile = load_profile(robot)
    widest = profile.gripper_max_width if isinstance(profile, ArmProfile) else 0.0

    def judge(task: GroundedTask, episode: Episode, over: Over) -> bool:
        told = widest * (float(episode.actions[-1, -1]) + 1.0) / 2.0
        return _width(look()) > max(EMPTY_HAND, told + GRIPPED)

    return judge


def by_button(button: Button) -> Judge:
    """Success as a person says."""

    def judge(task: GroundedTask, episode: Episode, over: Over) -> bool:
        return button.wait(over, "was the trial a success?")

    return judge


def by_person(button: Button) -> Restorer:
    """A person puts the scene back and says so."""

    def restore(number: int, over: Over) -> None:
        if not button.wait(over, "is the scene put back?"):
            raise Stopped("failed", "a person said that the scene cannot be put back")

    return restore


def require_judge(robot: str, skill: str, name: str) -> None:
    """Raise ``SpecError`` for a judge that there is not, or that cannot tell success of that skill."""
    allowed: tuple[str, ...] = JUDGES
    if family(robot).name == "base" or skill != "grasp":
        allowed = tuple(j for j in JUDGES if j != "gripper")  # elsewhere an empty hand is the end, or none
    require(f"success of {skill}", name, allowed)


def _width(seen: Seen) -> float:
    if seen.width is None:
        raise Stopped("failed", "the width of the gripper is not measured")
    return seen.width
