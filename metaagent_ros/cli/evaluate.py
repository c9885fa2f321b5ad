"""``metaagent evaluate``: success before and after adaptation on held-out tasks, beside baselines."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

ARMS = ("meta", "pretrained", "scratch")


def command(
    robot: Annotated[str, typer.Option(help="panda or diffbot")] = "panda",
    arms: Annotated[str, typer.Option(help=f"of {', '.join(ARMS)}; separated by commas")] = ",".join(ARMS),
    tasks: Annotated[int, typer.Option(min=1, help="held-out tasks")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="seeds of adaptation for each")] = 1,
    trials: Annotated[int, typer.Option(min=1, help="adaptation trials")] = 5,
    policy: Annotated[Path | None, typer.Option(help="the meta-trained policy; default: shipped")] = None,
    out: Annotated[
        Path | None, typer.Option(help="write every row and the summary to this JSON file")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON only")] = False,
) -> None:
    """Interquartile means with 95 % bootstrap intervals; every arm gets the same tasks and budget."""
    import torch

    from metaagent_ros.evaluation.protocol import Row, evaluate, summary
    from metaagent_ros.policies.files import PolicyFileError
    from sim_envs.atomic import write_atomically
    from sim_envs.spec import SpecError, require

    torch.set_num_threads(1)

    def show(row: Row) -> None:
        if not as_json:
            curve = " ".join(f"{v:.2f}" for v in row.curve)
            print(
                f"task {row.task} {row.skill:<11}{row.arm:<11}{row.before:.2f} to {row.after:.2f} ({curve})",
                flush=True,
            )

    try:
        chosen = [arm.strip() for arm in arms.split(",")]
        for arm in chosen:
            require("arm", arm, ARMS)
        files = {arm: _start(arm, robot, policy) for arm in chosen}
        rows = evaluate(robot, files, tasks, seeds, trials, on_row=show)
    except (SpecError, PolicyFileError) as error:
        raise fail(str(error)) from None
    result = {"robot": robot, "tasks": tasks, "seeds": seeds, "trials": trials, "arms": summary(rows)}
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        data = json.dumps(result | {"rows": [asdict(row) for row in rows]}, indent=1)
        write_atomically(out, data.encode())
    print(json.dumps(result) if as_json else _table(result["arms"], chosen))


def _start(arm: str, robot: str, policy: Path | None) -> Any:
    from metaagent_ros.meta.training import MetaConfig, scratch
    from metaagent_ros.policies.files import PolicyFile, shipped_policy

    if arm == "scratch":
        return scratch(MetaConfig(robot))
    if arm == "pretrained":
        return PolicyFile.load(shipped_policy(robot) / "pretrained")
    return PolicyFile.load(policy or shipped_policy(robot))


def _table(arms: Any, chosen: list[str]) -> str:
    lines = [f"\n{'arm':<12}{'before':<22}{'after':<22}mean success before and after each trial"]
    for arm in chosen:
        row = arms[arm]
        before, after = (
            f"{row[k]['value']:.2f} [{row[k]['low']:.2f}, {row[k]['high']:.2f}]" for k in ("before", "after")
        )
        lines.append(f"{arm:<12}{before:<22}{after:<22}{' '.join(f'{v:.2f}' for v in row['curve'])}")
    return "\n".join(lines)
