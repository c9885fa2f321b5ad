"""The adapter of a session: the context inferred from the transitions of all trials, without rewards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.control.episode import Episode, EpisodeError
from metaagent_ros.meta import inference
from metaagent_ros.meta.inference import History
from metaagent_ros.policies.context import context_of, with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError

_SCALE = "actor.features_extractor.scale"
NEAR = 0.15  # of a context's range of 2: a mean that has moved further than that from what failed is news
AWAY = 0.5  # what a failure rules out around it: the hand of an arm is open 18 mm to each side of a cube
SPREAD = 0.3  # least standard deviation: inference is not trusted further than that
_DRAWS = 1024
Contexts = NDArray[np.float64]


class BlindAdapter:
    """What ``infer_blind`` does in a twin, from episodes of the robot (:mod:`metaagent_ros.meta.inference`).

    No noise is added to the actions: on a robot each trial is also a measurement. Raises
    ``PolicyFileError`` for a policy without the network that infers.
    """

    def __init__(self, start: PolicyFile, seed: int = 0) -> None:
        net = inference.from_tensors(start.tensors)
        if net is None:
            raise PolicyFileError("the policy has no network that infers the context; one made by train has")
        self._net, self._start, self._history = net, start, History.empty()
        self._scale, self._rng = start.tensors[_SCALE], np.random.default_rng(seed)

    def add(self, episode: Episode) -> None:
        """Raises :class:`EpisodeError` where the observations are not those of the policy."""
        if episode.observations.shape[1:] != self._scale.shape:
            given, wanted = episode.observations.shape[1], len(self._scale)
            raise EpisodeError(f"run {episode.run_id}: {given} numbers a tick; the policy takes {wanted}")
        for observation, action, following in episode.transitions():
            self._history.add(observation, action, following, 0.0)

    def propose(self, failed: Sequence[PolicyFile]) -> PolicyFile:
        """The start with the inferred mean as its context, or where that has failed with the likeliest one
        that is far from all that have: what was believed of the hidden part was wrong, so it is elsewhere.
        """
        mean, deviation = np.array(context_of(self._start)), np.ones(len(context_of(self._start)))
        if self._history.actions:
            mean, deviation = inference.infer(self._net, self._history, self._scale, rewarded=False)
        known = np.array([context_of(file) for file in failed]).reshape(-1, len(mean))
        if _gaps(mean[None], known)[0] > NEAR:
            return with_context(self._start, mean)
        drawn = self._rng.uniform(-1.0, 1.0, (_DRAWS, len(mean)))
        gaps = _gaps(drawn, known)
        allowed = drawn[gaps >= min(AWAY, float(gaps.max()))]
        unlikely = (((allowed - mean) / np.maximum(deviation, SPREAD)) ** 2).sum(axis=1)
        return with_context(self._start, allowed[int(unlikely.argmin())])

    def context(self, policy: PolicyFile) -> tuple[float, ...]:
        """What a policy believes, each entry in [-1, 1] of its range."""
        return context_of(policy)


def _gaps(contexts: Contexts, known: Contexts) -> Contexts:
    """How far each of (n, k) is from the nearest of (f, k), as the largest entry; (n,), inf without any."""
    if not len(known):
        return np.full(len(contexts), np.inf)
    gaps: Contexts = np.abs(contexts[:, None] - known[None]).max(axis=2).min(axis=1)
    return gaps
