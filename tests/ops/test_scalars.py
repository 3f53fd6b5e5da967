"""Numbers among the operands: the dtypes and values that PyTorch 2.13 gives, and NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli import loads
from gradcli.rule.dtypes import Array

# of i = tensor([1, 3]) and s = i.to(int8), in PyTorch with float32 by default
RESULTS: dict[str, tuple[str, list[Any]]] = {
    "clamp(i, 1.5, 2.5)": ("float32", [1.5, 2.5]),
    "clamp(i, min=1.5)": ("float32", [1.5, 3.0]),
    "clamp(i, 0.5, None)": ("float32", [1.0, 3.0]),
    "clamp(i, 2, 9)": ("int64", [2, 3]),
    "clamp_max(i, 2.5)": ("float32", [1.0, 2.5]),
    "clamp_min(i, 1.5)": ("float32", [1.5, 3.0]),
    "clamp(i > 1, 0, 1)": ("int64", [0, 1]),
    "i ** 2": ("int64", [1, 9]),
    "i ** 0.5": ("float32", [1.0, np.float32(3) ** np.float32(0.5)]),
    "2 ** i": ("int64", [2, 8]),
    "0.5 ** i": ("float32", [0.5, 0.125]),
    "i % 2.5": ("float32", [1.0, 0.5]),
    "7.5 % i": ("float32", [0.5, 1.5]),
    "fmod(i, 2.5)": ("float32", [1.0, 0.5]),
    "0.5 - i": ("float32", [-0.5, -2.5]),
    "s + 1": ("int8", [2, 4]),
    "s ** 2": ("int8", [1, 9]),
    "s * 0.5": ("float32", [0.5, 1.5]),
}


@pytest.mark.parametrize("text", RESULTS)
def test_a_number_takes_part_in_the_dtype(text: str) -> None:
    head = "torch.set_default_dtype(float32)\ni = tensor([1, 3])\ns = i.to(int8)\n"
    found = loads(f"{head}y = {text}\n").nodes[-1]
    assert found.value is not None
    assert (found.dtype, found.value.tolist()) == RESULTS[text]


# of the points of a trapezoid rule: one for each sample, or as many dimensions as there are
POINTS = {"y.shape[2:]": (4,), "y.shape[1:]": (3, 4), "all": (2, 3, 4)}


def result(text: str, **values: Array) -> Array:
    """Return what an expression gives."""
    found = loads(f"z = {text}\n", set=values).nodes[-1].value
    assert found is not None
    return found


@pytest.mark.parametrize("shape", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("dim", [-1, 2])
def test_a_trapezoid_rule_has_points_of_fewer_dimensions(shape: tuple[int, ...], dim: int) -> None:
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 3, 4)), np.sort(rng.normal(size=shape), axis=-1)
    whole = np.asarray(np.trapezoid(y, np.broadcast_to(x, y.shape), axis=dim))
    np.testing.assert_allclose(result(f"trapezoid(y, x, dim={dim})", y=y, x=x), whole, rtol=1e-12)
    sums = result(f"cumulative_trapezoid(y, x, dim={dim})", y=y, x=x)
    np.testing.assert_allclose(sums[..., -1], whole, rtol=1e-12)


def test_a_trapezoid_rule_goes_along_any_dimension() -> None:
    y, x = np.random.default_rng(1).normal(size=(2, 3, 4)), np.array([0.0, 0.5, 2.0])
    whole = np.asarray(np.trapezoid(y, x, axis=1))
    np.testing.assert_allclose(result("trapezoid(y, x, dim=1)", y=y, x=x), whole, rtol=1e-12)
