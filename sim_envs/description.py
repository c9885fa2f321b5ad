"""Robot descriptions: read, checked and simplified for Bullet.

``robot_urdf`` gives the text to load and ``load`` loads it; the rest is for those who look closer. Where
files are wrong, :class:`DescriptionError` names the file and the cause.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from sim_envs import assets, meshes
from sim_envs.simplify import attach, bullet_urdf, simplified, stand
from sim_envs.urdf_checks import DescriptionError, check, with_place

__all__ = ["DescriptionError", "attach", "bullet_urdf", "load", "read", "robot_urdf"]

MAX_BYTES = 2_000_000
_ROS_DEFAULT = re.compile(r"\$\(optenv \w+ ?([^)]*)\)")  # husky.urdf: the default, whatever is in our shell
_OPEN_DOORS = re.compile(r"__|\bvars\b|\btype\s*\(|\bload_yaml\b|\$\((?!arg |dirname\))")


@lru_cache(maxsize=32)
def robot_urdf(
    urdf: str,
    visible: bool,
    gripper_urdf: str = "",
    gripper_link: str = "",
    gripper_origin: tuple[float, ...] = (),
    base_origin: tuple[float, ...] = (),
) -> str:
    """The text that Bullet loads for a robot, its gripper mounted if it has an extra one.

    ``urdf`` and ``gripper_urdf`` are names for :func:`assets.find_urdf` or absolute paths; the gripper's
    root link is fixed to ``gripper_link`` at ``gripper_origin`` (x, y, z [m], roll, pitch, yaw [rad]), the
    robot's at ``base_origin`` in the frame that it is commanded in, or empty where that is its own.
    The text is kept for the process: a file changed later is not read again.
    """
    robot = _prepared(urdf, visible)
    if gripper_urdf:
        gripper = _prepared(gripper_urdf, visible)
        with _naming(f"{urdf} with {gripper_urdf}"):
            robot = attach(robot, gripper, gripper_link, gripper_origin)
    if base_origin:
        with _naming(urdf):
            robot = stand(robot, base_origin, visible)
    return ET.tostring(robot, encoding="unicode")


def read(path: Path | str) -> ET.Element:
    """The checked ``<robot>`` element of a ``.urdf`` or ``.xacro`` file.

    Xacro evaluates Python expressions. The known ways out of its sandbox are refused, but it is a sandbox
    for mistakes: expand only files of people you trust.
    """
    path = Path(path)
    with _naming(str(path)):
        text = _text(path)
        if path.suffix == ".xacro":
            _check_xacro(path, {path.resolve()})
            text = _expand(path)
        root = _parse(_ROS_DEFAULT.sub(r"\1", text))
        check(root, massless=path.resolve().is_relative_to(assets.folders()[-1].resolve()))
        for link in root.findall("link"):
            with_place(link, lambda part: _find_meshes(part, path.parent))
    return root


def load(client: Any, text: str, **kwargs: Any) -> int:
    """Load such a text into a Bullet client with ``loadURDF(..., **kwargs)``; the body's number.

    It is checked once more, because Bullet crashes where links and joints are no tree.
    """
    _check_text(text)
    flags = kwargs.pop("flags", 0) | client.URDF_USE_INERTIA_FROM_FILE
    with tempfile.NamedTemporaryFile("w", suffix=".urdf", encoding="utf-8") as file:
        file.write(text.replace("><", ">\n<"))  # Bullet cuts lines that are longer than its buffer
        file.flush()
        try:
            return int(client.loadURDF(file.name, flags=flags, **kwargs))
        except client.error as error:
            name = re.search(r'<robot name="([^"]*)"', text)
            raise DescriptionError(
                f"robot {name[1] if name else '?'!r}: Bullet refuses it: {error}"
            ) from None


@lru_cache(maxsize=32)
def _check_text(text: str) -> None:
    check(_parse(text), massless=True)


def _prepared(urdf: str, visible: bool) -> ET.Element:
    try:
        path = Path(urdf) if Path(urdf).is_absolute() else assets.find_urdf(urdf)
    except assets.AssetError as error:
        raise DescriptionError(str(error)) from None
    root = read(path)
    with _naming(str(path)):
        return simplified(root, path.parent, visible)


@contextlib.contextmanager
def _naming(file: str) -> Iterator[None]:
    """Put the file's name before what goes wrong inside."""
    try:
        yield
    except DescriptionError as error:
        raise DescriptionError(f"{file}: {error}") from None


def _text(path: Path) -> str:
    """The file's text, refused before any parser sees it where it is too large or has entities."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DescriptionError(f"it is larger than {MAX_BYTES // 1_000_000} MB")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DescriptionError("it is not UTF-8 text") from None
    except OSError as error:
        raise DescriptionError(f"it cannot be read: {error.strerror}") from None
    if "\0" in text:
        raise DescriptionError("it is not UTF-8 text")
    if not text.strip():
        raise DescriptionError("it is empty")
    if found := re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise DescriptionError(f"it has a {found[1].upper()}, which is not allowed")
    return text


def _parse(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise DescriptionError(f"it is no well-formed XML, or cut off: {error}") from None


def _check_xacro(path: Path, seen: set[Path]) -> None:
    """Check a xacro file and what it includes, before anything of it is evaluated."""
    text = _text(path)
    root = _parse(text)
    if found := _OPEN_DOORS.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)):
        raise DescriptionError(f"xacro: {found[0]!r} is not allowed")
    for element in root.iter():
        if element.tag.endswith("}element"):  # could become an include when evaluated
            raise DescriptionError("xacro: 'xacro:element' is not allowed")
        if element.tag.endswith("}include"):  # whatever the prefix means: xacro looks at the prefix alone
            _follow(element.get("filename", ""), path, seen)


def _follow(name: str, path: Path, seen: set[Path]) -> None:
    if re.search(r"[$*?\[]", name):
        raise DescriptionError(f"xacro: include {name!r} must be a plain relative path")
    meshes.refuse_foreign(name)
    included, places = path.parent / name, [path.parent, *meshes.package(path.parent), *assets.folders()]
    if not meshes.is_inside(included, places):
        raise DescriptionError(f"xacro: include {name!r} leads out of {', '.join(map(str, places))}")
    if included.resolve() not in seen:
        seen.add(included.resolve())
        with _naming(f"include {name!r}"):
            _check_xacro(included, seen)


def _expand(path: Path) -> str:
    import xacro  # type: ignore[import-untyped]

    try:
        text = str(xacro.process_file(str(path), verbosity=0).documentElement.toxml())
    except Exception as error:  # an expression may raise whatever Python can raise
        raise DescriptionError(f"xacro: {error}") from None
    if len(text) > MAX_BYTES:
        raise DescriptionError(f"expanded, it is larger than {MAX_BYTES // 1_000_000} MB")
    return text


def _find_meshes(link: ET.Element, folder: Path) -> None:
    for mesh in link.iter("mesh"):
        meshes.find(mesh.get("filename", ""), folder)
