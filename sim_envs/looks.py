"""What a room looks like: only for the eye, physics and lidar know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim_envs.spec import SceneItem, Vec3

Colour: TypeAlias = tuple[float, float, float, float]
Part: TypeAlias = tuple[Vec3, Vec3, Colour]
"""A box of an item: middle and half sizes [m] in the item's frame, colour; above 16 Bullet crashes."""
WOOD: Colour = (0.72, 0.52, 0.34, 1)
OAK: Colour = (0.5, 0.38, 0.27, 1)
DARK: Colour = (0.22, 0.24, 0.28, 1)
WHITE: Colour = (0.93, 0.93, 0.91, 1)
WALL: Colour = (0.86, 0.85, 0.81, 1)
BOOKS: tuple[Colour, ...] = (
    (0.70, 0.25, 0.22, 1),
    (0.22, 0.42, 0.62, 1),
    (0.85, 0.68, 0.28, 1),
    (0.3, 0.5, 0.38, 1),
)
FLOORS: tuple[Colour, Colour] = ((0.78, 0.70, 0.60, 1), (0.74, 0.66, 0.56, 1))
GROUND: Colour = (0.55, 0.58, 0.62, 1)
LOW = 0.06  # [m] half height of the wall that the camera looks over
INNER = 0.2  # [m] half height of the walls in a house: the camera looks over them into the rooms
BED: Colour = (0.45, 0.55, 0.7, 1)
_TILE = 1.0  # [m]
NOTHING = '<visual><origin xyz="0 0 -9"/><geometry><box size="0.001 0.001 0.001"/></geometry></visual>'
"""What a body without looks shows in a URDF: a speck far below."""


def _wall(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    low = LOW if item.name == "back_wall" else INNER if item.name.startswith(("hall", "between")) else z
    if low < z:
        return [((0, 0, low - z), (x, y, low), WALL)]
    return [((0, 0, 0), (x, y, z), WALL)]


def _table(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    return [((0, 0, z - 0.025), (x, y, 0.025), WOOD), ((0, 0, -0.025), (0.88 * x, 0.88 * y, z - 0.025), OAK)]


def _desk(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    long = (0.3 * x, y - 0.04) if y > x else (x - 0.04, 0.3 * y)
    side = (0.03, 0.22) if y > x else (0.22, 0.03)
    screen: Part = ((0, 0, z + 0.2), (*side, 0.15), DARK)
    foot: Part = ((0, 0, z + 0.03), (0.05, 0.05, 0.03), DARK)
    return [
        ((0, 0, z - 0.025), (x, y, 0.025), WHITE),
        ((0, 0, -0.025), (*long, z - 0.025), WOOD),
        screen,
        foot,
    ]


def _shelf(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    along = 1 if y > x else 0
    parts: list[Part] = [((0, 0, 0), (0.5 * x, y, z) if along else (x, 0.5 * y, z), WOOD)]
    for level in range(3):
        height = z * (2 * level / 3 - 1)
        parts.append(((0, 0, height + 0.015), (x, y, 0.015), WOOD))
        for number in range(3):
            at = (number - 1) * 0.62 * item.extent[along]
            place: Vec3 = (0.0, at, height + 0.2) if along else (at, 0.0, height + 0.2)
            size: Vec3 = (0.85 * x, 0.24 * y, 0.15) if along else (0.24 * x, 0.85 * y, 0.15)
            parts.append((place, size, BOOKS[(number + 2 * level) % len(BOOKS)]))
    return [*parts, ((0, 0, z - 0.015), (x, y, 0.015), WOOD)]


def _chair(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    red: Colour = (0.75, 0.33, 0.25, 1)
    return [
        ((0, 0, 0.02), (x, y, 0.025), red),
        ((-x + 0.02, 0, z / 2), (0.02, y, z / 2), red),
        ((0, 0, -z / 2), (0.8 * x, 0.8 * y, z / 2), DARK),
    ]


def _charger(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    light: Colour = (0.2, 0.9, 0.35, 1)
    return [((0, 0, 0), item.extent, DARK), ((0, 0, z), (0.7 * x, 0.7 * y, 0.012), light)]


def _door(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    return [
        ((0, 0, 0), (x + 0.01, y + 0.01, z), (0.45, 0.29, 0.18, 1)),
        ((0, 0, 0.3), (0.8 * x + 0.02, 0.8 * y + 0.02, 0.45), WOOD),
    ]


def _window(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    glass: Colour = (0.55, 0.78, 0.92, 1)
    frame: Part = ((0, 0, 0), (x, y, z), WHITE)
    pane = (0.47 * x, 0.9 * z) if x > y else (0.47 * y, 0.9 * z)
    shift = 0.47 * max(x, y)
    if x > y:
        return [frame, *[((s * shift, 0, 0), (pane[0] * 0.9, y + 0.01, pane[1]), glass) for s in (-1, 1)]]
    return [frame, *[((0, s * shift, 0), (x + 0.01, pane[0] * 0.9, pane[1]), glass) for s in (-1, 1)]]


def _bed(item: SceneItem) -> list[Part]:
    x, y, z = item.extent
    return [((0, 0, -0.2 * z), (x, y, 0.8 * z), OAK), ((0, 0, 0.8 * z), (0.95 * x, 0.95 * y, 0.2 * z), BED)]


_PARTS: dict[str, Callable[[SceneItem], list[Part]]] = {
    "wall": _wall, "table": _table, "desk": _desk, "shelf": _shelf, "chair": _chair, "charger": _charger,
    "door": _door, "window": _window, "workbench": _table, "bed": _bed,
}  # fmt: skip


def visual(client: Any, item: SceneItem) -> int:
    """The visual shape of an item."""
    if item.shape == "cylinder":
        return _figure(client, item)
    word = next((w for w in item.name.split("_") if w in _PARTS), "")
    parts = _PARTS[word](item) if word else [((0.0, 0.0, 0.0), item.extent, DARK)]
    shape: int = client.createVisualShapeArray(
        shapeTypes=[client.GEOM_BOX] * len(parts),
        halfExtents=[half for _, half, _ in parts],
        visualFramePositions=[place for place, _, _ in parts],
        rgbaColors=[colour for _, _, colour in parts],
    )
    return shape


def nothing(client: Any) -> int:
    """The visual shape of a body without looks: a speck far below."""
    shape: int = client.createVisualShape(
        client.GEOM_BOX, halfExtents=(0.0005,) * 3, visualFramePosition=(0.0, 0.0, -9.0)
    )
    return shape


def _figure(client: Any, item: SceneItem) -> int:
    """A person: trousers, shirt, head."""
    radius, _, tall = item.extent
    head = 0.11
    shape: int = client.createVisualShapeArray(
        shapeTypes=[client.GEOM_CYLINDER, client.GEOM_CYLINDER, client.GEOM_SPHERE],
        radii=[0.75 * radius, radius, head],
        lengths=[tall, 0.75 * tall, 0.0],
        visualFramePositions=[(0, 0, -tall / 2), (0, 0, 0.375 * tall), (0, 0, tall - head)],
        rgbaColors=[(0.2, 0.25, 0.4, 1), (0.3, 0.6, 0.45, 1), (0.85, 0.66, 0.53, 1)],
    )
    return shape


def ground(client: Any, origin: tuple[float, float]) -> int:
    """What the scene at ``origin`` [m] stands on; a body without a collision shape."""
    shape = client.createVisualShape(client.GEOM_BOX, halfExtents=(15, 15, 0.01), rgbaColor=GROUND)
    body: int = client.createMultiBody(0, -1, shape, (*origin, -0.05))
    return body


def floor(client: Any, items: Sequence[SceneItem], origin: tuple[float, float] = (0.0, 0.0)) -> list[int]:
    """Tiles below everything; bodies without a collision shape. ``origin`` [m] is where the scene stands."""
    low, high = _span(items)
    bodies = []
    counts = [max(1, round((high[a] - low[a]) / _TILE)) for a in (0, 1)]
    half = [(high[a] - low[a]) / counts[a] / 2 for a in (0, 1)]
    for odd in (0, 1):
        shape = client.createVisualShape(client.GEOM_BOX, halfExtents=(*half, 0.01), rgbaColor=FLOORS[odd])
        for i in range(counts[0]):
            for j in range(counts[1]):
                if (i + j) % 2 == odd:
                    x, y = low[0] + (2 * i + 1) * half[0], low[1] + (2 * j + 1) * half[1]
                    place = (x + origin[0], y + origin[1], -0.011)
                    bodies.append(client.createMultiBody(0, -1, shape, place))
    return bodies


def picture(
    client: Any,
    items: Sequence[SceneItem],
    width: int,
    height: int,
    origin: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.uint8]:
    """The whole scene (height, width, 3) from above and behind; ``origin`` [m] is where it stands."""
    low, high = _span(items)
    middle = [(low[a] + high[a]) / 2 for a in (0, 1)]
    size = 1.13 * max(high[0] - low[0], 1.15 * (high[1] - low[1]))
    middle = [middle[a] + origin[a] for a in (0, 1)]
    eye = (middle[0] - 0.72 * size, middle[1], 1.05 * size)
    view = client.computeViewMatrix(eye, (middle[0] + 0.04 * size, middle[1], 0.3), (0, 0, 1))
    lens = client.computeProjectionMatrixFOV(47, width / height, 0.5, 30.0)
    pixels = client.getCameraImage(
        width,
        height,
        view,
        lens,
        shadow=1,
        lightDirection=(-2.0, 1.5, 5.0),
        renderer=client.ER_TINY_RENDERER,
        flags=4,
    )[2]
    return np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)[:, :, :3]


def _span(items: Sequence[SceneItem]) -> tuple[list[float], list[float]]:
    """Least and greatest x and y [m]: of the walls where there are any, else of all."""
    walls = [i for i in items if "wall" in i.name.split("_")]
    reach = [(i.position, min(i.extent[:2]) if walls else max(i.extent[:2])) for i in walls or items]
    reach = reach or [((0.0, 0.0, 0.0), 2.0)]
    low = [min(p[a] - r for p, r in reach) for a in (0, 1)]
    high = [max(p[a] + r for p, r in reach) for a in (0, 1)]
    return low, high
