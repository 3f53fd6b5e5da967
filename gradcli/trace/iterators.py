"""Iterators of a file: each item is made when it is asked for, and is a step of the run.

Iterators may lie one behind the other; how many do is counted while they are asked, since each
takes its place on the C stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gradcli.errors import GradcliError, LimitFault
from gradcli.graph import Node
from gradcli.rule.nesting import MAX_NESTING
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords, only
from gradcli.trace.classes import special
from gradcli.trace.containers import CONTAINERS, items_of
from gradcli.trace.faults import is_a
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.skipped import Bar, Grid
from gradcli.trace.values import Results, Skipped

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MANY_BEHIND = f"iterators more than {MAX_NESTING} deep"


class Lazy:
    """An iterator over what a function of a file yields; its class has the function's name."""

    __slots__ = ("items", "tracer")
    kind: ClassVar[Any]  # its type, as a value of the file

    def __init__(self, tracer: Tracer, items: Iterator[Any]) -> None:
        self.tracer, self.items = tracer, items

    def __iter__(self) -> Lazy:
        return self

    def __next__(self) -> Any:
        tracer = self.tracer
        if tracer.iterating == MAX_NESTING:
            raise LimitFault(MANY_BEHIND)
        tracer.iterating += 1
        try:
            return next(self.items)
        except ValueError as error:
            if str(error) != "generator already executing":
                raise
            raise fault(error) from None
        finally:
            tracer.iterating -= 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object>"


Make = Callable[..., Iterator[Any]]


def kind_of(name: str) -> type[Lazy]:
    """Return a class of iterators of its own, so that `type(…)` tells it from others."""
    return type(name.rpartition(".")[2], (Lazy,), {"__slots__": ()})


def lazily(kind: type[Lazy], signature: str | None, make: Make) -> Any:
    """Return a function of a file that gives the iterator that `make(tracer, …)` returns.

    An empty signature takes any number of arguments without names; None those with names too.
    """
    bound = Signature(signature) if signature else None

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
        if bound is not None:
            return kind(tracer, make(tracer, *bound.bound(args, keywords).values()))
        if keywords and signature is not None:
            raise fault(TypeError(f"{kind.__name__}() takes no keyword arguments"))
        return kind(tracer, make(tracer, *args, **keywords))

    return run


# ---- Python's own --------------------------------------------------------------------------


def _map(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
    if keywords:
        raise fault(TypeError("map() takes no keyword arguments"))
    if len(args) < 2:
        raise fault(TypeError("map() must have at least two arguments."))
    function, *sources = args
    iterators = [tracer.iterate(x) for x in sources]
    return MAP(tracer, (tracer.call(function, each, {}) for each in zip(*iterators, strict=False)))


def _filter(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
    function, items = FILTER_ARGUMENTS.bound(args, keywords).values()
    return FILTER(tracer, chosen(tracer, function, tracer.iterate(items), True))


def chosen(tracer: Tracer, function: Any, items: Iterator[Any], kept: bool) -> Iterator[Any]:
    """Yield the items of which a function, or the item itself, is true (or not)."""
    for x in items:
        if tracer.truth(x if function is None else tracer.call(function, (x,), {})) == kept:
            yield x


def _zip(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
    strict = ZIP_ARGUMENTS.bind((), keywords)["strict"]
    known = [x for x in args if not isinstance(x, Skipped) or isinstance(x, Bar | Grid)]
    sources = [
        repeat(x) if known and not any(x is y for y in known) else tracer.iterate(x) for x in args
    ]  # of what is passed over there are as many as of the others
    return ZIP(tracer, _strictly(zip(*sources, strict=strict)))


def _strictly(pairs: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from pairs
    except ValueError as error:  # one is longer than another
        raise fault(error) from None


def _enumerate(tracer: Tracer, args: Args, keywords: Keywords) -> Lazy:
    items, start = ENUMERATE_ARGUMENTS.bound(args, keywords).values()
    return ENUMERATE(tracer, enumerate(tracer.iterate(items), start))


def _reversed(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, keywords, "reversed")
    if isinstance(x, Node | Results):
        return REVERSED(tracer, reversed(items_of(tracer, x)))
    if isinstance(x, np.dtype) or not isinstance(x, CONTAINERS):
        raise fault(TypeError(f"'{class_name(x)}' object is not reversible"))
    try:
        return REVERSED(tracer, reversed(x))
    except TypeError as error:
        raise fault(error) from None


def _iter(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if len(args) != 2 or keywords:
        x = only(args, keywords, "iter")
        own = special(tracer, x, "__iter__")
        if own is not None:
            return own()
        return x if hasattr(x, "__next__") else ITERATOR(tracer, tracer.iterate(x))
    function, last = args

    def called() -> Iterator[Any]:
        while True:
            found = tracer.call(function, (), {})
            if tracer.truth(tracer.compare("==", found, last)):
                return
            yield found

    return CALLED(tracer, called())


def _next(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if keywords:
        raise fault(TypeError("next() takes no keyword arguments"))
    if not 1 <= len(args) <= 2:
        raise fault(
            TypeError(
                f"next expected at {'most 2' if args else 'least 1'} argument"
                f"{'s' if args else ''}, got {len(args)}"
            )
        )
    iterator, *default = args
    own = special(tracer, iterator, "__next__")
    if own is not None:
        try:
            return own()
        except GradcliError as error:
            if default and is_a(error, "StopIteration"):
                return default[0]
            raise
    if not hasattr(iterator, "__next__"):
        raise fault(TypeError(f"'{class_name(iterator)}' object is not an iterator"))
    for item in iterator:
        return item
    if not default:
        raise fault(StopIteration(), hint="next(…, None) is None at the end")
    return default[0]


MAP, FILTER, ZIP, ENUMERATE, REVERSED = map(
    kind_of, ("map", "filter", "zip", "enumerate", "reversed")
)
ITERATOR, CALLED = kind_of("iterator"), kind_of("callable_iterator")
FILTER_ARGUMENTS = Signature("filter(function: any, iterable: any)")
ZIP_ARGUMENTS = Signature("zip(strict: bool = False)")
ENUMERATE_ARGUMENTS = Signature("enumerate(iterable: any, start: whole = 0)")

FUNCTIONS: dict[str, Any] = {"iter": _iter, "next": _next}
CLASSES: dict[type[Lazy], Any] = {
    MAP: _map, FILTER: _filter, ZIP: _zip, ENUMERATE: _enumerate, REVERSED: _reversed,
}  # fmt: skip
