from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import tiny_model
import torch

from metaagent_ros.instructions import adapter, pretrained
from metaagent_ros.instructions.schema import plan_from_json

pytest.importorskip("llguidance", reason="llguidance is not installed; run: make setup")

from metaagent_ros.instructions import lora
from metaagent_ros.instructions.causal_model import CausalModel
from metaagent_ros.instructions.token_mask import PlanMask

PLAN = plan_from_json(
    {"status": "ok", "steps": [{"skill": "grasp", "object": {"color": "red", "shape": "cube"}}]}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.save(tmp_path_factory.mktemp("tiny"))


def test_merged_is_what_was_trained(folder: Path, tmp_path: Path):
    tokens = torch.arange(5, 40)[None]
    _, model = pretrained.load(str(folder))
    plain = model(tokens).logits.detach()
    layers = adapter.attach(model, rank=4, scale=2.0)
    assert len(layers) == 2 * len(adapter.LAYERS)
    assert torch.equal(model(tokens).logits, plain)  # a difference of zero at the start
    for layer in layers.values():
        layer.b.data.normal_(std=0.2)
        layer.a.data, layer.b.data = layer.a.data.half().float(), layer.b.data.half().float()
    adapted = model(tokens).logits
    assert not torch.allclose(adapted, plain, atol=1e-3)
    adapter.write(tmp_path, adapter.tensors_of(layers), {"scale": 2.0, "template": "{text}\n"})
    _, other = pretrained.load(str(folder))
    adapter.read(tmp_path).merge(other)
    assert torch.allclose(other(tokens).logits, adapted, atol=1e-4)


def test_damaged_and_foreign_adapters_are_named(folder: Path, tmp_path: Path):
    card = {"scale": 2.0, "template": "{text}\n"}
    adapter.write(tmp_path, {"model.x.a": torch.ones(1, 2), "model.x.b": torch.ones(2, 1)}, card)
    _, model = pretrained.load(str(folder))
    with pytest.raises(adapter.AdapterError, match="another model"):
        adapter.read(tmp_path).merge(model)
    (tmp_path / "adapter.safetensors").write_bytes(b"x")
    with pytest.raises(adapter.AdapterError, match="checksum"):
        adapter.read(tmp_path)
    (tmp_path / "adapter.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(adapter.AdapterError, match="format"):
        adapter.read(tmp_path)
    with pytest.raises(adapter.AdapterError, match="none"):
        adapter.read(tmp_path / "none")


def test_the_same_seed_draws_the_same_batches(folder: Path):
    tokenizer, _ = pretrained.load(str(folder))
    mask = PlanMask(tokenizer, len(tokenizer))
    first, again, other = (next(lora.batches(seed, 8, tokenizer, mask)) for seed in (0, 0, 1))
    assert [s.ids for part in first for s in part] == [s.ids for part in again for s in part]
    assert [s.ids for part in first for s in part] != [s.ids for part in other for s in part]
    assert [len(part) for part in first] == [4, 4]


def test_the_loss_is_the_one_of_answering(folder: Path):
    """What training minimises is what answering multiplies: the same choices, the same probabilities."""
    model = CausalModel(str(folder))
    tokens = model.prompt("pick up the red cube")
    model._head.rows = None
    sample = lora.encode(tokens, PLAN, model._mask)
    model.model.set_output_embeddings(model._head.head)
    padded = lora.Sample([*tokens, *range(5, 60)], [3], [sample.allowed[0]], [sample.chosen[0]])
    alone, beside = (lora.loss_of(model.model, batch) for batch in ([sample], [sample, padded]))
    logits = model.model(torch.tensor([sample.ids])).logits[0].detach()
    by_hand = 0.0
    for place, allowed, chosen in zip(sample.asked, sample.allowed, sample.chosen, strict=True):
        scores = logits[place][torch.tensor(allowed)].log_softmax(-1)
        by_hand -= float(scores[list(allowed).index(chosen)])
    assert float(alone) == pytest.approx(by_hand, rel=1e-4)
    together = float(alone) + float(lora.loss_of(model.model, [padded]))
    assert float(beside) == pytest.approx(together, rel=1e-4)


def test_one_sentence_is_learnt_and_read_back(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tokenizer, model = pretrained.load(str(folder))
    torch.manual_seed(0)
    layers = adapter.attach(model, rank=16, scale=2.0)
    prompt = tokenizer(lora.TEMPLATE.replace("{text}", "pick up the red cube")).input_ids
    sample = lora.encode(prompt, PLAN, PlanMask(tokenizer, len(tokenizer)))

    def always(*_):
        while True:
            yield [[sample]]

    monkeypatch.setattr(lora, "batches", always)
    options = argparse.Namespace(
        model=str(folder), seed=0, steps=150, batch=1, rate=0.02, rank=16, scale=2.0, out=tmp_path
    )
    assert lora.train(model, tokenizer, layers, options) < 3.0  # from some 40
    adapter.write(tmp_path, adapter.tensors_of(layers), lora.card_of(options, 0.0))
    read_back = CausalModel(str(folder), tmp_path)
    assert len(read_back.prompt("pick up the red cube")) == len(prompt) < 60  # no examples in it
    answer = read_back("pick up the red cube")
    assert plan_from_json(answer["plan"]) == PLAN
    assert answer["confidence"] > 0.3


def test_the_command_trains_from_a_seed(folder: Path, tmp_path: Path):
    arguments = ["--model", str(folder), "--steps", "2", "--batch", "2", "--rank", "2", "--seed", "3"]
    for name in ("a", "b"):
        assert lora.main([*arguments, "--out", str(tmp_path / name)]) == 0
    one, two = (adapter.read(tmp_path / name) for name in ("a", "b"))
    assert one.card["sha256"] == two.card["sha256"]
    assert one.card["shots"] == 0 and "--seed 3" in one.card["command"]
