"""The profile of a mobile base."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sim_envs.spec import SpecError


@dataclass(frozen=True, slots=True)
class BaseProfile:
    """A round differential drive base with a lidar in its middle.

    Lengths [m], speeds [m/s, rad/s], accelerations [m/s², rad/s²], times [s]. ``wheel_joints`` are left,
    right; ``radius`` that of the circle around the base; ``beams`` spread over 360 degrees, the first
    forward, counter-clockwise.
    """

    name: str
    family: str
    urdf: str
    wheel_joints: tuple[str, str]
    wheel_radius: float
    wheel_separation: float
    max_linear: float
    max_angular: float
    max_linear_acceleration: float
    max_angular_acceleration: float
    radius: float
    beams: int
    range: float
    control_period: float

    def __post_init__(self) -> None:
        if len(self.wheel_joints) != 2:
            raise SpecError(f"{self.name}: wheel_joints has {len(self.wheel_joints)} names; allowed: 2")
        for name in (f.name for f in fields(self) if f.type in ("float", "int")):
            if not getattr(self, name) > 0:
                raise SpecError(f"{self.name}: {name} is {getattr(self, name)!r}; it must be above 0")
