from pathlib import Path

import pytest

from metaagent_ros.instructions import load_parser, train
from metaagent_ros.instructions.model import ModelParser, ParserFileError
from metaagent_ros.instructions.network import build
from metaagent_ros.instructions.schema import plan_from_json

pytestmark = pytest.mark.llm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of training: no sense yet, but the whole way through file and network."""
    out = tmp_path_factory.mktemp("parser")
    net = build()
    train.train(net, seed=0, steps=2, batch=4, rate=1e-4, device="cpu")
    train.save(net.cpu(), out, {"min_confidence": 0.0})
    return out


def test_an_untrained_network_never_leaves_the_schema(folder: Path):
    parser = ModelParser(folder)
    for text in ("pick up the red cube", "go to x 1 y 2", "asdf", "put the ball in the left bin then stop"):
        plan = parser.parse(text)
        assert plan_from_json(plan.to_json()) == plan
    assert parser.parse("red " * 2000).status == "refuse"


def test_damaged_weights_are_named(folder: Path, tmp_path: Path):
    for name in ("parser.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    damaged = bytearray((tmp_path / "weights.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(damaged)
    with pytest.raises(ParserFileError, match="checksum"):
        ModelParser(tmp_path)
    with pytest.raises(ParserFileError, match="none"):
        ModelParser(tmp_path / "none")


def test_without_weights_the_rules_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("metaagent_ros.instructions.WEIGHTS", tmp_path)
    with pytest.warns(UserWarning, match="using the rules"):
        parser = load_parser("default")
    assert parser.parse("grasp the red cube").status == "ok"


def test_the_shipped_model_reads_both_demo_sentences():
    parser = load_parser()
    assert parser.name == "default"
    place = parser.parse("pick up the red cube and put it in the left bin").to_dict()["steps"][0]
    assert place["skill"] == "pick_place"
    assert place["object"] == {"color": "red", "shape": "cube", "size": None}
    assert place["target"] == {"kind": "bin", "name": "left"}
    drive = parser.parse("drive to the charger and keep away from the table").to_dict()["steps"][0]
    assert drive["target"] == {"kind": "landmark", "name": "charger"}
    assert drive["avoid"] == ["table"]
    assert parser.parse("what's the weather").status == "refuse"
