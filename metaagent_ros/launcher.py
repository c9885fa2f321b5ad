"""Start the graph as operating-system processes where ``ros2 launch`` is not installed.

Every process leads its own session, so a Ctrl-C reaches only the parent, which then ends them in order;
the kernel kills each one when the thread that started it dies, however that happens.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from metaagent_ros.graph import ENCLAVES, ProcessSpec

GUARD = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
DOMAINS = range(1, 91)  # the ports of those above 101 may be taken by anybody; tests have 91 to 101
STOPS = ((signal.SIGINT, 4.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))


@dataclass(frozen=True, slots=True)
class Died:
    """A process that ended by itself, and the end of its log."""

    name: str
    returncode: int
    log: Path

    def __str__(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join([f"{self.name} ended with {self.returncode}; log: {self.log}", *text])


def free_domain() -> int:
    """A ROS domain that nobody here uses: the port of its first participant is free (RTPS 2.2, 9.6.1)."""
    domains = random.SystemRandom().sample(DOMAINS, len(DOMAINS))
    for domain in domains:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", 7410 + 250 * domain))
            except OSError:
                continue
            return domain
    return domains[0]


def stack_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with a ROS domain of its own, on this machine only.

    The ROS wheels' guard and the library path travel together or not at all.
    """
    env = dict(os.environ)
    env["ROS_DOMAIN_ID"] = str(free_domain())
    env["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    env["PYTHONUNBUFFERED"] = "1"
    env.update(extra or {})
    if GUARD not in env or "LD_LIBRARY_PATH" not in env:
        env.pop(GUARD, None)
    return env


def params_file(spec: ProcessSpec, folder: Path) -> Path:
    """Write the node's parameters; JSON scalars keep a string that looks like a number a string."""
    lines = ["/**:", "  ros__parameters:"]
    for name, value in spec.parameters.items():
        lines.append(f"    {name}: {json.dumps(value, ensure_ascii=False)}")
    path = folder / f"{spec.name}.params.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def command(spec: ProcessSpec, folder: Path) -> list[str]:
    """The command line of one process."""
    line = [sys.executable, "-m", spec.module, "--ros-args", "-r", f"__node:={spec.name}"]
    if spec.namespace:
        line += ["-r", f"__ns:=/{spec.namespace.strip('/')}"]
    for old, new in spec.remappings:
        line += ["-r", f"{old}:={new}"]
    line += ["--enclave", f"{ENCLAVES}/{spec.name}"]  # means something only where ROS_SECURITY_ENABLE is true
    return [*line, "--params-file", str(params_file(spec, folder))]


def _die_with(parent: int) -> Callable[[], None]:
    """For the child, before exec: die with the parent, also when it is already gone."""

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Stack:
    """The running processes of a graph; use as a context manager, from the thread that stays."""

    def __init__(
        self, specs: Sequence[ProcessSpec], log_dir: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.specs = tuple(specs)
        self.log_dir = log_dir
        self.env = stack_environment(env)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> Stack:
        """Start every process; when one cannot be started, those before it are ended."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        try:
            for spec in self.specs:
                with self.log_path(spec.name).open("wb") as log:
                    self.processes[spec.name] = subprocess.Popen(
                        command(spec, self.log_dir),
                        env=self.env,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        preexec_fn=_die_with(os.getpid()),
                    )
        except BaseException:
            self.stop()
            raise
        return self

    def log_path(self, name: str) -> Path:
        """Where the output of one process goes."""
        return self.log_dir / f"{name}.log"

    def poll(self) -> Died | None:
        """The first process that ended, or None while all of them run."""
        for name, process in self.processes.items():
            if (code := process.poll()) is not None:
                return Died(name, code, self.log_path(name))
        return None

    def stop(self) -> None:
        """End all: SIGINT, then SIGTERM, then SIGKILL. A second Ctrl-C only shortens the wait."""
        for number, patience in STOPS:
            running = [p for p in self.processes.values() if p.poll() is None]
            for process in running:
                _signal_group(process, number)
            try:
                _wait(running, patience)
            except KeyboardInterrupt:
                continue
        for process in self.processes.values():
            _signal_group(process, signal.SIGKILL)

    def __enter__(self) -> Stack:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _wait(processes: Sequence[subprocess.Popen[bytes]], patience: float) -> None:
    limit = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(timeout=max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            return
