"""The worker processes of :mod:`sim_envs.vector`, and the memory they share with the one that asks."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import pickle
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from ctypes import Array
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from numpy.typing import NDArray

from sim_envs.spec import require

Env: TypeAlias = gym.Env[Any, Any]
Infos: TypeAlias = dict[str, Any]
PLAIN = ("Box", "Discrete", "MultiBinary", "MultiDiscrete", "Dict", "Tuple")
_CONTEXT = multiprocessing.get_context("spawn")
_POLL = 0.25  # [s] between two looks at whether a silent worker lives


class Failure(NamedTuple):
    """What an environment, ``number``,, raised."""

    number: int
    what: str
    trace: str


class Arrays(NamedTuple):
    """Views of the shared memory, or of a block of it; the first two may be trees of arrays."""

    observations: Any
    actions: Any
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker has to know; ``memory`` is a piece for each array, without a name that could leak."""

    observation: gym.Space[Any]
    action: gym.Space[Any]
    count: int
    same_step: bool
    memory: list[Array[Any]]

    def arrays(self) -> Arrays:
        """Views of the shared memory, which is made where there is none yet."""
        pieces, fresh = iter(self.memory), not self.memory

        def shared(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
            size = math.prod(shape)
            if fresh:
                self.memory.append(_CONTEXT.RawArray("b", max(1, size * np.dtype(dtype).itemsize)))
            piece = self.memory[-1] if fresh else next(pieces)
            return np.frombuffer(memoryview(piece), dtype, size).reshape(shape)

        seen, done = [create_empty_array(s, self.count, shared) for s in (self.observation, self.action)]
        n = (self.count,)
        return Arrays(seen, done, shared(n, np.float64), shared(n, np.bool_), shared(n, np.bool_))


class Block:
    """A worker's environments, ``first`` to before ``last``."""

    def __init__(self, plan: Plan, factories: Sequence[bytes], first: int, last: int) -> None:
        self.plan, self.factories, self.numbers = plan, factories, range(first, last)
        self.arrays = Arrays(*(part(tree, slice(first, last)) for tree in plan.arrays()))
        self.batch = batch_space(plan.action, len(self.numbers))
        self.envs: list[Env] = []
        self.over = [False] * len(self.numbers)
        self.seeds: list[int | None] = [None] * len(self.numbers)
        self.current = first

    def make(self) -> None:
        """Make the environments."""
        wanted = self.plan.observation, self.plan.action
        for number, factory in zip(self.numbers, self.factories, strict=True):
            self.current, env = number, pickle.loads(factory)()
            self.envs.append(env)
            spaces = env.observation_space, env.action_space
            if spaces != wanted:
                raise ValueError(f"its spaces are {spaces}; those of environment 0: {wanted}")

    def _each(self) -> Iterator[Env]:
        """The environments; ``current`` says which one it is, for what it may raise."""
        for number, env in zip(self.numbers, self.envs, strict=True):
            self.current = number
            yield env

    def reset(self, seeds: Sequence[int | None], options: Mapping[str, Any] | None) -> list[Infos]:
        """Begin an episode in each."""
        results = []
        for env, seed in zip(self._each(), seeds, strict=True):
            results.append(env.reset(seed=seed, options=None if options is None else dict(options)))
        self.over = [False] * len(results)
        concatenate(self.plan.observation, [r[0] for r in results], self.arrays.observations)
        return [r[1] for r in results]

    def expect(self, seeds: Sequence[int | None]) -> None:
        """Let the next step begin new episodes with these seeds."""
        self.over, self.seeds = [True] * len(seeds), list(seeds)

    def step(self) -> list[Infos]:
        """One step in each; the numbers go to the shared memory."""
        actions = iterate(self.batch, deepcopy(self.arrays.actions))
        seen, infos = zip(*[self._step(k, a) for k, a in enumerate(actions)], strict=True)
        concatenate(self.plan.observation, seen, self.arrays.observations)
        return list(infos)

    def _step(self, k: int, action: Any) -> tuple[Any, Infos]:
        self.current, env, same = self.numbers[k], self.envs[k], self.plan.same_step
        reward: Any = 0.0
        terminated = truncated = False
        if self.over[k] and not same:
            seen, info = env.reset(seed=self.seeds[k])
            self.seeds[k] = None
        else:
            seen, reward, terminated, truncated, info = env.step(action)
        self.over[k] = terminated or truncated
        _, _, rewards, ends, cuts = self.arrays
        rewards[k], ends[k], cuts[k] = reward, terminated, truncated
        if self.over[k] and same:
            final = {"final_obs": seen, "final_info": info}
            seen, info = env.reset()
            info = final | info
        return seen, info

    def call(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """What each one's method returns, or its attribute."""
        results = []
        for env in self._each():
            attribute = env.get_wrapper_attr(name)
            results.append(attribute(*args, **kwargs) if callable(attribute) else attribute)
        return results

    def assign(self, name: str, values: Sequence[Any]) -> list[Any]:
        """Set an attribute of each."""
        for env, value in zip(self._each(), values, strict=True):
            env.set_wrapper_attr(name, value)
        return []


def serve(pipe: Connection, plan: Plan, factories: Sequence[bytes], first: int, last: int) -> None:
    """What a worker process does until it is told to close or the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that made it will close it
    block = Block(plan, factories, first, last)
    with contextlib.suppress(EOFError, OSError):
        while (request := pipe.recv()) is not None:
            try:
                answer = pickle.dumps(getattr(block, request[0])(*request[1:]))
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                answer = pickle.dumps(Failure(block.current, what, traceback.format_exc()))
            pipe.send_bytes(answer)
    for env in block.envs:
        with contextlib.suppress(Exception):
            env.close()


class Worker:
    """A worker process as the other side sees it."""

    def __init__(self, *task: Any) -> None:
        self.pipe, other = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=serve, args=(other, *task), daemon=True)
        self.process.start()
        other.close()
        self.lost = False

    def send(self, *request: Any) -> None:
        """Ask for something; nothing at all means to close."""
        with contextlib.suppress(OSError):  # a dead one shows when the answer is awaited
            self.pipe.send(request or None)

    def answer(self, timeout: float) -> tuple[Any] | None:
        """What it answers, in a tuple; None where it died or took too long, and then ever after."""
        end = time.monotonic() + timeout
        with contextlib.suppress(EOFError, OSError):
            while not self.lost:
                if self.pipe.poll(_POLL):
                    return (pickle.loads(self.pipe.recv_bytes()),)
                self.lost = not self.process.is_alive() or time.monotonic() > end
        self.lose()
        return None

    def lose(self) -> None:
        """Give it up: nothing that it still may say counts."""
        self.lost = True
        self.process.kill()

    def end(self, grace: float = 0.0) -> int | None:
        """Let it end, by force after ``grace`` seconds, and return its exit code."""
        self.process.join(grace)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode


def require_plain(space: gym.Space[Any]) -> None:
    """Raise ``SpecError`` unless the space's values are arrays of one size."""
    spaces = gym.spaces
    if isinstance(space, spaces.Dict | spaces.Tuple):
        for part in space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces:
            require_plain(part)
    elif not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiBinary | spaces.MultiDiscrete):
        require("space", type(space).__name__, PLAIN)


def part(tree: Any, where: slice) -> Any:
    """That part of every array of a tree."""
    if isinstance(tree, dict):
        return {key: part(value, where) for key, value in tree.items()}
    return tuple([part(value, where) for value in tree]) if isinstance(tree, tuple) else tree[where]


def fill(views: Any, given: Any, name: str) -> None:
    """Check what was given and write it where the workers read it."""
    if isinstance(views, np.ndarray):
        with np.errstate(over="ignore"), contextlib.suppress(TypeError, ValueError):
            array = np.asarray(given)
            cast = array.astype(views.dtype, casting="same_kind")
            if cast.shape == views.shape and np.isfinite(cast).all():
                views[...] = cast
                return
        raise ValueError(f"{name} is {given!r}; allowed: finite {views.dtype}, shape {views.shape}")
    wanted, parts = _named(views), _named(given)
    if wanted.keys() != parts.keys():
        raise ValueError(f"{name} is {given!r}; allowed: a {type(views).__name__} of {list(wanted)}")
    for key, view in wanted.items():
        fill(view, parts[key], f"{name}[{key!r}]")


def _named(tree: Any) -> dict[Any, Any]:
    if isinstance(tree, Mapping):
        return dict(tree)
    return dict(enumerate(tree)) if isinstance(tree, tuple) else {}
