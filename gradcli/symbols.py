"""Derivatives as text: the rules of the table run on symbols, and the formula is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli.errors import AutogradFault
from gradcli.ops.python import OPERATORS
from gradcli.rule.dtypes import FLOAT64, DType
from gradcli.rule.meta import Meta, Shape
from gradcli.rule.operators import Operators
from gradcli.rule.rule import Elementwise, Primitive, number
from gradcli.rule.signature import REQUIRED

ATOM, POWER, SIGN, PRODUCT, SUM, LOGIC, COMPARISON = 7, 6, 5, 4, 3, 2, 1
INFIX = {
    "gt": (">", COMPARISON), "ge": (">=", COMPARISON), "lt": ("<", COMPARISON),
    "le": ("<=", COMPARISON), "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON),
    "logical_and": ("&", LOGIC), "logical_or": ("|", LOGIC),
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
         "pow": ("**", POWER), "mm": ("@", PRODUCT), "mv": ("@", PRODUCT),
}  # fmt: skip


class Symbol(Operators):
    """An operand that writes down what is done with it. A shape and a dtype come with it."""

    __slots__ = ("_meta", "rank", "text")
    rows = OPERATORS

    def __init__(self, text: str, meta: Meta | None = None, rank: int = ATOM) -> None:
        self.text = text
        self._meta = meta or Meta((), FLOAT64)
        self.rank = rank  # how tightly its outermost operator binds

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        operands = tuple(
            self.constant(x) if isinstance(x, np.ndarray | np.generic) else x for x in operands
        )
        attrs = {**op.signature.defaults, **attrs}
        if op.formula is not None:
            return op.formula(*operands, **attrs)
        meta = op.meta(*operands, **op.complete(operands, attrs))
        if op.outputs:
            return _parts(_written(op, operands, attrs)[0], op, meta)
        text, rank = _written(op, operands, attrs)
        return Symbol(text, meta, rank)

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
        return Symbol("constant", Meta(np.shape(array), np.asarray(array).dtype))

    def __bool__(self) -> bool:
        """Take the general case where a rule asks for a special one, such as exponent == 0."""
        return False


def _parts(whole: str, op: Primitive, metas: Any) -> tuple[Symbol, ...]:
    """Return the several results of an operation, by name or by number."""
    if len(op.outputs) == len(metas):
        return tuple(Symbol(f"{whole}.{n}", m) for n, m in zip(op.outputs, metas, strict=True))
    return tuple(Symbol(f"{whole}[{i}]", m) for i, m in enumerate(metas))


def _written(op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> tuple[str, int]:
    label = op.label
    defaults = op.signature.defaults
    extra = {k: v for k, v in attrs.items() if k not in defaults or not _same(v, defaults[k])}
    if label == "pow" and len(operands) == 1:
        pair = (operands[0], extra["exponent"]) if "exponent" in extra else (
            extra["base"], operands[0])  # fmt: skip
        return _infix("**", POWER, pair)
    if label == "neg":
        return f"-{_text(operands[0], SIGN)}", SIGN
    if label == "reciprocal":
        return _infix("/", PRODUCT, (1, operands[0]))
    if label == "rsub" and set(extra) <= {"other"}:
        return _infix("-", SUM, (extra.get("other", operands[-1]), operands[0]))
    if label in INFIX and len(operands) == 2 and not extra:
        return _infix(*INFIX[label], operands)
    inside = [_text(x, COMPARISON) for x in operands if x is not None]
    inside += [f"{k}={_text(v, COMPARISON)}" for k, v in extra.items()]
    return f"{label}({', '.join(inside)})", ATOM


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, Symbol) and bool(value == default)


def _infix(operator: str, rank: int, pair: tuple[Any, ...]) -> tuple[str, int]:
    left, right = pair
    right_rank = rank + (operator in ("-", "/", "@") or rank <= COMPARISON)
    left_rank = rank + (operator == "**")
    return f"{_text(left, left_rank)} {operator} {_text(right, right_rank)}", rank


def _text(x: Any, rank: int) -> str:
    if isinstance(x, Symbol):
        return x.text if x.rank >= rank else f"({x.text})"
    if isinstance(x, np.dtype):
        return x.name
    if isinstance(x, tuple):
        return f"({', '.join(_text(v, SUM) for v in x)}{',' if len(x) == 1 else ''})"
    if number(x) and not isinstance(x, bool | complex):
        text = f"{x:.6g}"
        return text if x >= 0 or rank < SIGN else f"({text})"
    return repr(x)


@dataclass(frozen=True)
class Formula:
    """The cotangent of one argument, as text; `g` is the result's, `y` the result."""

    argument: str
    text: str


def formulas(row: Primitive, metas: list[Any] | None = None, **attrs: Any) -> tuple[Formula, ...]:
    """Return the derivative of an operation with respect to each differentiable argument.

    `metas` are shapes and dtypes of the operands (or numbers, or None where an operand is
    missing) and `attrs` the attributes of an example; an elementwise operation needs neither.
    """
    derivative = row.derivative
    if derivative is None:
        return ()
    names = row.signature.tensors
    if metas is None:
        metas = [Meta((), FLOAT64)] * len(names)
    if len(metas) != len(names):  # a list of tensors
        names = tuple(f"{names[0]}[{i}]" for i in range(len(metas)))
    operands = tuple(
        Symbol(n, m) if isinstance(m, Meta) else m for n, m in zip(names, metas, strict=True)
    )
    complete = {p.name: attrs.get(p.name, _standing_for(p)) for p in row.signature.attributes}
    complete = row.complete(operands, complete)
    meta = row.meta(*operands, **complete)
    y: Any = Symbol("y", meta)
    g: Any = Symbol("g", meta)
    if row.outputs:
        y, g = _parts("y", row, meta), _parts("g", row, meta)
    found = []
    for slot, name in enumerate(names):
        if derivative.body(slot) is not None and isinstance(metas[slot], Meta):
            try:
                text = _text(derivative.vjp(slot, g, y, operands, complete), COMPARISON)
            except AutogradFault:  # PyTorch's NotImplemented
                text = "not implemented"
            found.append(Formula(name, text))
    return tuple(found)


def _standing_for(parameter: Any) -> Any:
    """Return an attribute's default, or a symbol where it is a number without one."""
    if parameter.kind in ("number", "real") or parameter.default is REQUIRED:
        return Symbol(parameter.name)
    return parameter.default


def is_elementwise(row: Primitive) -> bool:
    """Say whether an operation's formula needs no example."""
    return isinstance(row.derivative, Elementwise)
