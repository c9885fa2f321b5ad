"""The protocol with as few episodes as show that it is fair."""

import dataclasses

import pytest

from metaagent_ros.evaluation.protocol import CellResult, Plan, cells, gathered, run_cell
from sim_envs.spec import SpecError
from sim_envs.splits import hidden_ranges, unseen_hidden

SMALL = Plan("grasp", "T2", ("scratch", "zero_shot"), (0,), 2, 2, (0, 1))


def plain(result: CellResult) -> tuple[object, ...]:
    return result.outcomes, [dataclasses.replace(cost, cpu_seconds=0.0) for cost in result.costs]


def test_every_arm_meets_the_same_tasks_and_the_rows_add_up():
    todo = cells(SMALL)
    assert [(c.arm, c.task) for c in todo] == [
        ("scratch", 0),
        ("scratch", 1),
        ("zero_shot", 0),
        ("zero_shot", 1),
    ]
    results = [run_cell(cell) for cell in todo]
    made = gathered(SMALL, results, "metaagent evaluate")
    assert len(made.outcomes) == 2 * 2 * 2 * 2 and len(made.costs) == 2 * 2 * 2
    skills = {(row.arm, row.task): row.skill for row in made.outcomes}
    assert skills["scratch", 0] == skills["zero_shot", 0] == "grasp"
    zero = [row for row in made.outcomes if row.arm == "zero_shot"]
    assert [r.total for r in zero if r.trials == 0] == [r.total for r in zero if r.trials == 1]
    assert all(c.env_steps == 0 for c in made.costs if c.arm == "zero_shot" or c.trials == 0)
    assert all(c.env_steps > 0 for c in made.costs if c.arm == "scratch" and c.trials)
    assert plain(run_cell(todo[0])) == plain(results[0])


def test_the_tasks_are_of_the_split_and_validation_has_others():
    ranges = hidden_ranges("panda")
    for split, unseen in (("T0", False), ("T2", True), ("T3", False)):
        plan = dataclasses.replace(SMALL, split=split)
        drawn = plan.drawn()
        assert all(unseen_hidden(task.hidden, ranges) is unseen and task.split == split for task in drawn)
        others = dataclasses.replace(plan, validation=True).drawn()
        assert not {t.hidden for t in drawn} & {t.hidden for t in others}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suite": "gras"}, "grasp"),
        ({"split": "T4"}, "T3"),
        ({"arms": ("reptil",)}, "reptile"),
        ({"arms": ()}, "at least one"),
        ({"checkpoints": (1, 2)}, "from 0"),
        ({"checkpoints": (0, 5, 5)}, "ascending"),
    ],
)
def test_what_cannot_be_evaluated_is_named(change, message):
    with pytest.raises((SpecError, ValueError), match=message):
        dataclasses.replace(SMALL, **change)
