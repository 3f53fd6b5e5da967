"""Where a file's own library is said to have the gradient nan, that library gives nan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.diagnose.nonfinite.elsewhere import POINTS

ZEROS, ONES = np.zeros(2), np.ones(2)

# the operation, what it is in numpy's words, and a point where it has no derivative
CALLS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "vector_norm": (lambda np, x: np.linalg.norm(x), ZEROS),
    "norm": (lambda np, x: np.linalg.norm(x.reshape(1, 2)), ZEROS),
    "std": (lambda np, x: np.std(x), ONES),
    "atan2": (lambda np, x: np.arctan2(x[0], x[1]), ZEROS),
    "angle": (lambda np, x: np.angle(x[0] + 1j * x[1]), ZEROS),
    "sinc": (lambda np, x: np.sinc(x[0]), ZEROS),
    "prod": (lambda np, x: np.prod(x), np.array([0.0, 2.0])),
}


def test_every_point_is_measured() -> None:
    assert {name for name, *_ in POINTS} == set(CALLS)


@pytest.mark.parametrize("name", [name for name, _, libraries, _ in POINTS if "jax" in libraries])
def test_jax_gives_nan_there(name: str) -> None:
    jax = pytest.importorskip("jax")
    call, point = CALLS[name]
    found = jax.grad(lambda x: call(jax.numpy, x))(jax.numpy.array(point))
    assert np.isnan(found).any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [n for n, _, libraries, _ in POINTS if "autograd" in libraries])
def test_hips_autograd_gives_nan_there(name: str) -> None:
    autograd = pytest.importorskip("autograd")
    numpy = pytest.importorskip("autograd.numpy")
    call, point = CALLS[name]
    assert np.isnan(autograd.grad(lambda x: call(numpy, x))(point)).any()
