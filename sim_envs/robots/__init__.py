"""Robot profiles: what is particular to a robot, as data (``<name>.yaml`` beside this file)."""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
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
    max_effort: tuple[float, ...]
    home: tuple[float, ...]
    gripper_max_width: float
    gripper_max_force: float
    control_period: float
    workspace_lower: Vec3
    workspace_upper: Vec3
    gripper_urdf: str = ""
    gripper_link: str = ""
    gripper_origin: tuple[float, ...] = ()
    base_origin: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joints)
        for name in ("lower", "upper", "max_velocity", "max_effort", "home"):
            if len(getattr(self, name)) != count:
                raise SpecError(
                    f"{self.name}: {name} has {len(getattr(self, name))} values for {count} joints"
                )


_PROFILES: dict[str, Any] = {"arm": ArmProfile, "base": BaseProfile}
_ADDED: dict[str, Path] = {}
FILES = "METAAGENT_ROBOTS"
"""Environment variable: profiles of robots of one's own, separated as in PATH; every process knows them."""


def robots() -> tuple[str, ...]:
    """The robots that come along, those of ``$METAAGENT_ROBOTS``, and those registered later.

    Raises ``SpecError`` for a profile of the variable that does not hold.
    """
    _take_files(os.environ.get(FILES, ""))
    return (*ROBOTS, *_ADDED)


@lru_cache(maxsize=1)
def _take_files(given: str) -> None:
    for path in filter(None, given.split(os.pathsep)):
        _add(Path(path))


def _add(path: Path) -> None:
    if path.stem in (*ROBOTS, *_ADDED):
        raise SpecError(f"robot {path.stem!r} is registered already; allowed: a name of its own")
    read_profile(path)
    _ADDED[path.stem] = path


def register_robot(path: Path | str) -> str:
    """Make the robot of a profile known by its file's name, which is returned.

    A name that is taken, or a profile that does not hold, raises ``SpecError``.
    """
    robots()
    _add(Path(path))
    return Path(path).stem


def load_profile(name: str) -> Any:
    """The :class:`ArmProfile` or :class:`BaseProfile` of that robot, as its ``family`` says.

    An unknown name raises ``SpecError`` with the nearest match.
    """
    return read_profile(profile_path(name))


def profile_path(name: str) -> Path:
    """The file of that robot's profile; an unknown name raises ``SpecError`` with the nearest match."""
    require("robot", name, robots())
    return _ADDED.get(name, _FOLDER / f"{name}.yaml")


def ros_block(name: str) -> dict[str, Any]:
    """The optional block ``ros`` of that robot's profile, which no world looks at; else empty."""
    block = _read(profile_path(name)).get("ros", {})
    if not isinstance(block, dict):
        raise SpecError(f"{name}: ros is {block!r}; allowed: keys and values")
    return block


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SpecError(f"{path}: there is no such file")
    data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise SpecError(f"{path}: holds {type(data).__name__}; allowed: keys and values of a profile")
    return data


@lru_cache(maxsize=64)
def read_profile(path: Path) -> Any:
    """The profile in a file; a ``urdf`` beside it is found there. Errors (``SpecError``) name the file."""
    data = _read(path)
    data.pop("ros", None)
    for key in ("urdf", "gripper_urdf"):
        if (beside := path.parent / str(data.get(key, ""))).is_file():
            data[key] = str(beside.resolve())
    require(f"{path}: family", data.get("family"), tuple(_PROFILES))
    profile = _PROFILES[data["family"]]
    known = {f.name for f in fields(profile)}
    needed = {f.name for f in fields(profile) if f.default is MISSING}
    if wrong := (set(data) - known) | (needed - set(data)):
        raise SpecError(f"{path}: keys missing or unknown: {', '.join(sorted(wrong))}")
    return profile(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})
