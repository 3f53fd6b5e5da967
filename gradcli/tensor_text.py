"""A tensor as PyTorch writes it: `repr(tensor)`, and a tensor in an f-string.

Source: what PyTorch 2.13 prints, by default with 4 digits, 80 columns, at most 1000 elements, 3 at
each edge. `tests/reference/tensor_text.json` holds its texts, and the tests
compare thousands of random tensors with PyTorch itself where it is installed.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.rule.dtypes import BOOL, FLOAT64, INT64, Array, DType, is_complex, to_complex


class PrintOptions(NamedTuple):
    """What `set_printoptions` sets.

    A tensor of more elements than `threshold` is summarised: `edgeitems` are shown at either end
    of a dimension. `sci_mode` None is the notation that suits the numbers.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


DEFAULT = PrintOptions()
PROFILES = {
    "default": DEFAULT,
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=float("inf")),
}

_PREFIX = "tensor("
_LONG_NUMBER = re.compile(r"\d{4}")  # a width or precision that only wastes memory


def tensor_text(
    array: Array,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: DType = FLOAT64,
    options: PrintOptions = DEFAULT,
) -> str:
    """Return an array as PyTorch prints a tensor: `tensor([1., 2.], requires_grad=True)`.

    `grad_fn` is the class name of the node that made it, such as `MulBackward0`. The dtype is
    written where it is not int64, bool, `default_dtype` or its complex counterpart; that of an
    empty tensor, where it is not `default_dtype`.
    """
    suffixes = []
    unsaid = {default_dtype}
    if array.size:
        body = _body(array, options)
        unsaid |= {to_complex(default_dtype), INT64, BOOL}
    else:
        body = "[]"
        if array.ndim != 1:
            suffixes.append(f"size={array.shape}")
    if array.dtype not in unsaid:
        suffixes.append(f"dtype=torch.{array.dtype.name}")
    if grad_fn:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(_PREFIX + body, suffixes, options.linewidth) + ")"


def shown_count(shape: tuple[int, ...], options: PrintOptions = DEFAULT) -> int:
    """Return how many elements of a tensor are printed."""
    if prod(shape) <= options.threshold:
        return prod(shape)
    return prod(min(size, 2 * options.edgeitems) for size in shape)


def format_tensor(
    array: Array,
    spec: str,
    *,
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: DType = FLOAT64,
    options: PrintOptions = DEFAULT,
) -> str:
    """Return a tensor as `f"{t:spec}"` gives it: without dimensions, the Python number it holds.

    Raises ArgumentFault where Python raises: for a format that does not suit the number, and for
    any format on a tensor with dimensions.
    """
    if array.ndim == 0:
        return number_text(_items(array)[0], spec)
    if spec:
        raise ArgumentFault(
            "unsupported format string passed to Tensor.__format__",
            hint="a format suits one number: reduce the tensor, or format an element of it",
        )
    return tensor_text(
        array,
        requires_grad=requires_grad,
        grad_fn=grad_fn,
        default_dtype=default_dtype,
        options=options,
    )


def number_text(number: complex, spec: str) -> str:
    """Return a Python number (a bool too) as `f"{number:spec}"` gives it.

    Raises ArgumentFault for a format that does not suit the number, with Python's sentence, and
    for a width or a precision over 999.
    """
    if _LONG_NUMBER.search(spec):
        raise ArgumentFault(f"the format `{spec}` asks for more than 999 characters")
    try:
        return format(number, spec)
    except (ValueError, OverflowError) as error:
        raise ArgumentFault(str(error), hint="for example `.4f`, `.3e` or `>10.2f`") from error


def _with_suffixes(text: str, suffixes: list[str], line_width: int) -> str:
    """Append what stands behind the numbers, on a new line where the last one is full."""
    # as PyTorch counts: a little more than the characters on the last line
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > line_width:
            text += ",\n" + " " * len(_PREFIX) + suffix
            column = len(_PREFIX) + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text


def _body(array: Array, options: PrintOptions) -> str:
    """Return the numbers in their brackets, long dimensions summarised if there are many."""
    edge = options.edgeitems
    elided = [array.size > options.threshold and size > 2 * edge for size in array.shape]
    edges = [*range(edge), *range(-edge, 0)]
    for axis, long in enumerate(elided):
        if long:
            array = array[(slice(None),) * axis + (edges,)]
    written = _complex_texts if is_complex(array.dtype) else _real_texts
    texts, width = written(array, options)
    cells = np.array(texts, dtype=object).reshape(array.shape)
    return _nested(cells, elided, width, len(_PREFIX), options)


def _nested(
    cells: Array, elided: list[bool], width: int, indent: int, options: PrintOptions
) -> str:
    """Return cells of a width in nested brackets, the first of which stands at `indent`."""
    if cells.ndim == 0:
        return str(cells.item())
    if cells.ndim == 1:
        items, dots = list(cells), " ..."
    else:
        items = [_nested(row, elided[1:], width, indent + 1, options) for row in cells]
        dots = "..."
    if elided[0]:
        items.insert(options.edgeitems, dots)
    margin = " " * (indent + 1)
    if cells.ndim > 1:
        return "[" + ("," + "\n" * (cells.ndim - 1) + margin).join(items) + "]"
    per_line = max(1, (options.linewidth - indent) // (width + 2))
    lines = [", ".join(items[at : at + per_line]) for at in range(0, len(items), per_line)]
    return "[" + (",\n" + margin).join(lines) + "]"


def _complex_texts(array: Array, options: PrintOptions) -> tuple[list[str], int]:
    """Return complex numbers as texts, and the width that each is reckoned to take."""
    reals, real_width = _real_texts(array.real, options)
    imaginaries, imaginary_width = _real_texts(array.imag, options)
    texts = []
    for real, padded in zip(reals, imaginaries, strict=True):
        imaginary = padded.lstrip()
        sign = "" if imaginary.startswith("-") else "+"
        texts.append(f"{real}{sign}{imaginary}j")
    return texts, real_width + imaginary_width + 1


def _real_texts(array: Array, options: PrintOptions) -> tuple[list[str], int]:
    """Return numbers as texts aligned to the right, and the width they are aligned to."""
    values = _items(array)
    if array.dtype.kind in "biu":
        texts = [str(value) for value in values]
        width = max(map(len, texts))
    else:
        texts, width = _float_texts(values, options)
    if array.ndim:
        texts = [text.rjust(width) for text in texts]
    return texts, width


def _float_texts(values: list[float], options: PrintOptions) -> tuple[list[str], int]:
    """Return floats in the notation that suits them all, and the width they need.

    Zeros, infinities and nan have no say in either.
    """
    inf = float("inf")
    telling = [value for value in values if 0 < abs(value) < inf]
    largest = max(map(abs, telling), default=1.0)
    smallest = min(map(abs, telling), default=1.0)
    whole = all(value.is_integer() for value in telling)
    powers = options.sci_mode
    if powers is None:
        powers = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
    if powers and telling:
        pattern = f"{{:.{options.precision}e}}"
    else:
        pattern = "{:.0f}." if whole else f"{{:.{options.precision}f}}"
    width = max((len(pattern.format(value)) for value in telling), default=1)
    return [pattern.format(v) if abs(v) < inf else str(v) for v in values], width


def _items(array: Array) -> list[Any]:
    """Return the elements as Python numbers, in row-major order."""
    if array.dtype.kind == "V":  # bfloat16, whose elements are no Python numbers
        array = array.astype(np.float64)
    return array.reshape(-1).tolist()
