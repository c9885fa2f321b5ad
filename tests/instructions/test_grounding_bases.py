"""Bases: where they stop and what they keep away from."""

import dataclasses
import math

import pytest

from metaagent_ros.instructions.grounding import GroundingError, ground
from sim_envs.paths import distance, solid
from sim_envs.places import ROOMS_PER_WORLD, drawn_scene
from sim_envs.robots import load_profile
from sim_envs.rooms import room_scene
from sim_envs.spec import Scene, SceneItem, Target, TaskSpec

RADIUS = load_profile("diffbot").radius


def landmark(name, x, y, hx=0.3, hy=0.3, high=0.4, **more):
    return SceneItem(name, "landmark", (x, y, high), (hx, hy, high), **more)


TABLE, CHARGER = landmark("table", 2.0, 0.5, 0.5, 0.4), landmark("charger", -1.0, 1.5, 0.1, 0.16, 0.13)
OPEN = Scene((TABLE, CHARGER))
HOUSE = drawn_scene(ROOMS_PER_WORLD, RADIUS)


def to(target, relation=None, scene=OPEN, skill="navigate", robot="diffbot", avoid=()):
    if isinstance(target, str):
        target = Target("landmark", target)
    return ground(TaskSpec(skill, None, target, relation, avoid=avoid), scene, robot)


def refused(*arguments, status="refuse", **named) -> str:
    with pytest.raises(GroundingError) as caught:
        to(*arguments, **named)
    assert caught.value.status == status
    return str(caught.value)


def stands(task, scene=OPEN) -> float:
    """Between the rim of the base at its goal and the nearest thing."""
    return distance(solid(scene.items), *task.goal[:2]) - RADIUS


@pytest.mark.parametrize("start", [(0.0, 0.0), (3.5, 2.0), (2.0, -1.5)])
@pytest.mark.parametrize("name", ["table", "charger"])
def test_sides_are_as_the_robot_sees_them_that_faces_the_thing(start, name):
    scene = dataclasses.replace(OPEN, robot_position=(*start, 0.0), robot_yaw=2.0)
    x, y, _ = scene.item(name).position
    sight = math.atan2(y - start[1], x - start[0])
    for relation, turn in (
        ("in_front_of", math.pi),
        ("behind", 0.0),
        ("left_of", math.pi / 2),
        ("right_of", -math.pi / 2),
    ):
        task = to(name, relation, scene)
        off = math.atan2(task.goal[1] - y, task.goal[0] - x) - sight - turn
        assert abs(math.remainder(off, 2 * math.pi)) < math.radians(46)
        assert 0.02 <= stands(task, scene) < 0.5 and task.target_name == name and task.tolerance == 0.3


def test_next_to_is_the_near_side_unless_that_is_taken():
    free = to("table", "next_to")
    assert 0.02 < stands(free) and math.hypot(*free.goal[:2]) < math.hypot(2.0, 0.5)
    taken = Scene((*OPEN.items, landmark("chair", *free.goal[:2], 0.21, 0.21)))
    other = to("table", "next_to", taken)
    assert stands(other, taken) >= 0.02 and math.dist(other.goal, free.goal) > 0.3
    at = to("table", "at", taken)
    assert stands(at, taken) >= 0.02


def test_what_is_walled_in_is_refused_with_what_is_in_the_way():
    ring = [
        landmark(f"box_{k}", 2.0 + 1.3 * math.cos(k), 0.5 + 1.3 * math.sin(k), 0.45, 0.45) for k in range(7)
    ]
    scene = Scene((TABLE, *ring))
    message = refused("table", "at", scene)
    assert message.startswith("There is no free place at the table: the box") and "in the way" in message
    message = refused(Target("coordinate", x=2.0, y=0.5), "at", scene)
    assert "the table is in the way" in message


def test_coordinates_outside_and_inside_of_things_are_refused_with_what_is_allowed():
    assert to(Target("coordinate", x=50.0, y=-60.0)).goal == (50.0, -60.0, 0.0)  # nothing bounds this floor
    assert "table is in the way" in refused(Target("coordinate", x=1.9, y=0.4))
    room = room_scene(3)
    east = room.item("front_wall").position[0]
    message = refused(Target("coordinate", x=east + 2.0, y=0.0), scene=room)
    assert "no way leads there" in message and "Allowed: x -" in message
    assert to(Target("coordinate", x=0.3, y=0.0), scene=room).goal == (0.3, 0.0, 0.0)


def test_a_direction_is_a_metre_as_the_base_looks():
    turned = dataclasses.replace(OPEN, robot_position=(0.0, -1.0, 0.0), robot_yaw=math.pi / 2)
    assert to(Target("direction", "left"), scene=turned).goal == (-1.0, -1.0, 0.0)
    assert to(Target("direction", "backward"), "at", turned).goal == (0.0, -2.0, 0.0)
    near = dataclasses.replace(OPEN, robot_position=(1.0, 0.5, 0.0))
    assert "table is in the way" in refused(Target("direction", "forward"), scene=near)


def test_rooms_and_the_corridor_are_driven_into():
    for name in ("kitchen", "office", "lab", "storage", "bedroom", "hallway"):
        item = next((i for i in HOUSE.items if i.name == name), None)
        if item is None:
            assert f"There is no {name} here" in refused(Target("room", name), scene=HOUSE)
            continue
        task = to(Target("room", name), "in", HOUSE)
        assert task.goal[:2] == item.position[:2] and task.tolerance >= 0.3
    assert to("corridor", "at", HOUSE).target_name == "corridor"
    room = next(i for i in HOUSE.items if i.kind == "room" and i.name != "hallway")
    full = Scene((*HOUSE.items, landmark("chair", *room.position[:2], 0.3, 0.3)))
    task = to(Target("room", room.name), "at", full)
    assert stands(task, full) >= 0.02 and distance([room], *task.goal[:2]) < -0.2
    outside = to(Target("room", room.name), "next_to", HOUSE)
    assert distance([room], *outside.goal[:2]) > 0.2


def test_a_base_drives_onto_and_into_nothing_but_floor():
    for relation in ("on", "in", "above"):
        assert "does not get" in refused("table", relation)
    door = Scene((landmark("door", 2.0, 0.0, 0.02, 0.42, 1.0),))
    assert to("door", "in", door).goal == to("door", "at", door).goal


def test_objects_and_bins_on_the_floor_are_places_too():
    ball = SceneItem("red_ball", "object", (1.0, -1.0, 0.1), (0.1, 0.1, 0.1), color="red", shape="sphere")
    crate = SceneItem("left_bin", "bin", (1.0, 1.5, 0.1), (0.2, 0.2, 0.1))
    scene = Scene((*OPEN.items, ball, crate))
    assert to(Target("object", color="red"), "at", scene).target_name == "red_ball"
    task = to(Target("bin", "left"), "at", scene, avoid=("red sphere", "table", "person"))
    assert task.target_name == "left_bin" and [c[:2] for c in task.avoid] == [(2.0, 0.5), (1.0, -1.0)]
    assert task.avoid[1][2] == pytest.approx(0.45)


def test_what_is_there_twice_is_asked_back_and_avoided_twice():
    scene = Scene((TABLE, CHARGER, landmark("table_2", 2.0, 3.0)))
    message = refused("table", scene=scene, status="clarify")
    assert (
        message
        == "Which table? There are: the right table at (2.00, 0.50) m, the left table at (2.00, 3.00) m."
    )
    assert len(to("charger", scene=scene, avoid=("table",)).avoid) == 2
    assert to("charger", avoid=("table",)).avoid == ((2.0, 0.5, pytest.approx(0.85)),)
    assert to("table", avoid=("table",)).avoid == ()  # it is where the base goes to


def test_a_goal_that_avoiding_leaves_no_way_to_is_refused():
    gate = [landmark("wall", 1.5, y, 0.05, 1.7, 1.0) for y in (2.3, -2.3)]
    gate = [dataclasses.replace(w, name=f"{n}_wall") for n, w in enumerate(gate)]
    west, north, south = (
        landmark("west_wall", -2, 0, 0.05, 4),
        landmark("n_wall", 0, 3.9, 4, 0.05),
        landmark("s_wall", 0, -3.9, 4, 0.05),
    )
    person = landmark("person", 1.5, 0.0, 0.1, 0.1)
    scene = Scene((*gate, west, north, south, landmark("desk", 3.5, 0.0)))
    assert to("desk", scene=scene).goal[0] > 2.0
    message = refused("desk", scene=Scene((*scene.items, person)), avoid=("person",))
    assert "no way leads there that keeps away" in message
    assert "avoided" in refused(
        Target("coordinate", x=1.1, y=0.0), scene=Scene((*scene.items, person)), avoid=("person",)
    )


def test_walls_and_the_corridor_are_followed_as_far_as_they_are_free():
    empty = Scene((landmark("left_wall", 1.0, 2.0, 4.0, 0.05), landmark("right_wall", 1.0, -2.0, 4.0, 0.05)))
    task = to("left wall", skill="follow", scene=empty)
    assert task.goal == pytest.approx((2.0, 1.35, 0.0)) and task.target_name == "left_wall"
    turned = dataclasses.replace(empty, robot_yaw=3.0)
    assert to("right wall", skill="follow", scene=turned).goal == pytest.approx((-2.0, -1.35, 0.0))
    shelf = Scene((*empty.items, landmark("shelf", 2.2, 1.6, 0.3, 0.3)))
    assert to("left wall", skill="follow", scene=shelf).goal[0] == pytest.approx(1.6, abs=0.11)
    shelf = Scene((*empty.items, landmark("shelf", 1.0, 1.6, 0.3, 0.3)))
    assert "the shelf is in the way" in refused("left wall", skill="follow", scene=shelf)
    assert "There is: left wall" in refused("corridor", skill="follow", scene=empty)
    assert "given: table" in refused("table", skill="follow")
    goal = to("corridor", skill="follow", scene=dataclasses.replace(HOUSE, robot_yaw=3.0)).goal
    assert goal[0] < -2.0 and abs(goal[1]) < 1e-9


def test_a_larger_base_needs_more_room():
    small, large = to("table"), to("table", robot="husky")
    assert math.dist(small.goal, large.goal) == pytest.approx(0.3)
    assert to("charger", robot="husky", avoid=("table",)).avoid[0][2] == pytest.approx(1.15)
