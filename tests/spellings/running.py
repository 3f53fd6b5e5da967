"""One expression, run by gradcli and by a library itself, and the first difference in words."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradcli.errors import Source
from gradcli.graph import Node
from gradcli.rule.dtypes import DTYPES, FLOAT64, Array
from gradcli.session import Request, run
from gradcli.trace import Binding, Options
from gradcli.trace.builtins import member
from gradcli.trace.values import Namespace, Results

# what the names in the cases stand for
INPUTS: dict[str, Array] = {
    "v": np.array([0.5, -1.5, 2.0]),
    "w": np.array([1.25, 0.5, -0.75]),
    "p": np.array([0.2, 0.5, 0.9]),  # probabilities
    "n": np.array([1.0, np.nan, -np.inf]),
    "s": np.array(0.7),
    "z": np.array([]),
    "M": np.array([[1.5, -0.5, 2.0], [0.25, 3.0, -1.0]]),
    "N": np.array([[0.5, 2.5, -2.0], [1.0, -0.75, 4.0]]),
    "E": np.zeros((0, 3)),
    "Q": np.array([[2.0, -1.0, 0.5], [0.25, 1.5, 1.0], [-0.5, 0.75, 3.0]]),
    "S": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.25], [0.5, -0.25, 2.0]]),  # positive definite
    "T": np.linspace(-2, 3, 24).reshape(2, 3, 4) ** 2 - 1,
    "i": np.array([3, 1, 2]),
    "j": np.array([2, 4, 6]),
    "I": np.array([[4, 0, 7], [2, 9, 5]]),
    "b": np.array([True, False, True]),
    "B": np.array([[True, False, True], [False, False, True]]),
    "c": np.array([1 + 2j, -0.5j, 3.0 - 1j]),
    "C": np.array([[1 + 1j, 2.0, -1j], [0.5, -2 + 1j, 1 - 3j]]),
    "f": np.array([0.5, -1.5, 2.0], np.float32),
}


def evaluated(text: str, imports: str) -> Any:
    """Return what gradcli makes of an expression: a tensor, or what a file has else."""
    return ran(f"{imports}\nresult = ({text},)")["result"][0]  # a list alone becomes a tensor


def ran(text: str) -> Mapping[str, Any]:
    """Run a file in float64, as the libraries' results were stored, and return its names."""
    bindings = {name: Binding(x, optional=True) for name, x in INPUTS.items()}
    session = run(
        Source("spelling", text), Options(FLOAT64, bindings=bindings), Request(backward=False)
    )
    return session.tracer.scope


def arrays(value: Any) -> Any:
    """Return a value with arrays for tensors, and lists for sequences of any kind."""
    if isinstance(value, Node):
        return value.value
    if isinstance(value, Results | list | tuple):
        return [arrays(x) for x in value]
    return value


def difference(found: Any, expected: Any, rtol: float = 1e-9) -> str | None:
    """Say where two results differ in kind, shape, dtype or value, None where nowhere."""
    if isinstance(expected, list) != isinstance(found, list):
        return f"{found!r} is not {expected!r}"
    if isinstance(expected, list):
        if len(found) != len(expected):
            return f"{len(found)} results, not {len(expected)}"
        pairs = zip(found, expected, strict=True)
        return next((d for d in (difference(*x, rtol) for x in pairs) if d), None)
    if isinstance(expected, str | None | np.dtype):
        return None if found == expected else f"{found!r} is not {expected!r}"
    if type(found) is int and type(expected) is int:  # of any size
        return None if found == expected else f"{found} is not {expected}"
    left, right = np.asarray(found), np.asarray(expected)
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return f"{left.dtype}{left.shape}, not {right.dtype}{right.shape}: {found!r} {expected!r}"
    narrow = left.dtype.itemsize // (2 if left.dtype.kind == "c" else 1) < 8
    tolerance = 1e-5 if narrow and left.dtype.kind in "fc" else rtol
    if np.allclose(left, right, tolerance, tolerance / (10 if narrow else 1e3), equal_nan=True):
        return None
    return f"{found!r} is not {expected!r}"


# ---- stored results ----------------------------------------------------------------------------


def stored(x: Any) -> Any:
    """Return a result as JSON has it: an array is a dtype, a shape and numbers."""
    if isinstance(x, tuple | list):
        return [stored(item) for item in x]
    if x is None or isinstance(x, str | np.dtype):
        return {"text": str(x)}
    array = np.asarray(x)
    numbers = array.astype(np.complex128).ravel()
    parts = [numbers.real, numbers.imag] if array.dtype.kind == "c" else [numbers.real]
    flat = [[float(f"{n:.12g}") for n in part] for part in parts]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": flat}


def restored(data: Any) -> Any:
    """Return a stored result with arrays."""
    if isinstance(data, list):
        return [restored(item) for item in data]
    if data is None or "text" in data:
        return data and data["text"]
    parts = [np.array([float(n) for n in part]) for part in data["values"]]
    numbers = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
    return numbers.astype(DTYPES[data["dtype"]]).reshape(data["shape"])


def write(file: Path, data: dict[str, Any]) -> None:
    """Write results as compressed JSON, the same bytes for the same results."""
    text = re.sub(r"\bNaN\b", '"nan"', json.dumps(data, separators=(",", ":")))
    text = re.sub(r"(-?)\bInfinity\b", r'"\1inf"', text)
    with gzip.GzipFile(file, "wb", mtime=0) as out:
        out.write(text.encode())


def read(file: Path) -> dict[str, Any]:
    """Return what `write` has written."""
    found: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return found


# ---- which names there are -----------------------------------------------------------------


def spelled(cases: Iterable[str], path: str) -> set[str]:
    """Return the names that some cases have of a module."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(path)}\.(\w+)")
    return {name for text in cases for name in pattern.findall(text)}


def accepted(library: Any, path: str) -> set[str]:
    """Return the public names of a library's module that a file can spell."""
    return {
        name for name in dir(library)
        if not name.startswith("_") and member(Namespace(path), name) is not None
    }  # fmt: skip
