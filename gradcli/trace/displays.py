"""Displays and comprehensions: tuples, lists, dictionaries, sets that are written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gradcli.syntax import tree
from gradcli.trace.budgets import made
from gradcli.trace.code import Code, items, several, truth
from gradcli.trace.containers import key as hashable
from gradcli.trace.inputs import names_of
from gradcli.trace.sentences import class_name, python_errors
from gradcli.trace.suspended import Generator
from gradcli.trace.targets import Bind, binding
from gradcli.trace.values import Inner, check_size

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Gather = Callable[[list[Any]], None]  # appends what a comprehension makes to a list


def _tuple(tracer: Tracer, e: tree.TupleDisplay) -> Code:
    values, span = several(tracer, e.items), e.span
    return lambda: made(tracer, tuple(values()), span)


def _list(tracer: Tracer, e: tree.ListDisplay) -> Code:
    values, span = several(tracer, e.items), e.span
    return lambda: made(tracer, values(), span)


def _dictionary(tracer: Tracer, e: tree.DictDisplay) -> Code:
    parts = [
        (None if item.key is None else tracer.code(item.key), tracer.code(item.value), item.span)
        for item in e.items
    ]

    def values() -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_of, value_of, span in parts:
            key = None if key_of is None else key_of()
            value = value_of()
            with python_errors(span):
                if key_of is not None:
                    found[hashable(key)] = value
                elif isinstance(value, dict):
                    found.update(value)
                else:
                    raise TypeError(f"'{class_name(value)}' object is not a mapping")
            check_size(len(found))
        made(tracer, found, e.span)
        return found

    return values


def _set(tracer: Tracer, e: tree.SetDisplay) -> Code:
    items_of = several(tracer, e.items)

    def values() -> set[Any]:
        with python_errors(e.span):
            found = {hashable(x) for x in items_of()}
        made(tracer, found, e.span)
        return found

    return values


def _comprehension(tracer: Tracer, e: tree.Comprehension) -> Code:
    if e.kind == "generator":
        return _generator(tracer, e)
    with _naming(tracer, e):
        gather, kind, span = _gathered(tracer, e), e.kind, e.span

    def values() -> Any:
        before, tracer.scope = tracer.scope, Inner(tracer.scope, {})
        found: list[Any] = []
        try:
            gather(found)
        finally:
            tracer.scope = before
        made(tracer, found, span)
        if kind == "list":
            return found
        with python_errors(span):
            if kind == "dict":
                return {hashable(k): v for k, v in found}
            return {hashable(x) for x in found}

    return values


@contextmanager
def _naming(tracer: Tracer, e: tree.Comprehension) -> Iterator[None]:
    """Let the targets of a comprehension be its own, while code is made of it."""
    before = tracer.names
    targets = {name for clause in e.clauses for name in names_of(clause.target)}
    outer = {name: kind for name, kind in before.outer.items() if name not in targets}
    tracer.names = before._replace(outer=outer)
    try:
        yield
    finally:
        tracer.names = before


def _generator(tracer: Tracer, e: tree.Comprehension) -> Code:
    """Return what makes a generator; what its first `for` goes through is there from the start."""
    source_of = items(tracer, e.clauses[0].iterable)
    with _naming(tracer, e):
        flow = _flow(tracer, e)

    def make() -> Generator:
        source, scope = source_of(), Inner(tracer.scope, {})
        return Generator(tracer, "<genexpr>", scope, flow(source), tracer.graph.call)

    return make


def _flow(tracer: Tracer, e: tree.Comprehension) -> Callable[[Iterator[Any]], Iterator[Any]]:
    element = tracer.code(e.element)

    def one(_: Any) -> Iterator[Any]:
        yield element()

    inner: Callable[[Any], Iterator[Any]] = one
    for at in range(len(e.clauses) - 1, -1, -1):
        following = e.clauses[at + 1 :]
        source_of = items(tracer, following[0].iterable) if following else lambda: None
        inner = _turns(tracer, e.clauses[at], source_of, inner)
    return inner


def _turns(
    tracer: Tracer, clause: tree.Clause, source_of: Code, inner: Callable[[Any], Iterator[Any]]
) -> Callable[[Any], Iterator[Any]]:
    bind, conditions = binding(tracer, clause.target), [truth(tracer, c) for c in clause.conditions]

    def run(source: Iterator[Any]) -> Iterator[Any]:
        for item in source:
            bind(item)
            if all(holds() for holds in conditions):
                yield from inner(source_of())

    return run


def _gathered(tracer: Tracer, e: tree.Comprehension) -> Gather:
    if isinstance(e.element, tree.Item):
        assert e.element.key is not None, "`**` has no `for`"
        key, value = tracer.code(e.element.key), tracer.code(e.element.value)

        def element() -> Any:
            return key(), value()
    else:
        element = tracer.code(e.element)

    def append(found: list[Any]) -> None:
        found.append(element())
        check_size(len(found))

    gather: Gather = append
    for clause in reversed(e.clauses):
        conditions = [truth(tracer, c) for c in clause.conditions]
        gather = _each(
            items(tracer, clause.iterable), binding(tracer, clause.target), conditions, gather
        )
    return gather


def _each(
    items_of: Code, bind: Bind, conditions: list[Callable[[], bool]], gather: Gather
) -> Gather:
    """Return what gathers for each item of a clause that meets the conditions."""

    def run(found: list[Any]) -> None:
        for item in items_of():
            bind(item)
            for holds in conditions:
                if not holds():
                    break
            else:
                gather(found)

    return run


DISPLAYS: dict[type, Callable[[Tracer, Any], Code]] = {
    tree.TupleDisplay: _tuple,
    tree.ListDisplay: _list,
    tree.DictDisplay: _dictionary,
    tree.SetDisplay: _set,
    tree.Comprehension: _comprehension,
}
