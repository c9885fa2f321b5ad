"""Why a plan is as it is: on a terminal, in a pipe and in the report."""

import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_plans import MODEL, NASTY, PLACE, SENTENCE, hostile, placing, said, terminal
from rich.color import Color, ColorSystem
from rich.console import Console

from metaagent_ros.demo.playback import Playback
from metaagent_ros.demo.provenance import explanation, legend, origin, sentence_text, wants_colour
from metaagent_ros.demo.records import Record
from metaagent_ros.demo.report import Media, render
from metaagent_ros.demo.view import View
from metaagent_ros.instructions.highlight import COLOURS, colour, rows, segments, values
from metaagent_ros.instructions.schema import Plan, Words, clarify
from metaagent_ros.instructions.slots import QUERIES
from sim_envs.simulation import hidden_from_seed
from sim_envs.spec import ObjectRef, Target, TaskSpec


def test_every_slot_has_a_colour_and_a_value_of_its_own():
    assert list(COLOURS) == list(QUERIES)
    seen = {Color.parse(c).downgrade(ColorSystem.EIGHT_BIT).number for c in COLOURS.values()}
    assert len(seen) == len(QUERIES)
    assert set(values(PLACE)) == set(QUERIES)


def test_segments_name_the_slot_of_every_word():
    cut = [(s.text, s.slot) for s in segments(SENTENCE, placing().words)]
    assert cut == [
        ("pick up", "skill"), (" the ", None), ("crimson", "color"), (" ", None), ("box", "shape"),
        (" and ", None), ("put", "skill"), (" it ", None), ("in", "relation"), (" ", None),
        ("the left bin", "target"),
    ]  # fmt: skip


def test_where_words_overlap_the_narrowest_gives_the_colour():
    words = (Words(0, "target", 0, 12), Words(0, "color", 4, 8))
    assert [(s.text, s.slot) for s in segments("the left bin", words)] == [
        ("the ", "target"),
        ("left", "color"),
        (" bin", "target"),
    ]
    assert len(segments("the left bin", words)[1].marks) == 2


spans = st.builds(Words, st.integers(-1, 3), st.sampled_from(QUERIES), st.integers(-2, 9), st.integers(-2, 9))


@given(st.text(max_size=8), st.lists(spans, max_size=6))
def test_whatever_the_words_the_segments_are_the_sentence(sentence, words):
    assert "".join(s.text for s in segments(sentence, words)) == sentence
    plan = replace(placing(), words=tuple(words))
    assert {r.slot for r in rows(sentence, plan)} <= set(QUERIES)
    assert "\n" not in sentence_text(sentence, plan, coloured=False).plain


def test_rows_say_value_and_words():
    found = {row.slot: (row.value, row.words) for row in rows(SENTENCE, placing())}
    assert found == {
        "skill": ("pick_place", ("pick up", "put")),
        "color": ("red", ("crimson",)),
        "shape": ("cube", ("box",)),
        "target": ("left bin", ("the left bin",)),
        "relation": ("in", ("in",)),
    }


def test_values_of_targets_manner_and_coordinates():
    drive = TaskSpec("navigate", target=Target("coordinate", x=-1.5, y=2.0), relation="at", speed="fast")
    found = {row.slot: row.value for row in rows("", Plan("ok", None, (drive,)))}
    assert found == {
        "skill": "navigate", "target": "coordinate", "relation": "at",
        "speed": "fast", "x": "-1.5 m", "y": "2 m",
    }  # fmt: skip
    stack = TaskSpec(
        "stack", ObjectRef("red"), Target("object", color="blue"), "on", avoid=("person", "chair")
    )
    found = {row.slot: row.value for row in rows("", Plan("ok", None, (stack,)))}
    assert (found["target"], found["t_color"], found["avoid"]) == ("object", "blue", "person, chair")
    usual = Plan("ok", None, (PLACE,), words=(said("at normal speed", "speed", "normal"),))
    assert ("speed", "normal") in [(row.slot, row.value) for row in rows("at normal speed", usual)]


def test_without_colours_brackets_name_the_slots():
    lines = [line.plain.strip() for line in explanation(SENTENCE, placing(), coloured=False)]
    assert lines[0] == "ok"
    assert lines[1].startswith("[pick up|skill] the [crimson|color] [box|shape] and [put|skill] it")
    assert "color: red <- 'crimson'" in lines
    assert "skill: pick_place <- 'pick up', 'put'" in lines
    assert lines[-1] == f"parser: default, model {MODEL}, confidence 0.98"


def test_several_steps_are_numbered():
    plan = replace(placing(), steps=(PLACE, TaskSpec("grasp", ObjectRef(size="large"))))
    plan = replace(plan, words=(*plan.words, said(SENTENCE, "size", "and", step=1)))
    lines = [line.plain.strip() for line in explanation(SENTENCE, plan, coloured=False)]
    assert "[crimson|1 color]" in lines[1] and "[and|2 size]" in lines[1]
    assert lines[lines.index("step 2") + 1 :][:2] == ["skill: grasp", "size: large <- 'and'"]
    assert [line.plain[:8] for line in legend(SENTENCE, plan, coloured=False)] == ["step 1: ", "step 2: "]


def test_a_question_is_shown_with_its_words():
    plan = clarify("ambiguous", "Did you mean red or orange?", "default", 0.4)
    plan = replace(plan, model=MODEL, words=(said(SENTENCE, "color", "crimson"),))
    lines = [line.plain.strip() for line in explanation(SENTENCE, plan, coloured=False)]
    assert lines[0] == "clarify (ambiguous)"
    assert "color: – <- 'crimson'" in lines
    assert lines[-1] == "question: Did you mean red or orange?"


def test_a_parser_that_does_not_say_is_told_apart():
    lines = [line.plain for line in explanation(SENTENCE, replace(placing(), words=()), coloured=False)]
    assert any("does not say" in line for line in lines)
    assert origin(Plan("ok", None, (PLACE,), parser="rules")) == "parser: rules, confidence 1.00"


def rendered(plan: Plan, sentence: str, coloured: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="256", soft_wrap=True)
    for line in explanation(sentence, plan, coloured):
        console.print(line)
    return out.getvalue()


def test_on_a_terminal_every_slot_has_its_colour():
    shown = rendered(placing(), SENTENCE, coloured=True)
    for slot, words in (("color", "crimson"), ("target", "the left bin"), ("skill", "put")):
        number = Color.parse(colour(slot)).downgrade(ColorSystem.EIGHT_BIT).number
        assert f"48;5;{number}m{words}\x1b[0m" in shown
        assert f"48;5;{number}m{slot}\x1b[0m" in shown
    assert "|color]" not in shown


@pytest.mark.parametrize("coloured", [False, True])
def test_hostile_text_is_harmless_on_a_terminal(coloured):
    shown = rendered(hostile(), NASTY, coloured)
    assert "\x1b[31m" not in shown and "\x1b]" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "[red]it[/red]" in shown
    assert coloured or "\x1b" not in shown
    lines = [line.split(":")[0].strip() for line in rendered(hostile(), NASTY, False).splitlines()[2:]]
    assert lines == ["skill", "color", "parser", "note"]
    assert len(rendered(placing(), "x" * 1_000_000, coloured)) < 10_000


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_terminals_that_have_them(variables, wanted):
    with terminal() as (stream, _):
        console = Console(file=stream, force_terminal=True, _environ=variables)
        assert wants_colour(console) is wanted
    assert not wants_colour(Console(file=io.StringIO(), force_terminal=False, _environ=variables))


def test_the_demo_shows_the_plan_with_its_words():
    out = io.StringIO()
    with View(out) as view:
        view.plan(placing(), "panda", SENTENCE)
        view.plan(replace(placing(), words=()), "panda", SENTENCE)
        view.plan(hostile(), "panda", NASTY)
    shown = out.getvalue()
    assert "\x1b" not in shown
    assert "[crimson|color]" in shown and "color: red <- 'crimson'; shape: cube <- 'box'" in shown
    assert f"robot: panda; parser: default, model {MODEL}, confidence 0.98" in shown
    assert "[red]it[/red]" in shown


@pytest.mark.parametrize(("no_color", "wanted"), [("", "crimson\x1b[0m"), ("1", "[crimson|color]")])
def test_the_live_demo_has_colours_unless_they_are_unwanted(monkeypatch, no_color, wanted):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    with terminal() as (stream, seen):
        with View(stream) as view:
            assert view.live
            view.plan(placing(), "panda", SENTENCE)
        assert wanted in seen()


class Page(HTMLParser):
    """The marks of a page: title, colour and text, and all of its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.marks: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "mark":
            self.marks.append([dict(attrs).get("title", ""), dict(attrs)["style"], ""])

    def handle_data(self, data):
        if self.marks and self.tags[-1] == "mark" and not self.marks[-1][2]:
            self.marks[-1][2] = data


def report(sentence: str, plan: Plan) -> str:
    record = Record(sentence, "panda", "metaagent demo", plan, hidden_from_seed("panda", 0), 0, 0)
    return render(record, Media(Playback()))


def test_the_report_marks_the_words_and_says_who_read_them():
    html = report(SENTENCE, placing())
    marks = Page(html).marks
    assert ["step 1, color: red", f"background: {colour('color')}", "crimson"] in marks
    assert ["step 1, target: left bin", f"background: {colour('target')}", "the left bin"] in marks
    assert ["", f"background: {colour('skill')}", "put"] in marks
    assert f"Parser default, model <code>{MODEL}</code>, confidence 0.98." in html
    bare = report(SENTENCE, replace(placing(), words=(), model=""))
    assert not Page(bare).marks
    assert "does not say which words" in bare and "Parser default, confidence 0.98." in bare


def test_hostile_text_is_harmless_in_the_report():
    html = report(NASTY, hostile())
    page = Page(html)
    assert "script" not in page.tags and "<script" not in html
    assert any('<script>alert("1")</script>' in text for _, _, text in page.marks)
    assert not any("\x1b" in part or "\u202e" in part for mark in page.marks for part in mark)
