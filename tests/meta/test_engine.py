"""Processes of this machine: order, errors, workers that die; and the same bits as in one process."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from test_inner import Point, begin, ppo, same

from metaagent_ros.meta.engine import TRIES, LocalEngine, WorkerError, WorkerLost, make_engine
from metaagent_ros.meta.inner import InnerOptions, SB3InnerLoop
from metaagent_ros.meta.reptile import MetaState, SB3Reptile


def square(folder: Path, item: int) -> tuple[int, int, int]:
    """Leaves a trace of each try; the first try of item 1 is a SIGKILL, and each of item 7."""
    tries = len(list(folder.glob(f"{item}-*")))
    (folder / f"{item}-{tries}").touch()
    if item == 7 or (item == 1 and tries == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item, os.getpid(), torch.get_num_threads()


def refuse(item: int) -> int:
    if item == 2:
        raise KeyError(f"no {item}")
    return item


class Unpicklable(Exception):
    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)


def refuse_oddly(item: int) -> int:
    raise Unpicklable(item, "odd")


def test_one_worker_is_this_process_and_gives_its_threads_back(tmp_path: Path):
    torch.set_num_threads(2)
    results = LocalEngine().run(partial(square, tmp_path), [2, 3])
    assert results == [(4, os.getpid(), 1), (9, os.getpid(), 1)]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_item_run_again(tmp_path: Path):
    with LocalEngine(2) as engine:
        results = engine.run(partial(square, tmp_path), [0, 1, 2, 3, 4])
        assert [r[0] for r in results] == [0, 1, 4, 9, 16]
        assert all(r[2] == 1 and r[1] != os.getpid() for r in results)
        assert sorted(p.name for p in tmp_path.glob("1-*")) == ["1-0", "1-1"]
        first = engine.pids
        os.kill(first[0], signal.SIGKILL)  # one that is idle
        assert [r[0] for r in engine.run(partial(square, tmp_path), [5, 6])] == [25, 36]
        assert engine.pids and first[0] not in engine.pids  # the other may have done both by then
        with pytest.raises(KeyError, match="no 2") as caught:
            engine.run(refuse, [1, 2, 3])
        assert isinstance(caught.value.__cause__, WorkerError) and "refuse" in str(caught.value.__cause__)
        with pytest.raises(WorkerError, match="Unpicklable: odd"):
            engine.run(refuse_oddly, [1, 2])
        with pytest.raises(WorkerLost, match=f"item 1 died {TRIES} times, last with exit code -9"):
            engine.run(partial(square, tmp_path), [5, 7])
        assert engine.run(refuse, []) == [] and engine.pids == []


def iterations(engine, options: InnerOptions) -> MetaState:
    inner = SB3InnerLoop(Point, ppo, 32, options)
    reptile = SB3Reptile(inner, MetaState(begin(ppo)), 0.5, 2, engine)
    for number in range(2):
        reptile.meta_step([(1.0, number), (-1.0, number + 9), (2.0, number + 20)])
    return reptile.state


@pytest.mark.slow
def test_two_workers_give_the_bits_of_one():
    options = InnerOptions("adam_kept", normalise=True)
    with LocalEngine(2) as engine:
        assert same(iterations(LocalEngine(), options).tensors(), iterations(engine, options).tensors())


def test_engines_are_asked_for_by_name():
    with pytest.raises(ValueError, match="Did you mean 'local'"):
        make_engine("locl")
    with pytest.raises(ValueError, match="for the engine ray"):
        make_engine("local", address="10.0.0.1:6379")
    with pytest.raises(ValueError, match="workers is 0"):
        make_engine("local", 0)
