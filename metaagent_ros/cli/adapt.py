"""``metaagent adapt``: adapt a policy to one task and show the curve, without ROS."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metaagent_ros.cli.shared import fail


def command(
    robot: Annotated[str, typer.Option(help="panda or diffbot")] = "panda",
    skill: Annotated[str | None, typer.Option(help="one of the robot's skills; default: its last")] = None,
    hidden_seed: Annotated[int, typer.Option(min=0, help="seed of the hidden parameters")] = 0,
    policy: Annotated[Path | None, typer.Option(help="start; default: the one shipped")] = None,
    how: Annotated[
        str | None, typer.Option(help="infer, infer_blind, search, learn; default: as the policy's card says")
    ] = None,
    max_trials: Annotated[int, typer.Option(min=0)] = 8,
    max_seconds: Annotated[float, typer.Option(min=1.0)] = 120.0,
    out: Annotated[Path | None, typer.Option(help="folder for the adapted policy")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the curve as JSON only")] = False,
) -> None:
    """Exit 0 when the adapted policy is at least as good as the start and solves something, else 1."""
    import torch

    from metaagent_ros.meta.adaptation import Budget, Trial, adapt
    from metaagent_ros.meta.tasks import MetaTask, TaskEnv
    from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped_policy
    from sim_envs.simulation import hidden_from_seed
    from sim_envs.spec import SpecError, require
    from sim_envs.tasks import family

    torch.set_num_threads(1)

    def show(trial: Trial) -> None:
        if not as_json:
            print(
                f"trial {trial.number}: success {trial.success_rate:.2f}, return {trial.mean_return:.1f}, "
                f"{trial.env_steps} steps, {trial.seconds:.1f} s",
                flush=True,
            )

    try:
        kin = family(robot)
        require("skill", skill or kin.skills[-1], kin.skills)
        hidden = hidden_from_seed(robot, hidden_seed)
        start, env = PolicyFile.load(policy or shipped_policy(robot)), TaskEnv(kin)
        env.play(MetaTask(skill or kin.skills[-1], hidden, 0))
        result = adapt(start, env, Budget(max_trials, max_seconds), 0, show, adapter=how)
        env.close()
    except (SpecError, PolicyFileError, ValueError) as error:
        raise fail(str(error)) from None
    if out is not None:
        result.policy.save(out)
    if as_json:
        curve = [asdict(trial) for trial in result.curve]
        print(
            json.dumps(
                {
                    "hidden": asdict(hidden),
                    "best": result.best,
                    "rolled_back": result.rolled_back,
                    "curve": curve,
                }
            )
        )
    else:
        print(f"best: trial {result.best}" + (" (rolled back to the start)" if result.rolled_back else ""))
    raise typer.Exit(0 if result.curve[result.best].success_rate > 0.0 else 1)
