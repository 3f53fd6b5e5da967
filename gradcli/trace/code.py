"""What expressions and statements are made into: functions, made once and called at each visit.

`Tracer.code` makes them. Here are the parts that several kinds have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.syntax import tree
from gradcli.trace.values import check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Code = Callable[[], Any]


def truth(tracer: Tracer, test: tree.Expression) -> Callable[[], bool]:
    """Return what tells the truth of an expression."""
    evaluate, graph, span = tracer.code(test), tracer.graph, test.span

    def holds() -> bool:
        value = evaluate()
        graph.span = span
        return value if value is True or value is False else tracer.truth(value)

    return holds


def items(tracer: Tracer, iterable: tree.Expression) -> Code:
    """Return what gives the items of an expression that a loop runs over."""
    evaluate, graph, span = tracer.code(iterable), tracer.graph, iterable.span

    def iterate() -> Any:
        value = evaluate()
        graph.span = span
        return tracer.iterate(value)

    return iterate


def several(tracer: Tracer, items: tuple[tree.Expression, ...]) -> Callable[[], list[Any]]:
    """Return what gives the values of a call's arguments, or of the items of a list."""
    if not any(isinstance(item, tree.Starred) for item in items):
        plain = [tracer.code(item) for item in items]
        return lambda: [item() for item in plain]
    codes = [
        (True, tracer.code(item.value)) if isinstance(item, tree.Starred)
        else (False, tracer.code(item))
        for item in items
    ]  # fmt: skip

    def values() -> list[Any]:
        found: list[Any] = []
        for starred, code in codes:
            value = code()
            if starred:
                for one in tracer.iterate(value):
                    found.append(one)
                    check_size(len(found))
            else:
                found.append(value)
        return found

    return values


def defaults(tracer: Tracer, parameters: tuple[tree.Parameter, ...]) -> Code:
    """Return what gives the defaults of parameters: evaluated once, where a function stands."""
    given = [(p.name, tracer.code(p.default)) for p in parameters if p.default is not None]
    return lambda: {name: value() for name, value in given}
