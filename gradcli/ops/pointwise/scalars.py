"""The .Scalar overloads: PyTorch's own composites and derivatives call them, no file can."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.rule.dtypes import is_differentiable
from gradcli.rule.rows import elementwise

# fmt: off
add_number = elementwise("add.Scalar(input, other: number)", "AddBackward1",
    lambda a, other: a + other,
    lambda g, y, a, other: g, doc="a + number")
sub_number = elementwise("sub.Scalar(input, other: number)", "SubBackward1",
    lambda a, other: a - other,
    lambda g, y, a, other: g, doc="a - number")
mul_number = elementwise("mul.Scalar(input, other: number)", "MulBackward1",
    lambda a, other: a * other,
    lambda g, y, a, other: g * other, doc="a · number")
div_number = elementwise("div.Scalar(input, other: number)", "DivBackward1",
    lambda a, other: a / other,
    lambda g, y, a, other: g / other, doc="a / number")
clamped_copy = elementwise("_clone.clamped(input, min: number)", "CloneBackward0",
    lambda a, min: np.maximum(a, min),
    lambda g, y, a, min: g, doc="Copy clamped without the gradient's knowledge", kink="1 below")
# fmt: on


def plus(a: Any, number: float) -> Any:
    """Return a + a float, which makes floats of integers."""
    return add_number(a, other=number) if is_differentiable(a.dtype) else a + number
