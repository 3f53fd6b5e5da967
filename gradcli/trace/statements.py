"""What each kind of statement does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, InputFault, ShapeFault
from gradcli.graph import Node
from gradcli.rule.rule import number
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.annotations import annotated
from gradcli.trace.claims import claim
from gradcli.trace.containers import CONTAINERS, augmented
from gradcli.trace.expressions import defaults, holds, items
from gradcli.trace.gradmode import GradMode, context, decorated
from gradcli.trace.imports import import_names
from gradcli.trace.in_place import change
from gradcli.trace.inputs import calls
from gradcli.trace.operators import PLAIN
from gradcli.trace.sentences import class_name, python_errors
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Jump, Return, UserFunction, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def assign(tracer: Tracer, target: tree.Expression, value: Any, *, named: bool = True) -> None:
    """Bind a target: a name, or a tuple of targets."""
    while isinstance(target, tree.Group):
        target = target.inner
    if isinstance(target, tree.Name):
        tracer.scope[target.id] = value
        if not named:
            return
        if tracer.scope is tracer.globals:
            tracer.places[target.id] = target.span
        if isinstance(value, Node):
            id = value.id
            tracer.graph.notes.names.setdefault(id, target.id)
            tracer.results.append(Node(tracer.graph, id))
        elif isinstance(value, list):
            tracer.lists.bind(target.id, value, once=tracer.runs_once)
    elif isinstance(target, tree.TupleDisplay | tree.ListDisplay):
        _unpack(tracer, target, value, named)
    else:
        operators.assign_member(tracer, target, value)


def _unpack(tracer: Tracer, target: Any, value: Any, named: bool) -> None:
    if isinstance(value, PLAIN) and not isinstance(value, CONTAINERS):
        raise ArgumentFault(f"cannot unpack non-iterable {class_name(value)} object", target.span)
    values = list(tracer.iterate(value))
    if len(values) != len(target.items):
        few = len(values) < len(target.items)
        raise ArgumentFault(
            f"not enough values to unpack (expected {len(target.items)}, got {len(values)})"
            if few
            else f"too many values to unpack (expected {len(target.items)})",
            target.span,
        )
    for item, one in zip(target.items, values, strict=True):
        assign(tracer, item, one, named=named)


def _assign(tracer: Tracer, s: tree.Assign) -> None:
    value = tracer.evaluate(s.value)
    first = s.targets[0]
    if isinstance(first, tree.Name) and tracer.scope is tracer.globals:
        value = _overridden(tracer, first, value)
    for target in s.targets:
        assign(tracer, target, value)
    if isinstance(first, tree.Name) and first.id in tracer.options.wrt:
        _make_parameter(tracer, value)


def _overridden(tracer: Tracer, target: tree.Name, value: Any) -> Any:
    """Let a binding from outside replace a leaf that the file makes, or a number or a list.

    A number or a list stays one, unless it is to be a parameter or has a dtype of its own.
    """
    name, plain = target.id, number(value) or is_numeric_list(value)
    if name in tracer.scope or not (name in tracer.options.bindings or name in tracer.options.wrt):
        return value
    binding = tracer.options.bindings.get(name)
    if binding is None:
        return (
            tracer.leaf(name, to_array(value, tracer.graph.default_dtype), True) if plain else value
        )
    if not plain and not (isinstance(value, Node) and tracer.graph.ops[value.id] is None):
        raise InputFault(
            f"`{name}` is computed by the file, and cannot be bound", target.span,
            "only inputs and leaves can be bound",
        )  # fmt: skip
    if plain and not binding.parameter and name not in tracer.options.wrt:
        array = to_array(binding.value, tracer.graph.default_dtype)
        found = array.tolist()
        if isinstance(found, list) == isinstance(value, list) and (
            to_array(found, tracer.graph.default_dtype).dtype == array.dtype
        ):
            return found
    return tracer.bound(name, isinstance(value, Node) and value.requires_grad)


def _make_parameter(tracer: Tracer, value: Any) -> None:
    """Let gradients reach what is differentiated by: a leaf requires them, others retain them."""
    if isinstance(value, Node) and tracer.graph.ops[value.id] is None:
        tracer.graph.require_grad(value.id)
    elif isinstance(value, Node) and value.requires_grad:
        tracer.graph.autograd.retained.add(value.id)


def _once(tracer: Tracer, target: tree.Expression) -> tree.Expression:
    """Return an item's target with what a call in it gives: it is read and then written.

    Only of Python's containers: a chain of indices of a tensor is one place.
    """
    if not isinstance(target, tree.Subscript) or not calls(target):
        return target
    owner = tracer.evaluate(target.value)
    if not isinstance(owner, CONTAINERS):
        return target
    at = tree.Constant(tracer.evaluate(target.index), target.index.span)
    return tree.Subscript(tree.Constant(owner, target.value.span), at, target.span)


def _augmented(tracer: Tracer, s: tree.Augmented) -> None:
    s = s._replace(target=_once(tracer, s.target))
    left, right = tracer.evaluate(s.target), tracer.evaluate(s.value)
    tracer.graph.span = s.span
    if isinstance(left, list | dict | set):
        with python_errors():
            changed = augmented(tracer, s.operator, left, right)
        if changed:
            assign(tracer, s.target, left)
            return
    try:
        if isinstance(left, Tensor) and s.operator != "@":
            value: Any = change(
                tracer, left, lambda: operators.binary(tracer, s.operator, left, right), (right,)
            )
        else:
            value = operators.binary(tracer, s.operator, left, right)
    except ArgumentFault as error:
        for sign in (s.operator, f"{s.operator} or pow()"):  # as Python says it of `+`, and of `+=`
            error.message = error.message.replace(f" for {sign}: ", f" for {s.operator}=: ")
        raise
    except ShapeFault as error:
        raise operators.named(tracer, error, [(s.target, left), (s.value, right)]) from None
    assign(tracer, s.target, value)


def _expression(tracer: Tracer, s: tree.ExpressionStatement) -> None:
    value = tracer.evaluate(s.value)
    if isinstance(value, Tensor):
        if value.is_fresh:
            tracer.results.append(Node(tracer.graph, value.id))
    elif tracer.scope is tracer.globals:
        mutable = isinstance(value, list | dict | set)
        tracer.stated[s.span] = value.copy() if mutable else value


def _assert(tracer: Tracer, s: tree.Assert) -> None:
    with tracer.graph.settings("claim", tracer.graph.grad_enabled):
        tracer.claims.append(claim(tracer, s))


def _def(tracer: Tracer, s: tree.Def) -> None:
    given = defaults(tracer, s.parameters)
    function: Any = UserFunction(s.name, s.parameters, s.body, tracer.scope, True, given)
    for expression in reversed(s.decorators):
        decorator = tracer.evaluate(expression)
        tracer.graph.span = expression.span
        if isinstance(decorator, GradMode):
            function = decorated(tracer, decorator, function)
        else:
            function = tracer.call(decorator, (function,), {})
    tracer.scope[s.name] = function


def _return(tracer: Tracer, s: tree.Return) -> None:
    raise Return(None if s.value is None else tracer.evaluate(s.value))


def _for(tracer: Tracer, s: tree.For) -> None:
    tracer.loops += 1
    try:
        for item in items(tracer, s.iterable):
            assign(tracer, s.target, item, named=False)
            try:
                tracer.block(s.body)
            except Jump as jump:
                if jump.args[0] == "break":
                    break
    finally:
        tracer.loops -= 1


def _if(tracer: Tracer, s: tree.If) -> None:
    tracer.block(s.then if holds(tracer, s.test) else s.otherwise)


def _with(tracer: Tracer, s: tree.With) -> None:
    with ExitStack() as stack:
        for expression in s.contexts:
            stack.enter_context(context(tracer, expression))
        tracer.block(s.body)


def _delete(tracer: Tracer, s: tree.Delete) -> None:
    for target in s.targets:
        operators.delete(tracer, target)


def _flow(tracer: Tracer, s: tree.Flow) -> None:
    if s.keyword != "pass":
        raise Jump(s.keyword)


STATEMENTS: dict[type, Callable[[Tracer, Any], None]] = {
    tree.Assign: _assign,
    tree.Annotated: annotated,
    tree.Augmented: _augmented,
    tree.ExpressionStatement: _expression,
    tree.Assert: _assert,
    tree.Import: import_names,
    tree.Def: _def,
    tree.Return: _return,
    tree.For: _for,
    tree.If: _if,
    tree.With: _with,
    tree.Delete: _delete,
    tree.Flow: _flow,
}
