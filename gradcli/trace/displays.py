"""Displays and comprehensions: tuples, lists, dictionaries, sets that are written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.syntax import tree
from gradcli.trace.budgets import made
from gradcli.trace.code import Code, items, several, truth
from gradcli.trace.containers import key as hashable
from gradcli.trace.sentences import class_name, python_errors
from gradcli.trace.targets import Bind, binding
from gradcli.trace.values import Scope, check_size

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
    gather, kind, span = _gathered(tracer, e), e.kind, e.span

    def values() -> Any:
        before, tracer.scope = tracer.scope, Scope(tracer.scope, {})
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
            return {hashable(x) for x in found} if kind == "set" else iter(found)

    return values


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
