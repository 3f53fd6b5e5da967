"""The plain executor: one node at a time with numpy. It is the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, GradcliError, LimitFault
from gradcli.execute.scalars import run
from gradcli.graph import Graph, way_back
from gradcli.rule.dtypes import FLOAT32, SCALAR_NAMES, DType, is_complex, is_half, promote

NUMPY_REFUSES = ("not supported", "did not contain a loop")  # a dtype that a ufunc lacks


def is_computed(graph: Graph, id: int) -> bool:
    """Say whether a row has a value already: something has read it, or one that follows from it."""
    return graph.stored[id] is not None


def compute(graph: Graph, ids: Iterable[int]) -> None:
    """Compute the values of nodes, and of all that they depend on, where they are missing.

    Raises: LimitFault where memory runs out or a number is too large for its dtype; DtypeFault, in
    PyTorch's words, where an operation does not exist for a dtype.
    """
    rows = way_back(graph, ids, graph.stored, None)
    with np.errstate(all="ignore"):
        run(graph, reversed(rows), graph.stored, _placed)


def _placed(graph: Graph, id: int, values: Any) -> Any:
    """Return the value of one row, and say where it stands if it has none."""
    try:
        return evaluate(graph, id, values)
    except GradcliError as error:  # what only the values show: an index, a singular matrix
        raise error.at(None, graph.notes.spans[id]) from None
    except Exception:
        graph.span = graph.notes.spans[id]  # the place of an error that nobody foresaw
        raise


def evaluate(graph: Graph, id: int, values: Any) -> Any:
    """Return the value of one row by numpy, where `values` has those of its operands."""
    operands = []
    for i in graph.inputs[id]:
        x = values[i] if i >= 0 else graph.scalars[~i]
        operands.append(np.array(x) if i >= 0 and type(x) is float else x)
    return apply(graph, id, operands, graph.attrs[id])


def apply(graph: Graph, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
    """Return the value of one row for operands and attributes that need not be the tape's."""
    op = graph.ops[id]
    assert op is not None, "a leaf brings its value"
    dtype = graph.metas[id].dtype
    if op.promotes:
        operands = promoted(operands, dtype, graph.default_dtype)
    try:
        result = op.forward(*operands, **attrs)
    except MemoryError:
        raise LimitFault(f"{op.label}: out of memory", graph.notes.spans[id]) from None
    except OverflowError:  # a Python number among its arguments
        found = next((x.dtype for x in operands if isinstance(x, np.ndarray)), dtype)
        raise ArgumentFault(
            f"{op.label}(): value cannot be converted to type {found.name} without overflow",
            graph.notes.spans[id],
        ) from None
    except TypeError as error:
        if not any(words in str(error) for words in NUMPY_REFUSES):
            raise
        dtype = next(x.dtype for x in operands if isinstance(x, np.ndarray))
        name = SCALAR_NAMES.get(dtype.name, dtype.name)
        raise DtypeFault(
            f'"{op.label}" not implemented for {name!r}', graph.notes.spans[id]
        ) from None
    if op.outputs or (type(result) is np.ndarray and result.dtype == dtype):
        return result
    array = np.asarray(result)
    if is_complex(array.dtype) and not is_complex(dtype):
        raise DtypeFault(
            f"{op.label}() does not take complex numbers here", graph.notes.spans[id],
            "its result is real: give it real arguments",
        )  # fmt: skip
    return array if array.dtype == dtype else array.astype(dtype)


def promoted(operands: list[Any], result: DType, default: DType) -> list[Any]:
    """Bring arrays, or symbols of them, to the dtype in which PyTorch computes.

    Python numbers follow by themselves.
    """
    for x in operands:
        if hasattr(x, "dtype") and x.dtype != result:
            break
    else:
        if not is_half(result):
            return operands
    common = promote(tuple(x for x in operands if x is not None), default)
    if common.kind in "biu" and result.kind != "b":
        common = result
    if is_half(common):
        common = FLOAT32  # and the result is rounded once, as on PyTorch's CPU
    return [x.astype(common) if hasattr(x, "dtype") and x.dtype != common else x for x in operands]


def missing(graph: Graph, ids: Iterable[int], known: Callable[[int], Any]) -> list[int]:
    """Return the rows that must be computed for some nodes, parents first.

    `known` gives the value of a row, None where there is none yet.
    """
    inputs = graph.inputs
    found: set[int] = set()
    stack = [i for i in ids if known(i) is None]
    while stack:
        id = stack.pop()
        if id in found:
            continue
        found.add(id)
        stack.extend(i for i in inputs[id] if i >= 0 and known(i) is None)
    return sorted(found)
