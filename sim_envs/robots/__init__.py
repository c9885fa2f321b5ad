"""Robot profiles: what is particular to a robot, as data (``<name>.yaml`` beside this file)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import SpecError, Vec3, require

_FOLDER = Path(__file__).parent
ROBOTS = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@dataclass(frozen=True, slots=True)
class ArmProfile:
    """An arm with a parallel gripper; angles [rad], velocities [rad/s], lengths [m], forces [N]."""

    name: str
    family: str
    urdf: str
    joints: tuple[str, ...]
    gripper_joints: tuple[str, ...]
    tool_link: str
    hand_links: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    max_velocity: tuple[float, ...]
    home: tuple[float, ...]
    gripper_max_width: float
    gripper_max_force: float
    control_period: float
    workspace_lower: Vec3
    workspace_upper: Vec3

    def __post_init__(self) -> None:
        count = len(self.joints)
        for name in ("lower", "upper", "max_velocity", "home"):
            if len(getattr(self, name)) != count:
                raise SpecError(
                    f"{self.name}: {name} has {len(getattr(self, name))} values for {count} joints"
                )


_PROFILES: dict[str, Any] = {"arm": ArmProfile, "base": BaseProfile}


def load_profile(name: str) -> Any:
    """The :class:`ArmProfile` or :class:`BaseProfile` of that robot, as its ``family`` says.

    An unknown name raises ``SpecError`` with the nearest match.
    """
    require("robot", name, ROBOTS)
    path = _FOLDER / f"{name}.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    require(f"{path}: family", data.get("family"), tuple(_PROFILES))
    profile = _PROFILES[data["family"]]
    known = {f.name for f in fields(profile)}
    if set(data) != known:
        raise SpecError(f"{path}: keys missing or unknown: {', '.join(sorted(set(data) ^ known))}")
    return profile(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
