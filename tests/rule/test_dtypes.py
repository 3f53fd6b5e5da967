"""Dtypes: promotion as PyTorch's, half types computed in float32, gradients in their own dtype."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli.autodiff import gradient_values
from gradcli.execute import compute, new_graph
from gradcli.ops import FUNCTIONS
from gradcli.rule.dtypes import DTYPES, SCALAR_NAMES, is_differentiable, is_half, limits, promote

REFERENCE = Path(__file__).parents[1] / "reference" / "promotion.json"
PROMOTION = json.loads(REFERENCE.read_text(encoding="utf-8"))
NUMBERS: dict[str, Any] = {"bool": True, "int": 2, "float": 2.0, "complex": 2j}
HALVES = ["float16", "bfloat16"]

# name of the function, and an operand in its domain: forward in one step, so one rounding
ONE_STEP = [
    ("exp", 1.3), ("log", 0.7), ("sin", 2.0), ("tanh", 0.3), ("erf", 0.4), ("lgamma", 3.3),
    ("sigmoid", -1.2), ("gelu", 0.8), ("silu", -0.6), ("sqrt", 2.0), ("i0", 0.9), ("mish", 0.5),
]  # fmt: skip


def operand(text: str) -> Any:
    """Return the operand of a name such as `float32[1]`, `int64[]` or `float`."""
    if text in NUMBERS:
        return NUMBERS[text]
    name, _, sizes = text.partition("[")
    return np.ones((1,) if sizes == "1]" else (), DTYPES[name])


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("left", PROMOTION["float32"])
def test_every_two_operands_promote_as_in_pytorch(default: str, left: str) -> None:
    found, expected = {}, PROMOTION[default][left]
    for right in expected:
        found[right] = promote((operand(left), operand(right)), DTYPES[default]).name
    assert found == {k: v.replace("complex32", "complex64") for k, v in expected.items()}


def test_every_dtype_has_a_name_in_messages_and_is_in_the_reference() -> None:
    names = {*DTYPES, "bfloat16"}
    assert names == set(SCALAR_NAMES)
    assert names == {key[:-2] for key in PROMOTION["float32"] if key.endswith("[]")}


def test_bfloat16_is_found_by_name_and_other_names_are_not() -> None:
    assert DTYPES["bfloat16"].name == "bfloat16"
    assert is_differentiable(DTYPES["bfloat16"])
    assert is_half(DTYPES["bfloat16"])
    with pytest.raises(KeyError):
        DTYPES["bfloat17"]


@pytest.mark.parametrize(
    ("name", "high"),
    [
        ("float16", 65504.0),
        ("bfloat16", 3.3895313892515355e38),
        ("float64", 1.7976931348623157e308),
    ],
)
def test_the_highest_finite_number_of_a_dtype(name: str, high: float) -> None:
    assert limits(DTYPES[name]) == (-high, high)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("name", "at"), ONE_STEP)
def test_a_half_operation_is_computed_in_float32_and_rounded_once(
    dtype: str, name: str, at: float
) -> None:
    graph = new_graph()
    x = graph.leaf(np.array([at], DTYPES[dtype]))
    y = FUNCTIONS[name].call((x,), {})
    wide = FUNCTIONS[name].call((graph.leaf(x.value.astype(np.float32)),), {})
    assert y.dtype == y.value.dtype == DTYPES[dtype]
    assert y.value == wide.value.astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", [*HALVES, "float32", "float64", "complex64", "complex128"])
def test_a_gradient_has_the_dtype_of_its_tensor(dtype: str) -> None:
    graph = new_graph()
    x = graph.leaf(np.array([0.5, 1.5], DTYPES[dtype]), True)
    y = graph.leaf(np.array([[2.0], [3.0]]), True)
    z = x * y
    compute(graph, (z.id,))
    gx, gy = gradient_values(graph, {z.id: np.ones(z.shape, z.dtype)}, (x.id, y.id))
    assert gx is not None
    assert gy is not None
    assert (gx.dtype, gy.dtype) == (x.dtype, y.dtype)
    np.testing.assert_array_equal(gx.astype(complex), [5, 5])
    np.testing.assert_array_equal(gy, [[2.0], [2.0]])


@pytest.mark.parametrize("dtype", HALVES)
def test_a_rule_on_half_values_rounds_once(dtype: str) -> None:
    """sigmoid: g·(1 - y)·y in float32, where steps in bfloat16 would be 1 % off."""
    graph = new_graph()
    x = graph.leaf(np.array([4.3], DTYPES[dtype]), True)
    y = FUNCTIONS["sigmoid"].call((x,), {})
    g = gradient_values(graph, {y.id: np.ones(1, y.dtype)}, (x.id,))[0]
    compute(graph, (y.id,))
    wide = y.value.astype(np.float32)
    assert g is not None
    assert g == ((1 - wide) * wide).astype(DTYPES[dtype])
