import numpy as np
import pytest

from metaagent_ros.evaluation.protocol import Row, summary
from metaagent_ros.evaluation.statistics import estimate, iqm


def test_the_middle_half_by_hand():
    assert iqm([0, 1, 2, 3, 4, 5, 6, 100]) == pytest.approx((2 + 3 + 4 + 5) / 4)
    # five scores: a quarter of 5 is 1.25, so 1 and 4 are cut whole and 0.25 of the next on each side
    assert iqm([10, 1, 2, 3, 4]) == pytest.approx((0.75 * 2 + 3 + 0.75 * 4) / 2.5)
    assert iqm([7.0]) == 7.0


@pytest.mark.parametrize("bad", [[], [np.nan], [np.inf, 1.0]])
def test_scores_must_be_there_and_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        iqm(bad)


def test_the_interval_covers_the_value_and_shrinks_with_more_runs():
    rng = np.random.default_rng(0)
    few, many = (estimate(rng.uniform(size=(runs, 5))) for runs in (4, 64))
    for made in (few, many):
        assert made.low <= made.value <= made.high
    assert many.high - many.low < few.high - few.low


def test_one_run_of_many_tasks_still_has_an_interval():
    made = estimate(np.linspace(0.0, 1.0, 12)[None])
    assert made.low < made.value < made.high


def test_a_summary_keeps_arms_apart():
    rows = [Row("meta", t, "grasp", 0, 0.25, 1.0, (0.25, 1.0), 400, 1.0) for t in range(3)]
    rows += [Row("scratch", t, "grasp", 0, 0.0, 0.0, (0.0, 0.0), 400, 1.0) for t in range(3)]
    made = summary(rows)
    assert made["meta"]["before"]["value"] == 0.25
    assert made["meta"]["after"]["value"] == 1.0
    assert made["meta"]["curve"] == [0.25, 1.0]
    assert made["scratch"]["after"]["high"] == 0.0
