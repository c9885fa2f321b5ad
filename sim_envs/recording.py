"""States of a simulation, written while it runs and drawn afterwards: drawing is too slow to do live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

FILE = "states.jsonl"
PERIOD = 0.1  # [s] of simulated time between two states
LINGER = 1.0  # [s] of simulated time that a recording goes on after the last command


class Recorder:
    """Appends states to ``<folder>/states.jsonl`` while commands arrive; the first line says of what."""

    def __init__(self, folder: Path, robot: str, scene_seed: int, hidden_seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        header = {"robot": robot, "scene_seed": scene_seed, "hidden_seed": hidden_seed, "period": PERIOD}
        self._file: IO[str] = (folder / FILE).open("w", encoding="utf-8")
        self._write(header)
        self._next, self._until = 0.0, -1.0

    def commanded(self, now: float) -> None:
        """A command came at simulated time ``now`` [s]."""
        self._until = now + LINGER

    def take(self, simulation: Any) -> None:
        """Write the state when one is due."""
        now = simulation.time
        if now >= self._next and now <= self._until:
            self._next = now + PERIOD - 1e-9
            self._write(simulation.state())

    def close(self) -> None:
        """Twice is fine."""
        self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()  # whoever ends the graph reads it at once, however the graph ended
