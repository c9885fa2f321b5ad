"""The profile of a mobile base."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sim_envs.spec import SpecError


@dataclass(frozen=True, slots=True)
class BaseProfile:
    """A differential or skid steer base, round to the world, with a lidar in its middle.

    Lengths [m], speeds [m/s, rad/s], accelerations [m/s², rad/s²], times [s]. ``wheel_joints`` are those of
    the left side, then as many of the right; ``wheel_separation`` is the one that a turn shows: that of the
    wheels' middles, more where they skid. ``radius`` and ``height`` are of the upright cylinder that the
    body is in physics, ``lidar_height`` is above the floor; ``beams`` spread over 360 degrees, the first
    forward, counter-clockwise.
    """

    name: str
    family: str
    urdf: str
    wheel_joints: tuple[str, ...]
    wheel_radius: float
    wheel_separation: float
    max_linear: float
    max_angular: float
    max_linear_acceleration: float
    max_angular_acceleration: float
    radius: float
    height: float
    lidar_height: float
    beams: int
    range: float
    control_period: float

    def __post_init__(self) -> None:
        count = len(self.wheel_joints)
        if count == 0 or count % 2:
            raise SpecError(
                f"{self.name}: wheel_joints has {count} names; allowed: those of the left side,"
                " then as many of the right"
            )
        for name in (f.name for f in fields(self) if f.type in ("float", "int")):
            if not getattr(self, name) > 0:
                raise SpecError(f"{self.name}: {name} is {getattr(self, name)!r}; it must be above 0")
