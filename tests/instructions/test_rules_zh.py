"""The Chinese rules: what they read, what they leave, and that they read the generator's sentences right."""

import random

import pytest
from rule_steps import PARSER, said

from metaagent_ros.instructions.generator import grammar
from metaagent_ros.instructions.lexicon_zh import wordings
from metaagent_ros.instructions.scoring import is_exact


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("拿起红色方块", [("grasp", "red cube", "-", None)]),
        ("請把那顆小的藍色球拿起來，謝謝", [("grasp", "small blue sphere", "-", None)]),
        ("把红色方块放进左边的箱子里", [("pick_place", "red cube", "left bin", "in")]),
        ("拿起红色方块，把它放到右边的箱子里", [("pick_place", "red cube", "right bin", "in")]),
        ("往左边的箱子里放红色的球", [("pick_place", "red sphere", "left bin", "in")]),
        ("把绿球放到x=0.3，y=-0.2的位置", [("pick_place", "green sphere", "(0.3, -0.2) m", "at")]),
        ("把黄色圆柱放在桌子上", [("pick_place", "yellow cylinder", "table", "on")]),
        ("把黄色圆柱放在桌子旁边", [("pick_place", "yellow cylinder", "table", "next_to")]),
        ("把红色方块放在蓝色方块上", [("stack", "red cube", "blue cube", "on")]),
        ("把红色方块往左推十厘米", [("push", "red cube", "left", None)]),
        ("碰一下白色的球", [("reach", "-", "white sphere", "at")]),
        ("往前走两米", [("navigate", "-", "forward", None)]),
        ("进厨房", [("navigate", "-", "kitchen", "in")]),
        ("沿着左边的墙走", [("follow", "-", "left wall", None)]),
        (
            "先拿起红色方块，然后去桌子那里，最后把它放到桌子上",
            [
                ("grasp", "red cube", "-", None),
                ("navigate", "-", "table", "at"),
                ("pick_place", "red cube", "table", "on"),
            ],
        ),
    ],
)  # fmt: skip
def test_what_it_reads(text: str, steps: list[tuple[str, str, str, str | None]]):
    assert said(text) == steps


def test_modifiers_and_avoid():
    (step,) = PARSER.parse("慢慢地去充电站，避开椅子").steps
    assert (step.speed, step.avoid) == ("slow", ("chair",))
    (step,) = PARSER.parse("轻轻地把红色方块放到桌子上").steps
    assert (step.force, step.speed) == ("gentle", "normal")


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("拿起香蕉", "refuse", "out_of_scope"),
        ("今天天气怎么样", "refuse", "out_of_scope"),
        ("把它拿起来", "clarify", "ambiguous"),
        ("拿起桌子", "clarify", "ambiguous"),
        ("沿着桌子走", "clarify", "ambiguous"),
        ("把红色方块叠在红色方块上", "refuse", "impossible"),
        ("开到x=300，y=2", "refuse", "impossible"),
        ("去厨房，但先碰一下红色的球", "refuse", "out_of_scope"),  # the order is not read, so not guessed
        ("去门口，去窗户，去厨房，再去桌子那里", "clarify", "ambiguous"),
        ("拿起@X#", "refuse", "out_of_scope"),
    ],
)
def test_what_it_does_not_read(text: str, status: str, reason: str):
    plan = PARSER.parse(text)
    assert (plan.status, plan.reason) == (status, reason), plan.message
    assert plan.message and plan.parser == "rules"


def test_every_wording_has_what_its_skill_needs():
    for signs, wording in wordings().items():
        count = signs.count("X") + signs.count("D")
        acts = wording.skill in ("grasp", "pick_place", "stack", "push")
        aims = wording.skill not in ("grasp", "slow", "fast", "gentle", "firm") and wording.way is None
        assert count == acts + aims, (signs, wording)
        assert (0 <= wording.object_at < count) == acts


def test_what_it_reads_of_the_generator_is_right():
    rng = random.Random(41)
    asked = [grammar.sample(rng, chinese=1.0) for _ in range(800)]
    through = [(e, plan) for e in asked for plan in [PARSER.parse(e.text)] if plan.status == "ok"]
    wrong = [e.text for e, plan in through if not is_exact(plan, e.plan)]
    assert len(through) > 90
    assert len(wrong) <= 0.02 * len(through), wrong
