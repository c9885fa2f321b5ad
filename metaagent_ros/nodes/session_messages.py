"""A session on the robot, to its messages and back."""

from __future__ import annotations

import hashlib
from array import array

import numpy as np

from metaagent_interfaces.action import AdaptOnRobot
from metaagent_interfaces.msg import PolicyEpisode, SessionTrial
from metaagent_ros.control.episode import MOST, Episode, EpisodeError
from metaagent_ros.control.session import Attempt, SessionResult
from metaagent_ros.policies.files import PolicyFile, PolicyFileError


def episode_message(episode: Episode) -> PolicyEpisode:
    """What a policy saw and did."""
    out = PolicyEpisode(run_id=episode.run_id, period=float(episode.period), truncated=episode.truncated)
    out.observation_size, out.action_size = episode.observations.shape[1], episode.actions.shape[1]
    out.observations = array("f", episode.observations.astype(np.float32).tobytes())
    out.actions = array("f", episode.actions.astype(np.float32).tobytes())
    out.stamps = array("q", episode.stamps)
    return out


def episode_value(m: PolicyEpisode) -> Episode:
    """The inverse of :func:`episode_message`; raises ``EpisodeError``."""
    ticks = len(m.stamps)
    tables = []
    for name, values, size in (
        ("observations", m.observations, m.observation_size),
        ("actions", m.actions, m.action_size),
    ):
        if len(values) != ticks * size or ticks > MOST:
            raise EpisodeError(
                f"run {m.run_id}: {len(values)} {name} of {size} numbers in {ticks} ticks; at most {MOST}"
            )
        tables.append(np.array(values, dtype=np.float32).reshape(ticks, size))
    return Episode(
        m.run_id, tables[0], tables[1], tuple(map(int, m.stamps)), float(m.period), bool(m.truncated)
    )


def attempt_message(attempt: Attempt) -> SessionTrial:
    """A row of a session's curve."""
    return SessionTrial(
        number=int(attempt.number),
        version=int(attempt.version),
        success=bool(attempt.success),
        success_rate=float(attempt.success_rate),
        rolled_back=bool(attempt.rolled_back),
        context=[float(value) for value in attempt.context],
        outcome=attempt.outcome,
        seconds=float(attempt.seconds),
    )


def attempt_value(m: SessionTrial) -> Attempt:
    """The inverse of :func:`attempt_message`."""
    return Attempt(
        int(m.number),
        int(m.version),
        bool(m.success),
        float(m.success_rate),
        bool(m.rolled_back),
        tuple(map(float, m.context)),
        m.outcome,
        float(m.seconds),
    )


def session_feedback(stage: str, message: str, last: Attempt) -> AdaptOnRobot.Feedback:
    """Feedback of ``adapt_on_robot``."""
    return AdaptOnRobot.Feedback(stage=stage, message=message, last=attempt_message(last))


def session_message(result: SessionResult) -> AdaptOnRobot.Result:
    """The result of ``adapt_on_robot``."""
    out = AdaptOnRobot.Result(status=result.status, message=result.message, version=int(result.version))
    out.curve = [attempt_message(attempt) for attempt in result.curve]
    out.success_before, out.success_after = float(result.before), float(result.after)
    data = result.policy.dumps()
    out.parameters = array("B", data)  # checked as a whole; of bytes every one would be
    out.sha256 = hashlib.sha256(data).hexdigest()
    return out


def session_value(m: AdaptOnRobot.Result) -> SessionResult:
    """The inverse of :func:`session_message`; raises ``PolicyFileError`` for a policy that came broken."""
    data = bytes(m.parameters)
    if (digest := hashlib.sha256(data).hexdigest()) != m.sha256:
        raise PolicyFileError(f"sha256 of the parameters is {digest}, announced: {m.sha256!r}")
    return SessionResult(
        m.status,
        m.message,
        PolicyFile.loads(data, "policy of the session"),
        int(m.version),
        tuple(attempt_value(trial) for trial in m.curve),
        float(m.success_before),
        float(m.success_after),
    )
