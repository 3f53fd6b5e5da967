"""What each kind of expression does: a function, made once from the tree and called at each visit.

What a place in the file always does the same way is found out once and kept there: the function
behind a name that is built in, what a module has under a name, the operator.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, NameFault, ShapeFault, Span, SyntaxFault
from gradcli.graph import Node
from gradcli.rule.nesting import check_arguments
from gradcli.syntax import tree
from gradcli.trace import classes, operators, skipped
from gradcli.trace.builtins import MODULES, is_numpys, member, names
from gradcli.trace.clashes import explained
from gradcli.trace.code import Code, defaults, keywords_of, several, truth
from gradcli.trace.containers import get_item
from gradcli.trace.displays import DISPLAYS
from gradcli.trace.generators import yields
from gradcli.trace.indexing import goes_back, subscript, turned_round
from gradcli.trace.inputs import assigned_names
from gradcli.trace.joined import Joiner
from gradcli.trace.libraries import has_arrays, is_number_of, library_of, owned
from gradcli.trace.mistakes import of_member, suggestion, uncallable
from gradcli.trace.prelude import defined
from gradcli.trace.sentences import class_name
from gradcli.trace.standard import instead, is_standard
from gradcli.trace.storage import Tensor
from gradcli.trace.targets import named, scope_for, unbound
from gradcli.trace.text import formatted
from gradcli.trace.values import (
    Function,
    Inner,
    Namespace,
    Skipped,
    Unbound,
    UserFunction,
    described,
    is_numeric_list,
)

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

CALLABLE = (Function, UserFunction, np.dtype, *classes.CALLABLE, Skipped)
LISTS = (list, tuple)


def _name(tracer: Tracer, e: tree.Name) -> Code:
    name = e.id
    built_in: Any = None
    if tracer.names.outer.get(name) == "global":
        return lambda: tracer.globals[name] if name in tracer.globals else _built_in(tracer, e)
    own = name in tracer.names.own

    def read() -> Any:
        nonlocal built_in
        if built_in is not None and name not in tracer.scope:
            return built_in
        try:
            return tracer.scope[name]
        except Unbound:
            raise unbound(e, own=own) from None
        except KeyError:
            built_in = _built_in(tracer, e)
            return built_in

    return read


def _built_in(tracer: Tracer, e: tree.Name) -> Any:
    found = tracer.built_in(e.id)
    gone = e.id in tracer.deleted and not hasattr(builtins, e.id)
    if found is not None and not gone:
        return found
    assigned = assigned_names(tracer.program)
    hint = suggestion(e.id, [*assigned, *names()])
    if e.id in assigned:
        hint = "it is assigned further down, in another branch, or inside a function"
    error = NameFault(f"name `{e.id}` is not defined", e.span, hint)
    error.given = (f"name '{e.id}' is not defined",)
    raise error


def _attribute(tracer: Tracer, e: tree.Attribute) -> Code:
    owner, graph, name, span = tracer.code(e.value), tracer.graph, e.name, e.span
    module = found = None  # what was found last, and in which module

    def read() -> Any:
        nonlocal module, found
        value = owner()
        graph.span = span
        if isinstance(value, Tensor):
            try:
                return tracer.attribute(name, value)(tracer, value)
            except NameFault as error:
                raise error.at(None, e.name_span) from None
        if isinstance(value, Skipped):
            return skipped.member(value, name)
        if isinstance(value, classes.WITH_ATTRIBUTES):
            found_here = classes.get_attribute(tracer, value, name)
            if found_here is classes.MISSING:
                raise NameFault(
                    classes.no_attribute(value, name), e.name_span,
                    suggestion(name, classes.names_of(value)),
                )  # fmt: skip
            return found_here
        if not isinstance(value, Namespace):
            return operators.member_of(tracer, value, e)
        if value is not module:
            module, found = value, owned(tracer, value, defined(tracer, _member(value, e)))
        return found

    return read


def _member(module: Namespace, e: tree.Attribute) -> Any:
    if e.name == "newaxis" and is_numpys(module.path):
        return None
    found = member(module, e.name)
    if found is None:
        absent = module.path not in MODULES and is_standard(module.path)
        hint = instead(module.path) if absent else of_member(module, e.name)
        raise NameFault(f"`{module.path}` has no `{e.name}` here", e.name_span, hint)
    return found


def _subscript(tracer: Tracer, e: tree.Subscript) -> Code:
    owner, index, graph, span = tracer.code(e.value), tracer.code(e.index), tracer.graph, e.span

    def read() -> Any:
        value, key = owner(), index()
        graph.span = span
        check_arguments((key,))
        if isinstance(value, Node):
            key = indices(tracer, key, e.index)
            if goes_back(key) and has_arrays(library_of(tracer, value)):
                value, key = turned_round(value, key)
                graph.notes.turned.add(value.id)
            found = subscript(value, key)
            if not found.shape and is_number_of(tracer, value, key):
                found = Tensor(graph, found.id)  # no view, as one of PyTorch's is
            return found
        if isinstance(value, Joiner):
            return value.item(tracer, key)
        if isinstance(value, Skipped):
            return skipped.item(value, key)
        if isinstance(value, classes.Instance):
            return classes.needed(tracer, value, "__getitem__", "is not subscriptable")(key)
        return get_item(value, key, span)

    return read


def indices(tracer: Tracer, key: Any, e: tree.Expression) -> Any:
    """Return an index of a tensor: a list of numbers in it stands for a tensor."""
    if isinstance(key, tuple):
        tracer.graph.spend(len(key))  # a tuple may hold another one many times
        spread = isinstance(e, tree.TupleDisplay) and len(e.items) == len(key)
        parts = e.items if isinstance(e, tree.TupleDisplay) and spread else (e,) * len(key)
        return tuple(indices(tracer, k, part) for k, part in zip(key, parts, strict=True))
    return tracer.tensor(key, e.span) if is_numeric_list(key) else key


def _slice(tracer: Tracer, e: tree.Slice) -> Code:
    start, stop, step = (_none if part is None else tracer.code(part) for part in e[:3])
    return lambda: slice(start(), stop(), step())


def _none() -> None:
    """Stand for what is left out."""


def _call(tracer: Tracer, e: tree.Call) -> Code:
    callee, graph, span = tracer.code(e.function), tracer.graph, e.span
    arguments = several(tracer, e.arguments)
    words = keywords_of(tracer, e.keywords)

    def call() -> Any:
        function = callee()
        args = arguments()
        keywords = words()
        graph.span = span
        if not isinstance(function, CALLABLE):
            raise _uncallable(function, e)
        for x in (*args, *keywords.values()):
            if isinstance(x, LISTS):
                tracer.lists.written = lambda: _written(_operands(tracer, e, args, keywords))
                break
        try:
            return tracer.apply(function, tuple(args), dict(keywords))
        except ShapeFault as error:
            raise operators.named(tracer, error, _operands(tracer, e, args, keywords)) from None
        except DtypeFault as error:
            raise explained(tracer, error, _operands(tracer, e, args, keywords)) from None

    return call


def _uncallable(value: Any, e: tree.Call) -> ArgumentFault:
    name = e.function.id if isinstance(e.function, tree.Name) else None
    what = described(value)
    if name and not isinstance(value, Namespace):
        what = f"`{name}` is {what}, which"
    error = ArgumentFault(f"{what} cannot be called", e.span, uncallable(value, name))
    error.given = (f"'{class_name(value)}' object is not callable",)
    return error


def _operands(
    tracer: Tracer, e: tree.Call, args: list[Any], keywords: dict[str, Any]
) -> list[tuple[tree.Expression, Any]]:
    """Return the operands of a call with their texts: its object, arguments, items of lists."""
    found: list[tuple[tree.Expression, Any]] = []
    if isinstance(e.function, tree.Attribute) and isinstance(e.function.value, tree.Name):
        found.append((e.function.value, tracer.scope.get(e.function.value.id)))
    if not any(isinstance(a, tree.Starred) for a in e.arguments):
        found += zip(e.arguments, args, strict=True)
    found += [(k.value, keywords[k.name]) for k in e.keywords if k.name is not None]
    items: list[tuple[tree.Expression, Any]] = []
    for expression, value in found:
        items.append((expression, value))
        if isinstance(expression, tree.ListDisplay | tree.TupleDisplay) and isinstance(
            value, list | tuple
        ):
            items += zip(expression.items, value, strict=False)
    return items


def _written(operands: list[tuple[tree.Expression, Any]]) -> dict[int, Span]:
    """Return where the lists among operands are written, by the ids of the lists."""
    return {id(value): expression.span for expression, value in operands if isinstance(value, list)}


def _binary(tracer: Tracer, e: tree.Binary) -> Code:
    first, second, graph, span = tracer.code(e.left), tracer.code(e.right), tracer.graph, e.span
    operator, apply = e.operator, operators.BINARY[e.operator]
    beside = operators.beside_tensors(operator)

    def run() -> Any:
        left, right = first(), second()
        graph.span = span
        try:
            if (type(left) is Tensor and type(right) in beside) or (
                type(right) is Tensor and type(left) in beside
            ):
                return apply(left, right)
            return operators.binary(tracer, operator, *_beside(tracer, e, left, right))
        except ShapeFault as error:
            raise operators.named(tracer, error, [(e.left, left), (e.right, right)]) from None
        except DtypeFault as error:
            if operator == "-" and (counted := operators.counted(tracer, left, right)):
                return apply(*counted)
            raise explained(tracer, error, [(e.left, left), (e.right, right)]) from None

    return run


def _beside(tracer: Tracer, e: tree.Binary, left: Any, right: Any) -> tuple[Any, Any]:
    """Return two operands; beside a tensor, a list stands for one, which has the list's place."""
    if isinstance(left, list) and isinstance(right, Node):
        left = tracer.tensor(left, e.left.span)
    elif isinstance(right, list) and isinstance(left, Node):
        right = tracer.tensor(right, e.right.span)
    return left, right


def _unary(tracer: Tracer, e: tree.Unary) -> Code:
    operand, graph, span, operator = tracer.code(e.operand), tracer.graph, e.span, e.operator

    def run() -> Any:
        value = operand()
        graph.span = span
        return operators.unary(tracer, operator, value)

    return run


def _compare(tracer: Tracer, e: tree.Compare) -> Code:
    first, graph, span = tracer.code(e.first), tracer.graph, e.span
    rest = [(operator, tracer.code(expression)) for operator, expression in e.rest]

    def run() -> Any:
        left, result = first(), None
        for operator, operand in rest:
            if isinstance(result, Node) and result.shape:
                raise ArgumentFault(
                    "a chained comparison of tensors is ambiguous", span, "write (a < b) & (b < c)"
                )
            if result is not None and not tracer.truth(result):
                return result
            right = operand()
            graph.span = span
            result = operators.compare(tracer, operator, left, right)
            left = right
        return result

    return run


def _boolean(tracer: Tracer, e: tree.Boolean) -> Code:
    first, second = tracer.code(e.left), tracer.code(e.right)
    graph, span = tracer.graph, e.left.span
    decided = e.operator == "or"

    def run() -> Any:
        left = first()
        graph.span = span
        return left if tracer.truth(left) == decided else second()

    return run


def _conditional(tracer: Tracer, e: tree.Conditional) -> Code:
    holds, then, otherwise = truth(tracer, e.test), tracer.code(e.then), tracer.code(e.otherwise)
    return lambda: then() if holds() else otherwise()


def _lambda(tracer: Tracer, e: tree.Lambda) -> Code:
    if yields((e.body,)):
        raise SyntaxFault("a lambda cannot `yield` here", e.span, "write a `def`")
    given, parameters = defaults(tracer, e.parameters), e.parameters
    with tracer.naming(parameters, (e.body,)) as names:
        body = tracer.code(e.body)

    def make() -> UserFunction:
        scope = tracer.scope
        seen = scope.cell if isinstance(scope, classes.ClassScope) else scope
        return UserFunction("lambda", parameters, body, seen, False, given(), names.own)

    return make


def _walrus(tracer: Tracer, e: tree.NamedExpression) -> Code:
    value_of = tracer.code(e.value)

    def around() -> dict[str, Any]:
        scope = tracer.scope
        while isinstance(scope, Inner):
            scope = scope.outer
        return scope

    declared = e.target.id in tracer.names.outer
    bind = named(tracer, e.target, scope_for(tracer, e.target.id) if declared else around)

    def run() -> Any:
        value = value_of()
        bind(value)
        return value

    return run


def _no_yield(tracer: Tracer, e: tree.Yield) -> Code:
    raise SyntaxFault("'yield' outside function", e.span, "it stands in the body of a `def`")


def _constant(tracer: Tracer, e: tree.Constant) -> Code:
    value = e.value
    return lambda: value


EXPRESSIONS: dict[type, Callable[[Tracer, Any], Code]] = {
    **DISPLAYS,
    tree.Constant: _constant,
    tree.Name: _name,
    tree.FormattedString: formatted,
    tree.Group: lambda tracer, e: tracer.code(e.inner),
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Compare: _compare,
    tree.Boolean: _boolean,
    tree.Conditional: _conditional,
    tree.Lambda: _lambda,
    tree.NamedExpression: _walrus,
    tree.Yield: _no_yield,
    tree.Attribute: _attribute,
    tree.Subscript: _subscript,
    tree.Slice: _slice,
    tree.Call: _call,
}
