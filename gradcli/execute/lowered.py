"""Rows as the calls of numpy that they come to, so that a planner can take them apart.

No list says what a row does: its forward function is run once on symbols, arrays of which only
shape and dtype are known, and what it calls is kept. Where it does with them what cannot be kept
(an index, a loop over elements, complex numbers), the row stays whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

from gradcli.errors import GradcliError
from gradcli.execute.plain import apply, missing, promoted
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import DType, is_complex
from gradcli.rule.meta import Shape, reduced
from gradcli.rule.rule import Elementwise, Primitive, number

# what is there already; a function of each element; of several; another shape; a row as it is
Kind = Literal["given", "map", "fold", "shape", "row"]


class Call(NamedTuple):
    """A call of numpy, its operands by their numbers.

    A map's function is called with the operands and where the result goes; a fold is a ufunc that
    reduces `axes`, `exact` in the dtype of the result; a shape is gone to by repeating elements,
    or by `np.reshape`. What is given is a value: an array, or a Python number.
    """

    kind: Kind
    function: Any
    operands: tuple[int, ...]
    shape: Shape
    dtype: DType
    axes: tuple[int, ...] = ()
    keepdims: bool = False
    value: Any = None


class NotLowered(Exception):
    """A forward function does what cannot be kept as calls."""


# ---- functions that write where they are told ----------------------------------------------


def cast(a: Any, out: Any) -> None:
    """Write elements in another dtype."""
    np.copyto(out, a, casting="unsafe")


def choose(condition: Any, a: Any, b: Any, out: Any) -> None:
    """Write what np.where returns."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def applied(graph: Graph, row: int, *operands: Any, out: Any) -> None:
    """Write a row's value for operands that may be parts of its own."""
    np.copyto(out, valued(graph, row, list(operands)))


def valued(graph: Graph, row: int, operands: list[Any]) -> Any:
    """Return a row's value for some operands.

    Raises: what the plain executor raises, and lets the graph know where it was.
    """
    try:
        return apply(graph, row, operands, graph.attrs[row])
    except GradcliError as error:
        raise error.at(None, graph.notes.spans[row]) from None
    except Exception:
        graph.span = graph.notes.spans[row]
        raise


def evaluated(call: Call, operands: list[Any]) -> Any:
    """Return the whole value of a call that is no row."""
    if call.kind == "fold":
        found = call.function.reduce(
            operands[0], axis=call.axes, dtype=call.dtype, keepdims=call.keepdims
        )
        return np.asarray(found)
    if call.kind == "shape":
        return call.function(operands[0], call.shape)
    out = np.empty(call.shape, call.dtype)
    call.function(*operands, out=out)
    return out


# ---- programs ------------------------------------------------------------------------------


class Program:
    """The calls that compute the missing values of some rows; `of` says which call has a row's.

    Numbers that are known are computed while rows are lowered, so that `g * x` is `x` where g is 1.
    """

    def __init__(self, graph: Graph, rows: Iterable[int]) -> None:
        self.graph = graph
        self.calls: list[Call] = []
        self.rows: dict[int, int] = {}  # of calls that are rows as they are
        self.of: dict[int, int] = {}
        self._known: dict[Any, int] = {}
        with np.errstate(all="ignore"):
            for id in missing(graph, rows, graph.stored.__getitem__):
                self.of[id] = self._lower(id)

    def value_of(self, row: int) -> int:
        """Return the call that has a row's value."""
        if row not in self.of:
            self.of[row] = self._of_row(row)
        return self.of[row]

    def _of_row(self, row: int) -> int:
        value = self.graph.value(row)
        whole = isinstance(value, tuple | list)
        return self.given(value if whole else np.asarray(value, self.graph.metas[row].dtype))

    def given(self, value: Any) -> int:
        """Return the call for a value that is there: an array, a Python number, a tuple."""
        if number(value) or value is None:
            call = Call("given", None, (), (), np.dtype(type(value)), value=value)
            return self._kept((type(value), repr(value)), call)
        if isinstance(value, tuple | list):
            return self._append(Call("given", None, (), (), np.dtype(object), value=value))
        value = np.asarray(value)
        key = id(value) if value.ndim else value.tobytes()
        call = Call("given", None, (), value.shape, value.dtype, value=value)
        return self._kept((key, value.dtype), call)

    def call(self, call: Call) -> int:
        """Return the number of a call: an earlier one that is the same, or what it comes to."""
        if call.kind == "map":
            call = call._replace(operands=tuple(map(self._repeated, call.operands)))
        plain = self._without_effect(call)
        if plain is not None:
            return plain
        calls = [self.calls[i] for i in call.operands]
        if all(x.kind == "given" and prod(x.shape) == 1 for x in calls):
            one = call
            if call.kind == "map" and all(not x.shape for x in calls):
                one = call._replace(shape=())
            if prod(one.shape) == 1:
                found = self.given(evaluated(one, [x.value for x in calls]))
                return self.repeat(found, call.shape)
        return self._kept((*call[:3], *call[3:7]), call)

    def repeat(self, i: int, shape: Shape) -> int:
        """Return the call for a value that is repeated along some dimensions."""
        if self.calls[i].shape == shape:
            return i
        return self.call(Call("shape", np.broadcast_to, (i,), shape, self.calls[i].dtype))

    def _repeated(self, i: int) -> int:
        """Return what a call repeats, where that is one element: maps repeat it by themselves."""
        call = self.calls[i]
        if call.kind == "shape" and self.calls[call.operands[0]].kind == "given":
            source = self.calls[call.operands[0]]
            if prod(source.shape) == 1 and call.function is np.broadcast_to:
                return self.given(np.reshape(source.value, ()))
        return i

    def _without_effect(self, call: Call) -> int | None:
        """Return the operand that a call would return bit for bit, None where there is none."""
        if call.kind == "shape":
            return call.operands[0] if self.calls[call.operands[0]].shape == call.shape else None
        places = {np.multiply: (0, 1), np.divide: (1,), np.power: (1,)}.get(call.function, ())
        for place in places:
            factor, other = (self.calls[call.operands[i]] for i in (place, 1 - place))
            one = factor.kind == "given" and not factor.shape and factor.value == 1
            if one and (other.shape, other.dtype) == (call.shape, call.dtype):
                return call.operands[1 - place]
        return None

    def _kept(self, key: Any, call: Call) -> int:
        if key not in self._known:
            self._known[key] = self._append(call)
        return self._known[key]

    def _append(self, call: Call) -> int:
        self.calls.append(call)
        return len(self.calls) - 1

    def _lower(self, id: int) -> int:
        graph, op = self.graph, self.graph.ops[id]
        assert op is not None, "a leaf brings its value"
        ids = [self.value_of(i) if i >= 0 else self.given(graph.scalars[~i])
               for i in graph.inputs[id]]  # fmt: skip
        meta, calls = graph.metas[id], [self.calls[i] for i in ids]
        whole = op is OUTPUT or op.outputs or is_complex(meta.dtype)
        if not whole and not any(is_complex(x.dtype) for x in calls):
            try:
                return self._traced(op, ids, id)
            except Exception:  # anything may be what a forward function says to a symbol
                if isinstance(op.derivative, Elementwise) and not op.view:
                    function = partial(applied, graph, id)  # which makes arrays of its own
                    return self._append(Call("map", function, tuple(ids), *meta[:2]))
        found = self._append(Call("row", None, tuple(ids), meta.shape, meta.dtype))
        self.rows[found] = id
        return found

    def _operands(self, op: Primitive, ids: list[int], id: int) -> list[Any]:
        """Return the operands of a row as its forward function takes them."""
        operands = [self._operand(i) for i in ids]
        if op.promotes:
            operands = promoted(operands, self.graph.metas[id].dtype, self.graph.default_dtype)
        return operands

    def _operand(self, i: int) -> Any:
        call = self.calls[i]
        known = call.kind == "given" and not isinstance(call.value, np.ndarray)
        return call.value if known else Symbol(self, i)

    def _traced(self, op: Primitive, ids: list[int], id: int) -> int:
        meta, attrs = self.graph.metas[id], self.graph.attrs[id]
        if op.derivative is None and isinstance(one := self._of_shape(op, ids, attrs), np.ndarray):
            return self.repeat(self.given(one.reshape(())), meta.shape)
        found = op.forward(*self._operands(op, ids, id), **attrs)
        if not isinstance(found, Symbol):
            found = Symbol(self, self.given(np.asarray(found)))
        found = found.astype(meta.dtype)
        if found.shape != meta.shape:
            raise NotLowered
        return found.id

    def _of_shape(self, op: Primitive, ids: list[int], attrs: dict[str, Any]) -> Any:
        """Return what a row gives for operands of one element: an array, if it reads but shapes."""
        ones = [self.calls[i]._replace(shape=(1,) * len(self.calls[i].shape)) for i in ids]
        return op.forward(*(Symbol(self, self._append(one)) for one in ones), **attrs)


# ---- symbols -------------------------------------------------------------------------------


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of which only shape and dtype are known; what numpy does with it becomes calls."""

    __slots__ = ("id", "program")

    def __init__(self, program: Program, id: int) -> None:
        self.program = program
        self.id = id

    @property
    def shape(self) -> Shape:
        return self.program.calls[self.id].shape

    @property
    def dtype(self) -> DType:
        return self.program.calls[self.id].dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def astype(self, dtype: Any) -> Symbol:
        """Return it in another dtype."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        call = Call("map", cast, (self.id,), self.shape, dtype)
        return Symbol(self.program, self.program.call(call))

    def __bool__(self) -> bool:
        raise NotLowered

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NotLowered

    def __pow__(self, exponent: Any) -> Any:
        """Raise to a power as arrays do: by another function where the exponent is a number."""
        known = {1: np.positive, 2: np.square, 0.5: np.sqrt, -1: np.reciprocal}
        if number(exponent) and self.dtype.kind == "f" and exponent in known:
            return known[exponent](self)
        return np.power(self, exponent)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        if method == "reduce":
            return _fold(ufunc)(*operands, **options)
        if method != "__call__" or options or ufunc.nout != 1 or ufunc.signature:
            raise NotLowered
        return self if ufunc is np.positive else _map(self.program, ufunc, ufunc, operands)

    def __array_function__(self, function: Any, _: Any, operands: Any, options: Any) -> Any:
        if function is np.where and len(operands) == 3:
            if operands[0].dtype.kind != "b":
                raise NotLowered
            return _map(self.program, np.where, choose, operands)
        if function not in FUNCTIONS:
            raise NotLowered
        return FUNCTIONS[function](*operands, **options)


def _map(program: Program, function: Any, into: Any, operands: Iterable[Any]) -> Symbol:
    given = [x if isinstance(x, Symbol) or number(x) else np.asarray(x) for x in operands]
    examples = [x if number(x) else np.empty((0,), x.dtype) for x in given]
    dtype = function(*examples).dtype
    shape = np.broadcast_shapes(*(getattr(x, "shape", ()) for x in given))
    ids = tuple(x.id if isinstance(x, Symbol) else program.given(x) for x in given)
    if into is np.power and number(given[1]) and dtype.kind == "f" and given[1] == 2:
        into, ids = np.square, ids[:1]  # which numpy calls itself
    return Symbol(program, program.call(Call("map", into, ids, shape, dtype)))


def _fold(ufunc: Any) -> Callable[..., Any]:
    def fold(a: Symbol, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Symbol:
        dims = range(a.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        axes = tuple(sorted(d % a.ndim for d in dims))
        result = ufunc.reduce(np.ones(1, a.dtype), dtype=dtype).dtype
        if not axes:
            return a.astype(result)
        shape = reduced(a.shape, axes, bool(keepdims))
        call = Call("fold", ufunc, (a.id,), shape, result, axes, bool(keepdims))
        return Symbol(a.program, a.program.call(call))

    return fold


def _mean(a: Symbol, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    wide = np.dtype(float) if dtype is None and a.dtype.kind in "biu" else dtype
    total = _fold(np.add)(a, axis, wide, keepdims)
    return total / (a.size // max(total.size, 1))


def _shaped(function: Any) -> Callable[..., Any]:
    """Return a function that gives a symbol the shape that numpy gives an array."""

    def shaped(a: Symbol, *arguments: Any, **options: Any) -> Symbol:
        example = np.broadcast_to(np.empty((), a.dtype), a.shape)
        shape = _shape_after(function, example, arguments, options)
        how = np.broadcast_to if function is np.broadcast_to else np.reshape
        call = Call("shape", how, (a.id,), shape, a.dtype)
        return Symbol(a.program, a.program.call(call))

    return shaped


def _shape_after(function: Any, example: Any, arguments: Any, options: Any) -> Shape:
    if function is not np.reshape:
        return tuple(function(example, *arguments, **options).shape)
    (new,) = arguments
    if any(n < 0 for n in new) or prod(new) != example.size:
        raise NotLowered
    return tuple(new)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _fold(np.add),
    np.prod: _fold(np.multiply),
    np.max: _fold(np.maximum),
    np.min: _fold(np.minimum),
    np.all: _fold(np.logical_and),
    np.any: _fold(np.logical_or),
    np.mean: _mean,
    np.copy: lambda a: a,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.shape: lambda a: a.shape,
    np.result_type: lambda *xs: np.result_type(*(getattr(x, "dtype", x) for x in xs)),
    **{f: _shaped(f) for f in (np.broadcast_to, np.reshape, np.expand_dims, np.squeeze)},
}
