"""Generators of random numbers as values of a file: NumPy's, Python's and PyTorch's objects.

A file reaches the methods of their tables and nothing else of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace.containers import SEQUENCES
from gradcli.trace.indexing import subscript
from gradcli.trace.sentences import class_name, python_errors
from gradcli.trace.values import Function, check_size, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
Method = Callable[["Tracer", Any, Args, Keywords], Any]
SIZE = 4096  # bytes that are counted for a generator
STEPS = 100  # of a run, likewise: to seed one takes as long


class Source:
    """A generator and its methods; `name` is what its class is called."""

    def __init__(
        self, tracer: Tracer, name: str, made: Any, methods: Mapping[str, Method], shown: str = ""
    ) -> None:
        tracer.graph.charge(SIZE, f"a {name}")
        tracer.graph.spend(STEPS)
        self.kind, self.made, self.methods, self.shown = name, made, methods, shown or f"<{name}>"

    def __repr__(self) -> str:
        return self.shown

    def method(self, name: str) -> Function | None:
        """Return a method as a function of a file, None where there is none of that name."""
        found = self.methods.get(name)
        if found is None:
            return None

        def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            tracer.drawn += 1
            return found(tracer, self.made, args, keywords)

        return Function(name, run)


def method(text: str, run: Callable[..., Any]) -> tuple[str, Method]:
    """Return a method's name and the method; its signature binds what `run` is called with.

    What Python or NumPy raise is an error of the file, in their words.
    """
    signature = Signature(text)

    def bound(tracer: Tracer, made: Any, args: Args, keywords: Keywords) -> Any:
        given = signature.bind(args, keywords)
        with python_errors():
            return run(tracer, made, **given)

    return signature.name, bound


def of_the_run(
    name: str, methods: Mapping[str, Method], module: str, make: Callable[[Tracer], Source]
) -> Function | None:
    """Return a method as a module's function: of one generator, which a run makes when needed."""
    if name not in methods:
        return None

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if module not in tracer.sources:
            tracer.sources[module] = make(tracer)
        function = tracer.sources[module].method(name)
        assert function is not None, "it is in the table"
        return function.run(tracer, args, keywords)

    return Function(name, run)


def argument(tracer: Tracer, value: Any) -> Any:
    """Return what a file gives a method of NumPy's: a number, or the values of a tensor or list.

    Raises: ArgumentFault for anything else.
    """
    if value is None or number(value):
        return value
    if isinstance(value, Node | list | tuple):
        values: Array = tracer.tensor(list(value) if isinstance(value, tuple) else value).value
        return values
    raise ArgumentFault(f"expected a number or an array, not {described(value)}")


def result(tracer: Tracer, value: Any) -> Any:
    """Return what a method of NumPy's gave: an array as a tensor, a scalar as a number."""
    if isinstance(value, np.ndarray):
        return tracer.graph.leaf(value)
    return value.item() if isinstance(value, np.generic) else value


def length(tracer: Tracer, items: Any) -> int:
    """Return how many items a sequence or a tensor has.

    Raises: ArgumentFault for what is neither.
    """
    if isinstance(items, Node) and items.shape:
        return int(items.shape[0])
    if isinstance(items, SEQUENCES):
        return len(items)
    raise ArgumentFault(f"'{class_name(items)}' object is no sequence")


def taken(tracer: Tracer, items: Any, indices: Any) -> Any:
    """Return the items of a sequence, or the rows of a tensor, at one index or several."""
    if isinstance(items, Node):
        at = indices if isinstance(indices, int) else tracer.graph.leaf(np.asarray(indices))
        return subscript(items, at)
    if isinstance(indices, int):
        return items[indices]
    check_size(len(indices))
    return [items[i] for i in indices]
