"""Ways to adapt to one task, one adaptation episode at a time: all behind one Protocol.

=========  =============================================================================================
fixed      nothing is learned: zero-shot
oracle     the hidden part is given
learn      SB3's SAC: one episode into the buffer, then gradient steps on critic, context and weights
search     CMA-ES over the context alone (Hansen 2016, arXiv:1604.00772): an episode judges a candidate
infer      the context is inferred from all that has happened (:mod:`.inference`)
maml       policy-gradient steps from what MAML made (:mod:`.maml_session`)
=========  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from metaagent_ros.meta import inference
from metaagent_ros.meta.inference import Array, History
from metaagent_ros.policies.context import with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.spec import require

Env = gym.Env[Any, Any]


@dataclass(slots=True)
class Spent:
    """Episodes, environment steps and gradient steps of a session so far."""

    episodes: int = 0
    env_steps: int = 0
    gradient_steps: int = 0

    def add(self, env_steps: int, gradient_steps: int = 0) -> None:
        """One more episode."""
        self.episodes += 1
        self.env_steps += env_steps
        self.gradient_steps += gradient_steps


class Session(Protocol):
    """An adaptation under way; the start is never changed."""

    spent: Spent

    def trial(self) -> None:
        """One more adaptation episode, and what is learned from it."""

    def policy(self) -> PolicyFile:
        """What it would act with now."""


def episode_seed(seed: int, spent: Spent) -> int:
    """Of the next adaptation episode: whatever is judged in between does not change it."""
    return (1_000_003 * (seed + 1) + spent.episodes) % 2**31


@dataclass(slots=True)
class _Played:
    total: float
    steps: int
    success: bool


def play(
    env: Env, act: Callable[[Array], Array], seed: int, each: Callable[..., None] | None = None
) -> _Played:
    """One episode; ``each`` gets observation, action, following observation and reward of every step."""
    observation, _ = env.reset(seed=seed)
    total, steps, over = 0.0, 0, False
    info: dict[str, Any] = {}
    while not over:
        action = act(observation)
        following, reward, terminated, truncated, info = env.step(action)
        if each is not None:
            each(observation, action, following, float(reward))
        observation, over = following, terminated or truncated
        total, steps = total + float(reward), steps + 1
    return _Played(total, steps, bool(info["is_success"]))


class Fixed:
    """Zero-shot: trials are not even made."""

    def __init__(self, start: PolicyFile, env: Env, seed: int) -> None:
        self._start, self.spent = start, Spent()

    def trial(self) -> None:
        """Nothing."""

    def policy(self) -> PolicyFile:
        """The start."""
        return self._start


class Oracle(Fixed):
    """Is given the hidden part as its context: what the best adaptation could give. Never on a robot."""

    def __init__(self, start: PolicyFile, env: Env, seed: int) -> None:
        kin, task = env.get_wrapper_attr("kin"), env.get_wrapper_attr("task")
        super().__init__(with_context(start, kin.context_of(task.hidden)), env, seed)


class Inferred:
    """Acts on what it believes and infers anew after each episode.

    ``noise`` is the standard deviation of what is added to its actions in [-1, 1], so that it meets more.
    """

    def __init__(
        self, start: PolicyFile, env: Env, seed: int, noise: float = 0.1, rewarded: bool = True
    ) -> None:
        net = inference.from_tensors(start.tensors)
        if net is None:
            raise PolicyFileError("the policy has no network that infers the context: adapt it by learning")
        self._net, self._env, self._noise, self._rewarded = net, env, noise, rewarded
        self._file, self.spent = start, Spent()
        self._scale = start.tensors["actor.features_extractor.scale"]
        self._history, self._rng = History.empty(), np.random.default_rng(seed)
        self._seed = seed

    def trial(self) -> None:
        """One noisy episode and one forward pass."""
        act = FastPolicy(self._file).act

        def noisy(observation: Array) -> Array:
            action = act(observation)
            noise = self._rng.normal(0.0, self._noise, len(action))
            return np.clip(action + noise, -1.0, 1.0).astype(np.float32)

        seed = episode_seed(self._seed, self.spent)
        self.spent.add(play(self._env, noisy, seed, self._history.add).steps)
        mean, _ = inference.infer(self._net, self._history, self._scale, self._rewarded)
        self._file = with_context(self._file, mean)

    def policy(self) -> PolicyFile:
        """The start with the inferred context."""
        return self._file


class Blind(Inferred):
    """Inference without rewards: from what was measured and done alone."""

    def __init__(self, start: PolicyFile, env: Env, seed: int, noise: float = 0.1) -> None:
        super().__init__(start, env, seed, noise, rewarded=False)


class Searched:
    """CMA-ES from deviation ``spread``; in the first generation its best candidate, then the mean."""

    candidates = 4

    def __init__(self, start: PolicyFile, env: Env, seed: int, spread: float = 0.5) -> None:
        import cma

        self._start, self._env, self.spent = start, env, Spent()
        size = len(start.tensors["critic.features_extractor.context"])
        options = {"seed": seed + 1, "popsize": self.candidates, "bounds": [-1.0, 1.0], "verbose": -9}
        self._search = cma.CMAEvolutionStrategy(np.zeros(size), spread, options)
        self._asked: list[Any] = []
        self._losses: list[float] = []
        self._best, self._least, self._seed = np.zeros(size), np.inf, seed

    def trial(self) -> None:
        """One candidate, judged by the return of one episode."""
        if not self._asked:
            self._asked = self._search.ask()
        candidate = self._asked[len(self._losses)]
        act = FastPolicy(with_context(self._start, candidate)).act
        done = play(self._env, act, episode_seed(self._seed, self.spent))
        self.spent.add(done.steps)
        self._losses.append(-done.total)
        if -done.total < self._least:
            self._best, self._least = np.array(candidate), -done.total
        if len(self._losses) == len(self._asked):
            self._search.tell(self._asked, self._losses)
            self._asked, self._losses = [], []

    def policy(self) -> PolicyFile:
        """The start with the best context found."""
        found = self._best if self._search.countiter == 0 else self._search.mean
        return with_context(self._start, found) if self.spent.env_steps else self._start


class Learned:
    """Soft actor-critic as SB3 runs it: an episode, then ``ratio`` gradient steps for each of its steps.

    ``rate`` is the learning rate; the context moves ``GAIN`` times as far as a weight.
    """

    def __init__(
        self, start: PolicyFile, env: Env, seed: int, rate: float = 5e-6, ratio: float = 0.3
    ) -> None:
        from metaagent_ros.policies.sac import sac_of

        self._start, self.spent, self._ratio, self._seed = start, Spent(), ratio, seed
        settings = {"train_freq": (1, "episode"), "gradient_steps": 0, "learning_rate": rate}
        self._model = sac_of(start, env, env.get_wrapper_attr("kin"), seed, **settings)

    def trial(self) -> None:
        """One episode with the policy's own exploration, then gradient steps."""
        model, before = self._model, self._model.num_timesteps
        model.get_env().seed(episode_seed(self._seed, self.spent))  # type: ignore[union-attr]
        model._last_obs = None  # others may have played in the environment since
        model.learn(1, reset_num_timesteps=before == 0)  # train_freq makes it one whole episode
        steps = model.num_timesteps - before
        updates = max(1, round(self._ratio * steps))
        model.train(updates, model.batch_size)
        self.spent.add(steps, updates)

    def policy(self) -> PolicyFile:
        """The weights as they are now."""
        from metaagent_ros.policies.sac import policy_file

        if not self.spent.episodes:
            return self._start
        learned = policy_file(self._model, dict(self._start.card))
        return replace(learned, tensors={**self._start.tensors, **learned.tensors})


def _maml(start: PolicyFile, env: Env, seed: int, **settings: float) -> Session:
    from metaagent_ros.meta.maml_session import MamlSession

    return MamlSession(start, env, seed, **settings)


SESSIONS: dict[str, Callable[..., Session]] = {
    "fixed": Fixed, "learn": Learned, "search": Searched, "infer": Inferred, "infer_blind": Blind,
    "oracle": Oracle, "maml": _maml,
}  # fmt: skip


def session(kind: str, start: PolicyFile, env: Env, seed: int, **settings: Any) -> Session:
    """Begin to adapt ``start`` to the task that ``env`` plays; raises ``SpecError`` for an unknown kind."""
    require("session", kind, tuple(SESSIONS))
    return SESSIONS[kind](start, env, seed, **settings)
