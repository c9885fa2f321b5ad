"""Package data and ROS 2 executables; the metadata stands in setup.cfg."""

from __future__ import annotations

from glob import glob
from pathlib import Path

from setuptools import setup

PACKAGE = "metaagent_ros"


def tree(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below ``folder``, installed under ``share/metaagent_ros`` at the same place."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            found.setdefault(f"share/{PACKAGE}/{path.parent.as_posix()}", []).append(path.as_posix())
    return list(found.items())


setup(
    python_requires=">=3.11,<3.14",  # in setup.cfg it becomes an object that colcon cannot read
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"lib/{PACKAGE}", sorted(glob("scripts/executables/*"))),
        *tree("launch"),
        *tree("urdf"),
        *tree("models"),
    ],
)
