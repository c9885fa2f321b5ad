"""The generator: its marks, its plans, its banks, and that it knows nothing of the held-out sentences."""

import random
import re

import pytest

from metaagent_ros.instructions import sentences
from metaagent_ros.instructions.generator import grammar, noise
from metaagent_ros.instructions.generator.introducing import aimed_at_it
from metaagent_ros.instructions.generator.marks import Marked, fill
from metaagent_ros.instructions.generator.meanings import draw_steps
from metaagent_ros.instructions.generator.wording import Speaker
from metaagent_ros.instructions.phrases import LANGUAGES, phrases, vocabulary
from metaagent_ros.instructions.quantities import numbers
from metaagent_ros.instructions.schema import plan_from_json
from metaagent_ros.instructions.slots import POINTERS, QUERIES
from sim_envs import spec

SPOKEN = {*"zero one two three four five six seven eight nine ten point minus negative".split()}
EXAMPLES = list(grammar.examples(seed=11, count=3000, chinese=0.4))


def test_the_same_seed_says_the_same():
    again = list(grammar.examples(seed=11, count=50, chinese=0.4))
    assert [e.words for e in again] == [e.words for e in EXAMPLES[:50]]
    assert [e.plan for e in again] == [e.plan for e in EXAMPLES[:50]]


def test_every_plan_is_in_the_schema_and_every_mark_in_the_text():
    for example in EXAMPLES:
        assert plan_from_json(example.plan.to_json()) == example.plan
        assert len(example.words.marks) == len(example.text)
        for start, end, step, slot in example.words.spans():
            assert 0 <= start < end <= len(example.text) and slot in QUERIES
            assert step < max(len(example.plan.steps), 1)


def test_the_marked_numbers_are_the_coordinates():
    seen = 0
    for example in EXAMPLES:
        said = {a: v for a, _, v in numbers(example.text)}
        for start, end, step, slot in example.words.spans():
            if slot in POINTERS:
                if set(re.findall("[a-z]+", example.text[start:end].lower())) - SPOKEN:
                    continue  # a slip in a number in words makes another number, or none
                target = example.plan.steps[step].target
                value = said.get(start)
                if value is None:  # a typo or the sign has moved it
                    continue
                seen += 1
                assert value == pytest.approx(target.x if slot == "x" else target.y), example.text
    assert seen > 100


def test_every_value_of_every_slot_is_said():
    said = set()
    for example in EXAMPLES:
        said.add(example.plan.reason or "ok")
        for step in example.plan.steps:
            said |= {step.skill, step.relation, step.speed, step.force, *step.avoid}
            if step.object:
                said |= {step.object.color, step.object.shape, step.object.size}
            if step.target:
                said |= {step.target.kind, step.target.name}
    wanted = {*spec.SKILLS, *spec.RELATIONS, *spec.COLORS, *spec.SHAPES, *spec.SIZES, *spec.TARGET_KINDS}
    wanted |= {*spec.LANDMARKS, *spec.ROOMS, *spec.AVOIDABLE, *grammar.REASONS}
    assert not wanted - said


def test_banks_hold_known_placeholders_and_no_word_means_two_things():
    known = {*"odptqabgcsn", "who", "thing"}
    for language in LANGUAGES:
        bank = phrases(language)
        for name, lines in bank.banks.items():
            if name in ("vocabulary", "whole"):  # whole sentences have letters of their own
                continue
            for line in lines:
                assert set(re.findall(r"\{(\w+)\}", line)) <= known, (language, name, line)
        for slot in {slot for slot, _ in bank.words}:
            words = [w for (s, _), ws in bank.words.items() if s == slot for w in ws]
            assert len(words) == len(set(words)), (language, slot)


def test_refused_examples_carry_no_steps_and_fine_ones_no_reason():
    share = sum(e.plan.status != "ok" for e in EXAMPLES) / len(EXAMPLES)
    assert abs(share - grammar.REFUSALS) < 0.03
    assert all(bool(e.plan.steps) == (e.plan.status == "ok") for e in EXAMPLES)


def test_marks_survive_editing():
    words = fill("pick up {o}", "skill", o=Marked.of("red", "color")).at(1)
    assert [words.text[a:b] for a, b, step, slot in words.spans() if (step, slot) == (1, "color")] == ["red"]
    edited = words.edited(8, 11, "reed")
    assert edited.text == "pick up reed" and len(edited.marks) == len(edited.text)
    assert Marked.of("  a  b ,c ").tidy().text == "a b,c"


def test_the_hand_written_sets_share_no_sentence():
    seen: set[str] = set()
    for name in sentences.SETS:
        texts = {re.sub(r"[\W_]+", " ", item.text.lower()).strip() for item in sentences.load(name)}
        assert not texts & seen, name
        seen |= texts
    assert len(sentences.load("heldout_en")) >= 150


def test_the_generator_says_hardly_a_held_out_sentence():
    """What the contract itself names ("pick up the object"), any generator says; of others at most one."""
    held = {s.text.lower().strip(" .!?") for name in sentences.HELD_OUT for s in sentences.load(name)}
    said = {e.text.lower().strip(" .!?") for e in grammar.examples(random.Random(5).randint(0, 99), 4000)}
    assert len({text for text in held & said if len(text.split()) > 5}) <= 1


def test_vocabulary_holds_every_chinese_character_of_the_banks():
    known = set("".join(vocabulary()))
    for lines in phrases("zh").banks.values():
        missing = {c for line in lines for c in line if "一" <= c <= "鿿"} - known
        assert not missing


def test_pronouns_and_left_out_verbs_keep_the_meaning():
    """ "it" stands for an aim that was named before, and a step without a verb follows one of its skill."""
    rng, seen = random.Random(2), {"it": 0, "short": 0}
    speaker = Speaker(rng, phrases("en"))
    for _ in range(2500):
        meanings = draw_steps(rng, 2)
        if meanings[1].near:
            last, aim = meanings[0].step, meanings[1].step.target
            named = last.object or last.target.object
            assert aim.object == named
            said = aimed_at_it(speaker, speaker.clause(meanings[1]))
            if said is not None:
                slots = {slot for *_, slot in said.spans()}
                assert not slots & {"t_color", "t_shape", "t_size"}, said.text
                assert re.search(r"\b(it|that)\b", said.text)
                seen["it"] += 1
        if meanings[1].step.skill == "pick_place" and not meanings[1].again:
            short = speaker.short(meanings[1])
            assert "skill" not in {slot for *_, slot in short.spans()}, short.text
            seen["short"] += 1
    assert min(seen.values()) > 20, seen


def test_errands_have_a_drive_between():
    rng, found = random.Random(1), 0
    for _ in range(400):
        skills = [m.step.skill for m in draw_steps(rng, 3)]
        found += skills[:2] == ["grasp", "navigate"] and skills[2] in ("pick_place", "stack")
    assert found > 40


def test_a_slip_makes_no_other_word_of_a_slot():
    known = {word for line in phrases("en").words.values() for words in line for word in words.split()}
    rng, changed = random.Random(3), 0
    for example in grammar.examples(8, 300, chinese=0.0):
        before = set(re.findall("[a-z]+", example.words.text.lower()))
        before |= {"righthand", "lefthand"}  # without its space "right hand" is said in another way
        slipped = noise.mistyped(rng, example.words, 1)
        new = set(re.findall("[a-z]+", slipped.text)) - before
        changed += bool(new)
        assert len(slipped.text) == len(slipped.marks)
        assert not {w for w in new if w in known and len(w) > 3}, (example.text, slipped.text)
    assert changed > 100


def test_salad_is_made_of_small_words_and_words_of_a_command():
    rng = random.Random(6)
    texts = {noise.salad(rng, Marked.of("push the red cube to the left")) for _ in range(50)}
    assert len(texts) == 50 and all(len(text.split()) >= 8 for text in texts)
