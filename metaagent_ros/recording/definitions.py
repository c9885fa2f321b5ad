"""The text of message definitions, as a bag carries it so that any reader understands its messages.

Format ``ros2msg`` (https://mcap.dev/spec/registry#ros2msg): the definition of the type, then that of every
type that it is made of, each after a line of 80 ``=`` and ``MSG: package/Name``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from metaagent_ros.recording import BagError

_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_PRIMITIVES = {"bool", "byte", "char", "float32", "float64", "string", "wstring", *_INTEGERS}
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*")
_SEPARATOR = "=" * 80


def prefixes() -> tuple[Path, ...]:
    """Where ROS packages are installed: ``AMENT_PREFIX_PATH``, then the environment of this Python."""
    given = os.environ.get("AMENT_PREFIX_PATH", "")
    return (*(Path(p) for p in given.split(os.pathsep) if p), Path(sys.prefix))


def definition(kind: str, where: tuple[Path, ...] | None = None) -> str:
    """The whole definition of ``kind``, such as ``sensor_msgs/msg/JointState``.

    Raises :class:`BagError` for a name that is none, and for a type that is not installed below ``where``
    (default: :func:`prefixes`).
    """
    places = prefixes() if where is None else where
    text = _text(kind, places)
    parts, known, waiting = [text], {_short(kind)}, list(_parts(text, kind))
    while waiting:
        name = waiting.pop(0)
        if name in known:
            continue
        known.add(name)
        text = _text(name, places)
        parts.append(f"MSG: {name}\n{text}")
        waiting.extend(_parts(text, name))
    return f"{_SEPARATOR}\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def _short(kind: str) -> str:
    package, _, rest = kind.partition("/")
    return f"{package}/{rest.rpartition('/')[2]}"


def _text(kind: str, places: tuple[Path, ...]) -> str:
    package, _, name = _short(kind).partition("/")
    if not package.isidentifier() or not name.isidentifier():
        raise BagError(f"message type is {kind!r}; it must be of the form package/msg/Name")
    for place in places:
        path = place / "share" / package / "msg" / f"{name}.msg"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    looked = ", ".join(map(str, places))
    raise BagError(f"no definition of {kind} (share/{package}/msg/{name}.msg) below {looked}")


def _parts(text: str, kind: str) -> Iterator[str]:
    """The message types of the fields, as ``package/Name``, in their order."""
    for line in text.splitlines():
        field = _FIELD.match(line.split("#", 1)[0])
        if field is None or field[1] in _PRIMITIVES:
            continue
        yield _short(field[1]) if "/" in field[1] else f"{kind.split('/')[0]}/{field[1]}"
