"""Policy files: a safetensors file whose header carries the card as JSON. They hold no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sim_envs.atomic import write_atomically

FILE = "policy.safetensors"
_CRITIC, _TARGET = "critic.", "critic_target."


def shipped(name: str) -> Path:
    """The folder of a model that travels with the project: in the source tree, else under ``share/``."""
    here = Path(__file__).resolve()
    source, installed = (
        here.parents[2],
        here.parents[min(5, len(here.parents) - 1)] / "share" / "metaagent_ros",
    )
    return next(
        (p for p in (source / "models" / name, installed / "models" / name) if p.is_dir()),
        source / "models" / name,
    )


POLICY_ROBOTS = ("panda", "diffbot")
"""The robots whose policies travel with the project."""


def shipped_policy(robot: str) -> Path:
    """The folder of a robot's shipped policy; :class:`PolicyFileError` says what to do without one."""
    if robot not in POLICY_ROBOTS:
        raise PolicyFileError(
            f"no policy is shipped for {robot}; shipped: {', '.join(POLICY_ROBOTS)}. "
            f"metaagent train --robot {robot} --out FOLDER makes one, --policy FOLDER takes it"
        )
    return shipped(robot)


class PolicyFileError(ValueError):
    """A policy file that cannot be used; the message names the file and the cause."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """Named weights, and the card that says what they are (``observation_size``, ``action_size``, ...)."""

    tensors: Mapping[str, NDArray[np.float32]]
    card: Mapping[str, Any]

    def dumps(self) -> bytes:
        """The file as bytes, without the target critic: learning starts with a copy of the critic."""
        kept = {name: value for name, value in self.tensors.items() if not name.startswith(_TARGET)}
        arrays = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in kept.items()}
        return save(arrays, metadata={"card": json.dumps(dict(self.card), sort_keys=True)})

    def save(self, folder: Path) -> None:
        """Write ``policy.safetensors`` and a readable ``policy.json``, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FILE, self.dumps())
        text = json.dumps(dict(self.card), indent=2, sort_keys=True) + "\n"
        write_atomically(folder / "policy.json", text.encode())

    @classmethod
    def load(cls, folder: Path) -> PolicyFile:
        """Read a folder that :meth:`save` wrote; raises :class:`PolicyFileError`."""
        path = folder / FILE
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PolicyFileError(f"{path}: {error.strerror}; is it a policy folder?") from None
        return cls.loads(data, str(path))

    @classmethod
    def loads(cls, data: bytes, name: str = "policy") -> PolicyFile:
        """Read bytes that :meth:`dumps` made; raises :class:`PolicyFileError`."""
        try:
            tensors = load(data)
            size = int.from_bytes(data[:8], "little")
            card = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["card"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise PolicyFileError(f"{name}: not a policy file: {error}") from None
        for key, value in tensors.items():
            if not np.isfinite(value).all():
                raise PolicyFileError(f"{name}: {key} holds values that are not finite")
        copies = {_TARGET + n[len(_CRITIC) :]: v for n, v in tensors.items() if n.startswith(_CRITIC)}
        return cls({**tensors, **copies}, card)
