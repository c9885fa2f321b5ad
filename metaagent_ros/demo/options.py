"""What the demo is asked for, and whether it makes sense, before anything starts."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from metaagent_ros.graph import ARGUMENTS, INSTRUCTION, unknown
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.policies.learned import lacking

AUTO = "auto"
DRIVING = ("navigate", "follow")
_CHOICES = {argument.name: argument.choices for argument in ARGUMENTS}
ROBOTS = (AUTO, *_CHOICES["robot"])
DEFAULT = {True: "diffbot", False: "panda"}  # by whether the plan drives


class BadInput(Exception):
    """What was asked for cannot be done; the message says why and what can."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``metaagent demo``; ``policy`` None: the one shipped for the robot."""

    sentence: str = INSTRUCTION
    robot: str = AUTO
    scene_seed: int = 0
    hidden_seed: int = 0
    policy: Path | None = None
    max_trials: int = 8
    max_seconds: float = 60.0
    parser: str = "default"
    out: Path = Path("runs")
    physics: str = "bullet"

    def __post_init__(self) -> None:
        for name, allowed in {"robot": ROBOTS, **{n: _CHOICES[n] for n in ("parser", "physics")}}.items():
            if getattr(self, name) not in allowed:
                raise BadInput(unknown(f"--{name}", getattr(self, name), allowed))
        for name in ("scene_seed", "hidden_seed", "max_trials"):
            if not 0 <= getattr(self, name) < 2**31:
                option = name.replace("_", "-")
                raise BadInput(f"--{option} is {getattr(self, name)}; allowed: 0 to {2**31 - 1}")
        if not 0.0 < self.max_seconds <= 3600.0:
            raise BadInput(f"--max-seconds is {self.max_seconds:g}; allowed: above 0, at most 3600")


def choose_robot(plan: Plan, wanted: str) -> str:
    """The robot that carries out the plan; raises :class:`BadInput` where none, or not ``wanted``, can."""
    driving = [step.skill for step in plan.steps if step.skill in DRIVING]
    if driving and len(driving) < len(plan.steps):
        others = ", ".join(step.skill for step in plan.steps if step.skill not in DRIVING)
        raise BadInput(
            f"the sentence needs an arm ({others}) and a base ({', '.join(driving)}) at once;"
            " one robot carries out a sentence so far: say it as two sentences"
        )
    robot = DEFAULT[bool(driving)] if wanted == AUTO else wanted
    for step in plan.steps:
        if why := lacking(step, robot):
            fitting = DEFAULT[bool(driving)]
            hint = f"; --robot {fitting} is for that" if not lacking(step, fitting) else ""
            raise BadInput(f"{why}{hint}")
    return robot


def repeat_command(options: Options, robot: str) -> str:
    """The command line that does the same again, safe to paste into a shell."""
    program = Path(sys.executable).parent / "metaagent"
    near = os.path.relpath(program)
    words = [near if not near.startswith("..") else str(program), "demo"]
    words += ["--robot", robot, "--scene-seed", str(options.scene_seed)]
    words += ["--hidden-seed", str(options.hidden_seed), "--max-trials", str(options.max_trials)]
    words += ["--max-seconds", f"{options.max_seconds:g}", "--parser", options.parser]
    words += ["--physics", options.physics]
    if options.policy is not None:
        words += ["--policy", str(options.policy)]
    return shlex.join([*words, "--", options.sentence])


def new_folder(root: Path, suffix: str = "") -> Path:
    """A new folder named by the time, also when another run starts in the same second."""
    name = time.strftime("%Y%m%d-%H%M%S") + suffix
    for number in range(1, 100):
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not root.is_dir():
                break
        except OSError as error:
            raise BadInput(f"cannot write into {root}: {error.strerror}") from None
    raise BadInput(f"cannot make a new folder in {root}")
