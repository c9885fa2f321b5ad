"""The published results in small: that the arms are told apart, and what the command prints."""

import json
import math
from pathlib import Path

import pytest
import torch

from metaagent_ros.cli.main import main
from metaagent_ros.meta import reproduce as room
from metaagent_ros.meta.maml import MAML, MAMLConfig
from metaagent_ros.meta.reproduce import arms, digits, sinusoid
from sim_envs.spec import SpecError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinusoid, "TASKS", 40)
    monkeypatch.setattr(sinusoid, "HELD_OUT", 200)
    monkeypatch.setattr(sinusoid, "VALIDATION", 50)
    monkeypatch.setattr(digits, "HELD_OUT", 50)
    monkeypatch.setattr(digits, "VALIDATION", 20)
    torch.set_num_threads(1)


def test_maml_learns_a_sine_in_one_step_and_pretraining_does_not():
    torch.set_num_threads(1)
    both = {name: arm for name, arm in sinusoid.arms(1, 600).items() if name in ("maml", "pretrained")}
    rng = torch.Generator().manual_seed(0)
    held_out, validation = sinusoid.draw(200, 100, rng), sinusoid.draw(50, 100, rng)
    found = arms.compare(both, 40, 600, held_out, validation, sum, lambda _: None)
    assert found["maml"][0] < 0.75 * found["pretrained"][0]
    assert found["maml"][0] < 0.75 * found["zero"]["maml"]
    assert found["maml"] == sorted(found["maml"], reverse=True)


def test_the_command_ends_with_one_line_of_json_and_repeats_it(
    small: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    lines = []
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            main(["reproduce", "sinusoid", "--json", "--iterations", "3", "--out", str(tmp_path / "a.json")])
        assert end.value.code == 0
        shown = capsys.readouterr()
        assert "maml 3/3" in shown.err
        lines.append(shown.out.strip().splitlines())
    found, again = (json.loads(line[-1]) for line in lines)
    assert [len(line) for line in lines] == [1, 1]
    for arm in ("maml", "fomaml", "reptile", "pretrained"):
        spans = found["interval"][arm]
        assert len(found[arm]) == len(spans) == 3
        assert all(low < mean < high for mean, (low, high) in zip(found[arm], spans, strict=True))
    assert found["paper"] == {"maml": [0.67, 0.38, 0.35], "pretrained": [2.41, 2.23, 2.19]}
    assert found["seed"] == 0 and found["iterations"] == 3 and found["steps"] == [1, 5, 10]
    assert found.pop("seconds").keys() == again.pop("seconds").keys()
    assert found == again
    assert json.loads((tmp_path / "a.json").read_text())["maml"] == found["maml"]


def test_the_command_shows_a_table(small: None, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["reproduce", "digits", "--iterations", "2"])
    shown = capsys.readouterr().out
    assert "reptile 2/2" in shown
    assert [line.split()[0] for line in shown.splitlines()[-5:]] == [
        "steps", "maml", "fomaml", "reptile", "pretrained",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sinusiod"], "allowed: sinusoid, digits, point2d. Did you mean 'sinusoid'?"),
        (["sinusoid", "--out", "/nowhere/a.json"], "there is no folder /nowhere"),
        (["sinusoid", "--iterations", "0"], "greater than or equal to 1"),
    ],
)
def test_what_is_not_allowed_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(["reproduce", *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_every_result_can_be_made_and_others_are_named():
    assert tuple(room.RESULTS) == ("sinusoid", "digits", "point2d")
    with pytest.raises(SpecError, match="sinusoid"):
        room.reproduce("sinus")


def test_a_wave_is_one_sine_over_all_its_points():
    batch = sinusoid.draw(50, 200, torch.Generator().manual_seed(0))
    x, y = torch.cat([batch.support_x, batch.query_x], 1), torch.cat([batch.support_y, batch.query_y], 1)
    assert x.shape == (50, 205, 1) and x.abs().max() <= 5.0
    # every wave lies in the span of sin x and cos x; its amplitude and phase are within the paper's
    basis = torch.cat([x.sin(), x.cos()], 2)
    parts = torch.linalg.lstsq(basis, y).solution
    assert torch.allclose(basis @ parts, y, atol=1e-4)
    amplitude, phase = parts.norm(dim=1), torch.atan2(-parts[:, 1], parts[:, 0])
    assert 0.1 <= amplitude.min() and 4.0 < amplitude.max() <= 5.001
    assert -1e-3 <= phase.min() and 2.5 < phase.max() <= math.pi + 1e-3


def test_digits_of_the_test_are_in_no_training_task():
    seen, unseen, names = digits.images(3)
    assert seen.shape[0] == 20 and unseen.shape[0] == 5 and len(names) == 5
    known = {tuple(image.tolist()) for image in seen.flatten(0, 1)}
    assert not any(tuple(image.tolist()) in known for image in unseen.flatten(0, 1))
    assert digits.images(4)[2] != names


@pytest.mark.parametrize("fixed", [False, True])
def test_a_task_of_digits_has_each_class_equally_often_and_no_image_twice(fixed: bool):
    seen, _, _ = digits.images(0)
    batch = digits.draw(seen, 8, 4, torch.Generator().manual_seed(0), fixed)
    assert batch.support_x.shape == (8, 25, 64) and batch.query_x.shape == (8, 20, 64)
    where = {tuple(image.tolist()): number for number, of in enumerate(seen) for image in of}
    for task in range(8):
        classes: dict[int, int] = {}
        images = [tuple(i.tolist()) for i in (*batch.support_x[task], *batch.query_x[task])]
        assert len(set(images)) == 45
        for image, label in zip(images, (*batch.support_y[task], *batch.query_y[task]), strict=True):
            assert classes.setdefault(int(label), where[image]) == where[image]
        assert sorted(classes) == list(range(5)) and len(set(classes.values())) == 5
        if fixed:
            assert all(number % 5 == label for label, number in classes.items())


def test_the_step_size_is_the_best_of_those_that_stay_finite():
    start = arms.fresh(sinusoid.network, 0)
    learner = MAML(start, torch.nn.functional.mse_loss, MAMLConfig())
    tasks = sinusoid.draw(20, 10, torch.Generator().manual_seed(0))
    sums = {}
    for alpha in (1e-4, 0.003, 0.03):
        learner.config = MAMLConfig(alpha=alpha)
        sums[alpha] = float(learner.curves(tasks, 10).mean(0)[[1, 5, 10]].sum())
    assert arms.tune(arms.Arm(learner, sinusoid.draw, (*sums, 1e9)), tasks, sum) == min(sums, key=sums.get)
    chosen = learner.config.alpha
    assert chosen == min(sums, key=sums.get)
    assert arms.tune(arms.Arm(learner, sinusoid.draw), tasks, sum) == chosen  # nothing to choose from
