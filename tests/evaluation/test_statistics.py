import itertools

import numpy as np
import pytest

from metaagent_ros.evaluation.statistics import estimate, improvement, iqm, mean_estimate, profile


def test_the_middle_half_by_hand():
    assert iqm([0, 1, 2, 3, 4, 5, 6, 100]) == pytest.approx((2 + 3 + 4 + 5) / 4)
    # five scores: a quarter of 5 is 1.25, so 1 and 4 are cut whole and 0.25 of the next on each side
    assert iqm([10, 1, 2, 3, 4]) == pytest.approx((0.75 * 2 + 3 + 0.75 * 4) / 2.5)
    assert iqm([7.0]) == 7.0


@pytest.mark.parametrize("bad", [[], [np.nan], [np.inf, 1.0]])
def test_scores_must_be_there_and_finite(bad):
    for function in (iqm, estimate, mean_estimate):
        with pytest.raises(ValueError, match="finite"):
            function(bad)


def test_the_interval_covers_the_value_and_shrinks_with_more_runs():
    rng = np.random.default_rng(0)
    few, many = (estimate(rng.uniform(size=(runs, 5))) for runs in (4, 64))
    for made in (few, many):
        assert made.low <= made.value <= made.high
    assert many.high - many.low < few.high - few.low


def test_one_run_of_many_tasks_still_has_an_interval():
    made = estimate(np.linspace(0.0, 1.0, 12)[None])
    assert made.low < made.value < made.high


def test_runs_are_drawn_within_their_task():
    """Tasks differ, runs agree: nothing varies, where an unstratified bootstrap would have a width."""
    table = np.tile([0.0, 0.5, 1.0, 1.0], (5, 1))
    for function in (estimate, mean_estimate):
        made = function(table)
        assert made.low == pytest.approx(made.value) and made.high == pytest.approx(made.value)
    assert mean_estimate(table).value == pytest.approx(0.625)


def test_the_mean_interval_is_that_of_all_resamples():
    """Three runs of one task: the 27 equally likely resamples can be listed."""
    runs = [0.0, 0.3, 1.0]
    means = [np.mean(draw) for draw in itertools.product(runs, repeat=3)]
    made = mean_estimate(np.array(runs)[:, None])
    assert made.value == pytest.approx(1.3 / 3)
    # 1 of 27 resamples has the least mean (3.7 %) and 1 the largest: both percentiles lie there
    assert (made.low, made.high) == pytest.approx((min(means), max(means)))


def test_the_interval_of_the_mean_agrees_with_theory():
    scores = np.random.default_rng(1).normal(size=(400, 1))
    made = mean_estimate(scores)
    width = 2 * 1.96 * scores.std() / np.sqrt(400)
    assert made.high - made.low == pytest.approx(width, rel=0.1)


def test_the_probability_of_improvement_by_hand():
    ours = [[1.0, 0.5, 0.2], [0.0, 0.5, 0.9]]
    theirs = [[0.5, 0.5, 0.4], [0.0, 0.1, 0.3]]
    # wins: (0,0), (1,1), (1,2); ties: (0,1), (1,0); one loss
    assert improvement(ours, theirs).value == pytest.approx((3 + 2 * 0.5) / 6)
    assert improvement(theirs, ours).value == pytest.approx((1 + 2 * 0.5) / 6)
    assert improvement(ours, ours).value == 0.5


def test_improvement_compares_pairs_not_all_with_all():
    """Each run is a little better than its own partner; compared with all runs it would win 2 of 3."""
    theirs = np.array([[0.0], [0.4], [0.8]])
    made = improvement(theirs + 0.1, theirs)
    assert (made.value, made.low, made.high) == (1.0, 1.0, 1.0)


def test_improvement_needs_the_same_runs_and_tasks():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        improvement(np.zeros((2, 3)), np.zeros((3, 2)))


def test_the_profile_by_hand():
    table = [[0.0, 0.5], [0.5, 1.0]]
    made = profile(table, (-0.1, 0.0, 0.5, 0.9, 1.0))
    assert made.shares == (1.0, 0.75, 0.25, 0.25, 0.0)  # strictly above
    assert all(a <= b <= c for a, b, c in zip(made.low, made.shares, made.high, strict=True))
    # above 0.4: task 1 always, task 0 with 0, 1 or 2 of its two draws (1/4, 1/2, 1/4)
    band = profile(table, (0.4,))
    assert (band.low[0], band.high[0]) == (0.5, 1.0)


def test_the_area_under_the_profile_is_the_mean():
    scores = np.random.default_rng(2).uniform(size=(6, 7))
    taus = np.linspace(0.0, 1.0, 2001)
    assert np.trapezoid(profile(scores, taus).shares, taus) == pytest.approx(scores.mean(), abs=1e-3)


def test_the_same_seed_gives_the_same_interval():
    scores = np.random.default_rng(3).uniform(size=(5, 4))
    assert estimate(scores, seed=1) == estimate(scores, seed=1)
    assert estimate(scores, seed=1) != estimate(scores, seed=2)
