"""``metaagent train``: joint pretraining, then Reptile; the policy that ships is made by this."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from metaagent_ros.cli.shared import fail


def command(
    robot: Annotated[str, typer.Option(help="panda or diffbot")] = "panda",
    out: Annotated[Path | None, typer.Option(help="folder; default runs/train-ROBOT")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    iterations: Annotated[int, typer.Option(min=1, help="Reptile's outer iterations")] = 10,
    batch: Annotated[int, typer.Option(min=1, help="tasks of one outer iteration")] = 4,
    inner_steps: Annotated[int, typer.Option(min=1, help="environment steps of an inner loop")] = 400,
    epsilon: Annotated[float, typer.Option(help="outer step size, annealed to 0")] = 0.1,
    quick: Annotated[
        bool, typer.Option(help="a minute instead of many: to see it run, not to use it")
    ] = False,
) -> None:
    """Writes the policy into OUT and its start into OUT/pretrained; run again after a stop, it goes on."""
    import torch

    from metaagent_ros.meta.pretrain import Schedule
    from metaagent_ros.meta.training import MetaConfig, meta_train, start
    from metaagent_ros.policies.files import FILE, PolicyFile, PolicyFileError
    from sim_envs.robots import load_profile
    from sim_envs.spec import SpecError

    torch.set_num_threads(1)  # networks this small gain nothing from more, and bits stay the same
    try:
        load_profile(robot)
    except SpecError as error:
        raise fail(str(error)) from None
    folder = out or Path("runs") / f"train-{robot}"
    schedule = Schedule(2, 10, 100, 10, 500) if quick else Schedule()
    config = MetaConfig(robot, seed, min(iterations, 1) if quick else iterations, batch, inner_steps, epsilon)
    print(f"training {robot} into {folder} (process {os.getpid()})", flush=True)
    try:
        if (folder / "pretrained" / FILE).exists():
            begin = PolicyFile.load(folder / "pretrained")
        else:
            begin = start(config, schedule, _say)
            begin.save(folder / "pretrained")
        meta_train(config, begin, folder, _say)
    except (PolicyFileError, ValueError, OSError) as error:
        raise fail(str(error)) from None
    print(f"wrote {folder}")


def _say(line: str) -> None:
    print(line, flush=True)
