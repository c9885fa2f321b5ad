"""The values that cross every border of the project: what is asked, what is there, what is hidden.

All of them are frozen, hold plain Python scalars and serialise to JSON, so the same task travels
unchanged through a manifest, a simulation, a ROS message and a report. Lengths are metres, angles
radians, masses kilograms, forces newtons. Arms use the frame of their base link (x forward, y left,
z up, z = 0 is the table top); bases use ``odom`` (REP 105), whose origin is the start pose.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vec3: TypeAlias = tuple[float, float, float]

SKILLS = ("grasp", "pick_place", "push", "reach", "stack", "navigate", "follow")
COLORS = ("red", "blue", "green", "yellow", "orange", "purple", "black", "white")
SHAPES = ("cube", "sphere", "cylinder")
SIZES = ("small", "medium", "large")
RELATIONS = ("in", "on", "next_to", "left_of", "right_of", "behind", "in_front_of", "above", "at")
SPEEDS = ("slow", "normal", "fast")
FORCES = ("gentle", "normal", "firm")
BINS = ("left", "right")
LANDMARKS = (
    "door", "charger", "table", "window", "corridor", "left wall", "right wall", "shelf", "desk",
)  # fmt: skip
ROOMS = ("kitchen", "office", "lab", "storage", "bedroom", "hallway")
DIRECTIONS = ("left", "right", "forward", "backward")
TARGET_KINDS = ("bin", "object", "landmark", "room", "direction", "coordinate")
TARGET_NAMES = {"bin": BINS, "landmark": LANDMARKS, "room": ROOMS, "direction": DIRECTIONS}
AVOIDABLE = ("person", "chair", "table", "wall")
MAX_COORDINATE = 100.0
LIFT_HEIGHT = 0.12  # [m] how far a grasped object is lifted


class SpecError(ValueError):
    """A value outside the closed vocabulary; the message names what is allowed and the nearest match."""


def require(what: str, given: object, allowed: Sequence[str]) -> None:
    """Raise :class:`SpecError` unless ``given`` is one of ``allowed``."""
    if given in allowed:
        return
    near = difflib.get_close_matches(str(given), allowed, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise SpecError(f"{what} is {given!r}; allowed: {', '.join(allowed)}.{hint}")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """How a sentence describes an object; ``None`` means that it did not say."""

    color: str | None = None
    shape: str | None = None
    size: str | None = None

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("color", self.color, COLORS),
            ("shape", self.shape, SHAPES),
            ("size", self.size, SIZES),
        ):
            if value is not None:
                require(what, value, allowed)

    def __str__(self) -> str:
        return " ".join(w for w in (self.size, self.color, self.shape or "object") if w)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a bin, an object, a landmark, a room, a direction or a coordinate (x, y in metres)."""

    kind: str
    name: str | None = None
    color: str | None = None
    shape: str | None = None
    size: str | None = None
    x: float | None = None
    y: float | None = None

    def __post_init__(self) -> None:
        require("target kind", self.kind, TARGET_KINDS)
        if self.kind in TARGET_NAMES:
            require(f"{self.kind} name", self.name, TARGET_NAMES[self.kind])
        elif self.kind == "object":
            ObjectRef(self.color, self.shape, self.size)
        else:
            for axis, value in (("x", self.x), ("y", self.y)):
                if value is None or not math.isfinite(value) or abs(value) > MAX_COORDINATE:
                    raise SpecError(f"target {axis} is {value!r}; allowed: ±{MAX_COORDINATE:g} metres.")

    @property
    def object(self) -> ObjectRef:
        """The target as an object description (kind ``object``)."""
        return ObjectRef(self.color, self.shape, self.size)

    def __str__(self) -> str:
        if self.kind == "object":
            return str(self.object)
        if self.kind == "coordinate":
            return f"({self.x:g}, {self.y:g}) m"
        return f"{self.name} bin" if self.kind == "bin" else str(self.name)


def _check_avoid(item: str) -> None:
    if item in AVOIDABLE:
        return
    for word in item.split():
        if word not in (*COLORS, *SHAPES, *SIZES, "object"):
            raise SpecError(
                f"avoid is {item!r}; allowed: {', '.join(AVOIDABLE)} or an object such as 'blue sphere'."
            )


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """The named part of a task: what a sentence states, in a closed vocabulary."""

    skill: str
    object: ObjectRef | None = None
    target: Target | None = None
    relation: str | None = None
    speed: str = "normal"
    force: str = "normal"
    avoid: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require("skill", self.skill, SKILLS)
        if self.relation is not None:
            require("relation", self.relation, RELATIONS)
        require("speed", self.speed, SPEEDS)
        require("force", self.force, FORCES)
        for item in self.avoid:
            _check_avoid(item)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict; targets list only the keys that their kind has."""
        out = dataclasses.asdict(self)
        out["avoid"] = list(self.avoid)
        if self.target is not None:
            keys = {
                "object": ("kind", "color", "shape", "size"),
                "coordinate": ("kind", "x", "y"),
            }.get(self.target.kind, ("kind", "name"))
            out["target"] = {k: getattr(self.target, k) for k in keys}
        return out

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TaskSpec:
        """The inverse of :meth:`to_dict`; raises :class:`SpecError` or ``TypeError`` on bad data."""
        fields = dict(data)
        if fields.get("object") is not None:
            fields["object"] = ObjectRef(**fields["object"])
        if fields.get("target") is not None:
            fields["target"] = Target(**fields["target"])
        fields["avoid"] = tuple(fields.get("avoid", ()))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class SceneItem:
    """One thing in a scene as a camera reports it.

    ``kind`` is object, bin, landmark or room; ``position`` is the centre [m] in the robot's frame;
    ``extent`` are the half sizes [m] along x, y, z; ``name`` is unique in the scene.
    """

    name: str
    kind: str
    position: Vec3
    extent: Vec3 = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    color: str | None = None
    shape: str | None = None
    size: str | None = None

    def matches(self, ref: ObjectRef) -> bool:
        """Whether this is an object that the description fits."""
        said = ((ref.color, self.color), (ref.shape, self.shape), (ref.size, self.size))
        return self.kind == "object" and all(want in (None, have) for want, have in said)

    def __str__(self) -> str:
        if self.kind == "object":
            return str(ObjectRef(self.color, self.shape, self.size))
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there: the items, and the robot's position [m] and yaw [rad] in the same frame."""

    items: tuple[SceneItem, ...]
    robot_position: Vec3 = (0.0, 0.0, 0.0)
    robot_yaw: float = 0.0

    def item(self, name: str) -> SceneItem:
        """The item of that name; raises :class:`SpecError` where there is none."""
        names = [i.name for i in self.items]
        require("scene item", name, names)
        return self.items[names.index(name)]


@dataclass(frozen=True, slots=True)
class GroundedTask:
    """A :class:`TaskSpec` bound to a scene.

    ``object_name`` is the scene item to act on (None for bases), ``goal`` the wanted position [m] of
    the object (arms) or the base, ``tolerance`` the horizontal distance [m] that counts as there,
    ``avoid`` circles (x, y, radius) [m] to stay out of.
    """

    spec: TaskSpec
    goal: Vec3
    tolerance: float
    object_name: str | None = None
    target_name: str | None = None
    avoid: tuple[Vec3, ...] = ()


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden part of a task: what nobody says and no sensor shows at the start.

    =================  ==========  ===============================================================
    field              unit        meaning
    =================  ==========  ===============================================================
    mass               kg          of the object to be moved
    friction           1           lateral friction coefficient of that object
    restitution        1           of that object: what part of a bounce's speed is left
    gripper_gain       1           factor on the commanded gripper force
    offset_x/offset_y  m           what the camera adds to every object position
    gain               1           factor on the commanded joint or wheel motion
    lag                s           time constant with which the motors follow a command
    damping            N m s/rad   of the arm's joints, against their motion
    noise              m, rad      standard deviation of each measured position or heading
    wheel_bias         1           left wheel radius over right wheel radius, minus 1
    slip               1           part of the commanded wheel speed that is lost to slip
    heading_offset     rad         what the localisation adds to the measured heading
    =================  ==========  ===============================================================
    """

    mass: float = 0.1
    friction: float = 0.8
    restitution: float = 0.0
    gripper_gain: float = 1.0
    offset_x: float = 0.0
    offset_y: float = 0.0
    gain: float = 1.0
    lag: float = 0.0
    damping: float = 0.0
    noise: float = 0.0
    wheel_bias: float = 0.0
    slip: float = 0.0
    heading_offset: float = 0.0

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            if not math.isfinite(getattr(self, f.name)):
                raise SpecError(f"hidden {f.name} is {getattr(self, f.name)!r}; it must be finite.")


NOMINAL = Hidden()


@dataclass(frozen=True, slots=True)
class Task:
    """One task: which robot, the named part, the hidden part, and the seed of its scene.

    ``name`` is the task definition's in the catalogue, ``instruction`` the sentence that states the named
    part, ``clutter`` how many unrelated things the scene may hold. Name, seed and clutter are the scene.
    """

    robot: str
    spec: TaskSpec
    hidden: Hidden = field(default_factory=Hidden)
    seed: int = 0
    name: str = ""
    instruction: str = ""
    clutter: int = 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict."""
        return dataclasses.asdict(self) | {"spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Task:
        """The inverse of :meth:`to_dict`; raises :class:`SpecError`, ``KeyError`` or ``TypeError``."""
        spec, hidden = TaskSpec.from_dict(data["spec"]), Hidden(**data["hidden"])
        return cls(**data | {"spec": spec, "hidden": hidden})


@dataclass(frozen=True, slots=True)
class JointCommand:
    """What an arm shall do until the next control tick.

    ``positions`` [rad] by joint name, to be reached after ``duration`` [s]; ``gripper_width`` [m]
    between the fingers, closed with at most ``gripper_force`` [N].
    """

    names: tuple[str, ...]
    positions: tuple[float, ...]
    gripper_width: float
    gripper_force: float
    duration: float


@dataclass(frozen=True, slots=True)
class BaseCommand:
    """What a mobile base shall do until the next tick: linear [m/s] and angular [rad/s] velocity."""

    linear: float
    angular: float


@dataclass(frozen=True, slots=True)
class BaseState:
    """A base in ``odom``: position [m], yaw [rad], velocities [m/s, rad/s], lidar ranges [m]."""

    x: float
    y: float
    yaw: float
    linear: float
    angular: float
    ranges: NDArray[np.float64] | None = None
