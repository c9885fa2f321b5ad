"""``metaagent play``: one episode in simulation by the scripted expert or at random, as a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EPILOG = (
    "ID is an environment (PandaPush-v0), a task (push) or one of a manifest (T2:7; see metaagent tasks)."
)
FOLDER = Path("runs/play")


def command(
    name: Annotated[str, typer.Argument(metavar="ID", help="environment, task or SPLIT:NUMBER")],
    robot: Annotated[str | None, typer.Option(help="for a task; default: the first that can do it")] = None,
    expert: Annotated[bool, typer.Option("--expert/--random", help="who acts")] = True,
    seed: Annotated[int, typer.Option(min=0, help="of the scene and of random actions")] = 0,
    hidden_seed: Annotated[
        int | None, typer.Option(min=0, help="draw the hidden parameters; default: nominal, or the task's")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the clip; default: runs/play/ID.mp4")] = None,
) -> None:
    """Play it, write an mp4 and print success, steps and return."""
    from metaagent_ros.demo.playback import ClipError, write_clip
    from sim_envs.distribution import ManifestError
    from sim_envs.spec import SpecError

    try:
        env, said = _start(name, robot, seed, hidden_seed)
    except (SpecError, ManifestError) as error:
        raise fail(str(error)) from None
    try:
        if said:
            print(said)
        success, steps, total, frames = _episode(env, expert, seed)
    finally:
        env.close()
    print(f"{'success' if success else 'no success'}, {steps} steps, return {total:.2f}")
    path = out or FOLDER / f"{name.replace(':', '-')}.mp4"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(frames, path)
    except (ClipError, OSError) as error:
        raise fail(str(error), 1) from None
    print(f"clip {path}")


def _start(name: str, robot: str | None, seed: int, hidden_seed: int | None) -> tuple[Any, str]:
    """An environment at the start of an episode, and what it is asked to do."""
    import gymnasium

    from sim_envs import ENV_IDS, ROBOT_TASKS, make_env
    from sim_envs.distribution import play
    from sim_envs.spec import SpecError, require
    from sim_envs.splits import SPLITS, require_family
    from sim_envs.tasks.catalogue import tasks

    split, colon, number = name.partition(":")
    if robot is not None:
        require("robot", robot, tuple(ROBOT_TASKS))
    if (colon or name in ENV_IDS) and robot is not None:
        raise SpecError(f"{name!r} says which robot already; --robot is for a task such as 'push'")
    if colon:
        task = _of_manifest(split, number, hidden_seed)
        return play(task, "rgb_array"), task.instruction
    if name not in ENV_IDS:
        require("ID", name, (*tasks(), *ENV_IDS, *SPLITS))
    if name in SPLITS:
        raise SpecError(f"{name!r} is a split; allowed: a task of it such as '{name}:1'")
    if name in ENV_IDS:
        env = gymnasium.make(name, render_mode="rgb_array").unwrapped
    else:
        robots = [r for r, names in ROBOT_TASKS.items() if name in names]
        chosen = robot or ("panda" if "panda" in robots else next(iter(robots or ROBOT_TASKS)))
        require_family(chosen, name)
        env = make_env(chosen, [name], render_mode="rgb_array")
    _, info = env.reset(seed=seed, options=_hidden(env, hidden_seed))
    return env, _sentence(info["task"].spec, seed)


def _of_manifest(split: str, number: str, hidden_seed: int | None) -> Any:
    from dataclasses import replace

    import numpy as np

    from sim_envs.distribution import shipped
    from sim_envs.spec import SpecError
    from sim_envs.tasks import family

    known = shipped(split).tasks
    if not number.isdecimal() or not 1 <= int(number) <= len(known):
        raise SpecError(f"{split} has no task {number!r}; allowed: 1 to {len(known)}")
    task = known[int(number) - 1]
    if hidden_seed is None:
        return task
    return replace(task, hidden=family(task.robot).sample_hidden(np.random.default_rng(hidden_seed)))


def _hidden(env: Any, hidden_seed: int | None) -> dict[str, Any]:
    import numpy as np

    from sim_envs.core import sample_hidden

    if hidden_seed is None:
        return {}
    return {"hidden": sample_hidden(env.ranges, np.random.default_rng(hidden_seed))}


def _sentence(spec: Any, seed: int) -> str:
    import numpy as np

    from sim_envs.wordings import instruction

    return instruction(spec, np.random.default_rng(seed))


def _episode(env: Any, expert: bool, seed: int) -> tuple[bool, int, float, list[NDArray[np.uint8]]]:
    """Success, steps, return and the clip's frames, in real time."""
    import numpy as np

    from metaagent_ros.demo.playback import RATE

    env.action_space.seed(seed)
    frames, total, steps, ended, success = [np.asarray(env.render())], 0.0, 0, False, False
    spacing = env.metadata["render_fps"] / RATE
    while not ended:
        action = env.expert() if expert else env.action_space.sample()
        _, reward, terminated, truncated, info = env.step(action)
        steps, total, ended = steps + 1, total + float(reward), terminated or truncated
        success = bool(info["is_success"])
        if ended or steps >= len(frames) * spacing:
            frames.append(np.asarray(env.render()))
    return success, steps, total, frames
