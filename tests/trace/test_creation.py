"""Tensors that a file makes of numbers."""

import numpy as np
import pytest

from gradcli import loads

MADE = {
    "full((2,), 2j)": np.full(2, 2j),
    "full((2,), 1 - 2j, dtype=complex64)": np.full(2, 1 - 2j, np.complex64),
    "full_like(tensor([1j]), 3j)": np.array([3j]),
    "full((2,), 3 + 0j, dtype=float32)": np.full(2, 3, np.float32),
    "full((1, 2), 2)": np.full((1, 2), 2),
}


@pytest.mark.parametrize("text", MADE)
def test_a_number_fills_a_tensor_whole(text: str) -> None:
    value = loads(f"x = {text}\n").node(0 if "like" not in text else 1).value
    assert value is not None
    np.testing.assert_array_equal(value, MADE[text], strict=True)


CAST = {
    "x.to(bool)": [True, False], "x.to(int)": [1, 0], "x.to(dtype=bool)": [True, False],
    "x.to(float32)": [1.5, 0.0], "x.astype(int)": [1, 0], "x.to('cpu')": [1.5, 0.0],
}  # fmt: skip


@pytest.mark.parametrize("text", CAST)
def test_pythons_types_are_dtypes(text: str) -> None:
    found = loads(f"x = tensor([1.5, 0.0])\ny = {text}\n").nodes[-1]
    assert found.value is not None
    assert found.value.tolist() == CAST[text]
    assert (found.dtype == "bool") == ("bool" in text)


NEW = {
    "x.new_zeros(2)": [0, 0], "x.new_ones((1, 2))": [[1, 1]], "x.new_full((2,), 3)": [3, 3],
    "x.new_tensor([1, 2])": [1, 2], "x.new_zeros(1, dtype=float64)": [0],
}  # fmt: skip


@pytest.mark.parametrize("text", NEW)
def test_a_tensor_makes_others_of_its_dtype(text: str) -> None:
    found = loads(f"x = tensor([1.5], dtype=float32)\ny = {text}\n").nodes[-1]
    assert found.value is not None
    assert found.value.tolist() == NEW[text]
    assert found.dtype == ("float64" if "dtype" in text else "float32")
