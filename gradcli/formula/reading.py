"""What rows of the table are as formulas: read from a tape, or from a rule that runs on symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from gradcli.formula import expressions as f
from gradcli.formula.expressions import Call, Expanded, Formula, Name, Number
from gradcli.graph import OUTPUT, Graph
from gradcli.ops.python import OPERATORS
from gradcli.rule.dtypes import FLOAT64, DType
from gradcli.rule.meta import Meta, Shape
from gradcli.rule.operators import Operators
from gradcli.rule.rule import Primitive

Attrs = dict[str, Any]
HALF = Fraction(1, 2)


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
        if op.formula is not None and op.name not in ROWS:
            return op.formula(*operands, **attrs)
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


def constant(array: Any) -> Formula:
    """Return an array as a formula: the number that all elements are, or `constant`."""
    given = np.asarray(array)
    if given.size and given.dtype.kind != "O" and (given == given.flat[0]).all():
        return f.expand(f.number(given.flat[0].item()), given.shape)
    return Name("constant", given.shape)


# ---- reading a tape ------------------------------------------------------------------------


def read(graph: Graph, ids: Iterable[int], names: Mapping[int, Formula]) -> list[Formula]:
    """Return rows of a tape as formulas; rows that have names stand for themselves."""
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
    return [found[i] for i in wanted]


def _from_row(
    op: Primitive, operands: tuple[Any, ...], metas: list[Meta | None], attrs: Attrs, shape: Shape
) -> Formula:
    if op.formula is None or op.name in ROWS:
        return written(op, operands, attrs, shape)
    symbols = tuple(
        Symbol(x, m) if m is not None else x for x, m in zip(operands, metas, strict=True)
    )
    result: Formula = op.formula(*symbols, **attrs).formula
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
    name = op.outputs[k] if k < len(op.outputs) else str(k)
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
    keywords = {k: v for k, v in attrs.items() if k not in defaults or not _same(v, defaults[k])}
    found = f.call(op.label, *given, shape=shape, **keywords)
    return found if isinstance(found, Call) else Call("", (found,), {}, shape)


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, Formula) and bool(value == default)


def _scalar(x: Any) -> Formula:
    return x if isinstance(x, Formula) else f.number(x)


def _add(a: Formula, b: Formula, alpha: Any = 1, **_: Any) -> Formula:
    return f.add(a, f.multiply(_scalar(alpha), b))


def _power(a: Formula, exponent: Any, **_: Any) -> Formula | None:
    return None if isinstance(exponent, Formula) else f.power(a, exponent)


def _view(a: Formula, shape: Shape, **_: Any) -> Formula:
    """Return a view; of one element, broadcasting gives it the shape."""
    inner = a.of if isinstance(a, Expanded) and not a.of.shape else a
    return f.expand(inner, shape) if prod(a.shape) == 1 and not inner.shape else f.reshape(a, shape)


def _exchange(a: Formula, dim0: int, dim1: int, shape: Shape) -> Formula | None:
    last = len(shape) - 1
    return f.transpose(a) if {dim0, dim1} == {last - 1, last} else None


def _permute(a: Formula, dims: tuple[int, ...], shape: Shape) -> Formula | None:
    swapped = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
    return f.transpose(a) if len(shape) > 1 and tuple(dims) == swapped else None


def _unsqueezed(a: Any, dim: int) -> Formula | None:
    """Return the vector of which a matrix of one row (dim 0) or one column (dim 1) is made."""
    if isinstance(a, f.Transposed):
        return _unsqueezed(a.of, 1 - dim)
    if isinstance(a, Call) and a.name == "unsqueeze" and a.keywords["dim"] == dim:
        inner = a.arguments[0]
        return inner if isinstance(inner, Formula) and len(inner.shape) == 1 else None
    return None


def _mm(a: Formula, b: Formula, **_: Any) -> Formula:
    left, right = _unsqueezed(a, 1), _unsqueezed(b, 0)
    if left is not None and right is not None:
        (ahead, u), (behind, v) = f.scaled(left), f.scaled(right)
        outer = f.call("outer", u, v, shape=(*u.shape, *v.shape))
        return f.multiply(*ahead, *behind, outer)
    return f.matmul(a, b)


def _squeeze(a: Formula, shape: Shape, dim: Any = None, **_: Any) -> Formula | None:
    del dim
    if isinstance(a, f.Chain):
        row, column = _unsqueezed(a.factors[0], 0), _unsqueezed(a.factors[-1], 1)
        if row is not None:
            return f.matmul(row, *a.factors[1:])
        if column is not None:
            return f.matmul(*a.factors[:-1], column)
    if isinstance(a, Call) and a.name == "unsqueeze":
        inner = a.arguments[0]
        return inner if isinstance(inner, Formula) and inner.shape == shape else None
    return f.expand(a.of, shape) if isinstance(a, Expanded) and not a.of.shape else None


def _unsqueeze(a: Formula, shape: Shape, **_: Any) -> Formula | None:
    return f.expand(a.of, shape) if isinstance(a, Expanded) and not a.of.shape else None


def _where(condition: Formula, a: Formula, b: Formula, **_: Any) -> Formula | None:
    """Return a choice between something and 0 as a product with a mask."""
    if _of_sign(condition):
        return b  # nan where the determinant is negative, as `logdet` is
    if f.is_zero(a):
        return f.multiply(f.opposite(condition), b)
    return f.multiply(condition, a) if f.is_zero(b) else None


def _of_sign(condition: Formula) -> bool:
    """Say whether a condition asks whether a determinant is negative."""
    if not isinstance(condition, Call) or condition.name != "lt":
        return False
    sign = condition.arguments[0]
    return isinstance(sign, Call) and sign.name == "part" and sign.arguments[1] == "sign"


def _masked_fill(a: Formula, mask: Formula, value: Any, **_: Any) -> Formula | None:
    return f.multiply(f.opposite(mask), a) if f.is_zero(_scalar(value)) else None


def _nll_gradient(
    g: Formula, _: Formula, target: Formula, weight: Any, reduction: str, shape: Shape, **__: Any
) -> Formula | None:
    if weight is not None or len(shape) != 2:
        return None
    classes = f.call("one_hot", target, shape=shape, num_classes=shape[1])
    count = shape[0] if reduction == "mean" else 1
    return f.multiply(Number(Fraction(-1, count)), g, classes)


def _nll(log_p: Formula, target: Formula, weight: Any, reduction: str, **_: Any) -> Formula | None:
    if weight is not None or len(log_p.shape) != 2 or reduction == "none":
        return None
    count = log_p.shape[0] if reduction == "mean" else 1
    classes = f.call("one_hot", target, shape=log_p.shape, num_classes=log_p.shape[1])
    return f.multiply(Number(Fraction(-1, count)), f.total(f.multiply(classes, log_p)))


def _softplus_gradient(g: Formula, a: Formula, beta: Any, **_: Any) -> Formula:
    """Return g·sigmoid(beta·a): beyond the threshold it is the same to 9 digits."""
    return f.multiply(g, f.call("sigmoid", f.multiply(_scalar(beta), a), shape=a.shape))


def _diagonal_gradient(
    g: Formula, offset: int, dim1: int, dim2: int, shape: Shape, **_: Any
) -> Formula | None:
    """Return the gradient of a trace as a multiple of the identity."""
    square = len(shape) == 2 and shape[0] == shape[1] and not offset and (dim1, dim2) == (0, 1)
    if square and isinstance(g, Expanded) and not g.of.shape:
        return f.multiply(g.of, Call("eye", (Number(Fraction(shape[0])),), {}, shape))
    return None


def _adjugate(a: Formula, shape: Shape, **_: Any) -> Formula | None:
    if len(shape) > 2:  # a determinant for each matrix does not broadcast against them
        return None
    return f.multiply(f.call("det", a, shape=shape[:-2]), f.call("inverse", a, shape=shape))


def _mean(a: Formula, dim: Any, keepdim: bool, shape: Shape, **_: Any) -> Formula:
    count = prod(a.shape) // max(prod(shape), 1)
    return f.divide(f.total(a, dim, keepdim), f.number(max(count, 1)))


def _itself(a: Formula, **_: Any) -> Formula:
    return a


ROWS: dict[str, Callable[..., Formula | None]] = {
    "add": _add,
    "add.Scalar": lambda a, other, alpha=1, **_: _add(a, _scalar(other), alpha),
    "sub": lambda a, b, alpha=1, **_: f.subtract(a, f.multiply(_scalar(alpha), b)),
    "sub.Scalar": lambda a, other, alpha=1, **_: f.subtract(
        a, f.multiply(_scalar(alpha), _scalar(other))
    ),
    "rsub.Scalar": lambda a, other, alpha=1, **_: f.subtract(
        _scalar(other), f.multiply(_scalar(alpha), a)
    ),
    "rsub.Tensor": lambda a, b, alpha=1, **_: f.subtract(b, f.multiply(_scalar(alpha), a)),
    "neg": lambda a, **_: f.negative(a),
    "mul": lambda a, b, **_: f.multiply(a, b),
    "mul.Scalar": lambda a, other, **_: f.multiply(a, _scalar(other)),
    "div.Tensor": lambda a, b, **_: f.divide(a, b),
    "div.Scalar": lambda a, other, **_: f.divide(a, _scalar(other)),
    "reciprocal": lambda a, **_: f.power(a, -1),
    "pow.Tensor_Scalar": _power,
    "pow.Scalar": lambda a, base, **_: Call("pow", (_scalar(base), a), {}, a.shape),
    "sqrt": lambda a, **_: f.power(a, HALF),
    "rsqrt": lambda a, **_: f.power(a, -HALF),
    "sum": lambda a, dim, keepdim, **_: f.total(a, dim, keepdim),
    "mean": _mean,
    "expand": lambda a, shape, **_: f.expand(a, shape),
    "view": _view,
    "_unsafe_view": _view,
    "_reshape_alias": _view,
    "unsqueeze": _unsqueeze,
    "squeeze.dim": _squeeze,
    "squeeze.dims": _squeeze,
    "squeeze.all": _squeeze,
    "transpose": _exchange,
    "t": lambda a, **_: f.transpose(a),
    "permute": _permute,
    "mm": _mm,
    "bmm": lambda a, b, **_: f.matmul(a, b),
    "mv": lambda a, b, **_: f.matmul(a, b),
    "dot": lambda a, b, **_: f.matmul(a, b),
    "addmm": lambda c, a, b, beta=1, alpha=1, **_: f.add(
        f.multiply(_scalar(beta), c), f.multiply(_scalar(alpha), _mm(a, b))
    ),
    "addmv": lambda c, a, b, beta=1, alpha=1, **_: f.add(
        f.multiply(_scalar(beta), c), f.multiply(_scalar(alpha), f.matmul(a, b))
    ),
    "zeros_like": lambda _, shape, **__: f.expand(f.ZERO, shape),
    "ones_like": lambda _, shape, **__: f.expand(f.ONE, shape),
    "where.self": _where,
    "masked_fill.Scalar": _masked_fill,
    "masked_fill.Tensor": _masked_fill,
    "logical_not": lambda a, **_: f.opposite(a),
    "_nll_loss": _nll,
    "_nll_loss_backward": _nll_gradient,
    "_softplus_backward": _softplus_gradient,
    "_diagonal_backward": _diagonal_gradient,
    "_adjugate": _adjugate,
    "clone": _itself,
    "_to_copy": _itself,
    "_alias": _itself,
    "detach": _itself,
    "_grad_copy": _itself,
    "_inv": lambda a, shape, **_: f.call("inverse", a, shape=shape),
    "linalg.inv": lambda a, shape, **_: f.call("inverse", a, shape=shape),
}
