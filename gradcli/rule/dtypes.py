"""Data types and how operands of different types combine: PyTorch's promotion rules.

Source: PyTorch's `torch.result_type` (tensors with dimensions come before 0-d tensors, and those
before Python numbers, within a category: bool, integer, floating, complex).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

DType = np.dtype[Any]
Array = npt.NDArray[Any]

# tuples, for a union of types is made anew each time that one is written
ARRAYS = (np.ndarray, np.generic)
LISTS = (tuple, list)

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
COMPLEX128 = np.dtype(np.complex128)
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


class _DTypes(dict[str, DType]):
    """Dtypes by name; `bfloat16` is there from when it is first asked for, with its package."""

    def __missing__(self, name: str) -> DType:
        if name != "bfloat16":
            raise KeyError(name)
        import ml_dtypes

        return self.setdefault(name, np.dtype(ml_dtypes.bfloat16))


DTYPES: dict[str, DType] = _DTypes(
    (name, np.dtype(name))
    for name in [
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
    ]
)
SYNONYMS = {
    "bfloat16": "bfloat16", "half": "float16", "float": "float32", "double": "float64",
    "cfloat": "complex64", "cdouble": "complex128", "short": "int16", "int": "int32",
    "long": "int64", "bool_": "bool",
}  # fmt: skip
SCALAR_NAMES = {  # as PyTorch's messages call them
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble", "bool": "Bool", "uint8": "Byte",
    "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
}  # fmt: skip


CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}  # V: to numpy, bfloat16 is a void


def is_floating(dtype: DType) -> bool:
    """Say whether a dtype is a real floating point one."""
    return dtype.kind in "fV"


def is_half(dtype: DType) -> bool:
    """Say whether a dtype is float16 or bfloat16: those are computed in float32 and rounded."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def is_complex(dtype: DType) -> bool:
    """Say whether a dtype is complex."""
    return dtype.kind == "c"


def factor(value: Any, dtype: DType) -> Any:
    """Return a number as it multiplies tensors of a dtype: cut to a whole one beside integers."""
    return int(value) if dtype.kind in "iu" else value


def is_differentiable(dtype: DType) -> bool:
    """Say whether a tensor of a dtype can require a gradient: floating point and complex."""
    return dtype.kind in "fcV"


def to_complex(dtype: DType) -> DType:
    """Return the complex dtype whose parts have a floating point dtype; complex64 for halves."""
    return np.dtype(np.complex128 if dtype.itemsize == 8 else np.complex64)


def to_real(dtype: DType) -> DType:
    """Return the dtype of the parts of a complex dtype; any other dtype as it is."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def limits(dtype: DType) -> tuple[float, float]:
    """Return the lowest and the highest finite number of a floating point dtype."""
    if dtype.kind == "V":
        import ml_dtypes

        return float(ml_dtypes.finfo(dtype).min), float(ml_dtypes.finfo(dtype).max)
    return float(np.finfo(dtype).min), float(np.finfo(dtype).max)


def wide(x: Any) -> Any:
    """Return arrays of half types in float32, tuples of them too; all else as it is."""
    if isinstance(x, ARRAYS):
        return x.astype(FLOAT32) if is_half(x.dtype) else x
    return tuple(map(wide, x)) if isinstance(x, LISTS) else x


def number_dtype(number: complex, default: DType) -> DType:
    """Return the dtype that a Python number brings with it; floats bring the default dtype."""
    if isinstance(number, bool):
        return BOOL
    if isinstance(number, int):
        return INT64
    return to_complex(default) if isinstance(number, complex) else default


def promote_types(a: DType, b: DType) -> DType:
    """Return the dtype of a result of two dtypes of equal standing."""
    if a == b:
        return a
    first, second = CATEGORY[a.kind], CATEGORY[b.kind]
    if first >= 2 > second:
        return a
    if second >= 2 > first:
        return b
    return FLOAT32 if is_half(a) and is_half(b) else np.promote_types(a, b)


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return lower if higher is None else higher
    upper, below = CATEGORY[higher.kind], CATEGORY[lower.kind]
    if upper == 2 and below == 3:
        return to_complex(higher)
    return promote_types(higher, lower) if upper == 0 or upper < 2 <= below else higher


def promote(operands: tuple[Any, ...], default: DType) -> DType:
    """Return the dtype in which operands are computed: tensors, and Python numbers.

    `default` is the dtype that Python floats bring where no floating tensor is among the operands.
    """
    first = getattr(operands[0], "dtype", None)
    with_dims: DType | None = first if first is not None and operands[0].shape else None
    zero_dim: DType | None = first if with_dims is None else None
    number: DType | None = None if first is not None else number_dtype(operands[0], default)
    for operand in operands[1:]:
        dtype = getattr(operand, "dtype", None)
        if dtype is None:
            dtype = number_dtype(operand, default)
            number = dtype if number is None else promote_types(number, dtype)
        elif operand.shape:
            with_dims = dtype if with_dims is None else promote_types(with_dims, dtype)
        else:
            zero_dim = dtype if zero_dim is None else promote_types(zero_dim, dtype)
    result = _combine(with_dims, _combine(zero_dim, number))
    assert result is not None, "an operation has at least one operand"
    return result
