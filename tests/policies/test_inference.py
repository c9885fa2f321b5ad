"""Fast inference answers what Stable-Baselines3 answers, to the bit; prompt inference but for rounding."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from metaagent_ros.policies.context import with_context
from metaagent_ros.policies.files import PolicyFile, PolicyFileError, shipped_policy
from metaagent_ros.policies.inference import FastPolicy
from metaagent_ros.policies.prompt import PromptPolicy
from metaagent_ros.policies.sac import load_into, make_sac, policy_file
from sim_envs.tasks import family

ROBOTS = ("panda", "diffbot")
Kind = type[FastPolicy] | type[PromptPolicy]
KINDS = (FastPolicy, PromptPolicy)
WEIGHT = "actor.latent_pi.2.weight"


@pytest.fixture(scope="module", params=ROBOTS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[SAC, PolicyFile]]:
    """The shipped policy of a robot with a context that is not at its start, as a model and as a file."""
    kin = family(request.param)
    env = kin.make()
    file = with_context(PolicyFile.load(shipped_policy(request.param)), np.array([0.37, -0.71]))
    model = make_sac(env, kin, seed=0, buffer_size=10)
    load_into(model, file)
    yield model, file
    env.close()


def seen(model: SAC, file: PolicyFile) -> list[np.ndarray]:
    """Observations (n,): those of episodes, and random ones, tiny to far out."""
    rng, scale = np.random.default_rng(0), file.tensors["actor.features_extractor.scale"]
    rows = [scale * rng.normal(0.0, spread, len(scale)) for spread in np.geomspace(1e-6, 10.0, 300)]
    rows.append(np.zeros(len(scale)))
    env = model.get_env()
    assert env is not None
    env.seed(0)
    env.action_space.seed(0)
    observation = env.reset()
    for _ in range(200):
        rows.append(np.asarray(observation)[0])
        observation, *_ = env.step(env.action_space.sample()[None])
    return [row.astype(np.float32) for row in rows]


def test_the_action_is_sb3s_to_the_bit(pair: tuple[SAC, PolicyFile]):
    model, file = pair
    act, kept, answers = FastPolicy(PolicyFile.loads(file.dumps())).act, [], []
    for row in seen(model, file):
        wanted, _ = model.predict(row, deterministic=True)
        kept.append(act(row))
        answers.append(wanted)
        assert kept[-1].dtype == wanted.dtype == np.float32 and kept[-1].shape == wanted.shape
    assert np.array_equal(kept, answers)  # those of before have not changed since
    assert len({row.tobytes() for row in kept}) > 400


@pytest.mark.parametrize("robot", ROBOTS)
def test_it_is_the_same_with_random_weights_and_other_threads(robot: str):
    kin, before = family(robot), torch.get_num_threads()
    model = make_sac(kin.make(), kin, seed=3, buffer_size=10)
    file = policy_file(model, {})
    rows = seen(model, file)
    wanted = [model.predict(row, deterministic=True)[0] for row in rows]
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            given = [FastPolicy(file).act(row) for row in rows]
            assert np.array_equal(given, wanted)
            assert torch.get_num_threads() == threads  # it sets nothing that holds for the whole process
    finally:
        torch.set_num_threads(before)
        model.get_env().close()  # type: ignore[union-attr]


@pytest.mark.parametrize("played", [True, False])
def test_a_prompt_action_is_sb3s_but_for_rounding(pair: tuple[SAC, PolicyFile], played: bool):
    model, file = pair
    act, rows = PromptPolicy(PolicyFile.loads(file.dumps())).act, seen(model, file)
    rows = rows[-200:] if played else rows[:-200]
    wanted = [model.predict(row, deterministic=True)[0] for row in rows]
    off = np.abs(np.array([act(row) for row in rows]) - wanted).max(axis=1)
    assert off.max() < (1e-5 if played else 5e-5)
    assert np.mean(off < 1e-6) > 0.9
    assert act(rows[0]).dtype == np.float32 and act(rows[0]) is not act(rows[0])


def test_neither_the_policy_node_nor_its_policy_needs_torch():
    code = "import sys, metaagent_ros.nodes.policy_node; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_not_finite_are_not_hidden(pair: tuple[SAC, PolicyFile], kind: Kind):
    _, file = pair  # SB3 raises here; the controller looks at the action before it goes anywhere
    fast, row = kind(file), np.zeros(len(file.tensors["actor.features_extractor.scale"]), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        row[0] = value
        assert np.isnan(fast.act(row)).all()
    row[0] = 0.0
    assert np.isfinite(fast.act(row)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_holds_copies_and_takes_rows_that_cannot_be_written(pair: tuple[SAC, PolicyFile], kind: Kind):
    model, file = pair
    own = replace(file, tensors={name: value.copy() for name, value in file.tensors.items()})
    fast, row = kind(own), seen(model, file)[400]
    before = fast.act(row)
    own.tensors[WEIGHT][:] = 0.0
    row.flags.writeable = False
    assert np.array_equal(fast.act(row), before)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_named(pair: tuple[SAC, PolicyFile], kind: Kind):
    _, file = pair
    narrow = replace(file, tensors={**file.tensors, WEIGHT: file.tensors[WEIGHT][:, 1:]})
    with pytest.raises(PolicyFileError, match=r"latent_pi\.2\.weight is"):
        kind(narrow)
    size = len(file.tensors["actor.features_extractor.scale"])
    for wrong in (1, size - 1, size + 1):
        with pytest.raises(ValueError, match=rf"\({wrong},\); the policy takes \({size},\)"):
            kind(file).act(np.zeros(wrong, dtype=np.float32))
