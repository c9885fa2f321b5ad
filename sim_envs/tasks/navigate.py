"""Drive to a place: in a furnished room, or into a room of a house."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np

from sim_envs.core import Situation
from sim_envs.paths import Field, Point
from sim_envs.places import HOUSES_PER_WORLD, ROOMS_PER_WORLD, drawn_house, drawn_room, drawn_scene, place_of
from sim_envs.rooms import RADIUS
from sim_envs.spec import SPEEDS, GroundedTask, SceneItem, Target, TaskSpec
from sim_envs.tasks.base import BaseTask, BaseView
from sim_envs.tasks.goals import draw_in_room, in_room, pick

KINDS = (("landmark", 0.45), ("coordinate", 0.2), ("direction", 0.15), ("room", 0.2))
"""Kinds of targets and their shares among the drawn tasks."""
START = 1.0  # [m] from the middle of a hallway to where the base starts, at most


class Navigate(BaseTask):
    """To a landmark, a coordinate or a metre in a direction (in a room), or into a room (in a house).

    Success: the base stands within ``task.tolerance`` of ``task.goal``. Progress is the straight distance
    to the goal; where the scene has rooms it is the length of the way through the doorways.
    """

    name = "navigate"
    skill = "navigate"

    def draw(self, rng: np.random.Generator, clutter: int = 0, radius: float = RADIUS) -> Situation:
        """One of ``ROOMS_PER_WORLD`` rooms, in which the base starts at the origin, or of the houses."""
        share, kind = rng.random(), "room"
        for name, part in KINDS:
            share -= part
            if share < 0.0:
                kind = name
                break
        if kind == "room":
            return _in_house(rng, radius)
        room = drawn_room(int(rng.random() * ROOMS_PER_WORLD), radius)
        return Situation(room.scene, draw_in_room(rng, room, kind))

    def distance(self, view: BaseView) -> float:
        """See the class."""
        if not view.divided:
            return view.gap
        if view.field is None:
            view.field = _field(view)
        return view.field.at(view.pose[0], view.pose[1])


def _in_house(rng: np.random.Generator, radius: float) -> Situation:
    """From somewhere in the hallway into a room."""
    scene = drawn_house(int(rng.random() * HOUSES_PER_WORLD), radius)
    rooms = [i for i in scene.items if i.kind == "room" and i.name != "hallway"]
    item: SceneItem = pick(rng, rooms)
    speed = pick(rng, SPEEDS)
    # a slow base starts nearer to the room: there has to be time enough also where much slip is hidden
    middle, spread = (item.position[0] / 2, START / 2) if speed == "slow" else (0.0, START)
    start = (middle + spread * (2.0 * rng.random() - 1.0), 0.2 * (rng.random() - 0.5), 0.0)
    yaw = float(np.pi * (2.0 * rng.random() - 1.0))
    goal, tolerance = in_room(item)
    spec = TaskSpec("navigate", target=Target("room", item.name), speed=speed)
    task = GroundedTask(spec, goal, tolerance, None, item.name)
    return Situation(dataclasses.replace(scene, robot_position=start, robot_yaw=yaw), task)


def _field(view: BaseView) -> Field:
    goal, radius = (view.task.goal[0], view.task.goal[1]), view.profile.radius
    place = place_of(view.scene, radius)
    if place >= 0:
        return _drawn_field(place, goal, radius)
    return Field(view.scene.items, goal, radius, view.pose[:2])


@lru_cache(maxsize=512)
def _drawn_field(place: int, goal: Point, radius: float) -> Field:
    return Field(drawn_scene(place, radius).items, goal, radius, goal)


TASK = Navigate()
