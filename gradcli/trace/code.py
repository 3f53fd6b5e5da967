"""What expressions and statements are made into: functions, made once and called at each visit.

`Tracer.code` makes them. Here are the parts that several kinds have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, Span
from gradcli.syntax import tree
from gradcli.trace.sentences import class_name
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


def keywords_of(tracer: Tracer, keywords: tuple[tree.Keyword, ...]) -> Callable[[], dict[str, Any]]:
    """Return what gives the values of a call's arguments that have names."""
    codes = [(k.name, tracer.code(k.value), k.span) for k in keywords]
    if all(name is not None for name, _, _ in codes):
        plain: list[Any] = [(name, code) for name, code, _ in codes]
        return lambda: {name: code() for name, code in plain}

    def values() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, code, span in codes:
            value = code()
            given = {name: value} if name is not None else spread(value, span)
            tracer.graph.spend(len(given))
            for word, one in given.items():
                if word in found:
                    raise ArgumentFault(f"got multiple values for keyword argument '{word}'", span)
                found[word] = one
        return found

    return values


def spread(value: Any, span: Span) -> dict[str, Any]:
    """Return the arguments that `**value` stands for.

    Raises: ArgumentFault, with Python's sentence, where it is no dictionary of names.
    """
    if not isinstance(value, dict):
        raise ArgumentFault(f"argument after ** must be a mapping, not {class_name(value)}", span)
    if not all(isinstance(word, str) for word in value):
        raise ArgumentFault("keywords must be strings", span)
    return value


def defaults(tracer: Tracer, parameters: tuple[tree.Parameter, ...]) -> Code:
    """Return what gives the defaults of parameters: evaluated once, where a function stands."""
    given = [(p.name, tracer.code(p.default)) for p in parameters if p.default is not None]
    return lambda: {name: value() for name, value in given}
