"""What each kind of expression stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, NameFault, ShapeFault, Span
from gradcli.graph import Node
from gradcli.rule.nesting import check_arguments
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.attributes import attribute
from gradcli.trace.budgets import made
from gradcli.trace.builtins import lookup, member, names
from gradcli.trace.containers import get_item
from gradcli.trace.containers import key as hashable
from gradcli.trace.indexing import subscript
from gradcli.trace.inputs import assigned_names
from gradcli.trace.mistakes import suggestion, uncallable
from gradcli.trace.sentences import class_name, python_errors
from gradcli.trace.storage import Tensor
from gradcli.trace.text import formatted
from gradcli.trace.values import (
    Function,
    Namespace,
    Scope,
    UserFunction,
    check_size,
    described,
    is_numeric_list,
)

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _name(tracer: Tracer, e: tree.Name) -> Any:
    if e.id in tracer.scope:
        return tracer.scope[e.id]
    found = lookup(e.id)
    if found is not None:
        return found
    assigned = assigned_names(tracer.program)
    hint = suggestion(e.id, [*assigned, *names()])
    if e.id in assigned:
        hint = "it is assigned further down, in another branch, or inside a function"
    raise NameFault(f"name `{e.id}` is not defined", e.span, hint)


def _attribute(tracer: Tracer, e: tree.Attribute) -> Any:
    value = tracer.evaluate(e.value)
    tracer.graph.span = e.span
    if isinstance(value, Tensor):
        try:
            return attribute(tracer, value, e.name)
        except NameFault as error:
            raise error.at(None, e.name_span) from None
    if isinstance(value, Namespace):
        found = member(value, e.name)
        if found is None:
            known = [n.rpartition(".")[2] for n in names()]
            raise NameFault(
                f"`{value.path}` has no `{e.name}` here", e.name_span, suggestion(e.name, known)
            )
        return found
    return operators.member_of(tracer, value, e)


def _subscript(tracer: Tracer, e: tree.Subscript) -> Any:
    value = tracer.evaluate(e.value)
    key = tracer.evaluate(e.index)
    tracer.graph.span = e.span
    check_arguments((key,))
    if isinstance(value, Node):
        return subscript(value, indices(tracer, key, e.index))
    return get_item(value, key, e.span)


def indices(tracer: Tracer, key: Any, e: tree.Expression) -> Any:
    """Return an index of a tensor: a list of numbers in it stands for a tensor."""
    if isinstance(key, tuple):
        tracer.graph.spend(len(key))  # a tuple may hold another one many times
        spread = isinstance(e, tree.TupleDisplay) and len(e.items) == len(key)
        parts = e.items if isinstance(e, tree.TupleDisplay) and spread else (e,) * len(key)
        return tuple(indices(tracer, k, part) for k, part in zip(key, parts, strict=True))
    return tracer.tensor(key, e.span) if key and is_numeric_list(key) else key


def _slice(tracer: Tracer, e: tree.Slice) -> slice:
    return slice(*(None if p is None else tracer.evaluate(p) for p in e[:3]))


def _call(tracer: Tracer, e: tree.Call) -> Any:
    function = tracer.evaluate(e.function)
    args = _items(tracer, e.arguments)
    keywords = {k.name: tracer.evaluate(k.value) for k in e.keywords}
    tracer.graph.span = e.span
    if not isinstance(function, Function | UserFunction | np.dtype):
        name = e.function.id if isinstance(e.function, tree.Name) else None
        what = described(function)
        if name and not isinstance(function, Namespace):
            what = f"`{name}` is {what}, which"
        raise ArgumentFault(f"{what} cannot be called", e.span, uncallable(function, name))
    if any(isinstance(x, list | tuple) for x in (*args, *keywords.values())):
        tracer.lists.written = dict(_written(_operands(tracer, e, args, keywords)))
    try:
        return tracer.call(function, tuple(args), dict(keywords))
    except ShapeFault as error:
        raise operators.named(tracer, error, _operands(tracer, e, args, keywords)) from None


def _operands(
    tracer: Tracer, e: tree.Call, args: list[Any], keywords: dict[str, Any]
) -> list[tuple[tree.Expression, Any]]:
    """Return the operands of a call with their texts: its object, arguments, items of lists."""
    found: list[tuple[tree.Expression, Any]] = []
    if isinstance(e.function, tree.Attribute) and isinstance(e.function.value, tree.Name):
        found.append((e.function.value, tracer.scope.get(e.function.value.id)))
    if not any(isinstance(a, tree.Starred) for a in e.arguments):
        found += zip(e.arguments, args, strict=True)
    found += [(k.value, keywords[k.name]) for k in e.keywords]
    items: list[tuple[tree.Expression, Any]] = []
    for expression, value in found:
        items.append((expression, value))
        if isinstance(expression, tree.ListDisplay | tree.TupleDisplay) and isinstance(
            value, list | tuple
        ):
            items += zip(expression.items, value, strict=False)
    return items


def _written(operands: list[tuple[tree.Expression, Any]]) -> Iterator[tuple[int, Span]]:
    """Yield where the lists among operands are written, by the ids of the lists."""
    for expression, value in operands:
        if isinstance(value, list):
            yield id(value), expression.span


def _binary(tracer: Tracer, e: tree.Binary) -> Any:
    left, right = tracer.evaluate(e.left), tracer.evaluate(e.right)
    tracer.graph.span = e.span
    try:
        return operators.binary(tracer, e.operator, *_beside(tracer, e, left, right))
    except ShapeFault as error:
        raise operators.named(tracer, error, [(e.left, left), (e.right, right)]) from None


def _beside(tracer: Tracer, e: tree.Binary, left: Any, right: Any) -> tuple[Any, Any]:
    """Return two operands; beside a tensor, a list stands for one, which has the list's place."""
    if isinstance(left, list) and isinstance(right, Node):
        left = tracer.tensor(left, e.left.span)
    elif isinstance(right, list) and isinstance(left, Node):
        right = tracer.tensor(right, e.right.span)
    return left, right


def _unary(tracer: Tracer, e: tree.Unary) -> Any:
    value = tracer.evaluate(e.operand)
    tracer.graph.span = e.span
    return operators.unary(tracer, e.operator, value)


def _compare(tracer: Tracer, e: tree.Compare) -> Any:
    left, result = tracer.evaluate(e.first), None
    for operator, expression in e.rest:
        if isinstance(result, Node) and result.shape:
            raise ArgumentFault(
                "a chained comparison of tensors is ambiguous", e.span, "write (a < b) & (b < c)"
            )
        if result is not None and not tracer.truth(result):
            return result
        right = tracer.evaluate(expression)
        tracer.graph.span = e.span
        result = operators.compare(tracer, operator, left, right)
        left = right
    return result


def holds(tracer: Tracer, test: tree.Expression) -> bool:
    """Return the truth of an expression."""
    value = tracer.evaluate(test)
    tracer.graph.span = test.span
    return tracer.truth(value)


def items(tracer: Tracer, iterable: tree.Expression) -> Any:
    """Return the items of an expression that a loop runs over."""
    value = tracer.evaluate(iterable)
    tracer.graph.span = iterable.span
    return tracer.iterate(value)


def _boolean(tracer: Tracer, e: tree.Boolean) -> Any:
    left = tracer.evaluate(e.left)
    tracer.graph.span = e.left.span
    if tracer.truth(left) == (e.operator == "or"):
        return left
    return tracer.evaluate(e.right)


def _conditional(tracer: Tracer, e: tree.Conditional) -> Any:
    return tracer.evaluate(e.then if holds(tracer, e.test) else e.otherwise)


def _items(tracer: Tracer, items: tuple[tree.Expression, ...]) -> list[Any]:
    values: list[Any] = []
    for item in items:
        if isinstance(item, tree.Starred):
            for one in tracer.iterate(tracer.evaluate(item.value)):
                values.append(one)
                check_size(len(values))
        else:
            values.append(tracer.evaluate(item))
    return values


def _dictionary(tracer: Tracer, e: tree.DictDisplay) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for item in e.items:
        key = None if item.key is None else tracer.evaluate(item.key)
        value = tracer.evaluate(item.value)
        with python_errors(item.span):
            if item.key is not None:
                found[hashable(key)] = value
            elif isinstance(value, dict):
                found.update(value)
            else:
                raise TypeError(f"'{class_name(value)}' object is not a mapping")
        check_size(len(found))
    made(tracer, found, e.span)
    return found


def _set(tracer: Tracer, e: tree.SetDisplay) -> set[Any]:
    with python_errors(e.span):
        found = {hashable(x) for x in _items(tracer, e.items)}
    made(tracer, found, e.span)
    return found


def _comprehension(tracer: Tracer, e: tree.Comprehension) -> Any:
    found = _comprehended(tracer, e)
    made(tracer, found, e.span)
    if e.kind == "list":
        return found
    with python_errors(e.span):
        if e.kind == "dict":
            return {hashable(k): v for k, v in found}
        return {hashable(x) for x in found} if e.kind == "set" else iter(found)


def _comprehended(tracer: Tracer, e: tree.Comprehension) -> list[Any]:
    before, tracer.scope = tracer.scope, Scope(tracer.scope, {})
    found: list[Any] = []

    def run(clauses: tuple[tree.Clause, ...]) -> None:
        if not clauses:
            if isinstance(e.element, tree.Item):
                assert e.element.key is not None, "`**` has no `for`"
                found.append((tracer.evaluate(e.element.key), tracer.evaluate(e.element.value)))
            else:
                found.append(tracer.evaluate(e.element))
            check_size(len(found))
            return
        clause = clauses[0]
        for item in items(tracer, clause.iterable):
            tracer.assign(clause.target, item, named=False)
            if all(holds(tracer, c) for c in clause.conditions):
                run(clauses[1:])

    try:
        run(e.clauses)
    finally:
        tracer.scope = before
    return found


def defaults(tracer: Tracer, parameters: tuple[tree.Parameter, ...]) -> dict[str, Any]:
    """Return the defaults of a function's parameters: they are evaluated once, where it stands."""
    return {p.name: tracer.evaluate(p.default) for p in parameters if p.default is not None}


EXPRESSIONS: dict[type, Callable[[Tracer, Any], Any]] = {
    tree.Constant: lambda tracer, e: e.value,
    tree.Name: _name,
    tree.FormattedString: formatted,
    tree.Group: lambda tracer, e: tracer.evaluate(e.inner),
    tree.TupleDisplay: lambda tracer, e: made(tracer, tuple(_items(tracer, e.items)), e.span),
    tree.ListDisplay: lambda tracer, e: made(tracer, _items(tracer, e.items), e.span),
    tree.DictDisplay: _dictionary,
    tree.SetDisplay: _set,
    tree.Comprehension: _comprehension,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Compare: _compare,
    tree.Boolean: _boolean,
    tree.Conditional: _conditional,
    tree.Lambda: lambda tracer, e: UserFunction(
        "lambda", e.parameters, e.body, tracer.scope, False, defaults(tracer, e.parameters)
    ),
    tree.Attribute: _attribute,
    tree.Subscript: _subscript,
    tree.Slice: _slice,
    tree.Call: _call,
}
