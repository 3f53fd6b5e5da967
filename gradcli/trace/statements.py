"""What each kind of statement does: a function, made once from the tree, called at each turn."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, InputFault, ShapeFault
from gradcli.graph import Loop, Node
from gradcli.rule.rule import number
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.annotations import annotated
from gradcli.trace.claims import claim
from gradcli.trace.code import Code, defaults, items, truth
from gradcli.trace.containers import CONTAINERS, augmented
from gradcli.trace.gradmode import GradMode, decorated, within
from gradcli.trace.imports import import_names
from gradcli.trace.in_place import change
from gradcli.trace.inputs import calls
from gradcli.trace.sentences import python_errors
from gradcli.trace.storage import Tensor
from gradcli.trace.targets import Bind, binding, deletion
from gradcli.trace.values import Jump, Return, UserFunction, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _assign(tracer: Tracer, s: tree.Assign) -> Code:
    value_of = tracer.code(s.value)
    binds = [binding(tracer, target, named=True) for target in s.targets]
    first = s.targets[0] if isinstance(s.targets[0], tree.Name) else None
    if first is None or first.id not in {*tracer.options.bindings, *tracer.options.wrt}:
        return _simple(value_of, binds)

    def assign() -> None:
        value = value_of()
        if tracer.scope is tracer.globals:
            value = _overridden(tracer, first, value)
        for bind in binds:
            bind(value)
        if first.id in tracer.options.wrt:
            _make_parameter(tracer, value)

    return assign


def _simple(value_of: Code, binds: list[Bind]) -> Code:
    """Return what binds a value to targets that nothing from outside is meant for."""
    if len(binds) == 1:
        bind = binds[0]
        return lambda: bind(value_of())

    def assign() -> None:
        value = value_of()
        for bind in binds:
            bind(value)

    return assign


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
        array = tracer.given(name)
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


def _augmented(tracer: Tracer, s: tree.Augmented) -> Code:
    plain, target = _changed(tracer, s), s.target
    if not isinstance(target, tree.Subscript) or not calls(target):
        return plain
    owner_of, key_of = tracer.code(target.value), tracer.code(target.index)

    def once() -> None:
        """Let a call in an item's target be made once: the item is read and then written.

        Only of Python's containers: a chain of indices of a tensor is one place.
        """
        owner = owner_of()
        if not isinstance(owner, CONTAINERS):
            plain()
            return
        at = tree.Constant(key_of(), target.index.span)
        place = tree.Subscript(tree.Constant(owner, target.value.span), at, target.span)
        _changed(tracer, s._replace(target=place))()

    return once


def _changed(tracer: Tracer, s: tree.Augmented) -> Code:
    target, operand = tracer.code(s.target), tracer.code(s.value)
    bind = binding(tracer, s.target, named=True)
    graph, span, operator = tracer.graph, s.span, s.operator

    def run() -> None:
        left, right = target(), operand()
        graph.span = span
        if isinstance(left, list | dict | set):
            with python_errors():
                changed = augmented(tracer, operator, left, right)
            if changed:
                bind(left)
                return
        try:
            if isinstance(left, Tensor) and operator != "@":
                value: Any = change(
                    tracer, left, lambda: operators.binary(tracer, operator, left, right), (right,)
                )
            else:
                value = operators.binary(tracer, operator, left, right)
        except ArgumentFault as error:
            for sign in (operator, f"{operator} or pow()"):  # as Python says it of `+`, and of `+=`
                error.message = error.message.replace(f" for {sign}: ", f" for {operator}=: ")
            raise
        except ShapeFault as error:
            operands = [(s.target, left), (s.value, right)]
            raise operators.named(tracer, error, operands) from None
        bind(value)

    return run


def _expression(tracer: Tracer, s: tree.ExpressionStatement) -> Code:
    evaluate, span = tracer.code(s.value), s.span

    def run() -> None:
        value = evaluate()
        if isinstance(value, Tensor):
            if value.is_fresh:
                tracer.made.append(value.id)
        elif tracer.scope is tracer.globals:
            mutable = isinstance(value, list | dict | set)
            tracer.stated[span] = value.copy() if mutable else value

    return run


def _assert(tracer: Tracer, s: tree.Assert) -> Code:
    evaluate, graph = claim(tracer, s), tracer.graph

    def run() -> None:
        with graph.settings("claim", graph.grad_enabled):
            tracer.claims.append(evaluate())

    return run


def _def(tracer: Tracer, s: tree.Def) -> Code:
    body, given = _body(tracer, s.body), defaults(tracer, s.parameters)
    decorators = [(tracer.code(e), e.span) for e in reversed(s.decorators)]

    def define() -> None:
        function: Any = UserFunction(s.name, s.parameters, body, tracer.scope, True, given())
        for decorator_of, span in decorators:
            decorator = decorator_of()
            tracer.graph.span = span
            if isinstance(decorator, GradMode):
                function = decorated(tracer, decorator, function)
            else:
                function = tracer.call(decorator, (function,), {})
        tracer.scope[s.name] = function

    return define


def _body(tracer: Tracer, statements: tuple[tree.Statement, ...]) -> Code:
    """Return what runs the body of a function and returns its value; most end in `return`."""
    *before, last = statements
    if not isinstance(last, tree.Return):
        return tracer.block(statements)
    run, graph, span = tracer.block(tuple(before)), tracer.graph, last.span
    value_of = _none if last.value is None else tracer.code(last.value)

    def body() -> Any:
        run()
        graph.span = span
        return value_of()

    return body


def _none() -> None:
    """Stand for a value that is left out."""


def _return(tracer: Tracer, s: tree.Return) -> Code:
    value_of = _none if s.value is None else tracer.code(s.value)

    def run() -> None:
        raise Return(value_of())

    return run


def _for(tracer: Tracer, s: tree.For) -> Code:
    items_of, bind, body = (
        items(tracer, s.iterable), binding(tracer, s.target), tracer.block(s.body)
    )  # fmt: skip

    def run() -> None:
        turns = array("q")
        if not tracer.loops:  # a loop in a loop is part of its turns
            tracer.graph.notes.loops.append(Loop(s.header, turns))
        tracer.loops += 1
        try:
            for item in items_of():
                turns.append(len(tracer.graph))
                bind(item)
                try:
                    body()
                except Jump as jump:
                    if jump.args[0] == "break":
                        break
        finally:
            turns.append(len(tracer.graph))
            tracer.loops -= 1

    return run


def _if(tracer: Tracer, s: tree.If) -> Code:
    holds, then, otherwise = (
        truth(tracer, s.test), tracer.block(s.then), tracer.block(s.otherwise)
    )  # fmt: skip
    return lambda: then() if holds() else otherwise()


def _with(tracer: Tracer, s: tree.With) -> Code:
    body = tracer.block(s.body)
    for context in reversed(s.contexts):
        body = within(tracer, context, body)
    return body


def _delete(tracer: Tracer, s: tree.Delete) -> Code:
    parts = [deletion(tracer, target) for target in s.targets]
    return lambda: [delete() for delete in parts]


def _flow(tracer: Tracer, s: tree.Flow) -> Code:  # as all of them
    if s.keyword == "pass":
        return _none

    def jump() -> None:
        raise Jump(s.keyword)

    return jump


STATEMENTS: dict[type, Callable[[Tracer, Any], Code]] = {
    tree.Assign: _assign,
    tree.Annotated: annotated,
    tree.Augmented: _augmented,
    tree.ExpressionStatement: _expression,
    tree.Assert: _assert,
    tree.Import: lambda tracer, s: lambda: import_names(tracer, s),
    tree.Def: _def,
    tree.Return: _return,
    tree.For: _for,
    tree.If: _if,
    tree.With: _with,
    tree.Delete: _delete,
    tree.Flow: _flow,
}
