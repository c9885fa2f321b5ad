"""The distribution of tasks: drawing from a split, and manifests that keep what was drawn.

``python -m sim_envs.distribution --write`` draws the committed manifests again, ``sim_envs/manifests``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim_envs import ROBOT_TASKS, make_env
from sim_envs.atomic import write_atomically
from sim_envs.core import Ranges, Situation, sample_hidden
from sim_envs.robots import load_profile
from sim_envs.spec import Hidden, SpecError, Task, require
from sim_envs.splits import (
    SPLITS,
    UNSEEN_TASKS,
    draw_situation,
    hidden_ranges,
    situation_of,
    split_of,
    traits_of,
    unseen_hidden,
    unseen_objects,
    unseen_place,
)
from sim_envs.tasks.catalogue import find_task, tasks
from sim_envs.wordings import instruction

__all__ = ["Manifest", "TaskDistribution", "load_manifest", "play", "shipped", "situation_of", "split_of"]

FOLDER = Path(__file__).parent / "manifests"
SUMS = FOLDER / "SHA256SUMS"
FORMAT = 1
COUNT = 40  # tasks in each committed manifest
SEED = 2025  # of the committed manifests
CLUTTER = 3  # a scene holds fewer unrelated things than this
_SEEDS = 2**31
_TRIES = 4000


class ManifestError(ValueError):
    """A manifest that cannot be used; the message names the file and, where it is one, the task."""


def play(task: Task, render_mode: str | None = None) -> Any:
    """An environment at the start of the task's episode; close it after use."""
    env = make_env(task.robot, [task.name], render_mode=render_mode)
    begin(env, task)
    return env


def begin(env: Any, task: Task) -> Any:
    """Reset an environment of the task's robot and name to the episode's start; the first observation."""
    options = {"hidden": task.hidden, "situation": situation_of(task)}
    return env.reset(seed=task.seed, options=options)[0]


@dataclass(frozen=True)
class TaskDistribution:
    """All tasks of a split for these robots, of these names (by default all that the robots have)."""

    split: str = "T0"
    robots: tuple[str, ...] = tuple(ROBOT_TASKS)
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        require("split", self.split, tuple(SPLITS))
        object.__setattr__(self, "robots", tuple(self.robots))
        if self.names is not None:
            object.__setattr__(self, "names", tuple(self.names))
        for robot in self.robots:
            load_profile(robot)
        for name in self.names or ():
            find_task(name)
        if not self._pairs:
            asked = "all of theirs" if self.names is None else ", ".join(self.names)
            raise SpecError(f"{self.split} has no task for {', '.join(self.robots)} among {asked}")

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Task, ...]:
        """``n`` tasks; each pair of robot and name comes equally often, up to one."""
        drawn: list[Task] = []
        while len(drawn) < n:
            order = rng.permutation(len(self._pairs))[: n - len(drawn)]
            drawn += [self._draw(*self._pairs[int(i)], rng) for i in order]
        return tuple(drawn)

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps({"split": self.split, "robots": self.robots, "names": self.names})

    @classmethod
    def from_json(cls, text: str) -> TaskDistribution:
        """The inverse of :meth:`to_json`; raises ``SpecError``, ``TypeError`` or ``ValueError``."""
        return cls(**json.loads(text))

    @cached_property
    def _pairs(self) -> tuple[tuple[str, str], ...]:
        """The robots with each of their tasks that can be in the split."""
        unseen = SPLITS[self.split] == "task"
        pairs = []
        for robot in self.robots:
            kind = load_profile(robot).family
            known = ROBOT_TASKS.get(robot, tuple(tasks(kind))) if self.names is None else self.names
            names = [name for name in known if find_task(name).family == kind]
            pairs += [(robot, name) for name in names if (name in UNSEEN_TASKS) == unseen]
        return tuple(pairs)

    def _draw(self, robot: str, name: str, rng: np.random.Generator) -> Task:
        """A task by rejection: first the scene, then what is hidden, then its words."""
        wanted, ranges = SPLITS[self.split], hidden_ranges(robot)
        seed, clutter, situation = _draw_situation(robot, name, self.split, rng)
        hidden, spec = draw_hidden(ranges, wanted == "hidden", rng), situation.task.spec
        return Task(robot, spec, hidden, seed, name, instruction(spec, rng, wanted == "words"), clutter)


def draw_place(robot: str, name: str, split: str, rng: np.random.Generator) -> Situation:
    """Scene and goal of a task as a split has them; what is hidden is not part of it."""
    return _draw_situation(robot, name, split, rng)[2]


def _draw_situation(
    robot: str, name: str, split: str, rng: np.random.Generator
) -> tuple[int, int, Situation]:
    wanted, kind = SPLITS[split], find_task(name).family
    for _ in range(_TRIES):
        seed, clutter = int(rng.integers(_SEEDS)), int(rng.integers(CLUTTER))
        situation = draw_situation(robot, name, seed, clutter)
        if unseen_place(situation, kind) != (wanted == "place"):
            continue
        if unseen_objects(situation) is (wanted == "objects"):
            return seed, clutter, situation
    raise SpecError(f"{split}: no {name!r} for {robot!r} among {_TRIES} draws")


def draw_hidden(ranges: Ranges, unseen: bool, rng: np.random.Generator) -> Hidden:
    """A hidden part that is held out (split T2), or one that is not."""
    while True:
        hidden = sample_hidden(ranges, rng)
        if unseen_hidden(hidden, ranges) is unseen:
            return hidden


@dataclass(frozen=True, slots=True)
class Manifest:
    """A list of tasks of one split, as a file keeps it."""

    split: str
    tasks: tuple[Task, ...]

    @property
    def sha256(self) -> str:
        """Of the tasks as canonical JSON."""
        return _digest([task.to_dict() for task in self.tasks])

    def to_json(self) -> str:
        """As JSON, a task a line."""
        lines = ",\n".join(json.dumps(task.to_dict(), sort_keys=True) for task in self.tasks)
        head = f'"format": {FORMAT}, "split": {json.dumps(self.split)}, "sha256": "{self.sha256}"'
        return f'{{{head}, "tasks": [\n{lines}\n]}}\n'

    def write(self, path: Path) -> None:
        """Write it so that a reader sees the old file or the new one."""
        write_atomically(path, self.to_json().encode())


def load_manifest(path: Path) -> Manifest:
    """The manifest of a file; :class:`ManifestError` unless it is whole and every task in its split."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version, split, rows, said = (data[key] for key in ("format", "split", "tasks", "sha256"))
        require("split", split, tuple(SPLITS))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path}: not a manifest: {type(error).__name__}: {error}") from None
    if version != FORMAT:
        raise ManifestError(f"{path}: format is {version!r}; allowed: {FORMAT}")
    if not isinstance(rows, list) or _digest(rows) != said:
        raise ManifestError(f"{path}: the tasks have the hash {_digest(rows)}; the file says {said}")
    return Manifest(split, tuple(_task(path, number, split, row) for number, row in enumerate(rows, 1)))


def _task(path: Path, number: int, split: str, row: Any) -> Task:
    try:
        task = Task.from_dict(row)
        traits = traits_of(task)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"{path}: task {number}: {error}") from None
    if traits.split != split:
        raise ManifestError(
            f"{path}: task {number} is in {traits.split or 'no split'} ({traits}), not in {split}"
        )
    return task


def shipped(split: str) -> Manifest:
    """The committed manifest of a split; an unknown one raises ``SpecError`` with the nearest match."""
    require("split", split, tuple(SPLITS))
    return load_manifest(FOLDER / f"{split}.json")


def redrawn(split: str) -> Manifest:
    """The committed manifest drawn again: the same, unless what tasks are drawn from has changed."""
    rng = np.random.default_rng((SEED, list(SPLITS).index(split)))
    return Manifest(split, TaskDistribution(split).sample(COUNT, rng))


def pins() -> dict[str, str]:
    """The pinned hash of each committed file, by its name."""
    rows = [line.split() for line in SUMS.read_text(encoding="utf-8").splitlines()]
    return {name: digest for digest, name in rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the committed manifests again and say what differs; exit 1 then, unless they are written."""
    parser = argparse.ArgumentParser(prog="python -m sim_envs.distribution", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="replace them and their pinned hashes")
    write, lines, known = parser.parse_args(arguments).write, [], pins() if SUMS.exists() else {}
    FOLDER.mkdir(exist_ok=True)
    for split in SPLITS:
        name, text = f"{split}.json", redrawn(split).to_json()
        digest = hashlib.sha256(text.encode()).hexdigest()
        lines.append(f"{digest}  {name}\n")
        if write:
            write_atomically(FOLDER / name, text.encode())
        print(f"{name} {digest[:16]} {'same' if known.get(name) == digest else 'differs'}")
    if write:
        write_atomically(SUMS, "".join(lines).encode())
    elif "".join(lines) != "".join(f"{digest}  {name}\n" for name, digest in known.items()):
        raise SystemExit(1)


def _digest(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


if __name__ == "__main__":
    main()
