"""Where inner loops run. An engine maps a pure function over items and gives the results in their order.

Which engine, how many workers and what dies on the way change when a result is there, never its bits: a
function that follows from its item alone may be run again, anywhere.
"""

from __future__ import annotations

import signal
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from typing import Any, Protocol, Self, TypeVar

import cloudpickle
import torch

from sim_envs.spec import require

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
ENGINES = ("local", "ray")
TRIES = 3  # how often an item may take its worker with it before the run gives up


class Engine(Protocol):
    """Runs a function over items; a context manager that frees its workers."""

    def run(self, function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """The results in the order of the items; what the function raises is raised here."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class WorkerLost(RuntimeError):
    """An item whose worker died each time that it was tried."""


class WorkerError(RuntimeError):
    """What a worker's function raised, as text: the cause of the exception that comes back."""


def make_engine(name: str, workers: int = 1, address: str | None = None) -> Engine:
    """``local`` or ``ray``; ``address`` is that of a running Ray cluster."""
    require("engine", name, ENGINES)
    if name == "ray":
        from metaagent_ros.meta.ray_engine import RayEngine

        return RayEngine(address, workers)
    if address is not None:
        raise ValueError(f"an address ({address}) is for the engine ray; the engine is {name}")
    return LocalEngine(workers)


@dataclass(eq=False)
class _Worker:
    process: Any
    pipe: Any
    number: int | None = None  # of the item in work


@dataclass
class _Queue:
    """What one run has still to do and what came back."""

    waiting: deque[int]
    deaths: dict[int, int] = field(default_factory=dict)
    results: dict[int, Any] = field(default_factory=dict)


class LocalEngine:
    """Processes of this machine, each with one torch thread; with one worker, this very process.

    With ``apart`` a single worker is a process too: what kills it is then survived as well.
    """

    def __init__(self, workers: int = 1, apart: bool = False) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}; allowed: at least 1")
        self._count, self._here = workers, workers == 1 and not apart
        self._workers: list[_Worker] = []

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are up."""
        return [worker.process.pid for worker in self._workers]

    def run(self, function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """As :class:`Engine` says; raises :class:`WorkerLost` after ``TRIES`` deaths over one item."""
        if self._here:
            return _here(function, items)
        call, arguments = cloudpickle.dumps(function), [cloudpickle.dumps(item) for item in items]
        queue = _Queue(deque(range(len(items))))
        try:
            while len(queue.results) < len(items):
                self._feed(call, arguments, queue)
                self._collect(queue)
        except BaseException:
            self.close()  # what is still in work belongs to nobody
            raise
        return [queue.results[number] for number in range(len(items))]

    def _feed(self, call: bytes, arguments: list[bytes], queue: _Queue) -> None:
        """Give each idle worker an item; start workers that are missing."""
        wanted = min(self._count, len(queue.waiting) + sum(w.number is not None for w in self._workers))
        while len(self._workers) < wanted:
            self._workers.append(_start())
        for worker in [w for w in self._workers if w.number is None]:
            if not queue.waiting:
                return
            worker.number = queue.waiting.popleft()
            try:
                worker.pipe.send_bytes(call)
                worker.pipe.send_bytes(arguments[worker.number])
            except OSError:
                self._bury(worker, queue)

    def _collect(self, queue: _Queue) -> None:
        """Wait until a worker answers or dies."""
        busy = {worker.pipe: worker for worker in self._workers if worker.number is not None}
        for pipe in connection.wait(list(busy)):
            worker = busy[pipe]
            try:
                failed, value = cloudpickle.loads(worker.pipe.recv_bytes())
            except (EOFError, OSError):
                self._bury(worker, queue)
                continue
            if failed:
                error, text = value
                raise error from WorkerError(text)
            assert worker.number is not None
            queue.results[worker.number], worker.number = value, None

    def _bury(self, worker: _Worker, queue: _Queue) -> None:
        """Take a dead worker out; its item waits again, unless it has killed too often."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(5.0)
        number = worker.number
        assert number is not None
        queue.deaths[number] = queue.deaths.get(number, 0) + 1
        if queue.deaths[number] == TRIES:
            code = worker.process.exitcode
            raise WorkerLost(f"the worker of item {number} died {TRIES} times, last with exit code {code}")
        queue.waiting.appendleft(number)

    def close(self) -> None:
        """End the workers; a later run starts new ones."""
        for worker in self._workers:
            worker.pipe.close()
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5.0)
        self._workers = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def one_thread(function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT:
    """Call it with one torch thread: how sums are split over threads changes their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(item)
    finally:
        torch.set_num_threads(threads)


def _here(function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
    return [one_thread(function, item) for item in items]


def _start() -> _Worker:
    context = get_context("spawn")  # a fork would copy torch's threads and Bullet's clients half
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # else the death of the worker would not close the pipe
    return _Worker(process, ours)


def _serve(pipe: connection.Connection) -> None:
    """The worker: answers until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    while True:
        try:
            call, argument = pipe.recv_bytes(), pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer = cloudpickle.dumps(
                (False, one_thread(cloudpickle.loads(call), cloudpickle.loads(argument)))
            )
        except Exception as error:
            answer = _failure(error)
        try:
            pipe.send_bytes(answer)
        except OSError:
            return


def _failure(error: Exception) -> bytes:
    """The exception with its traceback as text; one that cannot travel becomes a :class:`WorkerError`."""
    text = "".join(traceback.format_exception(error))
    try:
        data = cloudpickle.dumps((True, (error, text)))
        cloudpickle.loads(data)
    except Exception:
        data = cloudpickle.dumps((True, (WorkerError(f"{type(error).__name__}: {error}"), text)))
    return bytes(data)
