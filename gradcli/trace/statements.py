"""What each kind of statement does: a function, made once from the tree, called at each turn."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import NOWHERE, ArgumentFault, InputFault, ShapeFault, SyntaxFault
from gradcli.graph import Loop, Node
from gradcli.rule.rule import number
from gradcli.syntax import tree
from gradcli.trace import classes, exceptions, operators
from gradcli.trace.annotations import annotated
from gradcli.trace.claims import claim
from gradcli.trace.classes import make
from gradcli.trace.code import Code, defaults, items, several, truth
from gradcli.trace.containers import CONTAINERS, augmented
from gradcli.trace.exceptions import EXCEPTIONS
from gradcli.trace.generators import block, once, yields
from gradcli.trace.gradmode import GradMode, decorated
from gradcli.trace.handlers import attempted, managed, raising
from gradcli.trace.imports import import_names
from gradcli.trace.in_place import change
from gradcli.trace.inputs import calls
from gradcli.trace.patterns import matching
from gradcli.trace.private import told_apart
from gradcli.trace.sentences import python_errors
from gradcli.trace.skipped import magic
from gradcli.trace.storage import Tensor
from gradcli.trace.suspended import Flow
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
    if isinstance(target, tree.Attribute) and calls(target):
        return _once_of_attribute(tracer, s, target)
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


def _once_of_attribute(tracer: Tracer, s: tree.Augmented, target: tree.Attribute) -> Code:
    owner_of = tracer.code(target.value)

    def once() -> None:
        owner = tree.Constant(owner_of(), target.value.span)
        _changed(tracer, s._replace(target=target._replace(value=owner)))()

    return once


def _changed(tracer: Tracer, s: tree.Augmented) -> Code:
    target, operand = tracer.code(s.target), tracer.code(s.value)
    bind = binding(tracer, s.target, named=True)
    graph, span, operator = tracer.graph, s.span, s.operator

    def run() -> None:
        left, right = target(), operand()
        graph.span = span
        if isinstance(left, classes.Instance):
            found = classes.augmented(tracer, operator, left, right)
            if found is not NotImplemented:
                bind(found)
                return
        if isinstance(left, list | dict | set | deque):
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
    evaluate, graph, has_message = claim(tracer, s), tracer.graph, s.message is not None

    def run() -> None:
        with graph.settings("claim", graph.grad_enabled):
            found = evaluate()
        if not found.holds and any(attempt.catches_claims(tracer) for attempt in tracer.tries):
            args = (found.message,) if has_message else ()
            raise exceptions.raised(tracer, make(tracer, EXCEPTIONS["AssertionError"], args, {}))
        tracer.claims.append(found)

    return run


def _def(tracer: Tracer, s: tree.Def) -> Code:
    given, flows = defaults(tracer, s.parameters), yields(s.body)
    with tracer.naming(s.parameters, s.body) as names:
        body: Code = block(tracer, s.body) if flows else _body(tracer, s.body)
    decorators = [(tracer.code(e), e.span) for e in reversed(s.decorators)]
    bind = binding(tracer, tree.Name(s.name, s.header))

    def define() -> None:
        scope = tracer.scope
        seen, inside = scope, ""
        if isinstance(scope, classes.ClassScope):
            seen, inside = scope.cell, f"{scope.name}."
        function: Any = UserFunction(
            s.name,
            s.parameters,
            body,
            seen,
            True,
            given(),
            names.own,
            flows,
            s.span is NOWHERE,
            inside,
        )
        for decorator_of, span in decorators:
            decorator = decorator_of()
            tracer.graph.span = span
            if isinstance(decorator, GradMode):
                function = decorated(tracer, decorator, function)
            else:
                function = tracer.apply(decorator, (function,), {})
        bind(function)

    return define


def _class(tracer: Tracer, s: tree.Class) -> Code:
    bases, body = several(tracer, s.bases), tracer.block(told_apart(s.body, s.name))
    bind = binding(tracer, tree.Name(s.name, s.header))
    decorators = [(tracer.code(e), e.span) for e in reversed(s.decorators)]
    if s.keywords:
        raise SyntaxFault("a class takes no keywords here", s.keywords[0].span)

    def define() -> None:
        found = tuple(bases())
        outer = tracer.scope
        tracer.scope = scope = classes.ClassScope(outer, s.name)
        try:
            body()
        finally:
            tracer.scope = outer
        tracer.graph.span = s.header
        made: Any
        if len(found) == 1 and hasattr(found[0], "built"):  # typing.NamedTuple
            made = found[0].built(s.name, tuple(scope.annotated), dict(scope))
        else:
            made = classes.built(tracer, s.name, found, scope)
        for decorator_of, span in decorators:
            decorator = decorator_of()
            tracer.graph.span = span
            made = tracer.apply(decorator, (made,), {})
        bind(made)

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
    items_of, bind, graph = items(tracer, s.iterable), binding(tracer, s.target), tracer.graph

    def turns() -> Iterator[int]:
        for item in items_of():
            start = len(graph)
            bind(item)
            yield start

    return _looped(tracer, s, turns)


def _while(tracer: Tracer, s: tree.While) -> Code:
    holds, graph = truth(tracer, s.test), tracer.graph

    def turns() -> Iterator[int]:
        start = len(graph)
        while holds():
            graph.spend()
            yield start
            start = len(graph)

    return _looped(tracer, s, turns)


def _looped(tracer: Tracer, s: tree.For | tree.While, turns: Callable[[], Iterator[int]]) -> Code:
    """Return what runs a loop; `turns` yields, for each, the row with which it begins."""
    body, otherwise = tracer.block(s.body), tracer.block(s.otherwise)
    is_files = s.header is not NOWHERE  # those of the prelude are nobody's

    def run() -> None:
        rows = array("q")
        if is_files and not tracer.loops:  # a loop in a loop is part of its turns
            tracer.graph.notes.loops.append(Loop(s.header, rows))
        tracer.loops += is_files
        try:
            for row in turns():
                rows.append(row)
                try:
                    body()
                except Jump as jump:
                    if jump.args[0] == "break":
                        return
        finally:
            rows.append(len(tracer.graph))
            tracer.loops -= is_files
        otherwise()

    return run


def _if(tracer: Tracer, s: tree.If) -> Code:
    holds, then, otherwise = (
        truth(tracer, s.test), tracer.block(s.then), tracer.block(s.otherwise)
    )  # fmt: skip
    return lambda: then() if holds() else otherwise()


def _plain(tracer: Tracer, statements: tuple[tree.Statement, ...]) -> Flow:
    return once(tracer.block(statements))


def _with(tracer: Tracer, s: tree.With) -> Code:
    return _run(managed(tracer, s.contexts, _plain(tracer, s.body)))


def _try(tracer: Tracer, s: tree.Try) -> Code:
    return _run(attempted(tracer, s, partial(_plain, tracer)))


def _match(tracer: Tracer, s: tree.Match) -> Code:
    return _run(matching(tracer, s, partial(_plain, tracer)))


def _run(flow: Flow) -> Code:
    """Return what runs a flow in which nothing stops."""

    def run() -> None:
        for _ in flow():
            pass

    return run


def _outer(tracer: Tracer, s: tree.Outer) -> Code:
    if tracer.names.around is None and s.keyword == "nonlocal":
        raise SyntaxFault("nonlocal declaration not allowed at module level", s.span)
    return _none  # what it declares is known when code is made of the body


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
    tree.Class: _class,
    tree.Return: _return,
    tree.For: _for,
    tree.While: _while,
    tree.If: _if,
    tree.With: _with,
    tree.Try: _try,
    tree.Match: _match,
    tree.Raise: raising,
    tree.Outer: _outer,
    tree.Delete: _delete,
    tree.Flow: _flow,
    tree.Magic: magic,
}
