"""Which tasks there are: every module of this package that has a ``TASK``, and those registered later."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from pathlib import Path
from typing import Any

from sim_envs.core import TaskDefinition
from sim_envs.spec import SKILLS, SpecError, require

_ADDED: dict[str, TaskDefinition[Any]] = {}


@lru_cache(maxsize=1)
def _built_in() -> dict[str, TaskDefinition[Any]]:
    package = __name__.rpartition(".")[0]
    names = sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = (importlib.import_module(f"{package}.{name}") for name in names)
    tasks = [module.TASK for module in modules if hasattr(module, "TASK")]
    return {task.name: task for task in tasks}


def tasks(family: str | None = None) -> dict[str, TaskDefinition[Any]]:
    """All tasks by name, or those of one family (``arm``, ``base``)."""
    known = {**_built_in(), **_ADDED}
    return {name: task for name, task in known.items() if family in (None, task.family)}


def find_task(name: str) -> TaskDefinition[Any]:
    """The task of that name; an unknown one raises ``SpecError`` with the nearest match."""
    known = tasks()
    require("task", name, tuple(known))
    return known[name]


def register_task(task: TaskDefinition[Any]) -> None:
    """Make a task known by its name; a name that is taken or an unknown skill raises ``SpecError``."""
    if task.name in tasks():
        raise SpecError(f"task {task.name!r} is registered already; allowed: a name of its own")
    require("family", task.family, ("arm", "base"))
    require("skill", task.skill, SKILLS)
    _ADDED[task.name] = task
