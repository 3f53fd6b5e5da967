"""Round-off to first order: what each row's own rounding does to a result, and the inputs'.

Every number v on the way is off by ε v, and the result by g ε v, where g is the gradient that
arrives there: one backward pass says where digits may be lost.
"""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from gradcli.autodiff.reverse import pull
from gradcli.diagnose.findings import Index
from gradcli.diagnose.subject import Subject
from gradcli.execute import compute
from gradcli.graph import Node, way_back
from gradcli.rule.costs import elements
from gradcli.rule.dtypes import Array, DType, is_floating

TARGETS = 6  # results that are looked at
LARGEST = 2_000_000  # numbers whose round-off is followed
DIGITS = {"float64": 16, "float32": 7}
FEW = 3  # digits of narrower dtypes


def digits_of(dtype: DType) -> int:
    """Return how many decimal digits a dtype has."""
    return DIGITS.get(dtype.name, FEW)


def digits(error: float, dtype: DType) -> int:
    """Return how many decimal digits are right of a number that is off by a relative error."""
    most = digits_of(dtype)
    return most if error <= 0 else max(min(round(-log10(error)), most), 0)


def threshold(dtype: DType) -> float:
    """Return the relative error at which half of the digits of a dtype are lost."""
    return float(10.0 ** (-digits_of(dtype) / 2))


def targets(subject: Subject) -> list[int]:
    """Return the results of a run: the root, and what has a name and is used by nothing."""
    graph = subject.graph
    used = {i for inputs in graph.inputs for i in inputs}
    ends = [
        node.id for node in subject.session.tracer.scope.values()
        if isinstance(node, Node) and node.id not in used and graph.ops[node.id] is not None
    ]  # fmt: skip
    root = [] if subject.root is None else [subject.root]
    found = [
        i for i in dict.fromkeys([*root, *ends])
        if not graph.is_tuple(i) and is_floating(graph.metas[i].dtype)
        and graph.notes.origins[i] == "file" and elements(graph.metas[i])
    ]  # fmt: skip
    return found[:TARGETS]


def carried(subject: Subject, target: int, seed: Array) -> dict[int, Any]:
    """Return the gradients that arrive at rows from a result, whether they require one or not."""
    graph = subject.graph
    flows = [
        is_floating(meta.dtype) and (op is None or op.derivative is not None)
        for meta, op in zip(graph.metas, graph.ops, strict=True)
    ]
    order = way_back(graph, (target,), flows, True)
    compute(graph, order)
    with np.errstate(all="ignore"):
        return pull(graph, {target: seed}, order, graph.value)


def is_suspect(subject: Subject, target: int) -> bool:
    """Say whether round-off on the way may take half of the digits of a result, or its range."""
    graph = subject.graph
    value = subject.value(target)
    if subject.fault is not None or graph.ops[target] is None:
        return False
    if sum(elements(m) for m in graph.metas) > LARGEST:
        return False
    if not np.isfinite(value).all():
        return True
    seed = np.asarray(1 / np.where(value == 0, np.inf, value), value.dtype)
    if not seed.any():
        return True
    for row, g in carried(subject, target, seed).items():
        if graph.ops[row] is None or graph.is_tuple(row) or isinstance(g, list):
            continue
        dtype = graph.metas[row].dtype
        x = np.asarray(graph.value(row), np.float64)
        info = np.finfo(dtype if dtype.kind == "f" else np.float32)
        lost = np.abs(np.asarray(g, np.float64)) * (np.abs(x) * info.eps + float(info.tiny))
        if not np.isfinite(x).all() or not (lost <= threshold(dtype) / 8).all():
            return True
    return False


def one_at(value: Array, index: Index) -> Array:
    """Return a cotangent of 1 for one element."""
    seed = np.zeros(value.shape, value.dtype)
    seed[index] = 1
    return seed


def condition(subject: Subject, row: int, index: Index, exact: float) -> float:
    """Return by how much more the inputs' relative changes change an element, which is `exact`."""
    graph, value, total = subject.graph, subject.value(row), 0.0
    for i, g in carried(subject, row, one_at(value, index)).items():
        if graph.ops[i] is None and not isinstance(g, list):
            part = np.abs(np.asarray(g, np.float64) * np.asarray(graph.value(i), np.float64))
            total += float(np.nan_to_num(part, nan=0.0, posinf=0.0).sum())
    return max(total / abs(exact), 1.0) if exact and np.isfinite(exact) else 1.0
