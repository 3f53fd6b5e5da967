"""The same tape in double precision, so that differences of float32 files have digits to spare."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.graph import Graph
from gradcli.rule.dtypes import FLOAT64, DType, is_complex, is_floating

COMPLEX128 = np.dtype(np.complex128)


def wide(dtype: DType) -> DType:
    """Return the double precision dtype of the same kind; integers and booleans stay."""
    if is_floating(dtype):
        return FLOAT64
    return COMPLEX128 if is_complex(dtype) else dtype


def widened(graph: Graph) -> Graph:
    """Return a copy of the tape whose floating point rows are all in double precision.

    Leaves keep their values exactly. A cast to float32 becomes the identity; a cast to integers
    stays one. The copy shares nothing that appending to either would change.
    """
    result = graph.copy()
    result.default_dtype = FLOAT64
    result.metas = [meta._replace(dtype=wide(meta.dtype)) for meta in graph.metas]
    result.attrs = [
        {name: _wide_attribute(value) for name, value in attrs.items()} for attrs in graph.attrs
    ]
    result.stored = [
        _wide_leaf(value) if op is None else None
        for op, value in zip(graph.ops, graph.stored, strict=True)
    ]
    return result


def double(graph: Graph) -> Graph:
    """Return the tape in double precision: itself, or a copy where it is not."""
    return widened(graph) if is_narrow(graph) else graph


def is_narrow(graph: Graph) -> bool:
    """Say whether any row has a floating point dtype below double precision."""
    return any(meta.dtype != wide(meta.dtype) for meta in graph.metas)


def _wide_attribute(value: Any) -> Any:
    return wide(value) if isinstance(value, np.dtype) else value


def _wide_leaf(value: Any) -> Any:
    return value.astype(wide(value.dtype)) if isinstance(value, np.ndarray) else value
