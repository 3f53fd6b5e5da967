"""Rows of a tape as terms of other rows, and of the numbers that the file has names for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import e, prod
from typing import Any

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.precision.terms import (
    HALF,
    Term,
    TermFault,
    call,
    minus,
    name,
    number,
    over,
    plus,
    power,
    product,
    times,
)
from gradcli.diagnose.precision.values import KNOWN
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.graph import Node
from gradcli.rule.costs import elements
from gradcli.rule.dtypes import is_floating
from gradcli.rule.rule import Primitive
from gradcli.syntax import tree

LARGEST = 60  # size of a formula that is read
DEEPEST = 14  # operations within each other
REDUCTIONS = "mean", "sum", "prod", "softmax"


@dataclass
class Reading:
    """A row as a term of other rows.

    By the names that the term has for them: `rows`, and `numbers` that the file has a text for,
    with their values. `inner` are the rows that were read, `count` the items of its sums.
    """

    row: int
    term: Term = field(default_factory=lambda: number(0))
    rows: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, tuple[float, str]] = field(default_factory=dict)
    inner: list[int] = field(default_factory=list)
    count: int = 1

    def point(self, subject: Subject, index: Index) -> dict[str, float]:
        """Return the values of the term's names at an element of the row."""
        found = {n: element(subject, i, index) for n, i in self.rows.items()}
        found.update((n, x) for n, (x, _) in self.numbers.items())
        return {n: x for n, x in found.items() if n in self.term.names}


def element(subject: Subject, row: int, index: Index) -> float:
    """Return the element of a row that is combined with an element of a larger one."""
    value = subject.value(row)
    places = index[len(index) - value.ndim :] if value.ndim else ()
    return float(value[tuple(0 if n == 1 else k for k, n in zip(places, value.shape, strict=True))])


def reading(subject: Subject, row: int, reducing: bool = False) -> Reading | None:
    """Return a row as a term, as deep as it can be read; None where it is none.

    It is elementwise; `reducing`: sums, means and products of its elements are read too.
    """
    for depth in range(DEEPEST, 0, -1):
        found = Reading(row)
        found.term = _read(subject, found, row, row if not reducing else None, depth)
        if found.term.size <= LARGEST:
            return found if found.inner and found.term.names else None
    return None


def _read(subject: Subject, found: Reading, row: int, whole: int | None, depth: int) -> Term:
    """Read a row whose elements go with those of the `whole`, None: all shapes are read."""
    graph = subject.graph
    op, attrs = graph.ops[row], graph.attrs[row]
    fits = is_floating(graph.metas[row].dtype) and (whole is None or _fits(subject, row, whole))
    if depth and op is not None and fits and _is_known(op, attrs, whole is None):
        try:
            numbers = [_numeral(subject, found, row, graph.scalars[~i], whole is None)
                       for i in graph.inputs[row] if i < 0]  # fmt: skip
            given = {k: _numeral(subject, found, row, v, whole is None) for k, v in attrs.items()
                     if k in ("exponent", "base", "other")}  # fmt: skip
        except TermFault:
            return _leaf(found, row)
        found.inner.append(row)
        operands = [
            _read(subject, found, i, whole, depth - 1 if _is_near(subject, found, i, row) else 0)
            if i >= 0 else numbers.pop(0)
            for i in graph.inputs[row]
        ]  # fmt: skip
        try:
            if op.label in REDUCTIONS:
                return _reduced(subject, found, row, operands[0])
            made = _MADE.get(op.label)
            return made(operands, given) if made else call(op.label, *operands)
        except TermFault:
            return _leaf(found, row)
    return _leaf(found, row)


def _leaf(found: Reading, row: int) -> Term:
    found.rows[f"r{row}"] = row
    return name(f"r{row}")


def _is_known(op: Primitive, attrs: Mapping[str, Any], reducing: bool) -> bool:
    if op.label in REDUCTIONS:
        return reducing and attrs.get("dtype") is None
    return (op.label in _MADE or op.label in KNOWN) and _is_plain(op, attrs)


def _reduced(subject: Subject, found: Reading, row: int, operand: Term) -> Term:
    """Return a mean and the like, named by its dimensions; a sum is a multiple of a mean."""
    graph = subject.graph
    op, attrs, (inner,) = graph.ops[row], graph.attrs[row], graph.inputs[row]
    assert op is not None, "a reduction is an operation"
    dim = attrs.get("dim")
    where = (
        ""
        if dim is None
        else f", dim={dim[0] if isinstance(dim, tuple) and len(dim) == 1 else dim}"
    )
    where += ", keepdim=True" if attrs.get("keepdim") else ""
    if op.label != "sum":
        return Term(op.label, (operand,), name=where)
    count = elements(graph.metas[inner]) // max(elements(graph.metas[row]), 1)
    found.count = count
    return product([(Term("mean", (operand,), name=where), Fraction(1))], count)


def _is_near(subject: Subject, found: Reading, row: int, above: int) -> bool:
    """Say whether a row may be written out where another one is.

    What a loop or a function makes more than once is what it was in that turn: only what stands
    within the same expression is.
    """
    notes = subject.graph.notes
    key = notes.spans[row], notes.called_at(row)
    if subject.once(_times)[key, subject.graph.ops[row]] == 1:
        return key[1] in (None, notes.called_at(found.row)) or notes.called_at(found.row) is None
    span, around = notes.spans[row], notes.spans[above]
    inside = around.start <= span.start <= span.end <= around.end
    return (
        inside and key[1] == notes.called_at(above) and (span != around or row not in notes.names)
    )


def _times(subject: Subject) -> Counter[Any]:
    """Count how often each operation of the file was run, for each call of a function."""
    notes, ops = subject.graph.notes, subject.graph.ops
    return Counter(((span, notes.called_at(i)), op) for i, (span, op) in
                   enumerate(zip(notes.spans, ops, strict=True)))  # fmt: skip


def _numeral(subject: Subject, found: Reading, row: int, x: Any, reducing: bool) -> Term:
    """Return a number: by its own text where it is written as something else than a number.

    Raises: TermFault where it cannot be told which text is that of the number.
    """
    value = _number(x)
    node = expression(subject, subject.span(row))
    sides = operands_of(node)
    if any(_is_literal(side) for side in sides) or not sides or x == e:
        return value
    if reducing and x in subject.once(_sizes):
        return value  # the number of items of a sum
    rows = {subject.span(i) for i in subject.graph.inputs[row] if i >= 0}
    called_at, scope = subject.graph.notes.called_at, subject.session.tracer.scope
    tensors = {n for n, x in scope.items() if isinstance(x, Node)}
    if called_at(row) is not None:
        tensors = _tensors_of(subject, row)
    words = [
        side for side in sides if side.span not in rows
        and not (isinstance(side, tree.Name) and side.id in tensors)
    ]  # fmt: skip
    if len(words) != 1 or called_at(row) != called_at(found.row):
        raise TermFault("which of the operands is the number?")
    text = subject.written(words[0].span)
    found.numbers[f"n{text}"] = float(x), text
    return name(f"n{text}")


def _sizes(subject: Subject) -> set[int]:
    shapes = {meta.shape for meta in subject.graph.metas}
    return {n for shape in shapes for n in (*shape, prod(shape))}


def _tensors_of(subject: Subject, row: int) -> set[str]:
    """Return names in a function's body that are those of tensors: of what takes nothing else."""
    notes, found = subject.graph.notes, set[str]()
    for i, span in enumerate(notes.spans):
        if notes.called_at(i) == notes.called_at(row):
            operands = operands_of(expression(subject, span))
            words = [x for x in operands if isinstance(x, tree.Name)]
            count = sum(k >= 0 for k in subject.graph.inputs[i])
            if len(operands) == len(words) == count:
                found.update(str(x.id) for x in words)
    return found


def _is_literal(node: Any) -> bool:
    """Say whether an expression is made of numbers alone."""
    return not any(isinstance(x, tree.Name | tree.Call | tree.Subscript)
                   for x in tree.nodes_of([node]))  # fmt: skip


def operands_of(node: Any) -> list[Any]:
    """Return the operands of an operator or a call, as they are written, without brackets."""
    if isinstance(node, tree.Binary):
        found = [node.left, node.right]
    elif isinstance(node, tree.Unary):
        found = [node.operand]
    elif isinstance(node, tree.Call):
        own = node.function
        found = [own.value] if isinstance(own, tree.Attribute) else []
        found += node.arguments
    else:
        return []
    return [x.inner if isinstance(x, tree.Group) else x for x in found]


def expression(subject: Subject, span: Span) -> Any:
    """Return the expression that a piece of the file is, None where it is none."""
    node = subject.expression(span)
    return node.value if isinstance(node, tree.ExpressionStatement) else node


def _fits(subject: Subject, row: int, top: int) -> bool:
    """Say whether each element of a row goes into one place, or is repeated."""
    shape, whole = subject.graph.metas[row].shape, subject.graph.metas[top].shape
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(n in (1, m) for n, m in pairs)


def _number(x: Any) -> Term:
    if not isinstance(x, int | float) or isinstance(x, bool) or not np.isfinite(x):
        raise TermFault("no number")
    return number(x)


def _is_plain(op: Primitive, attrs: Mapping[str, Any]) -> bool:
    """Say whether an operation has no other arguments than it has by itself."""
    if op.label in ("pow", "rsub"):
        return bool(attrs.get("alpha", 1) == 1)
    defaults = op.signature.defaults
    return all(k in defaults and bool(v == defaults[k]) for k, v in attrs.items())


def _pow(operands: list[Term], attrs: Mapping[str, Term]) -> Term:
    if "exponent" in attrs:
        return power(operands[0], attrs["exponent"])
    if "base" in attrs:  # of e**x the number e itself is meant
        is_e = attrs["base"].value == Fraction(e)
        return call("exp", operands[0]) if is_e else Term("pow", (attrs["base"], operands[0]))
    return power(operands[0], operands[1])


def _rsub(operands: list[Term], attrs: Mapping[str, Term]) -> Term:
    return minus(attrs["other"] if "other" in attrs else operands[1], operands[0])


_MADE: dict[str, Callable[[list[Term], Mapping[str, Term]], Term]] = {
    "add": lambda x, _: plus(*x), "sub": lambda x, _: minus(*x), "rsub": _rsub,
    "mul": lambda x, _: times(*x), "div": lambda x, _: over(*x), "pow": _pow,
    "neg": lambda x, _: product([(x[0], Fraction(1))], -1),
    "reciprocal": lambda x, _: product([(x[0], Fraction(-1))]),
    "sqrt": lambda x, _: product([(x[0], HALF)]),
    "rsqrt": lambda x, _: product([(x[0], -HALF)]),
}  # fmt: skip
