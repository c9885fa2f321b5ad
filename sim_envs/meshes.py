"""Mesh files: where a description may take them from, and their vertices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim_envs import assets
from sim_envs.urdf_checks import DescriptionError, nearest

MAX_BYTES = 50_000_000
READABLE = (".obj", ".stl")
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("attribute", "<u2")])


def find(name: str, folder: Path) -> Path:
    """The file that ``name`` means in a description in ``folder``.

    ``package://NAME/...`` and relative paths are looked up in that folder, in the ROS package around it and
    in :func:`assets.folders`; anything that leads out of these is refused, also by a symbolic link.
    """
    places = [folder, *package(folder), *assets.folders()]
    refuse_foreign(name)
    bare = name.removeprefix("package://")
    paths = [place / bare for place in places]
    if name.startswith("package://"):
        own, _, rest = bare.partition("/")
        paths += [place / rest for place in package(folder) if place.name == own]
    inside = [path for path in paths if is_inside(path, places)]
    for path in inside:
        if path.is_file():
            return path.resolve()
    if any(path.exists() for path in paths if path not in inside) or not inside:
        raise DescriptionError(f"file {name!r} leads out of {', '.join(map(str, places))}")
    siblings = [p.name for path in inside if path.parent.is_dir() for p in path.parent.iterdir()]
    raise DescriptionError(f"file {name!r} is missing.{nearest(Path(name).name, siblings)}")


def refuse_foreign(name: str) -> None:
    """Refuse absolute paths, drive letters and every scheme but ``package://``."""
    scheme = re.match(r"([\w+.-]+):", name)
    if scheme and not name.startswith("package://"):
        raise DescriptionError(
            f"file {name!r} has the scheme {scheme[1]!r}; allowed: package:// or a relative path"
        )
    if not name.strip() or "\0" in name or name.startswith(("/", "\\", "~")):
        raise DescriptionError(f"file {name!r} is no relative path; allowed: package:// or a relative path")


def package(folder: Path) -> list[Path]:
    """The ROS package that the folder belongs to: itself or one of the two folders above."""
    around = (folder, *folder.absolute().parents[:2])
    return [place for place in around if (place / "package.xml").is_file()][:1]


def is_inside(path: Path, places: list[Path]) -> bool:
    """Whether the path, with all links followed, lies in one of the places."""
    return any(path.resolve().is_relative_to(place.resolve()) for place in places)


def bounds(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest corner, (3,) each, of the box around a mesh's vertices, in its own unit."""
    kind = path.suffix.lower()
    if kind not in READABLE:
        raise DescriptionError(
            f"collision mesh {path.name!r}: allowed: {', '.join(READABLE)}, or a primitive shape"
        )
    if path.stat().st_size > MAX_BYTES:
        raise DescriptionError(f"mesh {path.name!r} is larger than {MAX_BYTES // 1_000_000} MB")
    data = path.read_bytes()
    try:
        vertices = _obj(data) if kind == ".obj" else _stl(data)
    except ValueError as error:
        raise DescriptionError(f"mesh {path.name!r} cannot be read: {error}") from None
    if not len(vertices) or not np.isfinite(vertices).all():
        raise DescriptionError(f"mesh {path.name!r} has no vertices, or some that are not finite")
    return vertices.min(axis=0), vertices.max(axis=0)


def _obj(data: bytes) -> NDArray[np.float64]:
    return _rows(line[2:] for line in data.splitlines() if line.startswith((b"v ", b"v\t")))


def _stl(data: bytes) -> NDArray[np.float64]:
    count = int.from_bytes(data[80:84], "little")
    if len(data) == 84 + _TRIANGLE.itemsize * count:  # text may begin with anything, also with "solid"
        triangles = np.frombuffer(data, _TRIANGLE, count, offset=84)
        return triangles["vertices"].reshape(-1, 3).astype(np.float64)
    lines = (line.strip() for line in data.splitlines())
    return _rows(line[6:] for line in lines if line.startswith(b"vertex"))


def _rows(lines: Iterable[bytes]) -> NDArray[np.float64]:
    rows = [line.split()[:3] for line in lines]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)
