"""Write tensor_text.json: how PyTorch prints tensors, one case a line.

Run it in the checkout with PyTorch 2.13: `python tests/reference/make_tensor_text.py`.

A case is [dtype, shape, data, how, text]: `data` is repeated until it fills the shape; `how` holds
what is not usual of `default` (the default dtype), `requires_grad`, `grad_fn` (the tensor was made
by a product), and `options` (the arguments of set_printoptions). Complex numbers are [re, im], and
nan and infinities are strings.
"""

from __future__ import annotations

import json
from itertools import cycle, islice
from math import prod
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
LEAF = {"requires_grad": True}
MADE = {"grad_fn": "MulBackward0"}
DOUBLE = {"default": "float64"}
UP_TO_2000 = list(range(2000))

CASES: list[tuple[str, list[int], list[Any], dict[str, Any]]] = [
    # one number
    ("float32", [], [1.0], {}),
    ("float32", [], [1.0], LEAF),
    ("float64", [], [1.0], MADE),
    ("float64", [], [1.0], DOUBLE),
    ("float64", [], [1.0], DOUBLE | MADE),
    ("float32", [], [1.5], DOUBLE),
    ("float32", [], [-28.0], {}),
    ("float32", [], [1e10], {}),
    ("float32", [], [3.14159], {}),
    ("float32", [], ["nan"], {}),
    ("float32", [], ["-inf"], {}),
    ("float64", [], [9007199254740993.0], {}),
    ("int64", [], [7], {}),
    ("uint8", [], [255], {}),
    ("bool", [], [True], {}),
    ("complex64", [], [[1, 2]], {}),
    ("complex128", [], [["nan", -0.0]], {}),
    ("complex128", [], [[0, 0]], DOUBLE),
    # notation: whole numbers, four decimals, powers of ten
    ("float32", [2], [1.0, 2.0], LEAF),
    ("float32", [2], [1.0, 2.5], {}),
    ("float32", [3], [999.0, 1.5, 1.0], {}),
    ("float64", [2], [1.5, 1500.0], DOUBLE),
    ("float64", [2], [1.5, 1500.5], DOUBLE),
    ("float64", [2], [1.0, 1000.0], DOUBLE),
    ("float64", [2], [1.0, 1001.0], DOUBLE),
    ("float64", [2], [1e8, 5e7], DOUBLE),
    ("float64", [2], [100000001.0, 5e7], DOUBLE),
    ("float64", [2], [1e-4, 5e-4], DOUBLE),
    ("float64", [2], [9.99e-5, 5e-4], DOUBLE),
    ("float32", [1], [1e-4], {}),
    ("float64", [2], [0.0, 1e-20], DOUBLE),
    ("float64", [2], [1e308, 1e-308], DOUBLE),
    ("float64", [1], [5e-324], DOUBLE),
    ("float64", [2], [123456.0, -0.0], DOUBLE),
    ("float64", [3], [0.05, 12.34567, -3.0], DOUBLE),
    # zeros, nan and infinities
    ("float32", [2], [0.0, -0.0], {}),
    ("float32", [3], [1.0, 2.0, "nan"], {}),
    ("float32", [3], ["-inf", 1.5, 0.0], {}),
    ("float32", [2], [1e10, "inf"], {}),
    ("float32", [2], ["nan", "inf"], {}),
    ("float32", [2], [0.0, "inf"], {}),
    # other dtypes
    ("float16", [2], [1.0, 2.0], {}),
    ("float16", [2], [0.1, 65504.0], {}),
    ("bfloat16", [2], [1.5, 2.2], {}),
    ("bfloat16", [2], [1.0, 3.0], LEAF),
    ("int64", [2], [-1, 100], {}),
    ("int64", [2], [-(2**63), 2**63 - 1], {}),
    ("int32", [2], [1, 2], {}),
    ("int16", [3], [1, -2, 300], {}),
    ("int8", [2], [-128, 5], {}),
    ("bool", [2], [True, False], {}),
    ("bool", [2, 1], [True], {}),
    ("complex64", [2], [[1, 2], [3.5, -1e-6]], {}),
    ("complex64", [2], [[-1, -1e9], [5, 1.5]], {}),
    ("complex64", [2], [[0, 0], ["inf", 1e-9]], {}),
    ("complex64", [2], [[1, "nan"], [2, -3]], {}),
    ("complex128", [2, 2], [[1, 0], [-20, 0.5]], LEAF),
    ("complex128", [2], [[1, 2], [3, 4]], DOUBLE),
    ("complex64", [2], [[1, 2], [3, 4]], DOUBLE | MADE),
    # no elements
    ("float32", [0], [], {}),
    ("float32", [0], [], LEAF),
    ("float64", [0], [], {}),
    ("float64", [0], [], DOUBLE),
    ("int64", [0], [], {}),
    ("bool", [2, 0], [], {}),
    ("float32", [0, 3], [], {}),
    ("int64", [0, 3], [], {}),
    ("float64", [2, 0, 3], [], LEAF),
    # brackets
    ("float32", [1, 1, 1, 1], [0.0], {}),
    ("float32", [2, 3], [1.0, 2.0, -3.5], {}),
    ("int64", [2, 3, 2], [1, 22, 333], {}),
    ("float64", [2, 1, 2, 2], [1.0, 2.0, 3.0], DOUBLE | LEAF),
    # lines of 80 characters
    ("float32", [50], [0.0], {}),
    ("float32", [20], [1.25, -2.0], {}),
    ("int64", [2, 40], [1, 22, 333], {}),
    ("complex64", [15], [[1, 2], [3, -4.5]], {}),
    ("bool", [30], [True, False], {}),
    ("float64", [8], [1.0], MADE),
    ("float64", [3], [148.4132, 1.0], MADE),
    ("float32", [7], [1.5, 2.25], MADE),
    ("float32", [6], [1.5, 22.25], MADE),
    ("complex64", [15], [[1, 2]], {}),
    ("float32", [13], [1.0], LEAF),
    ("int32", [13], [10], {}),
    ("int32", [38], [10], {}),
    ("int64", [1] * 60 + [2], [2**62], {}),
    ("float64", [2, 7], [100.5], MADE),
    # more than 1000 elements
    ("float32", [1000], [1.0], {}),
    ("float32", [1001], [1.0], LEAF),
    ("float32", [2000], UP_TO_2000, {}),
    ("int64", [2000], UP_TO_2000, {}),
    ("int64", [2, 2000], UP_TO_2000, {}),
    ("float64", [1001], ["nan"], {}),
    ("complex64", [1001], [[0, 0]], {}),
    ("bool", [50, 50], [True, False], {}),
    ("float64", [100, 100], [0.5, 1.0], DOUBLE),
    ("float32", [6, 200], [0.5, -1.0, 2.0], {}),
    ("int64", [6, 6, 6, 6], [1, 2], {}),
    ("float32", [7, 8, 20], [1.0, 2.0, 3.0], MADE),
    ("float32", [2, 7, 2, 40], [1.0, 2.0, 3.0], {}),
    # set_printoptions
    *(("float64", [2, 3], [1.23456789, -20.5, 300.0], DOUBLE | {"options": o}) for o in (
        {"precision": 2}, {"precision": 0}, {"precision": 8}, {"sci_mode": True}, {"linewidth": 20},
        {"sci_mode": True, "precision": 1}, {"threshold": 3, "edgeitems": 1})),
    ("float64", [2], [1e-7, 1.0], DOUBLE | {"options": {"sci_mode": False}}),
    ("float64", [2], [1.0, 2.0], DOUBLE | {"options": {"sci_mode": True}}),
    ("float64", [2], [0.0, "nan"], DOUBLE | {"options": {"sci_mode": True, "precision": 1}}),
    ("complex128", [2], [[1.5, 2.25], [3, -4]], DOUBLE | {"options": {"precision": 1}}),
    ("int64", [30], [1, 22], {"options": {"threshold": 20, "edgeitems": 2, "linewidth": 40}}),
    ("int64", [4, 30], [1, 22], {"options": {"threshold": 100, "edgeitems": 1, "precision": 2}}),
    ("float64", [3], [148.4132, 1.0], MADE | {"options": {"linewidth": 40}}),
    ("float64", [2000], UP_TO_2000, DOUBLE | {"options": {"profile": "short"}}),
    ("float64", [3], [1.23456, 2.0], DOUBLE | {"options": {"profile": "short", "precision": 3}}),
    ("float64", [1001], [1.0], DOUBLE | {"options": {"profile": "full"}}),
]  # fmt: skip


def number(item: Any) -> complex:
    """Return a number as it is stored in a case."""
    if isinstance(item, list):
        return complex(float(item[0]), float(item[1]))
    return float(item) if isinstance(item, str) else item


def text(dtype: str, shape: list[int], data: list[Any], how: dict[str, Any]) -> str:
    """Return what PyTorch prints."""
    torch.set_default_dtype(getattr(torch, how.get("default", "float32")))
    flat = list(map(number, islice(cycle(data), prod(shape))))
    tensor = torch.tensor(flat, dtype=getattr(torch, dtype)).reshape(shape)
    if how.keys() & {"requires_grad", "grad_fn"}:
        tensor.requires_grad_()
    torch.set_printoptions(**{"profile": "default"} | how.get("options", {}))
    return repr(tensor * 1 if "grad_fn" in how else tensor)


if __name__ == "__main__":
    rows = [json.dumps([*case, text(*case)]) for case in CASES]
    (HERE / "tensor_text.json").write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
