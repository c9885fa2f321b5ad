"""Whole sentences of the banks: what a line may say, and what becomes of it."""

import random
import re
from dataclasses import replace

import pytest

from metaagent_ros.instructions import sentences
from metaagent_ros.instructions.generator import grammar, whole
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.phrases import LANGUAGES, phrases
from sim_envs.spec import ObjectRef, Target, TaskSpec

SEEDS = range(40)


def spoken(line, seed=0, language="en"):
    plain = replace(phrases(language), usual=(1.0, 1.0))  # the most usual word of each value
    return whole.said(Speaker(random.Random(seed), plain), whole.parse(line))


def test_the_steps_are_those_of_the_line_in_their_order():
    line = "to {p} once {a} is on {b}, gently; mind the chair => stack a b +gentle ; go p +avoid:chair"
    for seed in SEEDS:
        words, plan = spoken(line, seed)
        stack, go = plan.steps
        assert (stack.skill, stack.relation, stack.force) == ("stack", "on", "gentle")
        assert (go.skill, go.avoid, go.force) == ("navigate", ("chair",), "normal")
        assert stack.object != stack.target.object
        for thing in (stack.object, stack.target.object):
            assert all(word in words.text for word in (thing.color or "", thing.size or ""))


def test_each_mention_is_marked_for_the_slot_that_it_speaks_for():
    line = "you go to {p}, but {a} goes in {k} first, and {a} gently => place a in k ; go p"
    for seed in SEEDS:
        words, plan = spoken(line, seed)
        found = {(step, slot): words.text[a:b] for a, b, step, slot in words.spans()}
        assert str(plan.steps[1].target.name) in found[1, "target"]
        assert str(plan.steps[0].target.name) in found[0, "target"]
        if plan.steps[0].object.color:
            assert found[0, "color"] == plan.steps[0].object.color
        assert not {slot for step, slot in found if slot.startswith("t_")}


def test_a_distractor_leaves_no_mark_and_no_trace():
    for seed in SEEDS:
        words, plan = spoken("leave {b} alone and take {a} => grasp a", seed)
        assert {step for *_, step, _ in words.spans()} <= {0}
        assert plan.steps[0].target is None
        start = words.text.index(" and take ")
        assert all(a > start for a, *_ in words.spans())


def test_names_that_are_no_letters_mean_what_they_say():
    _, plan = spoken("... => place [small red cube] in left bin ; go in kitchen ; follow left wall")
    assert plan.steps == (
        TaskSpec("pick_place", ObjectRef("red", "cube", "small"), Target("bin", "left"), "in"),
        TaskSpec("navigate", None, Target("room", "kitchen"), "in"),
        TaskSpec("follow", None, Target("landmark", "left wall"), None),
    )


def test_no_letter_becomes_what_the_line_names_itself():
    for seed in range(200):
        _, plan = spoken("from the kitchen to {p} => go kitchen ; go p", seed)
        assert plan.steps[1].target.name != "kitchen"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("put it down", "expected SENTENCE => PLAN"),
        ("put {z} down => grasp z", r"unknown letters \['z'\]"),
        ("put {a} down => grasp b", r"uses \['b'\], which the sentence does not say"),
        ("fly => !imposible", "'imposible'.*allowed: unsafe, impossible"),
        ("which? => ?unsafe", "allowed: ambiguous, missing_target"),
        ("jump on {a} => jump a", "a step begins with one of grasp, place"),
        ("take {a} => grasp a +warm", r"unknown \+warm"),
        ("all of them => go kitchen ; go lab ; go office ; go storage", "4 steps; allowed: at most 3"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line, wrong):
    with pytest.raises(whole.WholeError, match=wrong):
        whole.parse(line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_the_banks_can_be_said(language):
    speaker, reasons = Speaker(random.Random(4), phrases(language)), set()
    lines = phrases(language).banks[whole.BANK]
    for line in lines:
        words, plan = whole.said(speaker, whole.parse(line))
        assert not re.search(r"\{\w+\}", words.text), words.text
        assert bool(plan.steps) == (plan.status == "ok")
        reasons.add(plan.reason)
    assert reasons == {None, *grammar.REASONS}
    assert len(lines) > 1000


def test_the_banks_hold_no_sentence_of_the_hand_written_sets():
    def bare(text):
        return re.sub(r"[\W_]+", " ", text.lower()).strip()

    known = {bare(item.text) for name in sentences.SETS for item in sentences.load(name)}
    for language in LANGUAGES:
        said = {bare(line.split("=>")[0]) for line in phrases(language).banks[whole.BANK]}
        assert not said & known
