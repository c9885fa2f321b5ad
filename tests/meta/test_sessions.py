"""Every way to adapt: what it may touch, that it repeats, that it finds what it should."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from metaagent_ros.meta import inference, sessions
from metaagent_ros.meta.inference import History
from metaagent_ros.meta.maml_training import SETTINGS, MamlConfig
from metaagent_ros.meta.sessions import SESSIONS, session
from metaagent_ros.meta.tasks import MetaTask, TaskEnv
from metaagent_ros.meta.training import MetaConfig, scratch
from metaagent_ros.policies.context import NAME, with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from metaagent_ros.policies.inference import FastPolicy
from sim_envs.spec import Hidden, SpecError
from sim_envs.tasks import family

KIN = family("panda")
SCALE = np.array(KIN.scale, dtype=np.float32)


@pytest.fixture(scope="module")
def start() -> PolicyFile:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    file = scratch(MetaConfig())
    net = inference.ContextInference(2 * len(KIN.scale) + 4 + 2, 2)
    return replace(file, tensors={**file.tensors, **inference.to_tensors(net)})


@pytest.fixture
def env():
    made = TaskEnv(KIN)
    made.play(MetaTask("grasp", Hidden(offset_x=0.03), 0))
    yield made
    made.close()


def context_in(fast: FastPolicy) -> np.ndarray:
    """What reaches the network as its context: (k,)."""
    return fast._context[0].numpy()


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_session_repeats_leaves_its_start_alone_and_counts(kind: str, start: PolicyFile, env: TaskEnv):
    if kind == "maml":
        config = MamlConfig(maml=replace(SETTINGS, trajectories=1))
        start = replace(start, card={**start.card, "maml": asdict(config)})
    before = {name: value.copy() for name, value in start.tensors.items()}
    ends = []
    for interruption in (False, True):
        running = session(kind, start, env, 3)
        assert running.spent.env_steps == 0
        for _ in range(2):
            running.trial()
            if interruption:  # somebody judges in the same environment
                sessions.play(env, FastPolicy(running.policy()).act, 77)
        ends.append(running.policy())
        learns = kind not in ("fixed", "oracle")
        assert (running.spent.episodes, running.spent.env_steps > 0) == (2 * learns, learns)
        assert (running.spent.gradient_steps > 0) == (kind in ("learn", "maml"))
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    assert all(np.array_equal(ends[0].tensors[n], ends[1].tensors[n]) for n in ends[0].tensors)
    assert all(np.array_equal(before[n], v) for n, v in start.tensors.items())
    kept = before.keys() & ends[0].tensors.keys()
    changed = {n for n in kept if not np.array_equal(before[n], ends[0].tensors[n])}
    if kind in ("search", "infer", "infer_blind", "oracle"):
        assert changed == {NAME}
    elif kind == "learn":
        assert {NAME, "actor.mu.weight", "critic.qf0.0.weight"} <= changed
    elif kind == "maml":  # the actor alone is left
        assert {NAME, "actor.mu.weight"} <= changed and "critic.qf0.0.weight" not in kept


def test_the_oracle_knows_and_the_context_goes_through_the_network_as_it_is(start: PolicyFile, env: TaskEnv):
    told = session("oracle", start, env, 0).policy()
    assert context_in(FastPolicy(told)) == pytest.approx(KIN.context_of(Hidden(offset_x=0.03)), abs=1e-5)
    given = FastPolicy(with_context(start, [1.0, -1.0]))
    assert context_in(given) == pytest.approx([1.0, -1.0], abs=1e-5)


def test_the_search_walks_toward_the_better_context(
    start: PolicyFile, env: TaskEnv, monkeypatch: pytest.MonkeyPatch
):
    best = np.array([0.6, -0.4])

    def played(env, act, seed, each=None):
        gap = context_in(act.__self__) - best
        return sessions._Played(-float(gap @ gap), 10, False)

    monkeypatch.setattr(sessions, "play", played)
    running = session("search", start, env, 0)
    for _ in range(40):
        running.trial()
    assert context_in(FastPolicy(running.policy())) == pytest.approx(best, abs=0.1)


def test_inference_finds_a_number_that_only_rewards_or_only_motion_tell():
    rng = np.random.default_rng(0)
    scale = np.ones(2, dtype=np.float32)

    def history(context: np.ndarray) -> History:
        made = History.empty()
        for _ in range(30):
            at, action = rng.normal(0, 1, (2, 2)).astype(np.float32)
            after = at + 0.1 * action * np.float32(context[1])
            made.add(at, action, after.astype(np.float32), float(context[0]))
        return made

    contexts = rng.uniform(-1, 1, (200, 2)).astype(np.float32)
    torch.manual_seed(0)
    net = inference.train([history(c) for c in contexts], contexts, scale, 400, rng)
    fresh = rng.uniform(-1, 1, (30, 2)).astype(np.float32)
    seen = [history(c) for c in fresh]
    guesses = np.stack([inference.infer(net, h, scale)[0] for h in seen])
    blind = [inference.infer(net, h, scale, rewarded=False) for h in seen]
    assert np.abs(guesses - fresh).mean(0).max() < 0.15
    guesses, spreads = (np.stack([b[i] for b in blind]) for i in (0, 1))
    assert np.abs(guesses - fresh).mean(0)[1] < 0.15  # what moves is seen without rewards
    assert spreads[:, 0].mean() > 3 * spreads[:, 1].mean()  # and what is not seen is known to be unknown


def test_the_order_of_what_happened_does_not_matter_and_the_network_travels_in_the_file(start: PolicyFile):
    rng = np.random.default_rng(1)
    rows = [(rng.normal(0, 1, 33), rng.normal(0, 1, 4), rng.normal(0, 1, 33), float(i)) for i in range(9)]
    forth, back = History.empty(), History.empty()
    for row in rows:
        forth.add(*(np.float32(v) for v in row))
    for row in reversed(rows):
        back.add(*(np.float32(v) for v in row))
    again = PolicyFile.loads(start.dumps())
    one, other = (inference.from_tensors(f.tensors) for f in (start, again))
    assert one is not None and other is not None
    guesses = [inference.infer(net, h, SCALE)[0] for net, h in ((one, forth), (one, back), (other, forth))]
    assert guesses[0] == pytest.approx(guesses[1], abs=1e-5)
    assert np.array_equal(guesses[0], guesses[2])


def test_what_cannot_be_is_named(start: PolicyFile, env: TaskEnv):
    with pytest.raises(SpecError, match="infer"):
        session("infr", start, env, 0)
    plain = replace(start, tensors={n: v for n, v in start.tensors.items() if not n.startswith("inference.")})
    with pytest.raises(PolicyFileError, match="infers the context"):
        session("infer", plain, env, 0)
