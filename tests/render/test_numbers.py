import numpy as np
import pytest

from gradcli.inspection import Array
from gradcli.render.numbers import (
    align,
    bracketed,
    finite_text,
    lines,
    number,
    shortest,
    summarised,
)

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-28.0, 6, "-28"),
        (1.5, 6, "1.5"),
        (1.234e-12, 4, "1.234e-12"),
        (1e-12, 6, "1e-12"),
        (1 / 3, 4, "0.3333"),
        (10.450583572185565, 6, "10.4506"),
        (1234567.0, 3, "1234567"),  # a whole number keeps its digits
        (12345678.0, 3, "1.23e+07"),
        (-0.0, 6, "-0"),
        (0.1 + 0.2, None, "0.30000000000000004"),
        (0.1 + 0.2, 17, "0.30000000000000004"),
        (28.0, None, "28.0"),
        (NAN, 6, "nan"),
        (-INF, 6, "-inf"),
        (2**63, 6, "9223372036854775808"),
        (True, 6, "True"),
        (1 + 2j, 6, "1+2j"),
        (complex(-0.5, -INF), 6, "-0.5-infj"),
        (complex(NAN, NAN), None, "nan+nanj"),
    ],
)
def test_a_number_is_short_and_loses_nothing_that_matters(
    value: complex | int, digits: int | None, text: str
) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        ("float32", 0.1, "0.1"),
        ("float32", 3.4028235e38, "3.4028235e+38"),
        ("float16", 65504.0, "65504.0"),
        ("float16", 0.1, "0.1"),
        ("float64", 0.1, "0.1"),
        ("complex64", 0.1 - 0.2j, "0.1-0.2j"),
    ],
)
def test_no_spurious_digits_of_a_lower_precision(dtype: str, value: complex, text: str) -> None:
    array = np.array(value, dtype)
    assert number(shortest(array).item()) == text
    assert shortest(array).astype(dtype) == array


def test_bfloat16_is_shown_by_its_value() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert lines(np.array([0.1, NAN], ml_dtypes.bfloat16), 40) == ["[0.1001, nan]"]
    ones = np.ones(1000, ml_dtypes.bfloat16)
    assert lines(ones, 40) == ["all 1"]


@pytest.mark.parametrize(
    ("array", "width", "text"),
    [
        (np.array(0.5), 10, ["0.5"]),
        (np.zeros((0,)), 10, ["[]"]),
        (np.zeros((10**6, 0)), 5, ["[]"]),
        (np.array([0.09003057, 0.24472847, 0.66524096]), 40, ["[0.09003, 0.2447, 0.6652]"]),
        (np.array([0.09003057, 0.24472847, 0.66524096]), 20, ["[0.09003, 0.2447,", " 0.6652]"]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), 40, ["[[1, 2], [3, 4]]"]),
        (np.array([[1.0, -20.0], [3.0, 4.0]]), 12, ["[[  1, -20],", " [  3,   4]]"]),
        (np.arange(100.0), 40, ["0 to 99, mean 49.5"]),
        (np.arange(100), 12, ["0 to 99"]),
        (np.full(100, NAN), 40, ["100 nan"]),
        (np.r_[np.zeros(97), INF, -INF, NAN], 40, ["finite 0, 1 nan, 1 inf, 1 -inf"]),
        (np.r_[-1.5, np.zeros(96), 2, -INF, -INF], 40, ["-1.5 to 2, mean 0.0051, 2 -inf"]),
        (np.r_[-1.5, np.zeros(96), 2, -INF, -INF], 20, ["-1.5 to 2, 2 -inf"]),
        (np.r_[-1.5, np.zeros(96), 2, -INF, -INF], 8, ["2 -inf"]),
        (np.full(100, 1j), 40, ["[0+1j, 0+1j, 0+1j ... 0+1j]"]),
        (np.arange(100) > 0, 40, ["99 of 100 true"]),
        (np.full(100, 1.7e308), 40, ["all 1.7e+308"]),
        (np.arange(9.0).reshape(3, 3), 12, ["[[0, 1, 2],", " [3, 4, 5],", " [6, 7, 8]]"]),
        (np.arange(8.0).reshape(4, 2), 20, ["0 to 7, mean 3.5"]),
        (np.ones((2, 2, 1)), 9, ["all 1"]),
        (np.array([[1.5, -2.25]]), 6, ["[[  1.5,", "  -2.25]]"]),
    ],
)
def test_an_array_is_written_out_or_summarised(array: Array, width: int, text: list[str]) -> None:
    assert lines(array, width) == text


def test_full_writes_every_element_and_breaks_no_number() -> None:
    array = np.linspace(-1, 1, 300)
    written = lines(array, 30, full=True)
    assert max(map(len, written)) <= 30
    items = "".join(written).strip("[]").split(",")
    assert [float(item) for item in items] == pytest.approx(array, rel=1e-3)


def test_precision_sets_the_digits_everywhere() -> None:
    assert lines(np.array(np.pi), 40, 3) == ["3.14"]
    assert lines(np.array([np.pi]), 40, 8) == ["[3.1415927]"]


def test_a_gradient_that_was_not_kept_stands_in_round_brackets() -> None:
    assert bracketed(["-28"]) == ["(-28)"]
    assert bracketed(["[-8, -10]"]) == ["(-8, -10)"]
    assert bracketed(["[[1, 2],", " [3, 4]]"]) == ["([1, 2],", " [3, 4])"]
    assert bracketed(["0 to 9, mean 4"]) == ["(0 to 9, mean 4)"]


def test_what_is_not_finite_is_counted_apart() -> None:
    assert finite_text([np.zeros(3), np.array(1.0)]) == "all finite"
    assert finite_text([np.zeros(3)]) == "finite"
    found = finite_text([np.array([NAN, INF, NAN]), np.array([-INF, 0.0])])
    assert found == "not finite: 2 nan, 1 inf, 1 -inf"


def test_complex_numbers_have_no_order_and_are_shown_by_their_ends() -> None:
    assert summarised(np.full(100, 1j), 40) == "[0+1j, 0+1j, 0+1j ... 0+1j]"
    assert summarised(np.full(100, complex(NAN, 0)), 40) == "[nan+0j, nan+0j ... nan+0j], 100 nan"


def test_decimal_points_stand_in_one_column() -> None:
    texts = align(["-28", "1.5", "1.234e-12", "100.25", "nan", "7e+20"])
    assert texts == ["-28", "  1.5", "  1.234e-12", "100.25", "nan", "  7e+20"]


def test_a_million_elements_are_a_summary() -> None:
    array = np.random.default_rng(0).normal(size=10**6).astype(np.float32)
    assert len(lines(array, 40)) <= 4
