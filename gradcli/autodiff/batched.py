"""Many slices at once: rows recorded one time, with a leading axis in front of what differs.

A rule sees one slice and need not know: `Batched` shows it that slice's shape, and what the rule
does with it is recorded for all slices together. How a row takes the leading axis no list says:
an elementwise one broadcasts; for any other each way is tried on random numbers and compared with
the slices one by one. Where no way gives the same, the row is recorded slice by slice and stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import count as numbers_from
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, GradcliError, ShapeFault
from gradcli.execute import new_graph
from gradcli.execute.stack import WAYS, Way, same
from gradcli.graph import Graph, Node
from gradcli.ops.leading import LEADING
from gradcli.ops.python import OPERATORS
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.shapes import contiguous_copy, expand, ones_like, reshape, stack, zeros_like
from gradcli.rule.dtypes import Array, DType
from gradcli.rule.meta import Shape, shown
from gradcli.rule.operators import Operators
from gradcli.rule.rule import Primitive

REMEMBERED = 2048  # rows whose way is known without another trial
KEPT = 1 << 12  # bytes of integers that one of them is remembered with
LARGEST = 1 << 18  # elements of a slice that is tried: beyond, Python's time does not matter
TOLD_BY_SHAPE = (zeros_like, ones_like)  # they read no values: each slice gives the same

Attrs = dict[str, Any]


class Plan(NamedTuple):
    """How a row takes a leading axis.

    Its `way` changes the attributes; `spread` gives the axis to every operand; `merged` takes it
    into the first dimension, that of a batch. No way: by what stands for the row in LEADING.
    """

    way: Way | None
    spread: bool = False
    merged: bool = False


class Given(NamedTuple):
    """An operand of a row as a trial needs it: a tensor, led or not, with its integers; or else."""

    shape: Shape = ()
    dtype: DType | None = None
    leads: bool = False
    held: Any = None  # a number, or the bytes of integers, which have to fit


class Batched(Operators):
    """A node that rules see as one slice of it; without the leading axis where it has none."""

    __slots__ = ("batch", "leads", "node")
    rows = OPERATORS

    def __init__(self, batch: Batch, node: Node, leads: bool) -> None:
        self.batch, self.node, self.leads = batch, node, leads

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: Attrs) -> Any:
        return self.batch.record(op, operands, attrs)

    def warn(self, message: str) -> None:
        self.node.warn(message)

    def afford(self, name: str, memory: int, work: int) -> None:
        times = self.batch.count if self.leads else 1
        self.node.afford(name, times * memory, times * work)

    def constant(self, array: Array) -> Batched:
        """Append an array as a constant, the same for all slices."""
        return Batched(self.batch, self.node.constant(array), False)

    @property
    def shape(self) -> Shape:
        return self.node.shape[1:] if self.leads else self.node.shape

    @property
    def dtype(self) -> DType:
        """Data type."""
        return self.node.dtype

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in elements; None is contiguous."""
        strides = self.node.strides
        return strides[1:] if self.leads and strides is not None else strides

    @property
    def default_dtype(self) -> DType:
        return self.node.default_dtype

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow to it."""
        return self.node.requires_grad

    @property
    def value(self) -> Any:
        if self.leads:
            raise PerSlice
        return self.node.value


class PerSlice(GradcliError):
    """A rule looks at the values of what each slice has others of."""

    def __init__(self) -> None:
        super().__init__(
            "the derivative looks at the values of each cotangent by itself",
            hint="differentiate with one after the other",
        )


class Batch:
    """Rows that are recorded for `count` slices together."""

    def __init__(self, graph: Graph, count: int) -> None:
        self.graph, self.count = graph, count

    def leading(self, node: Node) -> Batched:
        """Return a node whose first dimension counts slices."""
        return Batched(self, node, True)

    def lifted(self, x: Any) -> Any:
        """Return a node, or a tuple of them, as the same for every slice."""
        if isinstance(x, tuple):
            return tuple(map(self.lifted, x))
        return Batched(self, x, False) if isinstance(x, Node) else x

    def lowered(self, x: Batched) -> Node:
        """Return the node with the leading axis, whether the slices differ or not."""
        if x.leads:
            return x.node
        lowered: Node = expand(x.node, size=(self.count, *x.shape))
        return lowered

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: Attrs) -> Any:
        """Append an operation for all slices; return what it gives, a tuple where it has several.

        Raises: as `Graph.record`; LimitFault where all slices together are too much.
        """
        own = tuple(x if isinstance(x, Batched) else self._own(x) for x in operands)
        leads = tuple(isinstance(x, Batched) and x.leads for x in own)
        if not any(leads):
            return self._wrapped(self.graph.record(op, tuple(map(_node, own)), attrs), False)
        attrs = op.complete(own, attrs)
        if op in TOLD_BY_SHAPE:
            meta = op.meta(*own, **attrs)
            like = np.broadcast_to(np.zeros((), meta.dtype), meta.shape)
            return self._wrapped(self.graph.leaf(op.forward(like, **attrs)), False)
        found = self._together(op, own, attrs)
        if found is None:
            found = self._one_by_one(op, own, attrs)
        return self._wrapped(found, True)

    def _own(self, x: Any) -> Any:
        if isinstance(x, np.ndarray | np.generic):
            return Batched(self, self.graph.leaf(np.asarray(x)), False)
        return self.lifted(x)

    def _wrapped(self, found: Any, leads: bool) -> Any:
        if isinstance(found, tuple):
            return tuple(Batched(self, x, leads) for x in found)
        return Batched(self, found, leads)

    def _together(self, op: Primitive, operands: tuple[Any, ...], attrs: Attrs) -> Any:
        """Append a row for all slices at once; None where no way is known."""
        if op.elementwise:  # whose result may have the shape of one operand, whatever the others
            plan: Plan | None = Plan(Way(), spread=not op.promotes and op.formula is None)
        else:
            plan = _plan(op, operands, attrs)
        if plan is None:
            return None
        leads = tuple(isinstance(x, Batched) and x.leads for x in operands)
        nodes = tuple(map(_node, operands))
        for packed in (False, True):
            if packed:  # slices may be views where all together are none
                nodes = tuple(contiguous_copy(x) if leads[k] else x for k, x in enumerate(nodes))
            try:
                return planned(self.graph.record, plan, op, nodes, leads, attrs, self.count)
            except (ShapeFault, ArgumentFault, DtypeFault):
                continue
        return None

    def _one_by_one(self, op: Primitive, operands: tuple[Any, ...], attrs: Attrs) -> Any:
        self.graph.spend(self.count)
        found = [
            self.graph.record(
                op,
                tuple(
                    select(x.node, dim=0, index=k)
                    if isinstance(x, Batched) and x.leads else _node(x)
                    for x in operands
                ),
                attrs,
            )
            for k in range(self.count)
        ]  # fmt: skip
        if isinstance(found[0], tuple):
            return tuple(stack(*parts, dim=0) for parts in zip(*found, strict=True))
        return stack(*found, dim=0)


def _node(x: Any) -> Any:
    return x.node if isinstance(x, Batched) else x


# ---- ways --------------------------------------------------------------------------------------


def planned(
    record: Callable[..., Any],
    plan: Plan,
    op: Primitive,
    nodes: Sequence[Any],
    leads: Sequence[bool],
    attrs: Attrs,
    count: int,
) -> Any:
    """Append a row for `count` slices as a plan has it; `leads` says which operands have the axis.

    Raises: ShapeFault, ArgumentFault or DtypeFault where it does not fit.
    """
    if plan.way is None:
        return LEADING[op](leads, *nodes, **attrs)
    nodes = list(nodes)
    tensors = [k for k, x in enumerate(nodes) if isinstance(x, Node)]
    rank = max(len(nodes[k].shape) - leads[k] for k in tensors)
    merging = {nodes[k].shape[1] for k in tensors if leads[k]} if plan.merged else set()
    for k in tensors:
        x, shape = nodes[k], nodes[k].shape[leads[k] :]
        size = (count, *(1,) * (rank - len(shape)), *shape)
        if plan.merged and (leads[k] or (plan.spread and shape[0] in merging)):
            x = x if leads[k] else expand(x, size=(count, *shape))
            nodes[k] = reshape(x, (count * shape[0], *shape[1:]))
        elif leads[k] and x.shape != size:
            nodes[k] = reshape(x, size)
        elif plan.spread and not leads[k] and not plan.merged:
            nodes[k] = expand(x, size=size)
    found = record(op, tuple(nodes), plan.way.attributes(op, attrs, count, rank))
    if not plan.merged:
        return found
    several = found if isinstance(found, tuple) else (found,)
    split = tuple(reshape(y, (count, y.shape[0] // count, *y.shape[1:])) for y in several)
    return split if isinstance(found, tuple) else split[0]


def _plans(op: Primitive, ranks: Sequence[int]) -> Iterator[Plan]:
    """Return what may be tried: what changes more comes first: less may be right by chance."""
    if op in LEADING:
        yield Plan(None)
    for way in reversed(WAYS):
        yield Plan(way)
        yield Plan(way, spread=True)
    if all(ranks):
        yield Plan(Way(), merged=True)
        yield Plan(Way(), spread=True, merged=True)


def _plan(op: Primitive, operands: Sequence[Any], attrs: Attrs) -> Plan | None:
    tensors = [x for x in operands if isinstance(x, Batched)]
    if sum(prod(x.shape) for x in tensors) > LARGEST:
        return None
    given, key = tuple(map(_given, operands)), tuple(attrs.items())
    kept = sum(len(x.held) for x in given if isinstance(x.held, bytes))
    try:
        hash(key)
    except TypeError:
        return None
    tried = _tried if kept <= KEPT else _tried.__wrapped__
    return tried(op, key, given, tensors[0].default_dtype)


def _given(x: Any) -> Given:
    if not isinstance(x, Batched):
        return Given(held=x)
    whole = x.dtype.kind in "biu" and not x.leads
    return Given(x.shape, x.dtype, x.leads, np.asarray(x.value).tobytes() if whole else None)


@lru_cache(REMEMBERED)
def _tried(
    op: Primitive, attrs: tuple[tuple[str, Any], ...], given: tuple[Given, ...], default: DType
) -> Plan | None:
    """Return the first plan by which a row gives the same as slice by slice, on random numbers."""
    generator = np.random.default_rng(len(given))
    count = _apart([n for x in given for n in x.shape] + list(_integers(attrs)))
    drawn, leads = [_drawn(x, count, generator) for x in given], [x.leads for x in given]
    scratch = new_graph(default)
    try:
        slices = [
            tuple(x[k, ...] if led else x for x, led in zip(drawn, leads, strict=True))
            for k in range(count)
        ]
        expected = _stacked([_values(scratch.record(op, x, dict(attrs))) for x in slices])
    except Exception:  # random numbers may not be what the row takes: no positive matrix, no index
        return None
    nodes = [scratch.leaf(x) if isinstance(x, np.ndarray) else x for x in drawn]
    for plan in _plans(op, [len(x.shape) for x in given if x.dtype is not None]):
        try:
            found = planned(scratch.record, plan, op, nodes, leads, dict(attrs), count)
            if same(_values(found), expected):
                return plan
        except Exception:  # a shape or an axis that does not fit
            continue
    return None


def _stacked(rows: Sequence[Any]) -> Any:
    if isinstance(rows[0], tuple):
        return tuple(map(np.stack, zip(*rows, strict=True)))
    return np.stack(rows)


def _values(found: Any) -> Any:
    if isinstance(found, tuple):
        return tuple(map(_values, found))
    value = np.asarray(found.value)
    if value.shape != found.shape:  # numpy broadcasts, and the row's rule of shapes does not know
        raise ShapeFault(f"{shown(value.shape)} is not {shown(found.shape)}")
    return value


def _apart(numbers: Sequence[int]) -> int:
    """Return a number of points that no size or shift is a multiple of: axes are told apart."""
    return next(k for k in numbers_from(3) if all(n % k for n in numbers if n))


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, tuple):
        for x in value:
            yield from _integers(x)
    elif type(value) is int:
        yield value


def _drawn(x: Given, count: int, generator: np.random.Generator) -> Any:
    if x.dtype is None:
        return x.held
    shape = (count, *x.shape) if x.leads else x.shape
    if x.held is not None:
        return np.frombuffer(x.held, x.dtype).reshape(shape)
    if x.dtype.kind in "biu":
        return generator.integers(0, 2, shape).astype(x.dtype)
    drawn = generator.normal(size=shape)
    if x.dtype.kind == "c":
        drawn = drawn + 1j * generator.normal(size=shape)
    return drawn.astype(x.dtype)
