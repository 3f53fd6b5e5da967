"""Comparisons of tensors with numbers, on either side, as PyTorch 2.13 makes them."""

import pytest

from gradcli import loads

# a number has no dtype of its own: 0.1 is a float32's 0.1 where the tensor is of float32
COMPARED = {
    "0.1 == f": [True, False],
    "f == 0.1": [True, False],
    "0.1 != f": [False, True],
    "f != 0.1": [False, True],
    "0.1 > f": [False, False],
    "f < 0.1": [False, False],
    "2.5 < i": [False, True],
    "i < 2.5": [True, False],
    "3 <= i": [False, True],
    "1 >= i": [True, False],
    # unlike a tensor, whose dtype counts where it has dimensions
    "f == tensor([0.1, 0.1], dtype=float64)": [False, False],
}


@pytest.mark.parametrize("text", COMPARED)
def test_a_number_is_compared_in_the_dtype_of_the_tensor(text: str) -> None:
    head = "i = tensor([1, 3])\nf = tensor([0.1, 2.5], dtype=float32)\n"
    found = loads(f"{head}y = {text}\n").nodes[-1]
    assert found.dtype == "bool"
    assert found.value is not None
    assert found.value.tolist() == COMPARED[text]
