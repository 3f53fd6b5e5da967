"""Numbers as a card has them: a small matrix whole and aligned, what is in a large one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from gradcli.inspection import Array, Summary, summary
from gradcli.render.numbers import (
    ELEMENT_DIGITS,
    SCALAR_DIGITS,
    align,
    number,
    shortest,
    summarised,
)

ROWS, COLUMNS = 4, 6  # of a matrix that is written whole
WIDTH = 34  # characters of a summary


def figures(array: Array | Summary, digits: int | None = None) -> tuple[str, ...]:
    """Return a value in lines of one width each, the columns of a matrix below each other."""
    shape = array.shape
    if isinstance(array, Summary) or not _is_small(shape):
        found = array if isinstance(array, Summary) else summary(array)
        return tuple(summarised(found, WIDTH, digits).split(", "))
    if not shape:
        return (number(shortest(array).item(), digits or SCALAR_DIGITS),)
    if not array.size:
        return ("[ ]",)
    table = shortest(array).reshape(-1, shape[-1]).tolist()
    texts = [[number(x, digits or ELEMENT_DIGITS) for x in row] for row in table]
    columns = [_padded(align(column)) for column in zip(*texts, strict=True)]
    return tuple(f"[ {'  '.join(row)} ]" for row in zip(*columns, strict=True))


def is_finite(array: Array | None) -> bool:
    """Say whether all elements are finite; so are those of what is not there."""
    return array is None or array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _is_small(shape: Sequence[int]) -> bool:
    if not shape:
        return True
    return prod(shape[:-1]) <= ROWS and shape[-1] <= COLUMNS and len(shape) <= 2


def _padded(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.ljust(width) for text in texts]
