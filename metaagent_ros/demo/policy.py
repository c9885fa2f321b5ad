"""The policy file of a run, looked at before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaagent_ros.policies.files import PolicyFile, PolicyFileError

__all__ = ["PolicyFileError", "check_policy", "shipped_policy"]
MODELS = Path(__file__).resolve().parents[2] / "models"


def shipped_policy(robot: str) -> Path:
    """Where the policy of that robot lies."""
    return MODELS / robot


def check_policy(folder: Path) -> Mapping[str, Any]:
    """The card of a policy that can act; raises ``PolicyFileError`` with file and cause."""
    from metaagent_ros.policies.inference import FastPolicy

    file = PolicyFile.load(folder)
    try:
        FastPolicy(file)
    except PolicyFileError as error:
        raise PolicyFileError(f"{folder}: {error}") from None
    return file.card
