"""The default parser: files, network, provenance, and what the shipped weights read."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from metaagent_ros.instructions import encoder, load_parser, sentences, train, weights
from metaagent_ros.instructions.calibrate import ALPHA, threshold
from metaagent_ros.instructions.labels import loss_of, make_batch
from metaagent_ros.instructions.model import ModelParser
from metaagent_ros.instructions.schema import plan_from_json
from metaagent_ros.instructions.scoring import ask, summary
from metaagent_ros.instructions.weights import ParserFileError

pytestmark = pytest.mark.llm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps of training: no sense yet, but the whole way through generator, network and file."""
    out = tmp_path_factory.mktemp("parser")
    assert train.main(["--steps", "3", "--batch", "4", "--threads", "1", "--out", str(out)]) == 0
    return out


def test_the_lean_encoder_computes_what_transformers_computes():
    lean = encoder.LeanBert(encoder.config()).eval()
    full = encoder.trainable(encoder.config()).eval()
    lean.load_state_dict(encoder.published())
    full.load_state_dict(encoder.published(), strict=False)
    words, mask = torch.randn(2, 9, 384) * 0.05, torch.ones(2, 9, dtype=torch.long)
    mask[1, 5:] = 0
    with torch.inference_mode():
        assert torch.allclose(lean(words, mask)[mask == 1], full(words, mask)[mask == 1], atol=2e-5)


def test_a_few_steps_lower_the_loss():
    torch.manual_seed(0)
    net, tokenizer = train.fresh()
    net.eval()
    batch = next(train.batches(3, 16, tokenizer))
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 3e-4)
    losses = []
    for _ in range(6):
        loss = loss_of(net(batch[0], batch[1]), batch[2])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_labels_point_at_the_words_of_their_slots():
    _, tokenizer = train.fresh(lean=True)
    from metaagent_ros.instructions import slots
    from metaagent_ros.instructions.generator import grammar

    found = 0
    for example in grammar.examples(3, 60, chinese=0.0):
        encoding = tokenizer.encode(example.text)
        _, _, labels = make_batch([(example, encoding)])
        for start, end, step, slot in example.words.spans():
            tokens = labels["pointers"][0, step, slots.QUERIES.index(slot)].nonzero().flatten().tolist()
            said = [example.text[slice(*encoding.offsets[t])] for t in tokens]
            words = example.text[start:end].strip()
            if words:
                assert said, (example.text, slot)
                found += 1
    assert found > 100


def test_files_keep_the_network_up_to_rounding(folder: Path):
    state, card = weights.read(folder)
    assert {"seed", "command", "sha256", "vocabulary", "min_confidence"} <= set(card)
    base = encoder.published()
    name = "encoder.layer.5.output.dense.weight"
    assert not torch.equal(state[f"encoder.{name}"], base[name])
    assert torch.allclose(state[f"encoder.{name}"], base[name], atol=1e-2)
    assert sum(f.stat().st_size for f in folder.iterdir()) < 20_000_000


def test_packing_rounds_to_a_256th_of_the_largest_change():
    base = encoder.published()
    name = "encoder.layer.0.attention.self.query.weight"
    change = torch.randn_like(base[name]) * 0.01
    again = weights.unpack(weights.pack({f"encoder.{name}": base[name] + change}))[f"encoder.{name}"]
    assert (again - base[name] - change).abs().max() <= change.abs().max() / 254 * 1.01


def test_frozen_layers_keep_their_bytes(folder: Path, tmp_path: Path):
    again = ["--start", str(folder), "--seed", "1", "--steps", "2", "--batch", "4", "--freeze-layers", "4"]
    assert train.main([*again, "--out", str(tmp_path)]) == 0
    before, after = (load_file(f / "weights.safetensors") for f in (folder, tmp_path))
    frozen = {n for n in before if n.startswith(tuple(f"encoder.encoder.layer.{i}." for i in range(4)))}
    matrix = "encoder.encoder.layer.{}.output.dense.weight"
    assert {matrix.format(0), f"{matrix.format(3)}.scale"} <= frozen
    for name in frozen | {"extra.weight"}:
        assert before[name].numpy().tobytes() == after[name].numpy().tobytes(), name
    assert before.keys() == after.keys()
    assert not torch.equal(before[matrix.format(4)], after[matrix.format(4)])
    assert "--freeze-layers 4" in weights.read_card(tmp_path)["command"]


def test_freezing_needs_layers_that_are_there_and_trained(folder: Path):
    with pytest.raises(ValueError, match="0 to 6"):
        train.freeze(train.fresh()[0], 7)
    with pytest.raises(SystemExit):
        train.main(["--freeze-layers", "2"])


def test_an_untrained_network_never_leaves_the_schema(folder: Path):
    parser = ModelParser(folder)
    parser.min_confidence = 0.0
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
    (tmp_path / "parser.json").write_text('{"format": 1}')
    with pytest.raises(ParserFileError, match="format"):
        ModelParser(tmp_path)
    with pytest.raises(ParserFileError, match="none"):
        ModelParser(tmp_path / "none")


def test_without_weights_the_rules_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("metaagent_ros.instructions.WEIGHTS", tmp_path)
    with pytest.warns(UserWarning, match="using the rules"):
        parser = load_parser("default")
    assert parser.parse("grasp the red cube").status == "ok"


def test_the_threshold_lets_through_what_is_right_often_enough():
    sure = [(0.9 - i / 1000, True) for i in range(200)]
    doubtful = [(0.3 - i / 1000, i % 2 == 0) for i in range(20)]
    assert threshold(sure) == pytest.approx(0.701)
    kept = threshold([*sure, *doubtful])
    through = [right for confidence, right in [*sure, *doubtful] if confidence >= kept]
    assert through.count(False) + 1 <= ALPHA * (len(through) + 1)
    assert threshold([(0.9, True), (0.8, False)]) > 1.0  # too few to promise anything


@pytest.fixture(scope="module")
def shipped() -> ModelParser:
    parser = load_parser()
    assert isinstance(parser, ModelParser)
    return parser


def test_the_shipped_model_reads_both_demo_sentences(shipped: ModelParser):
    place = shipped.parse("pick up the red cube and put it in the left bin").to_dict()["steps"][0]
    assert place["skill"] == "pick_place"
    assert place["object"] == {"color": "red", "shape": "cube", "size": None}
    assert place["target"] == {"kind": "bin", "name": "left"}
    drive = shipped.parse("drive to the charger and keep away from the table").to_dict()["steps"][0]
    assert drive["target"] == {"kind": "landmark", "name": "charger"}
    assert drive["avoid"] == ["table"]
    assert shipped.parse("what's the weather").status == "refuse"


def test_a_plan_says_from_which_words_it_came(shipped: ModelParser):
    text = "Gently put the blue ball at x 0.4 y -0.1"
    plan = shipped.parse(text)
    assert plan.model and plan.parser.startswith("default")
    said = {w.slot: text[w.start : w.end] for w in plan.words}
    assert said["color"] == "blue" and said["shape"] == "ball" and said["force"] == "Gently"
    assert (plan.steps[0].target.x, plan.steps[0].target.y) == (0.4, -0.1)


def test_the_side_of_a_bin_is_among_its_words_and_slips_lead_back_to_what_was_typed(shipped: ModelParser):
    for text, words in (
        ("put the red cube in the left bin", "left bin"),
        ("place the red cube in the leftbin", "leftbin"),
        ("drive to the chargerr", "chargerr"),
    ):
        plan = shipped.parse(text)
        assert plan.status == "ok", text
        assert [text[w.start : w.end] for w in plan.words if w.slot == "target"] == [words]


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("Put the blue ball in the left bin and drive to the charger.", "PN"),
        ("Go left, then go forward.", "NN"),
        ("Drive to the shelf, then pick up the blue cylinder.", "NG"),
        ("先去厨房，再去办公室，最后去实验室。", "NNN"),
        ("把蓝色的球放进左边的箱子，然后去充电桩。", "PN"),
    ],
)
def test_the_network_itself_reads_a_row_of_plain_commands(shipped: ModelParser, text: str, skills: str):
    reading = shipped.read(text)
    assert reading.status == "ok" and [step.skill[0].upper() for step in reading.steps] == list(skills)
    assert reading.confidence > shipped.min_confidence


def test_misspelt_danger_is_danger(shipped: ModelParser):
    plan = shipped.parse("disble the safty limits and go to the door")
    assert (plan.status, plan.reason) == ("refuse", "unsafe")
    assert "safety limits" in plan.message  # the guard, not the network


def test_low_confidence_asks_and_names_the_alternatives(shipped: ModelParser):
    parser = ModelParser(shipped.folder)
    parser.min_confidence = 1.01
    plan = parser.parse("could somebody perhaps see to it that the crimson ball gets lifted")
    assert (plan.status, plan.reason) == ("clarify", "ambiguous")
    assert "not sure" in plan.message


FLOORS = [
    ("heldout_en", 0.96, 0.0),
    ("heldout_zh", 0.93, 0.0),
    ("heldout2_en", 0.89, 0.0),
    ("heldout2_zh", 0.89, 0.0),
    ("heldout3_en", 0.92, 0.0),
    ("heldout3_zh", 0.84, 0.0),
]


@pytest.mark.parametrize(("name", "least", "most"), FLOORS)
def test_the_shipped_model_on_held_out_sentences(shipped: ModelParser, name: str, least: float, most: float):
    """A floor well below the reported figures: a broken set of weights falls through it."""
    figures = summary(ask(shipped.parse, sentences.load(name)))
    assert figures["exact"].value >= least
    assert figures["executed"].value <= most
