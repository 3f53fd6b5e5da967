"""`vmap(f)`: f of every slice of its arguments.

f is called on the first slice. Where that call has read no value of the slice, and has left nothing
behind that a call of another slice would leave again or otherwise, what it recorded is recorded
once more with a leading axis, for all slices together. Otherwise f is called on each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gradcli.autodiff.batched import Batch, Batched, PerSlice
from gradcli.autodiff.reverse import traced
from gradcli.errors import ArgumentFault
from gradcli.execute import is_computed
from gradcli.graph import OUTPUT, Node, Step
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.shapes import clone, contiguous_copy, expand, permute, stack
from gradcli.rule.meta import dim_index, own_dim
from gradcli.rule.rule import number
from gradcli.trace.nests import filled, flat, of_arrays, paths
from gradcli.trace.standard.collections import Named
from gradcli.trace.values import Function, Results, UserFunction, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

FEWEST = 3  # slices that are taken together
MOST = 100_000  # values that f can reach, which are looked at before and after a call


def mapped(
    tracer: Tracer, f: Any, args: tuple[Any, ...], keywords: dict[str, Any], axes: Any, out: Any
) -> Any:
    """Return f of every slice along `axes` of its arguments, the results stacked along `out`.

    Raises: ArgumentFault where the arguments have no one size to go through.
    """
    axes = tuple(axes) if isinstance(axes, tuple | list) else (axes,) * len(args)
    if len(axes) != len(args):
        raise ArgumentFault(f"vmap: {len(axes)} in_axes for {len(args)} arguments")
    for d in out if isinstance(out, tuple | list) else (out,):
        _check_axis(d)
    nests = [x if d is None else of_arrays(tracer, x) for x, d in zip(args, axes, strict=True)]
    places = [_places(x, d) for x, d in zip(nests, axes, strict=True)]
    sizes = {
        x.shape[d]
        for nest, dims in zip(nests, places, strict=True)
        for x, d in zip(flat(nest) if dims else [], dims, strict=True)
        if d is not None
    }
    if len(sizes) != 1 or sizes == {0}:
        raise ArgumentFault(
            f"vmap: arguments have sizes {sorted(sizes)} to map over",
            hint="one size, and at least one element",
        )
    (count,) = sizes
    calls = _Calls(tracer, f, nests, places, keywords)
    before = _state(tracer, f, args) if count >= FEWEST else None
    first = calls.at(0)
    if before is not None and before == _state(tracer, f, args):
        try:
            return _Together(calls, count).result(first, out)
        except PerSlice:
            pass
    return _stacked(tracer, [first, *map(calls.at, range(1, count))], out)


def _check_axis(d: Any) -> None:
    if type(d) is not int and d is not None:
        raise ArgumentFault(f"vmap: an axis is an integer or None, not {described(d)}")


def _places(nest: Any, axes: Any) -> list[int | None]:
    """Return the axis of each array of an argument, whose `axes` are one, or a nest of them.

    Of an argument that is no nest of arrays, and passed as it is, there are none.
    """
    if axes is None and not isinstance(nest, Node):
        return [None] * len(flat(nest))
    if isinstance(nest, Node):
        _check_axis(axes)
        return [None if axes is None else own_dim(axes, len(nest.shape))]
    if isinstance(nest, dict):
        if isinstance(axes, dict) and axes.keys() != nest.keys():
            raise ArgumentFault("vmap: in_axes have other keys than the argument")
        pairs = [(x, axes[k] if isinstance(axes, dict) else axes) for k, x in nest.items()]
    elif isinstance(axes, tuple | list):
        if len(axes) != len(nest):
            raise ArgumentFault(f"vmap: {len(axes)} in_axes for {len(nest)} items of an argument")
        pairs = list(zip(nest, axes, strict=True))
    else:
        pairs = [(x, axes) for x in nest or ()]
    return [d for x, axis in pairs for d in _places(x, axis)]


class _Calls:
    """Calls of a function on slices; `slices` are the rows of the last call's, by argument."""

    def __init__(
        self, tracer: Tracer, f: Any, nests: list[Any], places: list[Any], keywords: dict[str, Any]
    ) -> None:
        self.tracer, self.f, self.keywords = tracer, f, keywords
        self.nests, self.places = nests, places
        self.first = len(tracer.graph)
        self.steps = len(tracer.graph.autograd.steps)
        self.slices: dict[int, tuple[Node, int]] = {}

    def at(self, k: int) -> Any:
        """Return f of the k-th slices."""
        args, self.slices = [], {}
        for nest, dims in zip(self.nests, self.places, strict=True):
            if all(d is None for d in dims):
                args.append(nest)
                continue
            rows = []
            for x, d in zip(flat(nest), dims, strict=True):
                rows.append(x if d is None else select(x, dim=d, index=k))
                if d is not None:
                    self.slices[rows[-1].id] = x, d
            args.append(filled(nest, iter(rows)))
        return self.tracer.call(self.f, tuple(args), self.keywords)


def _stacked(tracer: Tracer, results: list[Any], axes: Any) -> Any:
    first = results[0]
    if first is None or isinstance(first, dict | list | Named):
        return _each(tracer, results, axes, lambda column: _stacked(tracer, column, axes))
    if isinstance(first, tuple | list | Results):
        several = axes if isinstance(axes, tuple | list) else (axes,) * len(first)
        columns = zip(zip(*results, strict=True), several, strict=True)
        return tuple(_stacked(tracer, list(column), axis) for column, axis in columns)
    return stack(*(tracer.tensor(x) for x in results), dim=axes)


def _each(tracer: Tracer, results: list[Any], axis: Any, made: Callable[[list[Any]], Any]) -> Any:
    """Return a nest of what is made of the arrays at each place of several such nests."""
    if isinstance(axis, dict | list | tuple):
        raise ArgumentFault("vmap: out_axes of a dictionary or list is one integer")
    nests = [of_arrays(tracer, x) for x in results]
    if len({tuple(path for path, _ in paths(nest)) for nest in nests}) > 1:
        raise ArgumentFault("vmap: the function gives other structures for other slices")
    columns = zip(*map(flat, nests), strict=True)
    rest = (made(list(column)) for column in columns)
    return filled(nests[0], rest, "jax" in tracer.libraries)


class _Together:
    """What the call of the first slice has recorded, recorded for all slices.

    Raises: PerSlice where the call has read a value of its slice, or gave what is no tensor.
    """

    def __init__(self, calls: _Calls, count: int) -> None:
        self.tracer, self.graph = calls.tracer, calls.tracer.graph
        self.batch, self.start = Batch(self.graph, count), len(self.graph)
        self.rows: dict[int, Batched] = {}
        steps = self.graph.autograd.steps[calls.steps :]
        # what differentiations of the call start from, and what that is for all slices
        self.starts = {g: -1 for step in steps for g in step.given.values()}
        ends = {x for step in steps for x in self._inputs(step)}
        span, call = self.graph.span, self.graph.call
        try:
            for id in sorted({*self.starts, *ends, *range(calls.first, self.start)}):
                self._record(id, calls.slices)
                if id in ends:  # the derivatives by it are of each slice
                    self.rows[id] = self.batch.leading(self.batch.lowered(self._row(id)))
                if id in self.starts:  # before what is made of it
                    self.starts[id] = self.batch.lowered(self._row(id)).id
        finally:
            self.graph.span, self.graph.call = span, call
        for step in steps:
            self._repeat(step)

    def _inputs(self, step: Step) -> Iterable[int]:
        """Return what a step differentiates by."""
        return step.wanted if step.mode == "reverse" else step.given

    def _row(self, id: int) -> Any:
        known = self.rows.get(id)
        return self.batch.lifted(traced(self.graph, id)) if known is None else known

    def _record(self, id: int, slices: Mapping[int, tuple[Node, int]]) -> None:
        graph, op = self.graph, self.graph.ops[id]
        if id in slices:
            x, d = slices[id]
            order = (d, *(k for k in range(len(x.shape)) if k != d))
            self.rows[id] = self.batch.leading(permute(x, dims=order) if d else x)
        if op is None or op is OUTPUT or not any(i in self.rows for i in graph.inputs[id]):
            if id in self.rows and is_computed(graph, id):
                raise PerSlice
            return
        if is_computed(graph, id):
            raise PerSlice
        operands = tuple(graph.scalars[~i] if i < 0 else self._row(i) for i in graph.inputs[id])
        graph.span, graph.call = graph.notes.spans[id], graph.notes.calls.get(id)
        with graph.settings(graph.notes.origins[id], graph.requires_grad[id]):
            found = self.batch.record(op, operands, graph.attrs[id])
        for k, one in enumerate(found if isinstance(found, tuple) else (found,)):
            row = id + 1 + k if graph.is_tuple(id) else id
            self.rows[row] = one
            if row in graph.notes.names and one.leads:
                graph.notes.names[one.node.id] = graph.notes.names.pop(row)

    def _repeat(self, step: Step) -> None:
        """Keep a differentiation of the call as one of all slices, where that is what it is."""
        rows = {i: x.node.id for i, x in self.rows.items() if x.leads}
        if step.batched or not {*step.given, *step.wanted} <= rows.keys():
            return
        roots = step.given if step.mode == "reverse" else step.wanted
        passed = tuple(range(max(rows[i] for i in roots), self.start - 1, -1))
        found = tuple(None if i is None else rows.get(i) for i in step.found)
        self.graph.autograd.steps.append(
            Step(
                step.mode,
                {rows[i]: self.starts[g] for i, g in step.given.items()},
                tuple(rows[i] for i in step.wanted),
                found,
                passed if step.mode == "reverse" else passed[::-1],
                min((i for i in found if i is not None), default=len(self.graph)),
            )
        )

    def result(self, first: Any, axes: Any) -> Any:
        """Return what f gives for all slices, from what it gave for the first."""
        if first is None or isinstance(first, dict | list | Named):
            return _each(self.tracer, [first], axes, lambda column: self.result(column[0], axes))
        if isinstance(first, tuple | list | Results):
            several = axes if isinstance(axes, tuple | list) else (axes,) * len(first)
            return tuple(self.result(x, axis) for x, axis in zip(first, several, strict=True))
        if type(axes) is not int or not (isinstance(first, Node) or number(first)):
            raise PerSlice
        node = self.tracer.tensor(first)
        known = self.rows.get(node.id)
        if known is None or not known.leads:
            same = expand(node, size=(self.batch.count, *node.shape))
            whole = contiguous_copy(same)
        else:
            whole = known.node
            op = self.graph.ops[whole.id]
            if op is None or op.view or whole.id < self.start:  # nothing else lies in its memory
                whole = clone(whole)
        place = dim_index(axes, len(whole.shape))
        order = [*range(1, len(whole.shape))]
        order.insert(place, 0)
        return permute(whole, dims=tuple(order)) if place else whole


# ---- what a call leaves behind -----------------------------------------------------------------


def _state(tracer: Tracer, *reached: Any) -> list[Any] | None:
    """Return what a call might change beside what it returns; None: that cannot be looked at.

    Lists, tables, names and the rows of tensors that it can reach, what is printed, drawn, warned
    of, checked or accumulated.
    """
    graph = tracer.graph
    kept = vars(graph.autograd)
    found: list[Any] = [
        vars(tracer.generator).copy(), tracer.drawn, tracer.written, len(tracer.output),
        tracer.print_options,
        len(tracer.claims), len(tracer.passes.made), len(graph.notes.warnings),
        graph.grad_enabled, graph.inference, graph.default_dtype,
        {name: len(x) for name, x in kept.items() if name not in ("steps", "versions", "freed")},
        graph.autograd.freed.count(1),
    ]  # fmt: skip
    seen: dict[int, Any] = {}
    pending = [tracer.scope, tracer.globals, *reached]
    while pending:
        x = pending.pop()
        if id(x) in seen or isinstance(x, int | float | complex | str | None):
            continue
        if hasattr(x, "__next__"):  # how far it has gone cannot be seen
            return None
        seen[id(x)] = x
        parts = list(_parts(x))
        found.append(_Seen(x, parts))
        pending.extend(parts)
        if len(seen) + len(pending) > MOST:
            return None
    return found


class _Seen:
    """A value and what it held, compared by what they are: tensors have their own equality."""

    def __init__(self, x: Any, parts: list[Any]) -> None:
        storage = getattr(x, "storage", None)
        self.row = getattr(x, "row", None), 0 if storage is None else storage.memory.clock
        self.parts = [x, *parts]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Seen)
            and self.row == other.row
            and len(self.parts) == len(other.parts)
            and all(a is b for a, b in zip(self.parts, other.parts, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]


def _parts(x: Any) -> Iterable[Any]:
    """Return what a value holds that a call can change."""
    if isinstance(x, dict):
        yield from x.keys()
        yield from x.values()
        yield getattr(x, "outer", None)
    elif isinstance(x, list | tuple | set | frozenset):
        yield from x
    elif isinstance(x, UserFunction):
        yield x.scope
        yield x.defaults
    elif isinstance(x, Function):
        cells = getattr(x.run, "__closure__", None) or ()
        yield from (cell.cell_contents for cell in cells)
    elif isinstance(x, Results):
        yield from x.items
