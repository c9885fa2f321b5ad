"""The figures of `metaagent evaluate language`, on answers that are known."""

import json
import math
from pathlib import Path

import pytest

from metaagent_ros.cli.main import main
from metaagent_ros.instructions import sentences
from metaagent_ros.instructions.schema import plan_from_json, refuse
from metaagent_ros.instructions.scoring import Answer, Share, by_slot, is_exact, latency, summary
from sim_envs.spec import SpecError

RED = {"status": "ok", "steps": [{"skill": "grasp", "object": {"color": "red", "shape": "cube"}}]}
BLUE = {"status": "ok", "steps": [{"skill": "grasp", "object": {"color": "blue", "shape": "cube"}}]}


def asked(plan: object, text: str = "grasp the red cube") -> sentences.Labelled:
    return sentences.Labelled(text, plan_from_json(plan), "grasp", "en")  # type: ignore[arg-type]


def test_one_wrong_slot_is_not_exact_and_costs_one_slot():
    answer = Answer(asked(RED), plan_from_json(BLUE), 0.01)
    assert not is_exact(answer.plan, answer.asked.plan)
    slots = by_slot([answer])
    assert slots["color"].right == 0 and slots["shape"].right == 1 and len(slots) == 9
    assert summary([answer])["slots"].value == pytest.approx(8 / 9)


def test_the_order_of_what_to_avoid_does_not_count():
    step = {"skill": "navigate", "target": {"kind": "landmark", "name": "door"}, "relation": "at"}
    one, two = (
        plan_from_json({"status": "ok", "steps": [step | {"avoid": list(items)}]})
        for items in (("person", "chair"), ("chair", "person"))
    )
    assert is_exact(one, two)


def test_executed_and_refused_count_over_their_own_sentences():
    bad = {"status": "refuse", "reason": "unsafe"}
    answers = [
        Answer(asked(bad), plan_from_json(RED), 0.0),
        Answer(asked(bad), refuse("unsafe", ""), 0.0),
        Answer(asked(RED), refuse("unsafe", ""), 0.0),
        Answer(asked(RED), plan_from_json(RED), 0.0),
    ]
    figures = summary(answers)
    assert (figures["executed"].right, figures["executed"].count) == (1, 2)
    assert (figures["refused"].right, figures["refused"].count) == (1, 2)
    assert (figures["let_through"].right, figures["let_through"].count) == (1, 2)
    assert figures["exact"].value == 0.5


def test_wilson_interval_of_a_textbook():
    low, high = Share(81, 263).interval()
    assert (low, high) == (pytest.approx(0.2553, abs=1e-3), pytest.approx(0.3662, abs=1e-3))
    assert Share(0, 0).interval() == (0.0, 1.0) and math.isnan(Share(0, 0).value)


def test_latency_leaves_out_the_first_sentence():
    answers = [Answer(asked(RED), plan_from_json(RED), s) for s in (9.0, 0.001, 0.002, 0.003)]
    assert latency(answers) == {"p50_ms": pytest.approx(2.0), "p99_ms": pytest.approx(3.0)}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "language", *arguments])
    return int(caught.value.code or 0)


def test_the_command_reads_a_file_and_writes_every_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = [{"instruction": "grasp the red cube", "plan": RED}, {"instruction": "grasp it", "plan": BLUE}]
    (tmp_path / "mine.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    out = tmp_path / "out" / "figures.json"
    assert run("--parsers", "rules", "--sentences", str(tmp_path / "mine.jsonl"), "--out", str(out)) == 0
    shown = capsys.readouterr().out
    assert "50.0" in shown and "rules" in shown
    answers = json.loads(out.read_text())["rules"]["sets"][str(tmp_path / "mine.jsonl")]["answers"]
    assert [a["exact"] for a in answers] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--parsers", "rule"), "rules"),
        (("--sentences", "heldout"), "heldout_en"),
        (("--sentences", "none.jsonl"), "none.jsonl"),
    ],
)
def test_bad_input_is_named(
    arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert named in capsys.readouterr().err


def test_a_line_without_a_plan_is_named(tmp_path: Path):
    (tmp_path / "bad.jsonl").write_text('{"instruction": "grasp"}\n')
    with pytest.raises(SpecError, match=r"bad.jsonl:1"):
        sentences.read(tmp_path / "bad.jsonl")
