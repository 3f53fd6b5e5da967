"""What a program may give for a tensor: arrays and numbers of any library."""

from __future__ import annotations

from array import array
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import InputFault
from gradcli.rule.dtypes import Array


class OfAnotherLibrary:
    """What NumPy can read: a column of a table, a tensor."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array([1.5, 2.5])


class Quantity:
    """A number of another kind."""

    def __float__(self) -> float:
        return 1.5


class Count:
    """An integer of another kind."""

    def __index__(self) -> int:
        return 3


class Broken(Quantity):
    """One that cannot say its number."""

    def __float__(self) -> float:
        raise ValueError("no unit")


# what is given, its values, its dtype
GIVEN: list[tuple[Any, Any, str]] = [
    (np.float64(0.7), 0.7, "float64"),
    (np.float32(0.5), 0.5, "float32"),
    (np.int16(3), 3, "int16"),
    (np.bool_(True), True, "bool"),
    (np.complex64(1 + 2j), 1 + 2j, "complex64"),
    ([np.float64(1.0), 2], [1.0, 2.0], "float64"),
    ([[np.float32(1.5), 2], [3, 4]], [[1.5, 2], [3, 4]], "float64"),
    ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], [[1, 2], [3, 4]], "float64"),
    ([np.array([1, 2], np.int32), np.array([3, 4], np.int32)], [[1, 2], [3, 4]], "int32"),
    ([np.array([1.0, 2.0]), [3, 4]], [[1, 2], [3, 4]], "float64"),
    ((np.array(1.0), np.array(2.0)), [1, 2], "float64"),
    (np.array([1.0, 2.0], ">f8"), [1, 2], "float64"),
    (np.array([1.0, 2.0], np.longdouble), [1, 2], "float64"),
    (np.array([1, 65535], np.uint16), [1, 65535], "int64"),
    (np.array([Fraction(1, 2), 3], object), [0.5, 3], "float64"),
    (np.ma.array([1.0, 2.0]), [1, 2], "float64"),
    (OfAnotherLibrary(), [1.5, 2.5], "float64"),
    ([OfAnotherLibrary(), OfAnotherLibrary()], [[1.5, 2.5]] * 2, "float64"),
    (array("d", [1.0, 2.0]), [1, 2], "float64"),
    (Fraction(1, 4), 0.25, "float64"),
    ([Decimal("0.5"), Fraction(1, 4)], [0.5, 0.25], "float64"),
    ([Quantity(), 1.0], [1.5, 1], "float64"),
    (Count(), 3, "int64"),
    (range(3), [0, 1, 2], "int64"),
    ("[1., 2.]", [1, 2], "float64"),
]
REFUSED: list[tuple[Any, str]] = [
    (np.array(["a"]), "`w`: holds str32, and a tensor holds numbers"),
    (np.datetime64("2020"), "`w`: holds datetime64"),
    (np.array([object()]), "`w`: a tensor is made of numbers, not of a object"),
    (np.array([2**63], np.uint64), "`w`: holds 9223372036854775808, which is more than int64 can"),
    (np.ma.array([1.0, 2.0], mask=[False, True]), "`w`: holds masked elements"),
    ([np.array([1.0, 2.0]), np.array([3.0])], "`w`: expected sequence of length 2 at dim 1"),
    (Broken(), "`w`: cannot be read as a number: no unit"),
    ({1.0}, "`w`: a tensor is made of numbers, not of a set"),
    (b"12", "`w`: a tensor is made of numbers, not of a bytes"),
    (None, "`w`: a tensor is made of numbers, not of None"),
]


def shown(x: Any) -> str:
    """Return a case's name, which is the same in every process: no address stands in it."""
    return repr(x).partition(" at 0x")[0][:40]


@pytest.mark.parametrize(("value", "expected", "dtype"), GIVEN, ids=shown)
def test_what_holds_numbers_is_data(value: Any, expected: Any, dtype: str) -> None:
    found = bound(value)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def bound(value: Any) -> Array:
    """Return what a name is bound to that is given a value."""
    found = gradcli.loads("y = w", set={"w": value}, backward=False).node(0).value
    assert found is not None
    return found


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=shown)
def test_what_holds_no_numbers_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(InputFault) as caught:
        gradcli.loads("y = w", set={"w": value})
    assert caught.value.message.startswith(message)


def test_parameters_and_cotangents_are_taken_alike() -> None:
    assert gradcli.loads("y = w*w", param={"w": np.float64(0.7)}).node(0).grad == 1.4
    rows = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    grad = gradcli.loads("y = w*w", param={"w": rows}, grad_output=[np.ones(2)] * 2).node(0).grad
    assert grad is not None
    np.testing.assert_array_equal(grad, [[2.0, 4.0], [6.0, 8.0]])


def test_tensors_of_pytorch_are_data_whatever_they_carry() -> None:
    torch = pytest.importorskip("torch")
    for given, expected, dtype in [
        (torch.tensor([1.0, 2.0], requires_grad=True) * 2, [2.0, 4.0], "float32"),
        (torch.tensor([1 + 2j]).conj(), [1 - 2j], "complex64"),
        (torch.tensor([1.5, 2.0], dtype=torch.bfloat16), [1.5, 2.0], "bfloat16"),
        ([torch.ones(2), torch.zeros(2)], [[1, 1], [0, 0]], "float32"),
        (torch.nn.Parameter(torch.ones(2, dtype=torch.float64)), [1, 1], "float64"),
    ]:
        found = bound(given)
        assert found.dtype.name == dtype
        np.testing.assert_array_equal(found.astype(np.complex128), expected)
    with pytest.raises(InputFault, match="cannot be read as an array"):
        gradcli.loads("y = w", set={"w": torch.ones(2).to_sparse()})
