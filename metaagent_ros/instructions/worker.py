"""A child process that answers one question at a time, and that is killed when it takes too long.

Questions and answers are JSON in UTF-8 over a pipe: no pickle crosses it. The child ends with its parent,
however the parent ends.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

Answerer = Callable[[str], dict[str, Any]]
_SPAWN = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang


class WorkerError(RuntimeError):
    """No answer; the message says why, for a person."""


class Worker:
    """Loads an answerer in a child process by calling ``load`` there (a function of a module, or a partial).

    ``ask`` takes at most ``deadline`` seconds altogether, loading included; loading itself may take
    ``patience`` seconds and goes on after an ``ask`` that it was too slow for. Threads may share it.
    """

    def __init__(self, load: Callable[[], Answerer], deadline: float = 20.0, patience: float = 120.0) -> None:
        self._load, self.deadline, self.patience = load, deadline, patience
        self._lock = threading.Lock()
        self._closed = False
        self._process: Any = None
        self._pipe: Connection
        self._ready, self._born = False, 0.0

    @property
    def pid(self) -> int | None:
        """The child's number; ``None`` while there is none."""
        return None if self._process is None else int(self._process.pid)

    def start(self) -> None:
        """Load now, and wait for it; raises :class:`WorkerError` where that fails."""
        with self._lock:
            self._wait_until_loaded(time.monotonic() + self.patience)

    def ask(self, text: str) -> dict[str, Any]:
        """The answer; raises :class:`WorkerError` for none in time, a crash, or an error of the child."""
        until = time.monotonic() + self.deadline
        if not self._lock.acquire(timeout=self.deadline):
            raise WorkerError("it is busy with another sentence")
        try:
            self._wait_until_loaded(until)
            try:
                self._pipe.send_bytes(json.dumps(text).encode())
            except OSError:
                self._again()
                raise WorkerError("its process ended") from None
            return self._receive(until)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the child; may be called twice. A question that is being answered meanwhile fails."""
        self._closed = True
        self._kill()

    def _wait_until_loaded(self, until: float) -> None:
        if self._closed:
            raise WorkerError("it is closed")
        if self._process is None:
            self._spawn()
        if self._ready:
            return
        if not self._comes(until):
            if time.monotonic() - self._born < self.patience:
                raise WorkerError("it is still being loaded; please say it again in a moment")
            self._kill()
            raise WorkerError(f"it was not loaded within {self.patience:g} s")
        try:
            self._receive(until)
        except WorkerError:
            self._kill()  # not started again by itself: the next question tries
            raise
        self._ready = True

    def _receive(self, until: float) -> dict[str, Any]:
        try:
            if not self._comes(until):
                self._again()
                raise WorkerError(f"it took longer than {self.deadline:g} s")
            answer: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError, ValueError):
            self._again()
            raise WorkerError("its process ended") from None
        if "error" in answer:
            raise WorkerError(str(answer["error"]))
        return answer

    def _comes(self, until: float) -> bool:
        try:
            return self._pipe.poll(max(0.0, until - time.monotonic()))
        except OSError:
            raise WorkerError("it was closed meanwhile") from None

    def _again(self) -> None:
        loaded = self._ready
        self._kill()
        if loaded and not self._closed:
            self._spawn()

    def _spawn(self) -> None:
        self._pipe, child = _SPAWN.Pipe()
        self._ready, self._born = False, time.monotonic()
        self._process = _SPAWN.Process(
            target=_serve, args=(child, self._load), daemon=True, name="language model"
        )
        self._process.start()
        child.close()

    def _kill(self) -> None:
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            process.kill()
            process.join()
            process.close()
            self._pipe.close()


def _serve(pipe: Connection, load: Callable[[], Answerer]) -> None:
    """The child: load, then answer until the pipe or the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes the pipe
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(0)), daemon=True).start()
    try:
        answer = load()
    except Exception as error:
        _send(pipe, {"error": f"{type(error).__name__}: {error}"})
        return
    _send(pipe, {"ready": True})
    while True:
        try:
            text = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            _send(pipe, answer(text))
        except Exception as error:  # whatever it is, the parent tells the person and goes on
            _send(pipe, {"error": f"{type(error).__name__}: {error}"})


def _send(pipe: Connection, message: dict[str, Any]) -> None:
    try:
        pipe.send_bytes(json.dumps(message).encode())
    except OSError:
        os._exit(0)
