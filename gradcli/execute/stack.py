"""Many replays at once: every row that moves carries a leading axis, one slice for each point.

A tape of small tensors costs Python's time for each row, not numpy's. How a row takes a leading
axis no list says: each way is tried at a few points and compared with the points one by one; where
none gives the same, as for most decompositions, the row is computed point by point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array, is_half
from gradcli.rule.rule import Primitive

BUDGET = 1 << 19  # elements of all rows together, at all points of one run
MOST = 128  # points of one run
SAME = 64  # units in the last place of a row's largest value
WHICH = ("dim", "dim0", "dim1", "dim2", "dimension")  # integers that say which dimension

Attrs = dict[str, Any]
Evaluate = Callable[[int, list[Any], Attrs], Any]  # a row's value from its operands' values


class Way(NamedTuple):
    """How the attributes of a row change for a leading axis."""

    dims: bool = False  # dimensions count from one more: a reduction, a softmax;
    first: bool = False  # and the first stays where it is: a permutation
    sizes: bool = False  # sizes begin with the number of points: a reshape, an expansion

    def attributes(self, op: Primitive, attrs: Attrs, count: int, rank: int) -> Attrs:
        """Return the attributes for `count` points; `rank` is that of the widest operand."""
        changed = dict(attrs)
        for name, kind, _ in op.signature.attributes:
            value = attrs[name]
            if self.dims and kind == "dims":
                changed[name] = (0,) * self.first + tuple(d + 1 for d in value or range(rank))
            elif self.dims and kind == "dim" and value is not None:
                changed[name] = value + 1
            elif self.dims and kind == "int" and name in WHICH and value >= 0:
                changed[name] = value + 1  # one below 0 counts from the end
            elif self.sizes and kind == "sizes":
                changed[name] = (count, *value)
        return changed


WAYS = (
    Way(),
    Way(dims=True),
    Way(sizes=True),
    Way(dims=True, first=True),
    Way(dims=True, sizes=True),
)


class Stack:
    """The rows of a plan at many points.

    `evaluate` gives the value of a row; operands that move bring the leading axis with them, in
    front of as many dimensions as the widest operand has. `trial`, shape (k, ...), are points of
    the leaf, all different, at which the ways are tried.
    """

    def __init__(
        self, graph: Graph, leaf: int, plan: Sequence[int], evaluate: Evaluate, trial: Array
    ) -> None:
        self.graph, self.evaluate = graph, evaluate
        self._begin(leaf, plan)
        self.ways: dict[int, Way | None] = {}
        found: dict[int, Any] = {leaf: trial}
        with np.errstate(all="ignore"):
            for id in plan:
                found[id] = self._one_by_one(id, found, len(trial))
                fits = prod(graph.metas[id].shape) <= BUDGET // 2  # a part may be at two points
                if fits and graph.ops[id] is not OUTPUT:
                    self.ways[id] = self._way(id, found, len(trial))

    def _begin(self, leaf: int, plan: Sequence[int]) -> None:
        self.leaf, self.plan = leaf, plan
        self.size = sum(prod(self.graph.metas[i].shape) for i in (leaf, *plan))  # of one point
        self.width = max(1, min(MOST, BUDGET // max(self.size, 1)))  # points of one run

    def part(self, row: int, plan: Sequence[int]) -> Stack:
        """Return the same for some of the rows, which move with one of them alone."""
        part = copy(self)
        part._begin(row, plan)
        return part

    def run(self, points: Array) -> dict[int, Any]:
        """Return the value of every row at `points` of the leaf, shape (k, ...)."""
        found: dict[int, Any] = {self.leaf: points}
        with np.errstate(all="ignore"):
            for id in self.plan:
                way, result = self.ways.get(id), None
                if way is not None:
                    result = self._attempted(id, found, len(points), way)
                    if result is None:
                        self.ways[id] = None  # as `x[:3]`, which was right for three points
                found[id] = self._one_by_one(id, found, len(points)) if result is None else result
        return found

    def _operands(self, id: int, found: Mapping[int, Any]) -> list[Any]:
        graph = self.graph
        return [
            (found[i] if i in found else graph.values[i]) if i >= 0 else graph.scalars[~i]
            for i in graph.inputs[id]
        ]

    def _attempted(self, id: int, found: Mapping[int, Any], count: int, way: Way) -> Any:
        """Return a row at all points together, None where it does not come out as it should."""
        graph, inputs, operands = self.graph, self.graph.inputs[id], self._operands(id, found)
        op = graph.ops[id]
        assert op is not None, "a leaf is not in the plan"
        rank = max(len(graph.metas[i].shape) for i in inputs if i >= 0)
        try:
            for slot, i in enumerate(inputs):
                if i in found:
                    shape = graph.metas[i].shape
                    shape = (count, *(1,) * (rank - len(shape)), *shape)
                    operands[slot] = operands[slot].reshape(shape)
            result = self.evaluate(id, operands, way.attributes(op, graph.attrs[id], count, rank))
        except Exception:  # numpy's own words for a shape or an axis that does not fit
            return None
        if isinstance(result, tuple | list):
            return tuple(result) if all(np.shape(y)[:1] == (count,) for y in result) else None
        return result if np.shape(result) == (count, *graph.metas[id].shape) else None

    def _one_by_one(self, id: int, found: Mapping[int, Any], count: int) -> Any:
        inputs, operands = self.graph.inputs[id], self._operands(id, found)
        attrs = self.graph.attrs[id]
        if self.graph.ops[id] is OUTPUT:
            return operands[0][attrs["position"]]
        moving = [i in found for i in inputs]
        results = [
            self.evaluate(
                id, [x[k, ...] if m else x for x, m in zip(operands, moving, strict=True)], attrs
            )
            for k in range(count)
        ]
        if isinstance(results[0], tuple | list):
            return tuple(np.stack(parts) for parts in zip(*results, strict=True))
        return np.stack([self._of_its_shape(id, y) for y in results])

    def _of_its_shape(self, id: int, value: Any) -> Any:
        """Return a row's value; nan where a point takes another number of elements: `x[x > 0]`."""
        meta = self.graph.metas[id]
        if np.shape(value) == meta.shape:
            return value
        return np.full(meta.shape, np.nan if meta.dtype.kind in "fc" else 0, meta.dtype)

    def _way(self, id: int, found: Mapping[int, Any], count: int) -> Way | None:
        """Return the first way by which a row gives the same as point by point."""
        for way in WAYS:
            result = self._attempted(id, found, count, way)
            if result is not None and same(result, found[id]):
                return way
        return None


def same(together: Any, one_by_one: Any) -> bool:
    """Say whether two stacks are the same; where all points look alike, nothing is shown."""
    if not isinstance(one_by_one, tuple):
        together, one_by_one = (together,), (one_by_one,)
    return any(map(_varies, one_by_one)) and all(map(_equal, together, one_by_one))


def _varies(stack: Array) -> bool:
    flat = stack.reshape(len(stack), -1)
    return not any(np.array_equal(flat[0], row, equal_nan=True) for row in flat[1:])


def _equal(a: Array, b: Array) -> bool:
    if np.shape(a) != b.shape or a.dtype != b.dtype:
        return False
    if b.dtype.kind not in "fc" or is_half(b.dtype):
        return np.array_equal(a, b)
    size = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    precision = float(np.finfo(b.dtype).eps)
    return bool(np.allclose(a, b, rtol=0, atol=SAME * precision * size, equal_nan=True))
