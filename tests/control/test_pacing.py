"""Physics follows the wall clock without racing; control ticks follow robot time without drifting."""

import pytest

from metaagent_ros.control.pacing import REHEARSAL_S, Grid, Pacer, rehearsal_delay

MS = 1_000_000


def test_a_pacer_keeps_up_and_forgets_a_stall():
    pacer = Pacer(0.01, most=4)
    assert pacer.due(100.0) == 0
    assert sum(pacer.due(100.0 + 0.0107 * i) for i in range(1, 101)) == 107
    assert pacer.due(200.0) == 4 and pacer.dropped > 9000
    assert pacer.due(200.001) == 0
    with pytest.raises(ValueError, match="period"):
        Pacer(0.0)


def test_a_grid_ticks_once_a_period_wherever_states_fall():
    grid = Grid(0.05)
    ticks = [stamp for stamp in range(23 * MS, 1000 * MS, 10 * MS) if grid.due(stamp)]
    assert len(ticks) == 19
    assert ticks[0] == 53 * MS and ticks[-1] == 953 * MS


def test_a_grid_survives_lost_states_and_a_clock_that_starts_again():
    grid = Grid(0.05)
    assert not grid.due(0) and not grid.due(40 * MS) and grid.due(60 * MS) and grid.due(100 * MS)
    assert grid.due(900 * MS) and not grid.due(940 * MS)
    assert grid.due(0)
    grid.restart()
    assert not grid.due(70 * MS) and grid.due(100 * MS)


def test_a_rehearsal_falls_into_the_second_half_of_a_period():
    assert rehearsal_delay(0.04) == pytest.approx(0.04 - REHEARSAL_S)
    for period in (0.001, 0.004, 0.02, 0.1):
        assert period / 2 <= rehearsal_delay(period) < period
