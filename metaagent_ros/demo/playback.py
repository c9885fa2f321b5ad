"""A recorded run played again in a fresh simulation: what truly happened, its pictures and its clip."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim_envs.atomic import write_atomically
from sim_envs.recording import FILE, PERIOD
from sim_envs.spec import Scene

FRAMES_MIN, FRAMES_MAX = 40, 150
DRAW_SECONDS = 20.0  # [s] to spend on drawing, about
RATE = 10  # [Hz] of the clip
WIDTH, HEIGHT = 480, 360
_STILL = 2  # frames of the end that the clip stays on, in seconds
Image = NDArray[np.uint8]


class ClipError(Exception):
    """Why there is no clip; the report says so instead of showing one."""


@dataclass(slots=True)
class Playback:
    """What the recording shows: times [s] of motion (pauses cut out), true scenes, joint speeds [rad/s].

    ``speeds`` and ``limits`` (n_joints each) are empty for a base.
    """

    times: list[float] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    joints: tuple[str, ...] = ()
    positions: list[NDArray[np.float64]] = field(default_factory=list)
    limits: tuple[float, ...] = ()

    def fastest(self) -> list[float]:
        """At each time but the first: the largest joint speed, as a share of that joint's limit."""
        shares = []
        for number in range(1, len(self.times)):
            span = max(self.times[number] - self.times[number - 1], 1e-6)
            speed = np.abs(self.positions[number] - self.positions[number - 1]) / span
            shares.append(float((speed / np.array(self.limits)).max()))
        return shares


def states(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and states of a recording; a last line that was cut short is left out."""
    with (folder / FILE).open(encoding="utf-8") as file:
        entries = [json.loads(line) for line in file if line.endswith("\n")]
    if not entries:
        raise ValueError(f"{folder / FILE} is empty")
    return entries[0], entries[1:]


def pick(count: int, most: int = FRAMES_MAX) -> list[int]:
    """Which of ``count`` states become frames: all, or evenly spread ones with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def play(
    folder: Path, on_frame: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Playback, list[Image]]:
    """Show every recorded state in a fresh simulation; draw those that :func:`pick` picks."""
    from sim_envs.simulation import make_simulation

    header, entries = states(folder)
    frames, playback = [], Playback()
    simulation = make_simulation(header["robot"], header["scene_seed"], header["hidden_seed"])
    try:
        if simulation.profile.family == "arm":
            playback.joints = tuple(simulation.profile.joints)
            playback.limits = tuple(simulation.profile.max_velocity)
        drawn = set(pick(len(entries), _affordable(simulation)))
        for number, state in enumerate(entries):
            simulation.show(state)
            _note(playback, simulation, state, entries[number - 1]["time"] if number else None)
            if number in drawn:
                frames.append(np.ascontiguousarray(simulation.render(WIDTH, HEIGHT)))
                on_frame(len(frames), len(drawn))
    finally:
        simulation.close()
    return playback, frames


def _affordable(simulation: Any) -> int:
    """How many frames this machine draws in about :data:`DRAW_SECONDS`."""
    start = time.monotonic()
    simulation.render(WIDTH, HEIGHT)
    return int(np.clip(DRAW_SECONDS / max(time.monotonic() - start, 1e-3), FRAMES_MIN, FRAMES_MAX))


def _note(playback: Playback, simulation: Any, state: dict[str, Any], before: float | None) -> None:
    passed = 0.0 if before is None else min(state["time"] - before, 2 * PERIOD)
    playback.times.append((playback.times[-1] if playback.times else 0.0) + passed)
    playback.scenes.append(simulation.truth())
    if playback.joints:
        joints = state["joints"]
        playback.positions.append(np.array([joints[name] for name in playback.joints]))


def write_clip(frames: Sequence[Image], path: Path) -> None:
    """An H.264 file that every browser plays; the last frame stays a while. Raises :class:`ClipError`."""
    if not frames:
        raise ClipError("nothing moved: there is nothing to show")
    shown = [*frames, *[frames[-1]] * (_STILL * RATE)]
    try:
        import imageio_ffmpeg

        encoder = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise ClipError(f"no ffmpeg: {error}; metaagent doctor says more") from None
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    try:
        _encode(encoder, shown, str(temporary))
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _encode(encoder: str, frames: Sequence[Image], path: str) -> None:
    height, width = frames[0].shape[:2]
    command = [encoder, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(RATE), "-i", "-", "-an", "-c:v", "libx264"]
    command += ["-pix_fmt", "yuv420p", "-crf", "23", "-preset", "veryfast", "-movflags", "+faststart", path]
    try:
        done = subprocess.run(
            command,
            input=b"".join(frame.tobytes() for frame in frames),
            capture_output=True,
            timeout=120,
            check=False,
            start_new_session=True,  # a Ctrl-C ends it through its parent only
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClipError(f"{encoder}: {error}") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ClipError(f"{encoder} ended with {done.returncode}: {said[-1] if said else 'no word'}")


def write_picture(frame: Image, path: Path) -> None:
    """A PNG."""
    import imageio.v3

    write_atomically(path, imageio.v3.imwrite("<bytes>", frame, extension=".png"))


def playing(frames: int, seconds: float) -> Iterator[str]:
    """How much faster than the robot the clip is, in words, where it is."""
    factor = seconds / max(frames / RATE, 1e-9)
    if factor > 1.2:
        yield f"{factor:.1f} times faster than the robot"
