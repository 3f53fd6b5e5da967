"""What a row is as a person would say it: a quotient, a root, a power, of which operands.

The tape has `2/x` as a reciprocal and a product, `1 - x` as one operation and `x*x` as a product;
a form has each as it is meant, with the text of every operand as it stands in the file.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gradcli.diagnose.subject import Subject
from gradcli.graph import OUTPUT
from gradcli.syntax import tree
from gradcli.syntax.tree import Expression
from gradcli.trace.builtins import lookup
from gradcli.trace.values import Namespace

SIGNS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow", "@": "matmul"}
SAME = {"_softmax": "softmax", "_log_softmax": "log_softmax", "linalg.vector_norm": "norm"}
DEPTH = 40  # operations that are compared, of two rows that may be the same


class Operand(NamedTuple):
    """An operand: the row, or the number, and the expression that it stands in the file as."""

    row: int | None
    number: float | complex | None
    text: Expression | None


class Form(NamedTuple):
    """A row: what it does, to which operands; `whole` is its expression in the file."""

    name: str
    operands: tuple[Operand, ...]
    row: int
    attrs: dict[str, Any]
    whole: Expression | None


def form(subject: Subject, row: int) -> Form | None:
    """Return what a row is, None for a leaf."""
    graph = subject.graph
    row = graph.producer(row)
    op = graph.ops[row]
    if op is None or op is OUTPUT:
        return None
    whole = subject.expression(subject.span(row))
    texts = arguments(subject, whole)
    found = [_operand(subject, i) for i in graph.inputs[row]]
    attrs, name = graph.attrs[row], op.name.partition(".")[0]
    name = SAME.get(op.name, op.name if name == "linalg" else SAME.get(name, name))
    match op.name:
        case "pow.Tensor_Scalar":
            found.append(Operand(None, attrs["exponent"], None))
        case "pow.Scalar":
            found.insert(0, Operand(None, attrs["base"], None))
        case "rsub.Scalar":
            name, found = "sub", [Operand(None, attrs["other"], None), *found]
        case "rsub.Tensor":
            name, found = "sub", found[::-1]
        case "mul.Scalar":
            found.append(Operand(None, attrs["other"], None))
        case "mul":
            name, found = _product(subject, row, found)
    if op.name == "reciprocal" and len(texts) == 2:  # of `1/x`
        texts = texts[1:]
    if len(found) == 2 == len(texts) and found[1].row is None and name in {"mul", "add"}:
        texts = texts[::-1] if _is_number(subject, texts[0]) else texts  # of `2*x`
    told = [x._replace(text=texts[k] if k < len(texts) else None) for k, x in enumerate(found)]
    return _plain(Form(name, tuple(told), row, attrs, whole))


def _is_number(subject: Subject, text: Expression | None) -> bool:
    """Say whether an expression is a Python number, not a tensor."""
    match bare(text):
        case tree.Constant():
            return True
        case tree.Unary(operand=operand):
            return _is_number(subject, operand)
        case tree.Binary(left=left, right=right):
            return _is_number(subject, left) and _is_number(subject, right)
        case tree.Name(id=name):
            scope = subject.session.tracer.scope
            return isinstance(scope.get(name, lookup(name)), int | float)
    return False


def _operand(subject: Subject, i: int) -> Operand:
    if i >= 0:
        return Operand(i, None, None)
    number = subject.graph.scalars[~i]
    return Operand(None, number if isinstance(number, int | float | complex) else None, None)


def _product(subject: Subject, row: int, found: list[Operand]) -> tuple[str, list[Operand]]:
    """Return a product as the quotient that it was written as, where it was."""
    graph, (first, second) = subject.graph, found
    if first.row is not None and subject.span(first.row) == subject.span(row):
        op = graph.ops[first.row]
        if op is not None and op.name == "reciprocal":
            return "div", [second, _operand(subject, graph.inputs[first.row][0])]
    return "mul", found


def _plain(it: Form) -> Form:
    """Return powers and roots by one name each."""
    match it.name, it.operands:
        case "pow", (a, Operand(number=0.5)):
            return it._replace(name="sqrt", operands=(a,))
        case "pow", (a, Operand(number=-0.5)):
            return it._replace(name="rsqrt", operands=(a,))
        case "pow", (Operand(number=x), a) if (
            isinstance(x, float) and abs(x - 2.718281828459045) < 1e-12
        ):
            return it._replace(name="exp", operands=(a,))
        case "mul", (a, b) if a.row is not None and a.row == b.row:
            return it._replace(name="pow", operands=(a, Operand(None, 2, None)))
        case "reciprocal", (a,):
            return it._replace(name="div", operands=(Operand(None, 1, None), a))
    return it


def arguments(subject: Subject, whole: Expression | None) -> list[Expression | None]:
    """Return the operands of an expression, in the order of the operation's own."""
    match whole:
        case tree.Group(inner=inner):
            return arguments(subject, inner)
        case tree.Binary(left=left, right=right):
            return [left, right]
        case tree.Unary(operand=operand):
            return [operand]
        case tree.Augmented(target=target, value=value):
            return [target, value]
        case tree.Subscript(value=value):
            return [value]
        case tree.Call(function=function, arguments=given, keywords=keywords):
            values = [*given, *(k.value for k in keywords)]
            if isinstance(function, tree.Attribute) and not is_library(subject, function.value):
                first = 1 if function.name == "where" else 0  # x.where(condition, y)
                return [*values[:first], function.value, *values[first:]]
            return list(values)
    return []


def is_library(subject: Subject, it: Expression) -> bool:
    """Say whether an expression is a prefix, such as `torch.special`."""
    while isinstance(it, tree.Attribute):
        it = it.value
    if not isinstance(it, tree.Name):
        return False
    scope = subject.session.tracer.scope
    return isinstance(scope.get(it.id) or lookup(it.id), Namespace)


def bare(it: Expression | None) -> Expression | None:
    """Return an expression without its brackets."""
    while isinstance(it, tree.Group):
        it = it.inner
    return it


def alike(subject: Subject, a: int, b: int, depth: int = DEPTH) -> bool:
    """Say whether two rows are one, or the same operations on the same rows."""
    graph = subject.graph
    pairs = [(a, b)]
    for _ in range(depth):
        if not pairs:
            return True
        a, b = pairs.pop()
        if a == b:
            continue
        if a < 0 or b < 0:
            if a >= 0 or b >= 0 or graph.scalars[~a] != graph.scalars[~b]:
                return False
            continue
        if graph.ops[a] is None or graph.ops[a] is not graph.ops[b]:
            return False
        if str(graph.attrs[a]) != str(graph.attrs[b]) or len(graph.inputs[a]) != len(
            graph.inputs[b]
        ):
            return False
        pairs += zip(graph.inputs[a], graph.inputs[b], strict=True)
    return False


def users(subject: Subject) -> dict[int, list[int]]:
    """Return by row the rows that use it, found once."""
    return subject.once(_users)


def _users(subject: Subject) -> dict[int, list[int]]:
    known: dict[int, list[int]] = {}
    for row, inputs in enumerate(subject.graph.inputs):
        for i in {*inputs}:
            if i >= 0:
                known.setdefault(i, []).append(row)
    return known
