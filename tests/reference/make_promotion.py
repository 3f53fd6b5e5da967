"""Write promotion.json: `torch.result_type` of every two operands, PyTorch 2.13 (CPU).

Run it as `python make_promotion.py`. An operand is a dtype with one dimension (`float32[1]`), a
dtype without dimensions (`float32[]`), or a Python number (`bool`, `int`, `float`, `complex`).
PyTorch has a complex dtype of half precision; gradcli has complex64 in its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
          "float64", "complex64", "complex128"]  # fmt: skip
NUMBERS = {"bool": True, "int": 2, "float": 2.0, "complex": 2j}


def main() -> None:
    """Write the file beside this script."""
    operands: dict[str, Any] = {
        f"{name}[1]": torch.ones(1, dtype=getattr(torch, name)) for name in DTYPES
    }
    operands |= {f"{name}[]": torch.ones((), dtype=getattr(torch, name)) for name in DTYPES}
    operands |= NUMBERS
    table: dict[str, dict[str, dict[str, str]]] = {}
    for default in ("float32", "float64"):
        torch.set_default_dtype(getattr(torch, default))
        table[default] = {
            left: {
                right: str(torch.result_type(a, b)).removeprefix("torch.")
                for right, b in operands.items()
                if not (left in NUMBERS and right in NUMBERS)
            }
            for left, a in operands.items()
        }
    lines = (
        f'  "{default}": {{\n'
        + ",\n".join(f"    {json.dumps(left)}: {json.dumps(row)}" for left, row in rows.items())
        + "\n  }"
        for default, rows in table.items()
    )
    version = json.dumps(torch.__version__.split("+")[0])
    text = ",\n".join([f'{{\n  "torch": {version}', *lines]) + "\n}\n"
    Path(__file__).with_name("promotion.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
