"""The policy file of a run, looked at before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metaagent_ros.policies.files import PolicyFile, PolicyFileError


def check_policy(folder: Path, robot: str) -> Mapping[str, Any]:
    """The card of a policy that can act for that robot; raises ``PolicyFileError`` with file and cause."""
    from metaagent_ros.policies.prompt import PromptPolicy
    from sim_envs.tasks import family

    file = PolicyFile.load(folder)
    if (made_for := file.card.get("robot", robot)) != robot:
        raise PolicyFileError(f"{folder}: made for {made_for}, not for {robot}")
    try:
        PromptPolicy(file).act(np.zeros(len(family(robot).scale), dtype=np.float32))
    except PolicyFileError as error:
        raise PolicyFileError(f"{folder}: {error}") from None
    except ValueError as error:
        raise PolicyFileError(f"{folder}: does not fit the observation of {robot}: {error}") from None
    return file.card
