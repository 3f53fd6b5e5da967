import numpy as np
import pytest

from gradcli.inspection import Array
from gradcli.render.numbers import align, brief, lines, number, shortest

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
    assert lines(ones, 40) == ["[1, 1, 1 ... 1]", "min 1  mean 1  max 1"]


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
        (np.arange(100.0), 40, ["[0, 1, 2 ... 99]", "min 0  mean 49.5  max 99"]),
        (np.arange(100), 20, ["[0, 1, 2 ... 99]", "min 0  mean 49.5", "max 99"]),
        (np.full(100, NAN), 40, ["[nan, nan, nan ... nan]", "100 nan"]),
        (
            np.r_[np.zeros(98), INF, NAN],
            40,
            ["[0, 0, 0 ... nan]", "min 0  mean 0  max 0  1 nan  1 inf"],
        ),
        (np.full(100, 1j), 40, ["[0+1j, 0+1j, 0+1j ... 0+1j]"]),
        (
            np.arange(100) > 0,
            40,
            ["[False, True, True ... True]", "min False  mean 0.99  max True"],
        ),
        (
            np.full(100, 1.7e308),
            40,
            ["[1.7e+308, 1.7e+308 ... 1.7e+308]", "min 1.7e+308  mean inf  max 1.7e+308"],
        ),
        (np.ones((2, 2, 1)), 9, ["[[[1],", "  [1]],", " [[1],", "  [1]]]"]),
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


def test_a_brief_value_has_as_many_elements_as_fit() -> None:
    array = np.arange(1000) / 7
    assert brief(array, 40) == "[0, 0.1429, 0.2857 ... 142.7]"
    assert brief(array, 16) == "[0 ... 142.7]"
    assert brief(array - 1, 12) == "[-1 ... 142]"
    assert brief(array, 5) == "[...]"


def test_decimal_points_stand_in_one_column() -> None:
    texts = align(["-28", "1.5", "1.234e-12", "100.25", "nan", "7e+20"])
    assert texts == ["-28", "  1.5", "  1.234e-12", "100.25", "nan", "  7e+20"]


def test_a_million_elements_are_a_summary() -> None:
    array = np.random.default_rng(0).normal(size=10**6).astype(np.float32)
    assert len(lines(array, 40)) <= 4
