"""What each kind of expression stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, NameFault, ShapeFault
from gradcli.graph import Node
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.attributes import attribute
from gradcli.trace.builtins import lookup, member, names
from gradcli.trace.indexing import subscript
from gradcli.trace.inputs import assigned_names
from gradcli.trace.mistakes import counted, suggestion, uncallable, wrong_call
from gradcli.trace.storage import Tensor
from gradcli.trace.text import formatted
from gradcli.trace.values import Function, Namespace, Results, Scope, UserFunction, described

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
    if isinstance(value, Node):
        return subscript(value, key)
    if isinstance(key, Node) and key.is_index:
        key = key.__index__()
    try:
        return value[key]
    except (IndexError, KeyError):
        raise ArgumentFault(_no_item(value, key), e.span) from None
    except TypeError:
        raise ArgumentFault(
            f"{described(value)} cannot be indexed with {described(key)}", e.span
        ) from None


def _no_item(value: Any, key: Any) -> str:
    if isinstance(value, dict):
        return f"there is no {key!r}: there are {', '.join(map(repr, value))}"
    kind = "a tuple" if isinstance(value, Results) else described(value)
    return f"index {key} is out of range for {kind} of {counted(len(value), 'item')}"


def _slice(tracer: Tracer, e: tree.Slice) -> slice:
    return slice(*(None if p is None else tracer.evaluate(p) for p in e[:3]))


def _call(tracer: Tracer, e: tree.Call) -> Any:
    function = tracer.evaluate(e.function)
    args: list[Any] = []
    for argument in e.arguments:
        if isinstance(argument, tree.Starred):
            args.extend(tracer.iterate(tracer.evaluate(argument.value)))
        else:
            args.append(tracer.evaluate(argument))
    keywords = {k.name: tracer.evaluate(k.value) for k in e.keywords}
    tracer.graph.span = e.span
    if not isinstance(function, Function | UserFunction | np.dtype):
        name = e.function.id if isinstance(e.function, tree.Name) else None
        what = described(function)
        if name and not isinstance(function, Namespace):
            what = f"`{name}` is {what}, which"
        raise ArgumentFault(f"{what} cannot be called", e.span, uncallable(function, name))
    try:
        return tracer.call(function, tuple(args), keywords)
    except TypeError as error:
        raise wrong_call(function, args, keywords, error).at(None, e.span) from None
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
        if isinstance(expression, tree.ListDisplay | tree.TupleDisplay) and isinstance(
            value, list | tuple
        ):
            items += zip(expression.items, value, strict=False)
        else:
            items.append((expression, value))
    return items


def _binary(tracer: Tracer, e: tree.Binary) -> Any:
    left, right = tracer.evaluate(e.left), tracer.evaluate(e.right)
    tracer.graph.span = e.span
    try:
        return operators.binary(tracer, e.operator, left, right)
    except ShapeFault as error:
        raise operators.named(tracer, error, [(e.left, left), (e.right, right)]) from None


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
            values.extend(tracer.iterate(tracer.evaluate(item.value)))
        else:
            values.append(tracer.evaluate(item))
    return values


def _comprehension(tracer: Tracer, e: tree.Comprehension) -> list[Any]:
    before, tracer.scope = tracer.scope, Scope(tracer.scope, {})
    found: list[Any] = []

    def run(clauses: tuple[tree.Clause, ...]) -> None:
        if not clauses:
            found.append(tracer.evaluate(e.element))
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


EXPRESSIONS: dict[type, Callable[[Tracer, Any], Any]] = {
    tree.Constant: lambda tracer, e: e.value,
    tree.Name: _name,
    tree.FormattedString: formatted,
    tree.Group: lambda tracer, e: tracer.evaluate(e.inner),
    tree.TupleDisplay: lambda tracer, e: tuple(_items(tracer, e.items)),
    tree.ListDisplay: lambda tracer, e: _items(tracer, e.items),
    tree.Comprehension: _comprehension,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Compare: _compare,
    tree.Boolean: _boolean,
    tree.Conditional: _conditional,
    tree.Lambda: lambda tracer, e: UserFunction(
        "lambda", e.parameters, e.body, tracer.scope, False
    ),
    tree.Attribute: _attribute,
    tree.Subscript: _subscript,
    tree.Slice: _slice,
    tree.Call: _call,
}
