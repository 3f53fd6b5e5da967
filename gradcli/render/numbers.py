"""Numbers and arrays as short text: the one place that decides how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from re import match
from typing import Any

import numpy as np

from gradcli.inspection import EDGE, Array, NodeFacts, Summary, summary

SCALAR_DIGITS = 6
ELEMENT_DIGITS = 4
STATISTICS_DIGITS = 3
# tell any two floats apart
EXACT_DIGITS = 17

# up to this many elements are written out where there is room, as is PyTorch's habit with 1000
_SMALL = 64
Shown = Array | Summary
_MATRIX_LINES = 4
# a vector is no longer than its summary, unless it has but a few elements
_VECTOR_LINES = 2
_FEW = 8
# integer-valued floats below this are written in full whatever the digits: -28, 1234567
_WHOLE = 10.0**7


def number(value: Any, digits: int | None = None) -> str:
    """Return a Python number as text, with so many significant digits (None: exactly)."""
    if isinstance(value, complex):
        imaginary = number(value.imag, digits)
        sign = "" if imaginary.startswith("-") else "+"
        return f"{number(value.real, digits)}{sign}{imaginary}j"
    if not isinstance(value, float):
        return str(value)
    if digits is None:
        return repr(value)
    if value.is_integer() and abs(value) < _WHOLE:
        return f"{value:.0f}"
    return repr(value) if digits >= EXACT_DIGITS else f"{value:.{digits}g}"


def shortest(array: Array) -> Array:
    """Return the array in double precision with the decimals of its own precision.

    0.1 in float32 becomes 0.1, not 0.10000000149011612. Double precision, integers and booleans
    are returned as they are.
    """
    if array.dtype.kind in "biu" or array.dtype.char in "dD":
        return array
    if array.dtype.kind == "c":
        result = np.empty(array.shape, np.complex128)
        result.real, result.imag = shortest(array.real), shortest(array.imag)
        return result
    wide = array.astype(np.float64)
    if array.dtype.kind != "f":  # bfloat16 has no text of its own in numpy
        return wide
    # the shortest decimals of 65504 in float16 are 65500, which is no number anyone expects
    whole = (wide == np.rint(wide)) & (np.abs(wide) < _WHOLE)
    return np.where(whole, wide, array.astype("S").astype(np.float64))


def value_of(node: NodeFacts, *, full: bool = False) -> Shown | None:
    """Return what a node's value is written from: itself, or its summary where it is large."""
    return node.value if full or prod(node.shape) <= _SMALL else node.summary


def grad_of(node: NodeFacts, *, full: bool = False) -> Shown | None:
    """Return what a node's gradient is written from, as for its value."""
    grad = node.grad
    return grad if grad is None or full or grad.size <= _SMALL else summary(grad)


def lines(array: Shown, width: int, digits: int | None = None, *, full: bool = False) -> list[str]:
    """Return a value as lines of at most `width` characters, no number of which is broken.

    A scalar is one line. A small array is written out where there is room, `full` writes out any;
    otherwise it is its first values ... its last, and then min, mean, max and the counts of nan
    and inf. A line is wider than `width` only where a single number is.
    """
    if isinstance(array, Summary):
        ends = _ends(array.first, array.last, width, digits)
        return [ends, *_statistics(array, width, digits)]
    text = inline(array, width, digits)
    if text is not None:
        return [text]
    if full or array.size <= _SMALL:
        written = _written_out(shortest(array), width, digits or ELEMENT_DIGITS)
        most = _VECTOR_LINES if array.ndim == 1 and array.size > _FEW else _MATRIX_LINES
        if full or (len(written) <= most and max(map(len, written)) <= width):
            return written
    return lines(summary(array), width, digits)


def brief(array: Shown, width: int, digits: int | None = None) -> str:
    """Return a value in one line: written out where it fits, otherwise its first and last."""
    if isinstance(array, Summary):
        return _ends(array.first, array.last, width, digits)
    flat = array.flat
    return inline(array, width, digits) or _ends(flat[:EDGE], flat[-1:], width, digits)


def inline(array: Array, width: int, digits: int | None = None) -> str | None:
    """Return a value written out in one line, or None where it is longer than `width`."""
    if array.ndim == 0:
        return number(shortest(array).item(), digits or SCALAR_DIGITS)
    if not array.size:
        return "[]"  # as PyTorch writes it, whatever the other sizes
    if array.size > _SMALL:
        return None
    text = _nested(shortest(array).tolist(), digits or ELEMENT_DIGITS)
    return text if len(text) <= width else None


def align(texts: Sequence[str]) -> list[str]:
    """Return numbers padded on the left so that their decimal points stand in one column."""
    points = [_point(text) for text in texts]
    widest = max(points, default=0)
    return [" " * (widest - point) + text for point, text in zip(points, texts, strict=True)]


def _point(text: str) -> int:
    """Return the width of what stands before the decimal point or the exponent."""
    whole = match(r"-?\d+", text)
    return len(whole[0] if whole else text)  # nan, inf, True


def _nested(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(item, digits) for item in value) + "]"
    return number(value, digits)


def _written_out(array: Array, width: int, digits: int) -> list[str]:
    """Return every element, the rows of a matrix below each other and their columns lined up."""
    pad = 0
    if array.ndim > 1:
        pad = max(len(number(item, digits)) for item in array.reshape(-1).tolist())

    def block(values: list[Any], room: int) -> list[str]:
        if isinstance(values[0], list):
            rows = []
            for item in values:
                rows += block(item, room - 2)
                rows[-1] += ","
        else:
            rows = filled([f"{number(item, digits):>{pad}}," for item in values], room - 1, gap=" ")
        rows = [(" " if i else "[") + row for i, row in enumerate(rows)]
        rows[-1] = rows[-1].removesuffix(",") + "]"
        return rows

    return block(array.tolist(), width)


def _ends(front: Array, back: Array, width: int, digits: int | None) -> str:
    """Return the first values, up to three, an ellipsis and the last: as much as fits."""
    digits = digits or ELEMENT_DIGITS
    first, last = shortest(front).tolist(), shortest(back).tolist()
    for count, n in ((3, digits), (2, digits), (1, digits), (1, 3), (1, 2)):
        texts = [number(item, min(n, digits)) for item in first[:count] + last]
        text = f"[{', '.join(texts[:count])} ... {texts[-1]}]"
        if len(text) <= width:
            return text
    text = f"[{number(first[0], digits)} ...]"
    return text if len(text) <= width else "[...]"


def _statistics(array: Summary, width: int, digits: int | None) -> list[str]:
    found = {"min": array.minimum, "mean": array.mean, "max": array.maximum}
    values = {key: shortest(np.asarray(x)).item() for key, x in found.items() if x is not None}
    parts = [f"{key} {number(x, digits or STATISTICS_DIGITS)}" for key, x in values.items()]
    counts = {"nan": array.nan, "inf": array.posinf + array.neginf}
    return filled(parts + [f"{count} {key}" for key, count in counts.items() if count], width)


def filled(parts: Iterable[str], width: int, gap: str = "  ") -> list[str]:
    """Return the parts in as few lines as hold them, a gap between, none of them broken."""
    result: list[str] = []
    for part in parts:
        if result and len(result[-1] + gap + part) <= width:
            result[-1] += gap + part
        else:
            result.append(part)
    return result
