"""Python's own functions: on tensors they are operations, on what is no tensor Python's."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.ops.rule import number
from gradcli.trace.calls import Args, Keywords, any_node, first_of, only, row_function
from gradcli.trace.values import Results, described, is_numeric_list

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _plain(args: Args, keywords: Keywords) -> bool:
    """Say whether Python's sum, max, … are called on a Python sequence or on numbers."""
    return not keywords.get("dim") and isinstance(args[0], tuple | list | range | int | float)


def _sum(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not args:
        return ROWS["sum"].call(args, keywords)
    if _plain(args, keywords) and not is_numeric_list(args[0]):
        total: Any = args[1] if len(args) > 1 else 0
        for item in args[0]:
            total = tracer.binary("+", total, item)
        return total
    if _plain(args, keywords):
        return sum(_leaves(args[0]))
    return row_function(ROWS["sum"], "sum").run(tracer, args, keywords)


def _leaves(data: Any) -> list[Any]:
    if any(isinstance(x, list) for x in data):
        raise ArgumentFault(
            "sum of a list of lists", hint="bind it to a name first: x = [[1., 2.]]"
        )
    return list(data)


def _extremum(name: str, pick: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        items = list(args[0]) if len(args) == 1 and isinstance(args[0], tuple | list) else args
        if items and all(number(x) for x in items):
            return pick(items)
        if isinstance(items, list) and any_node(tuple(items)):
            row = ROWS["maximum" if name == "max" else "minimum"]
            return reduce(lambda a, b: row.call((a, b), {}), items)
        return row_function(ROWS[name], name).run(tracer, args, keywords)

    return run


def _len(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, "len")
    if isinstance(x, Node):
        if not x.shape:
            raise ArgumentFault("len() of a 0-d tensor")
        return x.shape[0]
    if isinstance(x, tuple | list | range | str | Results | dict):
        return len(x)
    raise ArgumentFault(f"{described(x)} has no length")


def _range(tracer: Tracer, args: Args, keywords: Keywords) -> range:
    hint = "the signature is `range(stop)` or `range(start, stop, step=1)`"
    for x in args:
        if not isinstance(x, int) and not (isinstance(x, Node) and x.is_index):
            raise ArgumentFault(f"range() takes integers, not {described(x)}", hint=hint)
    if not 1 <= len(args) <= 3 or keywords:
        raise ArgumentFault(f"range() takes one to three integers ({len(args)} given)", hint=hint)
    if len(args) == 3 and not args[2].__index__():
        raise ArgumentFault("the step of range() must not be zero")
    found = range(*(x.__index__() for x in args))
    steps = abs(found.stop - found.start) // abs(found.step)
    if steps > tracer.graph.limits.nodes:
        raise LimitFault(
            f"range() of {steps:,} steps: more than the limit of {tracer.graph.limits.nodes:,}",
            hint="allow more with --max-nodes",
        )
    return found


def _cast(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args:
            return kind()
        x = only(args, kind.__name__)
        if isinstance(x, Node):
            if x.requires_grad and kind is float:
                tracer.notice(
                    "Converting a tensor with requires_grad=True to a scalar may lead to "
                    "unexpected behavior.\nConsider using tensor.detach() first."
                )
            x = item(tracer, x)
        try:
            return kind(x)
        except (TypeError, ValueError, OverflowError):
            what = repr(x) if isinstance(x, str | int | float | complex) else described(x)
            raise ArgumentFault(f"{kind.__name__}() cannot convert {what}") from None

    return run


def item(tracer: Tracer, x: Node) -> Any:
    """Return the only element of a tensor as a Python number."""
    count = int(np.prod(x.shape))
    if count != 1:
        raise ArgumentFault(f"a Tensor with {count} elements cannot be converted to Scalar")
    return x.value.item()


def _zip(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    return list(zip(*(tracer.iterate(x) for x in args), strict=False))


def _enumerate(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    first = first_of(args, "enumerate", "enumerate(items, start=0)")
    start: Any = keywords.get("start", args[1] if len(args) > 1 else 0)
    if not isinstance(start, int):
        raise ArgumentFault(f"enumerate() starts at an integer, not at {described(start)}")
    return list(enumerate(tracer.iterate(first), start))


def _sequence(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return kind(tracer.iterate(args[0])) if args else kind()

    return run


def _reversed(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    return list(tracer.iterate(only(args, "reversed")))[::-1]


def _round(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if args and isinstance(args[0], int | float):
        return round(*args)
    return row_function(ROWS["round"], "round").run(tracer, args, keywords)


def _print(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    for word in keywords:
        if word not in ("sep", "end", "flush"):
            raise ArgumentFault(
                f"print() got an unexpected keyword argument '{word}'",
                hint="the signature is `print(…, sep=' ', end='\\n')`",
            )
    separator, end = keywords.get("sep"), keywords.get("end")
    text = (" " if separator is None else str(separator)).join(tracer.text(x) for x in args)
    tracer.write(text + ("\n" if end is None else str(end)))


PYTHON: dict[str, Any] = {
    "sum": _sum, "max": _extremum("max", max), "min": _extremum("min", min), "len": _len,
    "range": _range, "float": _cast(float), "int": _cast(int), "bool": _cast(bool),
    "str": lambda tracer, args, keywords: tracer.text(only(args, "str")),
    "zip": _zip, "enumerate": _enumerate, "list": _sequence(list), "tuple": _sequence(tuple),
    "reversed": _reversed, "round": _round, "print": _print,
}  # fmt: skip
