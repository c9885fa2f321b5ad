"""Where robot descriptions lie: our own first, then those that come with PyBullet."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve()


class AssetError(FileNotFoundError):
    """A file that is nowhere; the message names it and the places looked at."""


def folders() -> tuple[Path, ...]:
    """The places looked at, in this order."""
    import pybullet_data

    return (
        _HERE.parents[1] / "urdf",  # source tree, editable install
        _HERE.parents[min(4, len(_HERE.parents) - 1)] / "share" / "metaagent_ros" / "urdf",  # wheel, colcon
        Path(pybullet_data.getDataPath()),
    )


def find_urdf(name: str) -> Path:
    """The URDF of that name, relative to one of :func:`folders`; raises :class:`AssetError`."""
    places = folders()
    for folder in places:
        if (folder / name).is_file():
            return folder / name
    raise AssetError(f"{name} is in none of: {', '.join(map(str, places))}")
