"""Two runs with their rows paired, and how far these lie apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from gradcli.compare.align import Alignment
from gradcli.compare.found import Gap, NodeKind, Row
from gradcli.compare.gaps import Tolerance, gap, missing
from gradcli.compare.side import Side
from gradcli.rule.dtypes import Array

KINDS: tuple[NodeKind, ...] = ("root", "parameter", "intermediate", "data")  # the first counts
Passes = tuple[int | None, int | None]


class Pair:
    """Two runs with their rows paired, and how far these lie apart."""

    def __init__(self, a: Side, b: Side, tolerance: Tolerance) -> None:
        self.a, self.b, self.tolerance = a, b, tolerance
        self._values: dict[tuple[int, int], Gap] = {}
        self._flows: dict[tuple[int, int], Gap | None] = {}
        self.alignment = Alignment(a, b, self.agree)
        self.right, self.left = self.alignment.right, self.alignment.left

    @cached_property
    def coarsest(self) -> float:
        """The precision of the coarsest floating numbers of both runs."""
        return max([0.0, *self.a.coarseness.values(), *self.b.coarseness.values()])

    def agree(self, i: int, j: int) -> bool:
        """Say whether the values of two rows are the same within the tolerance."""
        return not self.value_gap(i, j).differs

    def value_gap(self, i: int, j: int) -> Gap:
        """Return how far the values of two rows lie apart."""
        found = self._values.get((i, j))
        if found is None:
            found = self._values[i, j] = self._value_gap(i, j)
        return found

    def _value_gap(self, i: int, j: int) -> Gap:
        eps = max(self.a.coarseness[i], self.b.coarseness[j])
        return gap(self.a.value(i), self.b.value(j), eps, self.tolerance)

    def gap_of(self, x: Array, y: Array) -> Gap:
        """Return how far two gradients lie apart: what led to them may be any of the run."""
        return gap(x, y, self.coarsest, self.tolerance)

    def kept_gap(self, i: int, j: int) -> Gap | None:
        """Return how far the `.grad` of two rows lie apart, None where neither has one."""
        x, y = self.a.graph.grad(i), self.b.graph.grad(j)
        if x is None and y is None:
            return None
        return self._sides_gap(x, y)

    def flow_gap(self, i: int, j: int, passes: Passes) -> Gap | None:
        """Return how far what flowed back to two rows lies apart, None where nothing did."""
        x, y = self.a.flow(passes[0]).get(i), self.b.flow(passes[1]).get(j)
        return None if x is None and y is None else self._sides_gap(x, y)

    def _sides_gap(self, x: Array | None, y: Array | None) -> Gap:
        if x is not None and y is not None:
            return self.gap_of(x, y)
        present = y if x is None else x
        assert present is not None, "one side has a gradient"
        return missing(present, x is not None)

    # ---- rows ----------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Yield what is known of each pair, then of what one run alone has."""
        last = self.a.last_pass, self.b.last_pass
        for left, right in self.alignment.pairs():
            grad = self.kept_gap(left, right)
            kept = grad is not None
            if grad is None:
                grad = self.flow_gap(left, right, last)
            yield self._row(left, right, self.value_gap(left, right), grad, kept=kept)
        for side, known in ((self.a, self.right), (self.b, self.left)):
            for id in side.ids:
                if id not in known:
                    held = side.graph.grad(id)
                    lost = None if held is None else missing(held, side is self.a)
                    i, j = (id, None) if side is self.a else (None, id)
                    yield self._row(i, j, None, lost, kept=held is not None)

    def _row(
        self, i: int | None, j: int | None, value: Gap | None, gradient: Gap | None, *, kept: bool
    ) -> Row:
        left = None if i is None else self.a.node(i)
        right = None if j is None else self.b.node(j)
        one = left or right
        assert one is not None, "a row has a node"
        return Row(
            None if i is None else self.a.spot(i),
            None if j is None else self.b.spot(j),
            value, gradient, kept, self._kind(i, j), one.name,
            (left.shape if left else None, right.shape if right else None),
            (left.dtype if left else None, right.dtype if right else None),
            () if i is None or j is None else tuple(self._remarks(i, j)),
        )  # fmt: skip

    def _kind(self, i: int | None, j: int | None) -> NodeKind:
        sides = ((self.a, i), (self.b, j))
        kinds = {side.node(id).kind for side, id in sides if id is not None}
        return next(kind for kind in KINDS if kind in kinds)

    def _remarks(self, i: int, j: int) -> Iterator[str]:
        """Yield what differs beside the numbers."""
        x, y = self.a.graph, self.b.graph
        facts = (
            ("shape", list(x.metas[i].shape), list(y.metas[j].shape)),
            ("dtype", x.metas[i].dtype.name, y.metas[j].dtype.name),
            ("requires_grad", x.requires_grad[i], y.requires_grad[j]),
            ("is_leaf", x.is_leaf(i), y.is_leaf(j)),
            ("grad_fn", x.grad_fn(i), y.grad_fn(j)),
            ("name", self.a.names.get(i), self.b.names.get(j)),
        )
        yield from (f"{what} {one} | {other}" for what, one, other in facts if one != other)
