"""Numbers and arrays as short text: the one place that decides how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from re import match
from typing import Any, NamedTuple

import numpy as np

from gradcli.inspection import Array, NodeFacts, Summary, summary

SCALAR_DIGITS = 6
ELEMENT_DIGITS = 4
STATISTICS_DIGITS = 3
# a mean that is less, relative to the largest element, is its rounding
_ROUNDING = 1e-15
# tell any two floats apart
EXACT_DIGITS = 17

# up to this many elements are written out where there is room, as is PyTorch's habit with 1000
_SMALL = 64
Shown = Array | Summary
# a matrix is written out where three rows fit
_LINES = 3
# so many elements of a vector may go on in a second line
_FEW, _FEW_LINES = 8, 2
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


class Flow(NamedTuple):
    """What a gradient is written from, and whether it flowed without being kept in `.grad`."""

    shown: Shown | None
    passed: bool = False


def grad_of(node: NodeFacts, *, full: bool = False, pytorch: bool = False) -> Flow:
    """Return a node's `.grad`, or else the gradient that flowed, unless only PyTorch's is asked."""
    grad, passed = node.grad, False
    if grad is None and not pytorch:
        grad = node.gradient
        passed = grad is not None
    if grad is None:
        return Flow(None)
    return Flow(grad if full or grad.size <= _SMALL else summary(grad), passed)


def lines(array: Shown, width: int, digits: int | None = None, *, full: bool = False) -> list[str]:
    """Return a value as lines of at most `width` characters, no number of which is broken.

    A small array is written out where there is room, `full` writes out any; otherwise it is
    summarised. A line is wider than `width` only where its numbers are.
    """
    return whole(array, width, digits, full=full) or shortened(array, width, digits)


def whole(
    array: Shown, width: int, digits: int | None = None, *, full: bool = False, brief: bool = False
) -> list[str] | None:
    """Return a value written out: in a line, where it may be (`brief`: not) in three.

    None where it has no room.
    """
    if isinstance(array, Summary):
        return None
    text = inline(array, width, digits)
    if text is not None:
        return [text]
    if brief or not (full or array.size <= _SMALL):
        return None
    written = _written_out(shortest(array), width, digits or ELEMENT_DIGITS)
    most = _LINES if array.ndim > 1 else _FEW_LINES if array.size <= _FEW else 1
    if full or (len(written) <= most and max(map(len, written)) <= width):
        return written
    return None


def summarised(array: Shown, width: int, digits: int | None = None) -> str:
    """Return what is said of a tensor in a line: `-2.51 to 1.37, mean -0.184, 2 nan, 1 -inf`.

    Of booleans it is how many are true; of complex numbers, which have no order, the first and the
    last. The mean gives way where there is little room, what is not finite never does.
    """
    found = array if isinstance(array, Summary) else summary(array)
    size = prod(found.shape)
    if found.dtype.kind == "b":
        return f"{round((found.mean or 0) * size):,} of {size:,} true"
    counts = [
        f"{count:,} {name}"
        for name, count in (("nan", found.nan), ("inf", found.posinf), ("-inf", found.neginf))
        if count
    ]
    if found.minimum is None or found.maximum is None:  # complex, or nothing is finite
        if found.dtype.kind != "c":
            return ", ".join(counts)
        room = width - sum(len(count) + 2 for count in counts)
        return ", ".join([_ends(found.first, found.last, room, digits), *counts])
    least, most, n = found.minimum, found.maximum, digits or STATISTICS_DIGITS

    def text(digits: int) -> str:
        low, high = (number(shortest(x).item(), digits) for x in (least, most))
        return f"{low} to {high}" if least != most else f"{'finite' if counts else 'all'} {high}"

    mean = ""
    if found.mean is not None and least != most:
        largest = max(abs(float(least)), abs(float(most)))
        mean = f"mean {number(found.mean if abs(found.mean) > _ROUNDING * largest else 0.0, n)}"
    for parts in ([text(n), mean, *counts], [text(n), *counts], [text(2), *counts], counts):
        said = ", ".join(filter(None, parts))
        if said and len(said) <= width:
            return said
    return ", ".join(counts) or text(2)


def shortened(array: Shown, width: int, digits: int | None = None) -> list[str]:
    """Return a value that has no room to be written out in few lines: summarised in one.

    Where even that has no room, a few elements are written below each other.
    """
    text = summarised(array, width, digits)
    if len(text) > width and not isinstance(array, Summary) and array.size <= _FEW:
        return _written_out(shortest(array), width, digits or ELEMENT_DIGITS)
    return [text]


def brief(array: Array, width: int, digits: int | None = None) -> str:
    """Return a value in a line: written out where it fits, otherwise its first and last."""
    text = inline(array, width, digits)
    flat = array.reshape(-1)
    return _ends(flat[:3], flat[-1:], width, digits) if text is None else text


def bracketed(cell: Sequence[str]) -> list[str]:
    """Return the lines of a value in round brackets: `(-8, -10)` of `[-8, -10]`, `(1)` of `1`."""
    inner = list(cell)
    if inner[0].startswith("[") and inner[-1].endswith("]"):
        inner[0] = inner[0][1:]
        inner[-1] = inner[-1][:-1]
    inner[0] = f"({inner[0]}"
    inner[-1] += ")"
    return inner


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


def finite_text(arrays: Sequence[Array]) -> str:
    """Return `all finite`, or how many elements of some arrays are not: `not finite: 3 nan`."""
    found = [summary(array) for array in arrays]
    counts = {
        "nan": sum(x.nan for x in found),
        "inf": sum(x.posinf for x in found),
        "-inf": sum(x.neginf for x in found),
    }
    if not any(counts.values()):
        return "all finite" if len(found) > 1 else "finite"
    return "not finite: " + ", ".join(
        f"{count:,} {name}" for name, count in counts.items() if count
    )


def align(texts: Sequence[str]) -> list[str]:
    """Return numbers padded on the left so that their decimal points stand in one column."""
    points = [_point(text) for text in texts]
    widest = max(points, default=0)
    return [" " * (widest - point) + text for point, text in zip(points, texts, strict=True)]


def _point(text: str) -> int:
    """Return the width of what stands before the decimal point or the exponent."""
    digits = match(r"\(?-?\d+", text)
    return len(digits[0] if digits else text)  # nan, inf, True


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


def filled(parts: Iterable[str], width: int, gap: str = "  ") -> list[str]:
    """Return the parts in as few lines as hold them, a gap between, none of them broken."""
    result: list[str] = []
    for part in parts:
        if result and len(result[-1] + gap + part) <= width:
            result[-1] += gap + part
        else:
            result.append(part)
    return result
