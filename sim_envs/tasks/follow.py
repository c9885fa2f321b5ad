"""Follow something: the corridor to its far end, or a wall for two metres."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from sim_envs.core import Situation
from sim_envs.house import CORRIDOR
from sim_envs.paths import Point, distance
from sim_envs.places import HOUSES_PER_WORLD, ROOMS_PER_WORLD, DrawnScene, drawn_house, drawn_room
from sim_envs.pursuit import Way
from sim_envs.rooms import RADIUS, TOLERANCE, WALL
from sim_envs.spec import SPEEDS, GroundedTask, Scene, SceneItem, SpecError, Target, TaskSpec, Vec3
from sim_envs.tasks.base import BaseTask, BaseView
from sim_envs.tasks.goals import pick

TARGETS = ("corridor", "left wall", "right wall")
OFF_AXIS = 0.4  # [m] from the middle of the corridor, at most
BEFORE_END = 0.5  # [m] between the rim of a base at the goal and the end of the corridor
BAND = (0.1, 0.7)  # [m] between the rim of the base and the wall; 0.3 to 0.9 from the middle of a diffbot
BESIDE = 0.4  # [m] the same at the goal
STRETCH = 2.0  # [m] of wall that is followed
CORRIDOR_SHARE = 0.5  # of the drawn tasks
SLOW_SHARE = 0.6  # of the corridor that is left for a slow base: there has to be time enough also with slip
_TURNED = 0.3  # [rad] off the direction that the base starts with, at most
_STEP = 0.1  # [m] between the points of a wall that are looked at


class Follow(BaseTask):
    """Along the corridor of a house, or along the left or right wall of a furnished room.

    ``corridor``: to its far end, as the base looks, never more than 0.4 m from the axis. ``left wall`` and
    ``right wall``: 2 m along it in the direction in which the base looks, with 0.1 to 0.7 m between its rim
    and the wall. Success: the base stands within 0.3 m of the goal. Failure: it has been in that band
    and leaves it; touching anything is a failure in all tasks. Progress is the straight distance to
    the goal, which here is the way.
    """

    name = "follow"
    skill = "follow"

    def draw(self, rng: np.random.Generator, clutter: int = 0, radius: float = RADIUS) -> Situation:
        """In the band, and looking along it within 0.3 rad."""
        if rng.random() < CORRIDOR_SHARE:
            return _in_corridor(rng, radius)
        number = int(rng.random() * ROOMS_PER_WORLD)
        while not _stretches(number, radius):
            number = (number + 1) % ROOMS_PER_WORLD
        return _along_wall(rng, number, radius)

    def failure(self, view: BaseView) -> bool:
        """See the class."""
        if view.item is None:
            raise SpecError(f"the task is to follow {view.task.target_name!r}, which is not in the scene")
        within = _within(view.item, view.pose, view.profile.radius)
        view.inside = view.inside or within
        return view.inside and not within

    def way(self, scene: Scene, task: GroundedTask, radius: float, start: Point) -> Way:
        """Straight to the goal from within the band; from elsewhere around what is in the way."""
        if _within(scene.item(str(task.target_name)), start, radius):
            return Way.straight(start, (task.goal[0], task.goal[1]))
        return super().way(scene, task, radius, start)


def followed(scene: Scene, target: Target, radius: float) -> tuple[SceneItem, Vec3]:
    """The item that a sentence sends along and the goal there, for a base of that radius [m] in the scene.

    Raises ``SpecError`` where there is nothing of that name, or it is nothing to be followed.
    """
    if target.kind != "landmark" or target.name not in TARGETS:
        raise SpecError(f"follow target is {target}; allowed: {', '.join(TARGETS)}.")
    item = scene.item(str(target.name).replace(" ", "_"))
    along = 0 if item.extent[0] >= item.extent[1] else 1
    here = scene.robot_position[along]
    ahead = math.cos(scene.robot_yaw) if along == 0 else math.sin(scene.robot_yaw)
    sign = 1.0 if ahead >= 0.0 else -1.0
    middle, half = item.position[along], item.extent[along]
    if item.name == CORRIDOR:
        at, across = middle + sign * (half - radius - BEFORE_END), item.position[1 - along]
    else:
        most = half - 2 * WALL - radius - BESIDE
        at = min(max(here + sign * STRETCH, middle - most), middle + most)
        side = 1.0 if scene.robot_position[1 - along] >= item.position[1 - along] else -1.0
        across = item.position[1 - along] + side * (item.extent[1 - along] + radius + BESIDE)
    return item, ((at, across, 0.0) if along == 0 else (across, at, 0.0))


def _within(item: SceneItem, place: Sequence[float], radius: float) -> bool:
    """Whether a base of that radius [m] at (x, y) [m] is in the band beside the item."""
    across = 1 if item.extent[0] >= item.extent[1] else 0
    off = abs(place[across] - item.position[across])
    if item.name == CORRIDOR:
        return off <= OFF_AXIS
    rim = off - item.extent[across] - radius
    return BAND[0] <= rim <= BAND[1]


def _situation(scene: DrawnScene, name: str, speed: str, radius: float) -> Situation:
    spec = TaskSpec("follow", target=Target("landmark", name), speed=speed)
    item, goal = followed(scene, Target("landmark", name), radius)
    return Situation(scene, GroundedTask(spec, goal, TOLERANCE, None, item.name))


def _in_corridor(rng: np.random.Generator, radius: float) -> Situation:
    scene = drawn_house(int(rng.random() * HOUSES_PER_WORLD), radius)
    sign = -1.0 if rng.random() < 0.5 else 1.0
    most, speed = scene.item(CORRIDOR).extent[0] - radius - BEFORE_END, pick(rng, SPEEDS)
    length = 2.0 * most * (0.75 + 0.25 * rng.random()) * (SLOW_SHARE if speed == "slow" else 1.0)
    x = sign * (length - most)
    turned = _TURNED * (2.0 * rng.random() - 1.0)
    yaw = turned + (math.pi if sign > 0.0 else 0.0)
    start = (x, 0.4 * (rng.random() - 0.5), 0.0)
    scene = dataclasses.replace(
        scene, robot_position=start, robot_yaw=math.atan2(math.sin(yaw), math.cos(yaw))
    )
    return _situation(scene, "corridor", speed, radius)


def _along_wall(rng: np.random.Generator, number: int, radius: float) -> Situation:
    name, x, y = pick(rng, _stretches(number, radius))
    start = (x, y + 0.2 * (rng.random() - 0.5), 0.0)
    yaw = _TURNED * (2.0 * rng.random() - 1.0)
    scene = dataclasses.replace(drawn_room(number, radius).scene, robot_position=start, robot_yaw=yaw)
    return _situation(scene, name, pick(rng, SPEEDS), radius)


@lru_cache(maxsize=512)
def _stretches(number: int, radius: float) -> tuple[tuple[str, float, float], ...]:
    """Wall and start x, y [m] of each free stretch along the left and right walls of a drawn room."""
    scene = drawn_room(number, radius).scene
    found = []
    for name in ("left wall", "right wall"):
        wall = scene.item(name.replace(" ", "_"))
        others = [i for i in scene.items if i.name != wall.name]
        inward = -1.0 if wall.position[1] > 0.0 else 1.0
        y = wall.position[1] + inward * (wall.extent[1] + radius + BESIDE)
        steps = np.arange(wall.position[0] - wall.extent[0], wall.position[0] + wall.extent[0], _STEP)
        free = [distance(others, float(x), y) > radius + BESIDE - 0.05 for x in steps]
        count = round(STRETCH / _STEP) + 1
        starts = [k for k in range(len(steps) - count) if all(free[k : k + count])]
        found += [(name, float(steps[k]), y) for k in starts]
    return tuple(found)


TASK = Follow()
