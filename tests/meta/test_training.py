"""Reptile over SB3's learn: what is resumed, what leaks, what is pretrained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metaagent_ros.meta.pretrain import Pretraining, Schedule
from metaagent_ros.meta.tasks import draw_tasks
from metaagent_ros.meta.training import InnerLoop, MetaConfig, meta_train, scratch
from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import family

pytestmark = pytest.mark.slow
SMALL = MetaConfig(iterations=3, batch=2, inner_steps=12)


def silent(line: str) -> None:
    pass


def same(a: PolicyFile, b: PolicyFile) -> bool:
    return all(np.array_equal(a.tensors[n], b.tensors[n]) for n in a.tensors)


class Killed(Exception):
    pass


def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path):
    torch.set_num_threads(1)
    begin = scratch(SMALL)
    whole = meta_train(SMALL, begin, tmp_path / "whole", silent)

    def die_after_first(line: str) -> None:
        if line.startswith("reptile 1/"):
            raise Killed

    with pytest.raises(Killed):
        meta_train(SMALL, begin, tmp_path / "cut", die_after_first)
    said: list[str] = []
    again = meta_train(SMALL, begin, tmp_path / "cut", said.append)
    assert said[0] == "resuming after iteration 1"
    assert same(whole, again) and not same(whole, begin)
    assert PolicyFile.load(tmp_path / "cut").card["iteration"] == 3


def test_a_checkpoint_of_another_run_is_not_overwritten(tmp_path: Path):
    begin = scratch(SMALL)
    begin.save(tmp_path)
    with pytest.raises(ValueError, match="another run"):
        meta_train(MetaConfig(iterations=4), begin, tmp_path, silent)
    assert same(PolicyFile.load(tmp_path), begin)


def test_nothing_leaks_from_one_inner_loop_into_the_next():
    torch.set_num_threads(1)
    kin = family("panda")
    inner = InnerLoop(kin, 12)
    begin = {n: torch.tensor(v) for n, v in scratch(SMALL).tensors.items()}
    first, second = draw_tasks(kin, 2, np.random.default_rng(1))
    forth = [inner(begin, first), inner(begin, second)]
    back = [inner(begin, second), inner(begin, first)]
    for one, other in ((forth[0], back[1]), (forth[1], back[0])):
        assert all(torch.equal(one[n], other[n]) for n in one)
    context = "critic.features_extractor.context"
    assert torch.equal(forth[0][context], begin[context])  # the context is not meta-learned
    assert not torch.equal(forth[0]["critic.qf0.0.weight"], begin["critic.qf0.0.weight"])
    inner.env.close()


def test_imitation_gets_closer_to_the_expert():
    losses: list[str] = []
    run = Pretraining(family("panda"), 0, losses.append)
    run.collect(1.0, 0.0)
    before = run._imitate(torch.optim.Adam(run.model.actor.parameters()), 1e-3, 1)
    run.env.close()
    run = Pretraining(family("panda"), 0, losses.append)
    for _ in range(5):
        run.collect(1.0, 0.0)
    after = run._imitate(torch.optim.Adam(run.model.actor.parameters()), 1e-3, 300)
    run.env.close()
    assert after < 0.3 * before
    assert Schedule().rounds > 0
