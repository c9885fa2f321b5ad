"""Numbers and coordinates in a sentence: notations, words, units, and what holds for any text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent_ros.instructions.quantities import numbers, places


def values(text: str) -> list[float]:
    return [value for *_, value in numbers(text)]


@pytest.mark.parametrize(
    "text",
    [
        "({0}, {1})", "({0},{1})", "[{0}, {1}]", "x={0}, y={1}", "x = {0} and y = {1}", "x {0} y {1}",
        "x{0}y{1}", "x: {0}, y: {1}", "{0} / {1}", "{0} {1}", "x equals {0} and y equals {1}",
        "x of {0} and y of {1}", "{0} by {1}", "{0} m, {1} m", "{0}m, {1}m", "x {0} metres, y {1} metres",
        "x at {0} and y at {1}", "坐标({0}, {1})", "x等于{0}，y等于{1}", "x坐标{0}，y坐标{1}",
        "横坐标{0}纵坐标{1}", "x为{0}、y为{1}的位置", "(x={0};y={1})", "x＝{0}，y＝{1}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("x", "y"), [("1", "2"), ("0.45", "-0.2"), ("-.5", "+3"), ("-12", "1.50"), ("0", "99")]
)
def test_notations_of_coordinates(text: str, x: str, y: str):
    said = text.format(x, y)
    assert values(said) == [float(x), float(y)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zero", 0), ("ten", 10), ("twelve", 12), ("nineteen", 19), ("twenty", 20), ("twenty-five", 25),
        ("ninety nine", 99), ("a hundred", 100), ("nine hundred", 900), ("two thousand", 2000), ("Seven", 7),
        ("one point five", 1.5), ("zero point two five", 0.25), ("minus two", -2),
        ("negative one point five", -1.5), ("one and a half", 1.5), ("零", 0), ("两", 2), ("十", 10),
        ("十五", 15), ("二十", 20), ("二十三", 23), ("一百", 100), ("九百", 900), ("一千二百", 1200),
        ("一万零五", 10_005), ("一点五", 1.5), ("零点二五", 0.25), ("负一点五", -1.5), ("負兩點五", -2.5),
        ("minus 0.3", -0.3), ("负0.5", -0.5), ("−0.5", -0.5), ("–2", -2), ("－１．５", -1.5),
        ("= - 0.4", -0.4), ("(- 0.4", -0.4), (": -0.4", -0.4), ("1e-3", 0.001), ("2E1", 20), (".5", 0.5),
        ("007", 7),
    ],
)  # fmt: skip
def test_words_and_signs(text: str, value: float):
    assert values(text) == [pytest.approx(value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30 cm", 0.3), ("30cm", 0.3), ("30 centimetres", 0.3), ("5 mm", 0.005), ("1 m", 1), ("1m", 1),
        ("2 km", 2000), ("30厘米", 0.3), ("30公分", 0.3), ("5毫米", 0.005), ("1米", 1), ("三十厘米", 0.3),
        ("五公里", 5000), ("-30 cm", -0.3), ("ten cm", 0.1), ("2 metres", 2), ("three millimeters", 0.003),
        ("0.5m/s", 0.5),
    ],
)  # fmt: skip
def test_units_become_metres(text: str, value: float):
    assert values(text) == [pytest.approx(value)]


@pytest.mark.parametrize(
    "text",
    [
        "", "go to the door", "tenth", "someone", "stone", "kg", "5kg", "3rd", "a1b2", "v1.2.3", "1.2.3",
        "x_1", "千万别", "9" * 201, "hundred",
    ],
)  # fmt: skip
def test_what_is_no_number(text: str):
    assert numbers(text) == []


def test_a_dash_between_numbers_and_words_is_no_minus():
    assert values("3-4") == [3, 4]
    assert values("go - 3 times") == [3]
    assert values("room-5") == [5]


@pytest.mark.parametrize(
    ("text", "rest", "found"),
    [
        ("go to (1, 2)", "go to ( @ )", [(1, 2)]),
        ("go to x=1, y=-2 fast", "go to  @  fast", [(1, -2)]),
        ("at y 3 and x 4", "at  @ ", [(4, 3)]),
        ("(1, 2) then (3, 4)", "( @ ) then ( @ )", [(1, 2), (3, 4)]),
        ("1 2 3", " @  3", [(1, 2)]),
        ("go 3 m and then 4 m", "go 3 m and then 4 m", []),
        ("the red one at (1, 2)", "the red one at ( @ )", [(1, 2)]),
        ("x 1.5 m and y 2 m, please", " @ , please", [(1.5, 2)]),
        ("nothing", "nothing", []),
    ],
)
def test_places(text: str, rest: str, found: list[tuple[float, float]]):
    assert places(text) == (rest, found)


PIECES = (
    "one two point minus and a half hundred 负 十 百 千 万 零 点 一 九 - . , ( = 0 7 1e9 9999999 cm km 米 "
    "公里 x y e+ \u0665 ５ ²"
)
mixed = st.one_of(
    st.text(max_size=120),
    st.lists(st.sampled_from(PIECES.split()), max_size=60).flatmap(
        lambda parts: st.sampled_from(["".join(parts), " ".join(parts)])
    ),
    st.text("0123456789.e+-", max_size=600),
)


@given(mixed)
def test_numbers_lie_in_the_text_in_order_and_are_finite(text: str):
    end = 0
    for start, stop, value in numbers(text):
        assert end <= start < stop <= len(text)
        assert math.isfinite(value)
        end = stop


@given(mixed)
def test_a_number_reads_the_same_alone(text: str):
    for start, stop, value in numbers(text):
        alone = values(text[start:stop].lstrip("- "))
        assert alone == [abs(value)] or value < 0 or not alone


@given(
    st.floats(-99, 99),
    st.floats(-99, 99),
    st.sampled_from(["({:.3f}, {:.3f})", "x={:.3f} y={:.3f}", "{:.3f} {:.3f}"]),
)
def test_what_is_written_is_read(x: float, y: float, form: str):
    text = "go to " + form.format(x, y) + " now"
    rest, found = places(text)
    assert rest.count("@") == 1 and found == [pytest.approx((x, y), abs=6e-4)]


@given(mixed)
def test_every_place_stands_in_the_text(text: str):
    rest, found = places(text.replace("@", ""))
    assert rest.count("@") == len(found) <= len(numbers(text)) // 2
