"""Meta-training of robots: what is resumed, what a stop or a full disk leaves, what is logged."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from metaagent_ros.cli.main import main
from metaagent_ros.meta import learner
from metaagent_ros.meta.inner import InnerOptions
from metaagent_ros.meta.logs import RunLog, clock
from metaagent_ros.meta.pretrain import Pretraining
from metaagent_ros.meta.tasks import draw_tasks
from metaagent_ros.meta.training import STATE, MetaConfig, inner_loop, meta_train, scratch
from metaagent_ros.policies.files import FILE, PolicyFile
from sim_envs.tasks import family

SMALL = MetaConfig(iterations=3, batch=2, inner_steps=12)
KEPT = InnerOptions("adam_kept", normalise=True)
PPO = replace(SMALL, algorithm="ppo", inner=KEPT)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def silent(line: str) -> None:
    pass


def same(a: PolicyFile, b: PolicyFile) -> bool:
    return all(np.array_equal(a.tensors[n], b.tensors[n]) for n in a.tensors)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class Killed(Exception):
    pass


def die_after_first(line: str) -> None:
    if line.startswith("reptile 1/"):
        raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("config", [SMALL, PPO], ids=["sac", "ppo"])
def test_a_run_taken_up_again_ends_with_the_same_bits(tmp_path: Path, config: MetaConfig):
    begin = scratch(config)
    whole = meta_train(config, begin, tmp_path / "whole", silent)
    with pytest.raises(Killed):
        meta_train(config, begin, tmp_path / "cut", die_after_first)
    said: list[str] = []
    again = meta_train(config, begin, tmp_path / "cut", said.append)
    assert said[0] == "resuming after iteration 1"
    assert same(whole, again) and not same(whole, begin)
    assert PolicyFile.load(tmp_path / "cut").card["iteration"] == 3
    states = [learner.load_state(tmp_path / name / STATE)[0] for name in ("whole", "cut")]
    assert all(torch.equal(states[0][n], states[1][n]) for n in states[0])
    assert any(n.startswith("statistics/") for n in states[0]) == config.inner.normalise


SCRIPT = """
    import sys, torch
    from dataclasses import replace
    from pathlib import Path
    from metaagent_ros.meta.engine import make_engine
    from metaagent_ros.meta.inner import InnerOptions
    from metaagent_ros.meta.training import MetaConfig, meta_train, scratch
    torch.set_num_threads(1)
    config = MetaConfig(iterations=6, batch=2, inner_steps=12, algorithm="ppo")
    config = replace(config, inner=InnerOptions("adam_kept", normalise=True))
    with make_engine(sys.argv[2]) as engine:
        tell = lambda line: print(line, flush=True)
        meta_train(config, scratch(config), Path(sys.argv[1]), tell, engine=engine)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "number"), [("local", signal.SIGTERM), ("local", signal.SIGKILL), ("ray", signal.SIGTERM)]
)
def test_a_process_that_is_stopped_loses_at_most_an_iteration(tmp_path: Path, engine: str, number: int):
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[client]'")
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "cut"), engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("reptile 2/"):
                time.sleep(0.01)  # somewhere in the next iteration
                process.send_signal(number)
                break
        code = process.wait(60)
        assert code == -number if engine == "local" else code != 0  # Ray has a handler of its own
    done = PolicyFile.load(tmp_path / "cut").card["iteration"]
    assert 2 <= done < 6
    config = MetaConfig(iterations=6, batch=2, inner_steps=12, algorithm="ppo", inner=KEPT)
    said: list[str] = []
    again = meta_train(config, scratch(config), tmp_path / "cut", said.append)
    assert said[0].startswith("resuming after iteration ")
    assert same(again, meta_train(config, scratch(config), tmp_path / "whole", silent))
    assert [row["iteration"] for row in rows(tmp_path / "cut")] == [1, 2, 3, 4, 5, 6]


def test_a_full_disk_is_named_and_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch):
    begin, real = scratch(PPO), os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: _full_on_second(real, a, b))
    _written.clear()
    with pytest.raises(
        OSError, match=r"iteration 2 could not be written \(No space left on device\)"
    ) as caught:
        meta_train(PPO, begin, tmp_path / "cut", silent)
    assert caught.value.errno == errno.ENOSPC
    assert learner.load_state(tmp_path / "cut" / STATE)[1]["iteration"] == 1
    assert PolicyFile.load(tmp_path / "cut").card["iteration"] == 1
    assert not [p for p in (tmp_path / "cut").iterdir() if p.name.startswith(".")]
    monkeypatch.undo()
    again = meta_train(PPO, begin, tmp_path / "cut", silent)
    assert same(again, meta_train(PPO, begin, tmp_path / "whole", silent))
    assert [row["iteration"] for row in rows(tmp_path / "cut")] == [1, 2, 3]


_written: list[str] = []


def _full_on_second(real, source, target) -> None:
    if Path(target).name == STATE:
        _written.append(str(target))
        if len(_written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real(source, target)


def test_a_kill_between_the_two_files_of_a_checkpoint_is_mended(tmp_path: Path):
    begin = scratch(PPO)
    with pytest.raises(Killed):
        meta_train(PPO, begin, tmp_path, die_after_first)
    begin.save(tmp_path)  # the policy is one iteration older than the state
    again = meta_train(PPO, begin, tmp_path, silent)
    assert again.card["iteration"] == PolicyFile.load(tmp_path).card["iteration"] == 3
    (tmp_path / FILE).unlink()
    meta_train(PPO, begin, tmp_path, silent)
    assert same(PolicyFile.load(tmp_path), again)


def test_a_checkpoint_of_another_run_is_not_overwritten(tmp_path: Path):
    begin = scratch(SMALL)
    begin.save(tmp_path)
    with pytest.raises(ValueError, match="another run"):
        meta_train(MetaConfig(iterations=4), begin, tmp_path, silent)
    with pytest.raises(ValueError, match="another run"):
        meta_train(replace(SMALL, inner=InnerOptions(beta1=0.0)), begin, tmp_path, silent)
    assert same(PolicyFile.load(tmp_path), begin)


def test_files_of_before_there_were_options_are_of_the_default_ones(tmp_path: Path):
    config = replace(PPO, iterations=1, algorithm="sac", inner=InnerOptions())
    begin = scratch(config)
    old = {n: v for n, v in begin.card["meta"].items() if n not in ("algorithm", "inner")}
    PolicyFile(begin.tensors, {**begin.card, "meta": old, "iteration": 1}).save(tmp_path)
    assert same(meta_train(config, begin, tmp_path, silent), begin)


def test_tensors_that_are_no_weights_travel_along(tmp_path: Path):
    config = replace(PPO, iterations=1)
    begin = scratch(config)
    more = {**begin.tensors, "inference.net": np.ones(3, dtype=np.float32)}
    out = meta_train(config, PolicyFile(more, begin.card), tmp_path, silent)
    assert out.tensors["inference.net"].tolist() == [1.0] * 3
    assert "inference.net" in PolicyFile.load(tmp_path).tensors


@pytest.mark.slow
def test_nothing_leaks_from_one_inner_loop_into_the_next():
    kin, inner = family("panda"), inner_loop(SMALL)
    begin = {n: torch.tensor(v) for n, v in scratch(SMALL).tensors.items()}
    first, second = draw_tasks(kin, 2, np.random.default_rng(1))
    forth = [inner(begin, task, task.seed).parameters for task in (first, second)]
    back = [inner(begin, task, task.seed).parameters for task in (second, first)]
    for one, other in ((forth[0], back[1]), (forth[1], back[0])):
        assert all(torch.equal(one[n], other[n]) for n in one)
    context = "critic.features_extractor.context"
    assert torch.equal(forth[0][context], begin[context])  # the context is not meta-learned
    assert not torch.equal(forth[0]["critic.qf0.0.weight"], begin["critic.qf0.0.weight"])


def test_each_iteration_is_logged_and_shown(tmp_path: Path):
    said: list[str] = []
    meta_train(PPO, scratch(PPO), tmp_path, said.append, compare_every=2)
    log = rows(tmp_path)
    assert [row["iteration"] for row in log] == [1, 2, 3]
    assert [row["epsilon"] for row in log] == pytest.approx([0.1, 0.2 / 3, 0.1 / 3])
    assert [row["env_steps"] for row in log] == [24, 48, 72]
    assert all(row["moved"] > 0 and row["seconds"] > 0 for row in log)
    assert [row["cosine"] is None for row in log] == [False, True, False]
    assert all(abs(row["cosine"]) <= 1.0 for row in log if row["cosine"] is not None)
    assert said[0].startswith("reptile 1/3  moved ") and "steps/s" in said[0] and said[0].endswith(" left")
    assert "left" not in said[-1]
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_log_that_is_ahead_of_the_checkpoint_is_cut(tmp_path: Path):
    metrics = {"epsilon": 0.1, "moved": 1.0, "env_steps": 5.0, "return": float("nan"), "success": 0.0}
    with RunLog(tmp_path, 0, 4, silent) as log:
        for number in (1, 2):
            log.iteration(number, metrics, 0.5)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"iteration": 3, "epsi')
    with RunLog(tmp_path, 1, 4, silent, bar=True) as log:
        log.iteration(2, metrics, 0.5)
        log.show(metrics)
    assert [(row["iteration"], row["env_steps"], row["return"]) for row in rows(tmp_path)] == [
        (1, 5.0, None),
        (2, 10.0, None),
    ]
    assert [clock(s) for s in (42.0, 180.0, 9000.0)] == ["42 s", "3 min", "2.5 h"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--engine", "locl"], "Did you mean 'local'"),
        (["--inner-optimiser", "sgd"], "needs a learning_rate"),
        (["--critic", "refit"], "refit_steps is 0"),
        (["--address", "10.0.0.1:6379"], "for the engine ray"),
        (["--robot", "pand"], "panda"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
):
    with pytest.raises(SystemExit) as ended:
        main(["train", "--out", str(tmp_path), *options])
    assert ended.value.code == 2 and text in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_imitation_gets_closer_to_the_expert():
    task = draw_tasks(family("panda"), 1, np.random.default_rng(0))[0]
    losses = []
    for episodes, steps in ((1, 1), (5, 300)):
        run = Pretraining(family("panda"), 0, silent)
        for _ in range(episodes):
            run.collect(task, share_of_expert=1.0, wrong=0.0)
        losses.append(run._imitate(torch.optim.Adam(run.model.actor.parameters()), 1e-3, steps))
        run.env.close()
    assert losses[1] < 0.3 * losses[0]
