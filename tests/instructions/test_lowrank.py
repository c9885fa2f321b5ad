"""Rounds of training that are kept as low-rank differences."""

import shutil

import pytest
import torch

from metaagent_ros.instructions import WEIGHTS, average, lowrank, together, train, weights
from metaagent_ros.instructions.model import ModelParser, ParserFileError

pytestmark = pytest.mark.llm
STEPS = ["--steps", "2", "--batch", "4", "--threads", "1"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The shipped parser without its own rounds."""
    folder = tmp_path_factory.mktemp("base")
    _, card, _ = weights.read_parts(WEIGHTS)
    shutil.copy(WEIGHTS / "weights.safetensors", folder)
    weights.write_card(folder, {k: v for k, v in card.items() if k not in ("adapter", "second")})
    return folder


@pytest.fixture(scope="module")
def once(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    assert (
        train.main([*STEPS, "--start", str(base), "--rank", "4", "--rate", "0.01", "--out", str(folder)]) == 0
    )
    return folder


def test_a_round_is_small_keeps_the_weights_and_changes_the_parser(base, once):
    assert (once / "weights.safetensors").read_bytes() == (base / "weights.safetensors").read_bytes()
    assert (once / lowrank.FILE).stat().st_size < 500_000
    before, after = weights.read(base)[0], weights.read(once)[0]
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert "encoder.encoder.layer.0.attention.self.query.weight" in changed
    assert "status.weight" in changed
    assert not [name for name in changed if "word_embeddings" in name]
    assert ModelParser(once).model != ModelParser(base).model
    assert "--rank 4" in weights.read_card(once)["command"]


def test_the_file_says_what_the_trained_network_does(base):
    torch.manual_seed(0)
    state, _, _ = weights.read_parts(base)
    net, _ = train.fresh()
    net.extra = torch.nn.Embedding(*state["extra.weight"].shape)
    net.load_state_dict(state)
    found = lowrank.attach(net.eval(), 4)
    with torch.no_grad():
        for low in found.values():
            low.b.normal_(0.0, 0.01)
        net.status.bias.add_(0.1)
    ids = torch.randint(1000, 20000, (2, 9))
    wanted = net(ids, torch.ones_like(ids))
    packed = lowrank.differences(net, found, state)
    plain, _ = train.fresh()
    plain.extra = torch.nn.Embedding(*state["extra.weight"].shape)
    plain.load_state_dict(lowrank.merged(state, packed))
    got = plain.eval()(ids, torch.ones_like(ids))
    unchanged = train.fresh()[0]
    unchanged.extra = plain.extra
    unchanged.load_state_dict(state)
    far = (unchanged.eval()(ids, torch.ones_like(ids))["status"] - wanted["status"]).abs().max()
    assert (got["status"] - wanted["status"]).abs().max() < 0.1 * far


def test_another_round_goes_on_from_the_one_before(base, once, tmp_path):
    more = [*STEPS, "--start", str(once), "--rate", "1e-9", "--out", str(tmp_path)]
    assert train.main([*more, "--rank", "4"]) == 0
    before, after, start = (weights.read(folder)[0] for folder in (once, tmp_path, base))
    name = "encoder.encoder.layer.3.output.dense.weight"
    assert (after[name] - before[name]).abs().max() < 0.05 * (start[name] - before[name]).abs().max()
    assert train.main([*more, "--rank", "6"]) == 0  # what is new begins at nothing
    wider = weights.read(tmp_path)[0]
    assert (wider[name] - before[name]).abs().max() < 0.05 * (start[name] - before[name]).abs().max()
    with pytest.raises(SystemExit):  # rounds of two ranks have no mean
        average.main([str(once), str(tmp_path), "--out", str(tmp_path / "mean")])
    with pytest.raises(ValueError, match="has rank 4; given: 2"):
        train.main([*more, "--rank", "2"])


def test_the_average_of_two_rounds_lies_between_them(base, once, tmp_path):
    other, between = tmp_path / "other", tmp_path / "between"
    again = [*STEPS, "--start", str(once), "--rate", "0.003", "--rank", "4", "--out", str(other)]
    assert train.main(again) == 0
    assert average.main([str(once), str(other), "--out", str(between)]) == 0
    name = "encoder.encoder.layer.3.output.dense.bias"
    one, two, mean = (weights.read(folder)[0][name] for folder in (once, other, between))
    assert not torch.equal(one, two) and torch.allclose(mean, (one + two) / 2, atol=1e-4)
    assert "average" in weights.read_card(between)["command"]
    with pytest.raises(SystemExit):
        average.main([str(base), str(once), "--out", str(between)])


@pytest.fixture(scope="module")
def beside(base, once, tmp_path_factory):
    """Two rounds of the same weights that answer together; the second, and both."""
    other, both = tmp_path_factory.mktemp("other"), tmp_path_factory.mktemp("both")
    again = ["--start", str(base), "--seed", "5", "--rate", "0.01", "--rank", "4", "--out", str(other)]
    assert train.main([*STEPS, *again]) == 0
    assert together.main([str(once), str(other), "--out", str(both)]) == 0
    return other, both


def test_two_that_answer_together_give_the_mean_of_their_probabilities(once, beside):
    one, two, both = (ModelParser(folder) for folder in (once, *beside))
    ids = torch.randint(1000, 20000, (2, 9))
    with torch.inference_mode():
        a, b, mean = (parser._net(ids, torch.ones_like(ids)) for parser in (one, two, both))
    assert a.keys() == mean.keys()
    for name in ("status", "skill", "pointers"):
        wanted = (a[name].softmax(-1) + b[name].softmax(-1)) / 2
        assert torch.allclose(mean[name].exp(), wanted, atol=1e-5) and not torch.equal(a[name], b[name])
    assert len({parser.model for parser in (one, two, both)}) == 3
    assert one.parse("pick up the red cube").model != both.parse("pick up the red cube").model


def test_only_two_rounds_of_the_same_weights_answer_together(base, once, beside, tmp_path, capsys):
    for pair in ((once, once), (base, once), (once, tmp_path)):
        with pytest.raises(SystemExit):
            together.main([*map(str, pair), "--out", str(tmp_path / "out")])
    assert "no two rounds" in capsys.readouterr().err
    shutil.copytree(beside[1], tmp_path / "broken")
    (tmp_path / "broken" / weights.SECOND).write_bytes(b"no tensors")
    with pytest.raises(ParserFileError, match=r"second\.safetensors: the checksum"):
        ModelParser(tmp_path / "broken")
    (tmp_path / "broken" / weights.SECOND).unlink()
    with pytest.raises(ParserFileError):
        ModelParser(tmp_path / "broken")


def test_a_round_of_other_weights_or_with_a_changed_byte_is_refused(once, tmp_path):
    for name in ("weights.safetensors", "parser.json"):
        shutil.copy(once / name, tmp_path)
    with pytest.raises(ParserFileError, match=r"adapter\.safetensors"):
        weights.read(tmp_path)
    blob = bytearray((once / lowrank.FILE).read_bytes())
    blob[-1] ^= 1
    (tmp_path / lowrank.FILE).write_bytes(blob)
    with pytest.raises(ParserFileError, match="checksum"):
        weights.read(tmp_path)


def test_differences_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="'b'"):
        lowrank.merged({"a": torch.zeros(2)}, {"b.d": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"\(3,\) to add to \(2,\)"):
        lowrank.merged({"a": torch.zeros(2)}, {"a.d": torch.zeros(3)})


def test_a_round_needs_a_start(capsys):
    with pytest.raises(SystemExit):
        train.main(["--rank", "4"])
    assert "--rank needs --start" in capsys.readouterr().err
