"""``metaagent train``: joint pretraining, then Reptile; the policy that ships is made by this."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent_ros.cli.shared import fail


def command(
    robot: Annotated[str, typer.Option(help="panda or diffbot")] = "panda",
    out: Annotated[Path | None, typer.Option(help="folder; default runs/train-ROBOT")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    iterations: Annotated[int, typer.Option(min=1, help="Reptile's outer iterations")] = 3,
    batch: Annotated[int, typer.Option(min=1, help="tasks of one outer iteration")] = 4,
    inner_steps: Annotated[int, typer.Option(min=1, help="environment steps of an inner loop")] = 400,
    epsilon: Annotated[float, typer.Option(help="outer step size, annealed to 0")] = 0.1,
    inner_optimiser: Annotated[str, typer.Option(help="sgd, adam (fresh per task) or adam_kept")] = "adam",
    inner_rate: Annotated[float | None, typer.Option(help="inner learning rate; sgd needs one")] = None,
    beta1: Annotated[float, typer.Option(help="of the inner Adam")] = 0.9,
    critic: Annotated[str, typer.Option(help="average, reset or refit, see docs/reptile.md")] = "average",
    refit_steps: Annotated[int, typer.Option(min=0, help="environment steps, with --critic refit")] = 0,
    engine: Annotated[str, typer.Option(help="local or ray: where inner loops run")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="inner loops at once")] = 1,
    address: Annotated[str | None, typer.Option(help="of a running Ray cluster")] = None,
    compare_every: Annotated[
        int, typer.Option(min=0, help="log the cosine with joint training every so many iterations")
    ] = 0,
    joint: Annotated[
        bool, typer.Option(help="also OUT/joint, the baseline that is never told what is hidden")
    ] = True,
    maml_iterations: Annotated[
        int, typer.Option(min=0, help="also OUT/maml and OUT/fomaml, after so many outer iterations")
    ] = 0,
    quick: Annotated[
        bool, typer.Option(help="a minute instead of many: to see it run, not to use it")
    ] = False,
) -> None:
    """Writes the policy into OUT and its start into OUT/pretrained; run again after a stop, it goes on."""
    import torch

    from metaagent_ros.meta.engine import WorkerLost, make_engine
    from metaagent_ros.meta.inner import InnerOptions
    from metaagent_ros.meta.maml_training import MamlConfig, train_both
    from metaagent_ros.meta.pretrain import QUICK, Schedule
    from metaagent_ros.meta.training import MetaConfig, train
    from sim_envs.robots import load_profile

    torch.set_num_threads(1)  # networks this small gain nothing from more, and bits stay the same
    folder = out or Path("runs") / f"train-{robot}"
    schedule = QUICK if quick else Schedule()
    try:
        load_profile(robot)
        inner = InnerOptions(inner_optimiser, inner_rate, beta1, critic, refit_steps)
        rounds = min(iterations, 1) if quick else iterations
        config = MetaConfig(robot, seed, rounds, batch, inner_steps, epsilon, inner=inner)
        with make_engine(engine, workers, address) as runner:
            print(f"training {robot} into {folder} (process {os.getpid()})", flush=True)
            bar = sys.stdout.isatty()
            how: dict[str, Any] = {"engine": runner, "bar": bar, "compare_every": compare_every}
            train(config, schedule, folder, _say, joint=joint, **how)
        if maml_iterations:
            train_both(MamlConfig(robot, seed, maml_iterations, batch), folder, _say)
    except (ValueError, OSError, WorkerLost) as error:
        raise fail(str(error)) from None
    print(f"wrote {folder}")


def _say(line: str) -> None:
    print(line, flush=True)
