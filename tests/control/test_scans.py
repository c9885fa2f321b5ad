"""A lidar's readings on the beams that a policy has."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent_ros.control.scans import ScanError, ScanLayout, resampled
from sim_envs.lidar import Lidar
from sim_envs.rooms import room_scene

BEAMS, REACH, STEP = 64, 3.5, math.tau / 64
LDS = ScanLayout(0.0, math.radians(1.0), 0.12, 3.5)


def of(ranges, layout: ScanLayout = LDS) -> np.ndarray:
    return resampled(np.asarray(ranges, dtype=np.float64), layout, BEAMS, REACH)


def test_a_scan_of_the_same_layout_comes_back_as_it_is():
    ranges = np.random.default_rng(0).uniform(0.0, REACH, BEAMS)
    assert np.array_equal(of(ranges, ScanLayout(0.0, STEP, 0.0, REACH)), ranges)
    narrow = np.float32(STEP)  # as it comes in a message
    assert np.array_equal(of(ranges, ScanLayout(0.0, float(narrow), 0.0, REACH)), ranges)


@pytest.mark.parametrize("count", [360, 720, 1081, 128])
@pytest.mark.parametrize("start", [0.0, -math.pi, 1.0])
@pytest.mark.parametrize("sense", [1, -1])
def test_every_layout_of_a_room_gives_nearly_what_the_beams_would_see(count: int, start: float, sense: int):
    items = room_scene(3, 0.12).items
    exact = Lidar(items, BEAMS, REACH, 0.182).scan(0.0, 0.0, 0.0)
    dense = Lidar(items, 7200, REACH, 0.182).scan(0.0, 0.0, 0.0)
    angles = start + sense * math.tau / count * np.arange(count)
    readings = dense[np.round(angles / math.tau * 7200).astype(int) % 7200]
    seen = of(readings, ScanLayout(start, sense * math.tau / count, 0.12, 3.5))
    assert np.all(seen <= exact + 0.02)  # never further than what is there
    assert np.median(exact - seen) < 0.1


def test_a_thin_thing_between_two_beams_is_not_lost():
    ranges = np.full(360, REACH)
    ranges[3] = 0.8  # 3 degrees: the beams are 5.6 apart
    assert np.flatnonzero(of(ranges) < 1.0).tolist() == [1]
    ranges = np.full(32, REACH)  # a coarser lidar: both beams beside a reading know of it
    ranges[1] = 0.8
    assert np.flatnonzero(of(ranges, ScanLayout(0.0, math.tau / 32, 0.1, 5.0)) < 1.0).tolist() == [1, 2, 3]


def test_what_is_out_of_reach_too_near_or_no_number_is_what_it_means():
    for value, read in ((math.inf, REACH), (0.0, REACH), (9.0, REACH), (-math.inf, 0.12), (0.05, 0.05)):
        assert of(np.full(360, value)) == pytest.approx(np.full(BEAMS, read))
    assert of(np.zeros(360), ScanLayout(0.0, math.radians(1.0), 0.0, 3.5)) == pytest.approx(np.zeros(BEAMS))
    ranges = np.full(360, 2.0)
    ranges[::2] = math.nan  # every other reading is none: the rest says enough
    assert of(ranges) == pytest.approx(np.full(BEAMS, 2.0))


@pytest.mark.parametrize(
    ("ranges", "layout", "words"),
    [
        (np.full(360, math.nan), LDS, "no reading towards 0, 6, 11"),
        (np.full(180, 1.0), LDS, "no reading towards 186"),  # half a turn
        (np.zeros(0), LDS, "no reading"),
        (np.full(800, 1.0), LDS, "allowed: one turn"),
        (np.full(360, 1.0), ScanLayout(0.0, 0.0, 0.1, 3.5), "must go on"),
        (np.full(360, 1.0), ScanLayout(math.nan, 0.1, 0.1, 3.5), "finite"),
    ],
)
def test_a_scan_that_does_not_go_around_is_refused_with_the_cause(ranges, layout, words: str):
    with pytest.raises(ScanError, match=words):
        of(ranges, layout)


@given(
    st.lists(st.floats(width=32), min_size=8, max_size=400),
    st.floats(-10, 10),
    st.sampled_from([-1.0, 1.0]),
    st.floats(0, 0.5),
)
def test_whatever_a_lidar_says_beams_are_numbers_within_reach(values, start, sense, least):
    layout = ScanLayout(start, sense * math.tau / len(values), least, 3.5)
    try:
        seen = of(values, layout)
    except ScanError:
        return
    assert seen.shape == (BEAMS,) and np.all((seen >= 0.0) & (seen <= REACH))
