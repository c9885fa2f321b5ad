"""Misspelt words are put right, right ones are left alone, and every place is found again."""

import random

import pytest

from metaagent_ros.instructions import encoder, sentences
from metaagent_ros.instructions.generator import grammar
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.names import whole_name
from metaagent_ros.instructions.phrases import phrases
from metaagent_ros.instructions.spelling import Speller


@pytest.fixture(scope="module")
def spell() -> Speller:
    return Speller(filter(str.isalpha, encoder.load_tokenizer([]).get_vocab()))


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("put the yelow cilinder on the tabel", "put the yellow cylinder on the table"),
        ("place the bluecube in the leftbin", "place the blue cube in the left bin"),
        ("drive to the chargerr pleeeease", "drive to the charger please"),
        ("folow teh coridor", "follow teh corridor"),  # three letters are too few to tell
        ("disble the safty limits", "disable the safety limits"),
        ("把yelow的方块拿起来", "把yellow的方块拿起来"),
    ],
)
def test_slips_are_put_right(spell: Speller, given: str, right: str):
    assert spell(given).text == right


@pytest.mark.parametrize(
    "text", ["", "x=0.35, y=-1.2", "grab the banana", "go to the bathroom", "asdf", "把球放下"]
)
def test_what_is_no_slip_stays(spell: Speller, text: str):
    assert spell(text).text == text


def test_nothing_that_the_banks_say_changes(spell: Speller):
    speaker = Speaker(random.Random(4), phrases("en"))
    for _ in range(300):
        text = grammar.fine(speaker, 2)[0].tidy().text
        assert spell(text).text == text


def test_no_fine_sentence_of_the_development_set_is_changed_but_noise(spell: Speller):
    changed = [s for s in sentences.load("development") if spell(s.text).text != s.text]
    assert len(changed) >= 6
    fine = [s.text for s in changed if s.plan.status == "ok" and s.kind != "noise"]
    assert [text for text in fine if spell(text).text.replace(" ", "") != text.replace(" ", "")] == []


def test_places_of_the_correction_lead_back_to_what_was_given(spell: Speller):
    given = "tak the yelow ball to the leftbin, x 1.5"
    spelled = spell(given)
    at = spelled.text.index
    assert given[slice(*spelled.before(at("yellow"), at("yellow") + 3))] == "yelow"
    assert given[slice(*spelled.before(at("ball"), at("ball") + 4))] == "ball"
    assert given[slice(*spelled.before(at("left"), at("left") + 4))] == "leftbin"
    assert given[slice(*spelled.before(at("bin"), at("bin") + 3))] == "leftbin"
    assert given[slice(*spelled.before(at("1.5"), at("1.5") + 3))] == "1.5"
    assert spelled.before(0, 0) == (0, 0)


@pytest.mark.parametrize(
    ("text", "slot", "pointed", "whole"),
    [
        ("put it in the Left bin, please", "target", "bin", "Left bin"),
        ("the basket on your right", "target", "basket", "basket on your right"),
        ("drive along the wall on the left", "target", "wall", "wall on the left"),
        ("back to the charging station", "target", "charging", "charging station"),
        ("把球放进左边的箱子里", "target", "箱子", "左边的箱子"),
        ("next to the ping-pong ball", "t_shape", "ball", "ping-pong ball"),
        ("push the ball left", "skill", "push", "push"),
        ("go to the bin", "target", "bin", "bin"),
    ],
)
def test_a_pointed_word_is_shown_with_the_rest_of_its_name(text: str, slot: str, pointed: str, whole: str):
    start = text.index(pointed)
    assert text[slice(*whole_name(text, slot, start, start + len(pointed)))] == whole
