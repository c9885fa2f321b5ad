"""What tasks of a mobile base share: what is truly there, the way to the goal, driving along it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

import numpy as np

from sim_envs.core import Situation, TaskDefinition
from sim_envs.paths import Field, Point
from sim_envs.pursuit import Guide, Way
from sim_envs.robots.base_profile import BaseProfile
from sim_envs.robots.mobile_base import MobileBase, Pose
from sim_envs.rooms import RADIUS
from sim_envs.spec import BaseCommand, GroundedTask, Scene, TaskSpec

STOPPED = 0.1  # [m/s]: slower counts as standing
SPEED_SCALE = {"slow": 0.6, "normal": 1.0, "fast": 1.3}
BACKWARD = 0.3  # share of the forward speed


class BaseView:
    """What is truly there: pose (x, y [m], yaw [rad]), the scene, the task, and the robot.

    ``item`` is the one that the task names, ``inside`` whether the base has been where a task wants it to
    stay, ``divided`` whether walls divide the scene into rooms; ``field`` is the length of the way, None
    until someone needs it. ``informed`` is whether the expert knows what is hidden; one that does not
    takes poses as measured. ``trail`` are the poses that the ``guide`` has not seen yet: it follows all of
    them, so that the way is the same whenever it is first asked for.
    """

    __slots__ = (
        "base", "divided", "field", "guide", "informed", "inside", "item", "pose", "profile", "scene", "task",
        "trail",
    )  # fmt: skip

    def __init__(self, base: MobileBase, scene: Scene, task: GroundedTask, informed: bool = True) -> None:
        self.informed = informed
        self.base, self.scene, self.task = base, scene, task
        self.profile: BaseProfile = base.profile
        self.pose = base.pose()
        self.inside = False
        self.trail: list[Pose] = []
        self.guide: Guide | None = None
        self.field: Field | None = None
        self.divided = any([item.kind == "room" for item in scene.items])
        named = [item for item in scene.items if item.name == task.target_name]
        self.item = named[0] if named else None

    def move(self, pose: Pose) -> None:
        """The base is there now."""
        self.pose = pose
        self.trail.append(pose)

    @property
    def gap(self) -> float:
        """Straight distance [m] to the goal."""
        return math.hypot(self.task.goal[0] - self.pose[0], self.task.goal[1] - self.pose[1])

    def there(self) -> bool:
        """Whether it stands within the tolerance of the goal."""
        return self.gap < self.task.tolerance and self.base.speed() < STOPPED


def command(action: Sequence[float], spec: TaskSpec, profile: BaseProfile) -> BaseCommand:
    """Turn an action (2,) in [-1, 1] (forward, turn left) into velocities at the named speed."""
    share = SPEED_SCALE[spec.speed] / 1.3
    forward, turn = float(action[0]), float(action[1])
    forward *= share if forward >= 0.0 else share * BACKWARD
    return BaseCommand(forward * profile.max_linear, turn * share * profile.max_angular)


class BaseTask(TaskDefinition[BaseView]):
    """A task of a mobile base. Rooms and houses come furnished: ``clutter`` adds nothing to them."""

    family = "base"

    @abstractmethod
    def draw(self, rng: np.random.Generator, clutter: int = 0, radius: float = RADIUS) -> Situation:
        """A situation in which a base of that radius [m] can get through."""

    def success(self, view: BaseView) -> bool:
        """It stands within the tolerance of the goal."""
        return view.there()

    def distance(self, view: BaseView) -> float:
        """How far it is to the goal [m]; what is rewarded is progress in it. Straight, unless overridden."""
        return view.gap

    def expert(self, view: BaseView) -> Sequence[float]:
        """Pure pursuit along the task's way, that makes up for what is hidden if the view is informed."""
        way = self.lead(view)
        top = command((1.0, 1.0), view.task.spec, view.profile)
        lag = view.base.hidden.lag if view.informed else 0.0
        linear, angular = way.follow(*view.pose, top.linear, lag)
        if view.informed:
            linear, angular = view.base.command_for(linear, angular)
        forward, turn = linear / top.linear, angular / top.angular
        most = max(1.0, abs(forward), abs(turn))
        return (forward / most, turn / most)

    def way(self, scene: Scene, task: GroundedTask, radius: float, start: Point) -> Way:
        """The way of a base of that radius [m] from a point to the goal: A* around things and circles."""
        return Way.plan(scene.items, task, start, radius)

    def lead(self, view: BaseView) -> Way:
        """The way that the poses so far lead to: planned where they begin and wherever they left it."""
        if view.guide is None:
            view.guide = Guide(partial(self.way, view.scene, view.task, view.profile.radius))
        way = view.guide.way or view.guide.lead(*view.trail[0][:2])
        for x, y, _ in view.trail:
            way = view.guide.lead(x, y)
        view.trail.clear()
        return way
