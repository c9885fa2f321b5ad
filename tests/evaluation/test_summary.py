"""Figures from made-up rows whose results can be worked out by hand; the store keeps them to the bit."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from metaagent_ros.evaluation import store
from metaagent_ros.evaluation.hard import hard_tasks, only
from metaagent_ros.evaluation.rows import Cost, Evaluation, Outcome, Training
from metaagent_ros.evaluation.store import StoreError, merge
from metaagent_ros.evaluation.summary import summarise, table

# successes of 5 episodes, by arm, checkpoint and task; task 0 is a grasp, task 1 a push
RATES = {
    "finetune": {0: (0, 2), 5: (2, 4), 10: (4, 4)},
    "reptile": {0: (1, 3), 5: (5, 3), 10: (5, 4)},
    "scratch": {0: (0, 0), 5: (0, 0), 10: (1, 1)},
}
TRAINED = {"finetune": 1000, "reptile": 3000, "scratch": 0}


def outcomes(arm, seed, rates=RATES, skills=("grasp", "push")):
    return [
        Outcome(arm, "panda", "test", skills[task], task, seed, trials, e, e < wins, 10.0 * wins, 50)
        for trials, both in rates[arm].items()
        for task, wins in enumerate(both)
        for e in range(5)
    ]


def evaluation(arms=tuple(RATES), seeds=(0, 1), **settings):
    costs, training = [], []
    for arm in arms:
        for seed in seeds:
            training.append(Training(arm, seed, TRAINED[arm] + seed, 10, float(TRAINED[arm])))
            for task in (0, 1):
                costs += [Cost(arm, task, seed, n, 100 * n, 50 * n, 2.0 * n) for n in RATES[arm]]
    rows = [row for arm in arms for seed in seeds for row in outcomes(arm, seed)]
    given = {"command": f"metaagent evaluate --seeds {seeds}", "seeds": list(seeds), "episodes": 5}
    inertness = {str(seed): 0.9 + 0.01 * seed for seed in seeds}
    return Evaluation(given | settings, tuple(rows), tuple(costs), tuple(training), inertness)


@pytest.fixture(scope="module")
def made():
    return summarise(evaluation())


def test_the_summary_is_json(made):
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["tasks"] == [{"skill": "grasp", "task": 0}, {"skill": "push", "task": 1}]
    assert (made["seeds"], made["episodes"], made["suite"]) == ([0, 1], 5, "panda")


def test_curves_by_arm_and_by_skill(made):
    reptile = made["arms"]["reptile"]
    assert [point["trials"] for point in reptile["curve"]] == [0, 5, 10]
    assert [p["success"]["mean"]["value"] for p in reptile["curve"]] == pytest.approx([0.4, 0.8, 0.9])
    assert [p["return"]["mean"]["value"] for p in reptile["curve"]] == pytest.approx([20.0, 40.0, 45.0])
    assert [p["success"]["iqm"]["value"] for p in reptile["skills"]["push"]] == pytest.approx([0.6, 0.6, 0.8])


def test_costs_are_by_task_and_the_total_counts_training_once(made):
    point = made["arms"]["reptile"]["curve"][2]
    assert point["adaptation"] == {"env_steps": 1000.0, "gradient_steps": 500.0, "cpu_seconds": 20.0}
    assert made["arms"]["reptile"]["training"]["env_steps"] == 3000.5
    assert point["total"]["env_steps"] == 3000.5 + 2 * 1000


def test_trials_to_the_level(made):
    found = {arm: made["arms"][arm]["trials_to"] for arm in RATES}
    # finetune: means 0.2, 0.6, 0.8; tasks reach 0.8 at 10 and 5. reptile: 0.4, 0.8; tasks at 5 and 10
    assert (found["finetune"]["trials"], found["finetune"]["task_median"]) == (10, 7.5)
    assert (found["reptile"]["trials"], found["reptile"]["task_median"]) == (5, 7.5)
    assert found["scratch"] == {"level": 0.8, "trials": None, "task_median": None, "tasks_reached": 0.0}


def test_improvement_is_paired_by_task(made):
    values = [point["improvement"]["value"] for point in made["arms"]["reptile"]["curve"]]
    # after 0: both tasks above; 5: one above, one below; 10: one above, one equal
    assert values == pytest.approx([1.0, 0.5, 0.75])
    assert all(point["improvement"] is None for point in made["arms"]["finetune"]["curve"])


def test_improvement_uses_the_seeds_that_both_have():
    both = evaluation(("finetune",), (0, 1)), evaluation(("reptile",), (1, 2))
    curve = summarise(merge(both))["arms"]["reptile"]["curve"]
    assert curve[0]["improvement"]["value"] == 1.0
    apart = merge([evaluation(("finetune",), (0,)), evaluation(("reptile",), (1,))])
    assert summarise(apart)["arms"]["reptile"]["curve"][0]["improvement"] is None


def test_break_even(made):
    # 2000 more training steps; 1000 steps a task until 0.8 against 500
    assert made["arms"]["reptile"]["break_even"]["env_steps"]["tasks"] == pytest.approx(4.0)
    assert made["arms"]["reptile"]["break_even"]["cpu_seconds"]["tasks"] == pytest.approx(2000 / 10)
    assert made["arms"]["scratch"]["break_even"]["env_steps"]["tasks"] is None  # it never gets there
    against = summarise(evaluation(), baseline="reptile")["arms"]["finetune"]["break_even"]["env_steps"]
    assert against["tasks"] is None and against["saved"] == -500.0  # cheaper start, dearer tasks


def test_break_even_is_nothing_where_the_start_is_cheaper_too():
    rows = evaluation()
    cheap = [replace(t, env_steps=10) if t.arm == "reptile" else t for t in rows.training]
    found = summarise(replace(rows, training=tuple(cheap)))["arms"]["reptile"]["break_even"]
    assert found["env_steps"]["tasks"] == 0.0


def test_break_even_is_a_bound_where_the_baseline_never_gets_there():
    found = summarise(evaluation(), level=0.9)["arms"]["reptile"]["break_even"]["env_steps"]
    # reptile is there at 10 (1000 steps), finetune spent 1000 and was not: nothing is saved for certain
    assert found == {"tasks": None, "at_most": True, "extra": 2000.0, "saved": 0.0}
    found = summarise(evaluation(), baseline="scratch")["arms"]["reptile"]["break_even"]["env_steps"]
    assert found["at_most"] and found["tasks"] == pytest.approx(3000 / 500)


def test_where_an_arm_does_not_help(made):
    assert made["no_help"]["trials"] == 10
    assert made["no_help"]["compared"] == {"reptile": 2, "scratch": 2}
    assert made["no_help"]["cells"] == [
        {"arm": "reptile", "skill": "push", "task": 1, "success": 0.8, "baseline": 0.8},
        {"arm": "scratch", "skill": "grasp", "task": 0, "success": 0.2, "baseline": 0.8},
        {"arm": "scratch", "skill": "push", "task": 1, "success": 0.2, "baseline": 0.8},
    ]


def test_profiles_are_taken_after_five_trials(made):
    profile = made["arms"]["reptile"]["profile"]
    by_tau = dict(zip(profile["taus"], profile["shares"], strict=True))
    assert profile["trials"] == 5
    assert (by_tau[0.5], by_tau[0.6], by_tau[0.95]) == (1.0, 0.5, 0.5)


def test_without_the_baseline_without_costs():
    rows = replace(evaluation(("reptile",), (3,)), costs=(), training=())
    made = summarise(rows)
    assert not made["baseline_present"]
    arm = made["arms"]["reptile"]
    assert arm["training"] is None and arm["curve"][2]["adaptation"] is None
    assert arm["curve"][0]["adaptation"]["env_steps"] == 0.0
    assert made["no_help"] == {"trials": None, "compared": {}, "cells": []}
    assert "reptile" in table(made)


def test_a_hole_is_named():
    rows = [r for r in outcomes("reptile", 0) if (r.task, r.trials) != (1, 5)]
    with pytest.raises(ValueError, match="'reptile' has no episode of push task 1, seed 0, after 5 trials"):
        summarise(replace(evaluation(), outcomes=tuple(rows)))


def test_nothing_and_a_mixture_are_refused():
    with pytest.raises(ValueError, match="no outcome"):
        summarise(replace(evaluation(), outcomes=()))
    rows = evaluation().outcomes
    with pytest.raises(ValueError, match="panda, test; panda, train"):
        summarise(replace(evaluation(), outcomes=(*rows, replace(rows[0], split="train", seed=9))))


def test_the_table_has_one_arm_a_line(made):
    head, *lines = table(made).splitlines()
    assert "success at 5" in head and "trials to 80 %" in head and "P(> finetune) at 5" in head
    assert [line.split()[0] for line in lines] == list(RATES)
    assert "never" in lines[2] and lines[1].rstrip().endswith("]") and "3,000" in lines[1]


def test_an_evaluation_comes_back_from_disk(tmp_path, made):
    rows = evaluation()
    store.write(tmp_path / "out", rows)
    assert store.read(tmp_path / "out") == rows
    assert json.loads((tmp_path / "out/summary.json").read_text()) == made
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "costs.parquet",
        "outcomes.parquet",
        "summary.json",
        "training.parquet",
    ]
    column = pq.read_table(tmp_path / "out/outcomes.parquet", columns=["success"])
    assert column.num_rows == len(rows.outcomes)


def test_an_evaluation_without_rows_comes_back_too(tmp_path):
    empty = Evaluation({}, (), (), (), {})
    store.write(tmp_path, empty, {})
    assert store.read(tmp_path) == empty


def test_a_bad_folder_is_named(tmp_path, made):
    with pytest.raises(StoreError, match=r"costs\.parquet"):
        store.read(tmp_path)
    store.write(tmp_path, evaluation(), made)
    (tmp_path / "training.parquet").write_bytes(b"PAR1 not a table")
    with pytest.raises(StoreError, match=r"training\.parquet"):
        store.read(tmp_path)
    (tmp_path / "training.parquet").write_bytes((tmp_path / "costs.parquet").read_bytes())
    with pytest.raises(StoreError, match=r"allowed: arm \(string\), seed \(int64\)"):
        store.read(tmp_path)


def test_a_merge_of_seeds_is_the_run_of_all():
    merged = merge([evaluation(seeds=(0,)), evaluation(seeds=(1,))])
    whole = evaluation(seeds=(0, 1))
    for name in ("outcomes", "costs", "training"):
        assert set(getattr(merged, name)) == set(getattr(whole, name))
    assert merged.settings["seeds"] == [0, 1] and merged.inertness == whole.inertness
    assert str(merged.settings["command"]).splitlines() == [
        "metaagent evaluate --seeds (0,)",
        "metaagent evaluate --seeds (1,)",
    ]


def test_a_merge_does_not_count_rows_twice():
    assert merge([evaluation(), evaluation()]) == evaluation()


def test_what_does_not_belong_together_is_not_merged():
    first = evaluation()
    with pytest.raises(StoreError, match="'episodes' differ: 5 in evaluation 1, 9 in evaluation 2"):
        merge([first, evaluation(episodes=9)])
    other = replace(first, outcomes=tuple(replace(r, suite="diffbot") for r in first.outcomes))
    with pytest.raises(StoreError, match=r"suite and split differ.*'panda'.*'diffbot'"):
        merge([first, other])
    changed = replace(first, outcomes=(replace(first.outcomes[0], total=-1.0),))
    with pytest.raises(StoreError, match=r"Outcome of arm finetune.*trials 0, episode 0 was measured twice"):
        merge([first, changed])
    with pytest.raises(StoreError, match="inertness of seed 0"):
        merge([first, replace(first, inertness={"0": 0.1})])
    with pytest.raises(StoreError, match="no evaluation"):
        merge([])


def test_hard_tasks_are_those_that_no_uninformed_arm_mostly_solves_at_once():
    def row(arm: str, task: int, trials: int, success: bool) -> Outcome:
        return Outcome(arm, "grasp", "T2", "grasp", task, 0, trials, 0, success, -1.0, 10)

    rows = [
        row("zero_shot", 0, 0, True), row("zero_shot", 1, 0, False), row("zero_shot", 2, 0, False),
        row("infer", 0, 0, False), row("infer", 1, 0, False), row("infer", 2, 0, True),
        row("infer", 1, 5, True), row("oracle", 1, 0, True),
    ]  # fmt: skip
    made = Evaluation({}, tuple(rows), (), (), {})
    assert hard_tasks(made) == (1,)
    assert {r.task for r in only(made, (1,)).outcomes} == {1}
