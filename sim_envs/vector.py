"""Many worlds at once: environments in worker processes, their numbers in shared memory."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import chain, pairwise
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import CloudpickleWrapper, batch_space, concatenate, iterate
from numpy.typing import NDArray

from sim_envs.spec import SpecError, require
from sim_envs.worker import Env, Failure, Infos, Plan, Worker, fill, part, require_plain

Factory: TypeAlias = Callable[..., Env]
_MAKE = ("make",)
_MODES = (AutoresetMode.SAME_STEP.value, AutoresetMode.NEXT_STEP.value)
_START, _GRACE = 60.0, 2.0  # [s] that a worker has to make its environments, and to close them
_ATTEMPTS = 3  # times in a row that a worker may be lost


class WorldError(RuntimeError):
    """An environment, or a worker process, failed; the message names it and says how."""


class VectorWorlds(VectorEnv[Any, Any, NDArray[Any]]):
    """``num_envs`` environments in ``workers`` processes, a contiguous block of them in each.

    ``make`` is an environment's id, its class or any callable, with ``kwargs``; or a sequence of callables
    without arguments, one for each environment. Spaces must be Box, Discrete, MultiBinary, MultiDiscrete,
    or Dict and Tuple of them. ``reset(seed=s)`` gives environment i the seed s + i; everything after that
    is, bit for bit, what :class:`gymnasium.vector.SyncVectorEnv` gives, ``infos`` included, for actions
    of the action space's dtype (others are cast to it).

    A worker that dies, or takes longer than ``timeout`` [s] to answer, is started anew. Its environments
    begin new episodes, with seeds derived from theirs; the step in which it was lost reports them
    ``truncated`` with reward 0, the last observation known and ``worker_restarted`` in the infos. What
    :meth:`set_attr` set there is gone. An exception inside an environment is a :class:`WorldError` that
    names the environment; a ``reset`` must follow. Close it after use.
    """

    def __init__(
        self,
        make: str | Factory | Sequence[Factory],
        num_envs: int | None = None,
        kwargs: Mapping[str, Any] | None = None,
        workers: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        timeout: float = 60.0,
    ) -> None:
        self._workers: list[Worker] = []
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        require("autoreset_mode", mode, _MODES)
        factories = _factories(make, num_envs, kwargs or {})
        self.num_envs = count = len(factories)
        wanted = len(os.sched_getaffinity(0)) if workers is None else workers
        if wanted < 1:
            raise SpecError(f"workers is {wanted}; allowed: 1 or more")
        sample = factories[0]()
        self.single_observation_space = sample.observation_space
        self.single_action_space = sample.action_space
        self.metadata = {**sample.metadata, "autoreset_mode": AutoresetMode(mode)}
        self.render_mode = sample.render_mode
        sample.close()
        for space in (self.single_observation_space, self.single_action_space):
            require_plain(space)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        same = mode == AutoresetMode.SAME_STEP.value
        self._plan = Plan(self.single_observation_space, self.single_action_space, count, same, [])
        self._arrays, self._timeout, self._ready = self._plan.arrays(), timeout, False
        edges = [count * k // min(wanted, count) for k in range(min(wanted, count) + 1)]
        self._blocks = list(pairwise(edges))
        self._pickled = [pickle.dumps(CloudpickleWrapper(factory)) for factory in factories]
        self._seeds: list[int] = np.random.SeedSequence().generate_state(count).tolist()
        self._restarts = 0
        try:
            self._workers = [self._start(first, last) for first, last in self._blocks]
            self._all([_MAKE] * len(self._blocks), retry=True)
        except BaseException:
            self.close()
            raise

    @property
    def processes(self) -> list[Any]:
        """The worker processes as they are now, in the order of their blocks."""
        return [worker.process for worker in self._workers]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Infos | None = None
    ) -> tuple[Any, Infos]:
        """Begin an episode everywhere; ``options`` go to every environment."""
        if "reset_mask" in (options or {}):
            raise SpecError("reset option 'reset_mask' is for environments that do not reset themselves")
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int | np.integer) else seed
        given = [None] * self.num_envs if seeds is None else list(seeds)
        if len(given) != self.num_envs:
            raise ValueError(f"seed has {len(given)} entries; allowed: one, or {self.num_envs} of them")
        self._seeds = [new if new is not None else old for new, old in zip(given, self._seeds, strict=True)]
        answers = self._all([("reset", given[a:b], options) for a, b in self._blocks], retry=True)
        self._ready = True
        return deepcopy(self._arrays.observations), self._gather(answers)

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """One step everywhere; misshapen or non-finite actions raise ``ValueError`` before it begins."""
        if not self._ready and not self.closed:
            raise gym.error.ResetNeeded("step was called before reset")
        fill(self._arrays.actions, actions, "actions")
        before = deepcopy(self._arrays.observations)
        answers = self._all([("step",)] * len(self._blocks))
        for number, answer in enumerate(answers):
            if answer is None:
                answers[number] = self._revive(number, before)
        observations, _, rewards, terminated, truncated = self._arrays
        copies = deepcopy(observations), rewards.copy(), terminated.copy(), truncated.copy()
        return *copies, self._gather(answers)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What every environment's method of that name returns, or the attribute's value."""
        answers = self._all([("call", name, args, kwargs)] * len(self._blocks))
        return tuple(chain.from_iterable(self._present(answers)))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Every environment's attribute of that name."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute, to one value or to a list with one for each environment."""
        each = list(values) if isinstance(values, list | tuple) else [values] * self.num_envs
        if len(each) != self.num_envs:
            raise ValueError(f"values has {len(each)} entries; allowed: one, or {self.num_envs} of them")
        self._present(self._all([("assign", name, each[a:b]) for a, b in self._blocks]))

    def render(self) -> tuple[Any, ...]:
        """Every environment's picture."""
        return self.call("render")

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers; one that does not end by itself within two seconds is killed."""
        for worker in self._workers:
            worker.send()
        for worker in self._workers:
            worker.end(_GRACE)
        self._workers = []

    def _start(self, first: int, last: int) -> Worker:
        return Worker(self._plan, self._pickled[first:last], first, last)

    def _name(self, number: int) -> str:
        first, last = self._blocks[number]
        return f"worker {number} (environments {first} to {last - 1})"

    def _all(self, requests: Sequence[tuple[Any, ...]], retry: bool = False) -> list[Any]:
        """Every worker's answer to its request: None where it was lost, unless a new one may ``retry``."""
        if self.closed:
            raise gym.error.ClosedEnvironmentError("these worlds are closed")
        try:
            for worker, request in zip(self._workers, requests, strict=True):
                worker.send(*request)
            timeout = _START if _MAKE in requests else self._timeout
            boxes = [worker.answer(timeout) for worker in self._workers]
            for number, request in enumerate(requests):
                if boxes[number] is None and retry:
                    boxes[number] = self._again(number, request)
        except BaseException:  # interrupted: what was asked is still being answered
            for worker in self._workers:
                worker.lose()
            raise
        return [None if box is None else self._checked(number, box[0]) for number, box in enumerate(boxes)]

    def _again(self, number: int, request: tuple[Any, ...]) -> tuple[Any]:
        """A new worker's answer to a request that the old one was lost with."""
        for _ in range(_ATTEMPTS):
            code = self._workers[number].end()
            worker = self._workers[number] = self._start(*self._blocks[number])
            worker.send(*_MAKE)
            box = worker.answer(_START)
            if box == (None,) and request != _MAKE:
                worker.send(*request)
                box = worker.answer(self._timeout)
            if box is not None:
                return box
        raise WorldError(f"{self._name(number)} was lost {_ATTEMPTS} times in a row; exit code {code}")

    def _revive(self, number: int, before: Any) -> list[Infos]:
        """Replace a worker lost in a step; ``before`` is what was seen before it."""
        (first, last), same = self._blocks[number], self._plan.same_step
        self._restarts += 1
        streams = [np.random.SeedSequence([seed, self._restarts]) for seed in self._seeds[first:last]]
        seeds = [int(stream.generate_state(1)[0]) for stream in streams]
        answer = self._again(number, ("reset", seeds, None) if same else ("expect", seeds))[0]
        begun = self._checked(number, answer)
        observations, _, rewards, terminated, truncated = self._arrays
        rewards[first:last], terminated[first:last], truncated[first:last] = 0.0, False, True
        lost = {"is_success": False, "worker_restarted": True}
        known = list(iterate(self.observation_space, before))[first:last]
        if same:
            ends = [{"final_obs": o, "final_info": lost, "worker_restarted": True} for o in known]
            return [end | info for end, info in zip(ends, begun, strict=True)]
        concatenate(self.single_observation_space, known, part(observations, slice(first, last)))
        return [lost] * len(known)

    def _checked(self, number: int, answer: Any) -> Any:
        if isinstance(answer, Failure):
            self._ready = False
            which, what, trace = answer
            raise WorldError(f"environment {which}, in {self._name(number)}: {what}\n{trace}")
        return answer

    def _present(self, answers: list[Any]) -> list[Any]:
        if None in answers:
            name = self._name(answers.index(None))
            raise WorldError(f"{name} was lost; the next step or reset starts it anew")
        return answers

    def _gather(self, answers: Sequence[Sequence[Infos]]) -> Infos:
        infos: Infos = {}
        for number, info in enumerate(chain.from_iterable(answers)):
            infos = self._add_info(infos, info, number)
        return infos


def _factories(
    make: str | Factory | Sequence[Factory], count: int | None, kwargs: Mapping[str, Any]
) -> list[Factory]:
    if isinstance(make, str):
        make = partial(gym.make, make)
    each = [make] * (1 if count is None else count) if callable(make) else list(make)
    if not each or count not in (None, len(each)):
        raise SpecError(f"num_envs is {count}; allowed: 1 or more, as many as there are factories")
    return [partial(factory, **kwargs) for factory in each]
