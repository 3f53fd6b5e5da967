"""What rows of the table are as formulas: read from a tape, or from a rule that runs on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcli.errors import LimitFault
from gradcli.formula import expressions as f
from gradcli.formula.expressions import Call, Formula, Listed, Name
from gradcli.formula.pieces import select
from gradcli.formula.rows import ROWS
from gradcli.graph import OUTPUT, Graph
from gradcli.ops.python import OPERATORS
from gradcli.ops.shape.aliases import Step, read_view
from gradcli.rule.dtypes import FLOAT64, DType
from gradcli.rule.meta import Meta, Shape
from gradcli.rule.operators import Operators
from gradcli.rule.rule import Primitive

Attrs = dict[str, Any]
WRITTEN, DIGITS = 8, 6  # elements of a tensor without a name that is written out, and of each
MOST = 3000  # numbers, names and functions in a formula that someone might read
DEEPEST = 100  # of them within each other
UNSAID = Name("...", ())  # for an argument that no text can give


class Symbol(Operators):
    """An operand of a rule that stands for a formula: what is done with it makes another one."""

    __slots__ = ("_meta", "formula")
    rows = OPERATORS

    def __init__(self, formula: Any, meta: Meta | None = None) -> None:
        self.formula = formula
        self._meta = meta or Meta(getattr(formula, "shape", ()), FLOAT64)

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: Attrs) -> Any:
        operands = tuple(
            self.constant(x) if isinstance(x, np.ndarray | np.generic) else x for x in operands
        )
        attrs = op.complete(operands, {**op.signature.defaults, **attrs})
        if (formula := _made_of(op)) is not None:
            return formula(*operands, **attrs)
        meta = op.meta(*operands, **attrs)
        given = tuple(x.formula if isinstance(x, Symbol) else x for x in operands)
        plain = {k: v.formula if isinstance(v, Symbol) else v for k, v in attrs.items()}
        if op.outputs:
            return tuple(Symbol(part(op, given, plain, k, m.shape), m) for k, m in enumerate(meta))
        return Symbol(written(op, given, plain, meta.shape), meta)

    @property
    def shape(self) -> Shape:
        return self._meta.shape

    @property
    def dtype(self) -> DType:
        """Data type."""
        return self._meta.dtype

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in elements; None is contiguous."""
        return self._meta.strides

    @property
    def default_dtype(self) -> DType:
        return FLOAT64

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it: rules may choose the way that lets them."""
        return True

    @property
    def value(self) -> Any:
        """Ones: what a rule sees that must look at values."""
        return np.ones(self.shape, self.dtype)

    def constant(self, array: Any) -> Symbol:
        """Return an array as a symbol."""
        given = np.asarray(array)
        return Symbol(constant(given), Meta(given.shape, given.dtype))

    def __bool__(self) -> bool:
        """Take the general case where a rule asks for a special one, such as exponent == 0."""
        return False


def _made_of(op: Primitive) -> Callable[..., Any] | None:
    """Return what runs on symbols where an operation is written out as others."""
    return viewed if op is read_view else None if op.name in ROWS else op.formula


def viewed(a: Any, steps: Sequence[Step]) -> Any:
    """Return a view of a symbol, taken step by step."""
    for op, attrs, position in steps:
        found = a.record(op, (a,), attrs)
        a = found if position is None else found[position]
    return a


def constant(array: Any) -> Formula:
    """Return an array as a formula, the name `constant` where it is too large to be written."""
    given = np.asarray(array)
    if not given.size or given.dtype.kind == "O":
        return Name("constant", given.shape)
    if (given == given.flat[0]).all() and (not given.ndim or given.dtype.kind not in "iu"):
        return f.expand(f.number(given.flat[0].item()), given.shape)
    size = f.number(given.shape[0]) if given.ndim else f.ZERO
    if given.ndim == 2 and given.shape[0] == given.shape[1] and (given == np.eye(len(given))).all():
        return Call("eye", (size,), {}, given.shape)
    if given.ndim == 1 and given.dtype.kind in "iu" and (given == np.arange(len(given))).all():
        return Call("arange", (size,), {}, given.shape)
    if given.size <= WRITTEN and all(len(repr(x)) <= DIGITS for x in given.ravel().tolist()):
        return Call("tensor", (_lists(given.tolist()),), {}, given.shape)
    return Name("constant", given.shape)


def _lists(x: Any) -> Any:
    return Listed(map(_lists, x)) if isinstance(x, list) else x


# ---- reading a tape ------------------------------------------------------------------------


def read(graph: Graph, ids: Iterable[int], names: Mapping[int, Formula]) -> list[Formula]:
    """Return rows of a tape as formulas; rows that have names stand for themselves.

    Raises: LimitFault where one is too long for anyone to read.
    """
    wanted = list(ids)
    found: dict[int, Any] = dict(names)
    for id in _needed(graph, wanted, found):
        op, attrs, shape = graph.ops[id], graph.attrs[id], graph.metas[id].shape
        if op is None:
            found[id] = constant(graph.value(id))
            continue
        operands = tuple(found[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id])
        if op is OUTPUT:
            whole = graph.inputs[id][0]
            row = graph.ops[whole]
            assert row is not None, "several results have an operation"
            given = tuple(found[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[whole])
            found[id] = part(row, given, graph.attrs[whole], attrs["position"], shape)
        elif graph.is_tuple(id):
            found[id] = None
        else:
            metas = [graph.metas[i] if i >= 0 else None for i in graph.inputs[id]]
            found[id] = _from_row(op, operands, metas, attrs, shape)
        if found[id] is not None and (found[id].size > MOST or found[id].depth > DEEPEST):
            raise LimitFault("its formula is too long to be read",
                             hint="give the results in between names of their own")  # fmt: skip
    return [found[i] for i in wanted]


def _from_row(
    op: Primitive, operands: tuple[Any, ...], metas: list[Meta | None], attrs: Attrs, shape: Shape
) -> Formula:
    formula = _made_of(op)
    if formula is None:
        return written(op, operands, attrs, shape)
    symbols = tuple(
        Symbol(x, m) if m is not None else x for x, m in zip(operands, metas, strict=True)
    )
    result: Formula = formula(*symbols, **attrs).formula
    return f.expand(result, shape)


def _needed(graph: Graph, ids: Iterable[int], known: Mapping[int, Any]) -> list[int]:
    found: set[int] = set()
    pending = list(ids)
    while pending:
        id = pending.pop()
        if id not in found and id not in known:
            found.add(id)
            pending.extend(i for i in graph.inputs[id] if i >= 0)
    return sorted(found)


# ---- rows ----------------------------------------------------------------------------------


def part(op: Primitive, operands: tuple[Any, ...], attrs: Attrs, k: int, shape: Shape) -> Formula:
    """Return one of the several results of an operation."""
    whole = _called(op, operands, attrs, shape)
    if op.label == "linalg.slogdet" and k == 1:
        return f.call("logdet", *whole.arguments, shape=shape)
    if op.label == "unbind":
        return select(operands[0], attrs["dim"], k, shape)
    name = op.outputs[k] if k < len(op.outputs) and op.outputs[k].isidentifier() else str(k)
    return Call("part", (whole, name), {}, shape)


def written(op: Primitive, operands: tuple[Any, ...], attrs: Attrs, shape: Shape) -> Formula:
    """Return the result of a row as a formula of its operands: formulas, numbers and None."""
    row = ROWS.get(op.name)
    if row is not None:
        given = [x if isinstance(x, Formula) or x is None else f.number(x) for x in operands]
        found: Formula | None = row(*given, **{**attrs, "shape": shape})
        if found is not None:
            return f.expand(found, shape) if found.shape != shape else found
    return _called(op, operands, attrs, shape)


def _called(op: Primitive, operands: tuple[Any, ...], attrs: Attrs, shape: Shape) -> Call:
    names, defaults = op.signature.tensors, op.signature.defaults
    given: list[Any] = [x if isinstance(x, Formula) or x is None else f.number(x) for x in operands]
    if len(names) == 1 and len(given) > 1:  # a list of tensors
        given = [tuple(given)]
    while given and given[-1] is None:
        given.pop()
    keywords = {k: v if _sayable(v) else UNSAID for k, v in attrs.items()
                if k not in defaults or not _same(v, defaults[k])}  # fmt: skip
    if len(names) == len(given):
        given, keywords = _in_order(op, dict(zip(names, given, strict=True)), attrs, keywords)
    found = f.call(op.label, *given, shape=shape, **keywords)
    return found if isinstance(found, Call) else Call("", (found,), {}, shape)


def _in_order(
    op: Primitive, tensors: Mapping[str, Any], attrs: Attrs, keywords: Attrs
) -> tuple[list[Any], Attrs]:
    """Return arguments as a call has them: before the last tensor none is given by name."""
    names = [p.name for p in op.signature.parameters]
    last = max((names.index(n) for n in tensors), default=-1)
    ahead = names[: last + 1]
    return [tensors.get(n, attrs.get(n)) for n in ahead], {
        k: v for k, v in keywords.items() if k not in ahead
    }


def _sayable(x: Any) -> bool:
    """Say whether an argument is a formula, a number, a word, a dtype, or made of these."""
    if isinstance(x, tuple | list):
        return all(map(_sayable, x))
    plain = Formula | int | float | complex | str | np.dtype | np.generic | None
    return isinstance(x, plain)


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, Formula) and bool(value == default)
