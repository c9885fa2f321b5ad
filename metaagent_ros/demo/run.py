"""The demo from the sentence to the verdict and the report."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from metaagent_ros.control.execution import Outcome
from metaagent_ros.demo.interrupts import Interrupts
from metaagent_ros.demo.options import Options, new_folder, repeat_command
from metaagent_ros.demo.playback import ClipError, Playback, play, playing, write_clip, write_picture
from metaagent_ros.demo.prepare import Prepared, prepare
from metaagent_ros.demo.records import EXIT, FAILED, INTERRUPTED, PASSED, REFUSED, UNABLE, Record
from metaagent_ros.demo.report import WORDS, Media, render
from metaagent_ros.demo.terminal import Terminal
from metaagent_ros.demo.verdict import judge
from metaagent_ros.demo.view import View
from metaagent_ros.demo.watch import ProcessDied, Watcher
from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from sim_envs.atomic import write_atomically

READY_SECONDS = 90.0  # [s] for the processes to come up and find each other, on a busy machine
PACKAGES = ("torch", "stable-baselines3", "gymnasium", "numpy", "pybullet", "mujoco", "ros-jazzy-rclpy")
THREADS = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}  # five processes share the cores
Connect = Callable[[Mapping[str, str]], AbstractContextManager[Any]]


def connect(environment: Mapping[str, str]) -> AbstractContextManager[Any]:
    """A client in the stack's ROS domain."""
    from metaagent_ros.nodes.client import Client

    return Client(environment=environment)


def demo(
    options: Options,
    terminal: Terminal,
    interrupts: Interrupts,
    connect: Connect = connect,
    stack: Any = Stack,
) -> int:
    """Carry the sentence out; returns the exit code. Raises ``BadInput`` where nothing may start."""
    began = time.monotonic()
    with View(terminal.out) as view:
        prepared = prepare(options, view)
        folder = new_folder(options.out)
        record = _record(options, prepared)
        record.seconds["prepare"] = time.monotonic() - began
        (folder / "logs").mkdir()
        terminal.divert(folder / "logs" / "demo.log")
        try:
            graph = simulation_graph(_graph(options, prepared, folder))
            with stack(graph, folder / "logs", THREADS) as processes:
                _carry_out(options, record, view, processes, connect)
            interrupts.check()  # ending the processes swallows a Ctrl-C
        except KeyboardInterrupt:
            before = f"; before that: {record.message}" if record.message else ""
            record.outcome, record.message = INTERRUPTED, f"interrupted before the end{before}"
        except ProcessDied as death:
            record.outcome = UNABLE if death.died.returncode == 2 else FAILED
            record.message = f"the process {death.died.name} ended with {death.died.returncode}"
            view.say(str(death), "red")
        return _conclude(record, folder, view, interrupts)


def _record(options: Options, prepared: Prepared) -> Record:
    return Record(
        sentence=options.sentence,
        robot=prepared.robot,
        command=repeat_command(options, prepared.robot),
        plan=prepared.plan,
        hidden=prepared.hidden,
        scene_seed=options.scene_seed,
        hidden_seed=options.hidden_seed,
        versions=_versions(),
    )


def _graph(options: Options, prepared: Prepared, folder: Path) -> GraphOptions:
    return GraphOptions(
        robot=prepared.robot,
        scene_seed=options.scene_seed,
        hidden_seed=options.hidden_seed,
        policy=str(prepared.policy),
        max_trials=options.max_trials,
        max_seconds=options.max_seconds,
        parser=options.parser,
        physics=options.physics,
        record=str(folder.resolve()),
    )


def _versions() -> dict[str, str]:
    from importlib import metadata

    from metaagent_ros import __version__

    out = {"metaagent_ros": __version__, "Python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # an apt ROS is no Python distribution
            continue
    return out


def _carry_out(options: Options, record: Record, view: View, stack: Any, connect: Connect) -> None:
    """Wait for the graph, let it carry out the sentence, judge what truly happened."""
    view.stage("Starting the simulator, the parser, the learner, the policy and the guard")
    with record.timed("start"):
        joined = connect(stack.env)
    with joined as client:
        watcher = Watcher(record, view, client, stack, options.max_seconds)
        try:
            with record.timed("start"):
                client.wait_ready(READY_SECONDS, watcher.waiting)
            view.say(f"{len(stack.specs)} processes are ready, ROS_DOMAIN_ID {stack.env['ROS_DOMAIN_ID']}")
            watcher.begin()
            outcome = client.execute(
                options.sentence,
                max_trials=options.max_trials,
                max_seconds=options.max_seconds,
                on_feedback=watcher.feedback,
                cancelled=watcher.tick,
            )
            watcher.finish(outcome)
        except RuntimeError as error:  # DiscoveryError, without importing rclpy here
            watcher.look()  # a process that has ended says more
            record.outcome, record.message = UNABLE, str(error)
            return
    _judge(record, outcome)


def _judge(record: Record, outcome: Outcome) -> None:
    if outcome.status in ("refused", "clarify"):
        record.outcome, record.message = REFUSED, outcome.message
        return
    record.verdicts = judge(record.plan.steps, record.robot, record.samples)
    good = all(verdict.passed for verdict in record.verdicts) and outcome.status in ("done", "failed")
    record.outcome = PASSED if good else FAILED
    shown = [v for v in record.verdicts if good or not v.passed]
    record.message = "; ".join(verdict.text for verdict in shown)
    if outcome.status != "done":
        record.message += f" (the robot reports: {outcome.message})"


def _conclude(record: Record, folder: Path, view: View, interrupts: Interrupts) -> int:
    """Draw, then write: a Ctrl-C ends the drawing, and cannot leave half a file."""
    interrupted = record.outcome == INTERRUPTED
    media = Media(Playback(), note="the run was interrupted" if interrupted else "nothing ran")
    try:
        if record.samples and not interrupted:
            view.stage("Drawing the clip and writing the report")
            with record.timed("clip"):
                media = _media(folder, view)
    except KeyboardInterrupt:
        record.outcome = INTERRUPTED
        record.message = f"interrupted while the clip was drawn; before that: {record.message}"
    record.seconds["total"] = sum(record.seconds.values())
    with interrupts.shield():
        text = json.dumps(record.to_dict(), indent=2, ensure_ascii=False) + "\n"
        write_atomically(folder / "result.json", text.encode())
        write_atomically(folder / "report.html", render(record, media).encode())
    word = WORDS[record.outcome]
    view.verdict(f"{word}: {record.message}; report: {folder / 'report.html'}", record.outcome == PASSED)
    return EXIT[record.outcome]


def _media(folder: Path, view: View) -> Media:
    """Clip and picture; without them there is a report all the same, which says why."""
    playback = Playback()
    try:
        playback, frames = play(folder, lambda done, of: view.waiting(f"frame {done} of {of}"))
        if frames:
            write_picture(frames[-1], folder / "last.png")
        write_clip(frames, folder / "clip.mp4")
    except ClipError as error:
        return Media(playback, note=str(error))
    except (OSError, ValueError, KeyError) as error:
        return Media(playback, note=f"the recording cannot be played: {error}")
    pace = " ".join(playing(len(frames), playback.times[-1]))
    return Media(playback, (folder / "clip.mp4").read_bytes(), (folder / "last.png").read_bytes(), pace)
