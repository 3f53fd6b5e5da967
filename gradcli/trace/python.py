"""Python's own functions: on tensors they are operations, on what is no tensor Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords, any_node, first_of, only, row_function
from gradcli.trace.values import Results, described, is_numeric_list

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

SEQUENCES = (list, tuple, range, Results, str, dict)


def _row(name: str, tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if args and not isinstance(args[0], Node | list) and not any_node((*args, *keywords.values())):
        given = ", ".join(described(x) for x in args)
        raise ArgumentFault(f"{name}() takes a tensor or a sequence, not {given}")
    return row_function(ROWS[name], name).run(tracer, args, keywords)


def _is_pythons(args: Args, keywords: Keywords, *words: str) -> bool:
    """Say whether Python's function is called: on a sequence, with no keywords but its own."""
    return bool(args) and isinstance(args[0], SEQUENCES) and set(keywords) <= set(words)


SUM = Signature("sum(iterable: any, start: any = 0)")


def _sum(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not _is_pythons(args, keywords, "start"):
        return _row("sum", tracer, args, keywords)
    items, total = SUM.bind(args, keywords).values()
    if isinstance(total, str):
        raise ArgumentFault("sum() can't sum strings", hint="f'{a}{b}' joins texts")
    if number(total) and any(isinstance(x, list) for x in items):
        raise ArgumentFault(
            "sum of a list of lists", hint="bind it to a name first: x = [[1., 2.]]"
        )
    if number(total) and all(number(x) for x in items):
        return sum(items, total)
    for item in items:
        total = tracer.binary("+", total, item)
    return total


def _number_of(tracer: Tracer, x: Any) -> Any:
    """Return what Python compares: of a tensor with one element, its number."""
    if isinstance(x, Node):
        tracer.truth(x)  # refuses one with several, in PyTorch's words
        return item(tracer, x)
    return tuple(_number_of(tracer, y) for y in x) if isinstance(x, tuple) else x


def _keyed(tracer: Tracer, name: str, items: list[Any], key: Any) -> list[Any]:
    """Return what the items of a sequence are compared by."""
    keys = items if key is None else [tracer.call(key, (x,), {}) for x in items]
    found = [_number_of(tracer, k) for k in keys]
    try:
        sorted(found)
    except TypeError:
        kinds = " and ".join(dict.fromkeys(described(k) for k in keys))
        raise ArgumentFault(f"{name}() cannot compare {kinds}") from None
    return found


def _extremum(name: str, pick: Any) -> Any:
    """Make `max` or `min`: Python's gives one of the items, and the gradient goes to that one."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        alone = len(args) == 1 and isinstance(args[0], SEQUENCES)
        several = len(args) > 1 and not any_node(args)
        if not (alone or several) or not set(keywords) <= {"key", "default"}:
            return _row(name, tracer, args, keywords)
        items = list(tracer.iterate(args[0])) if alone else list(args)
        if several and "default" in keywords:
            raise ArgumentFault(f"{name}() with several arguments takes no default")
        if not items:
            if "default" in keywords:
                return keywords["default"]
            raise ArgumentFault(f"{name}() of no items", hint="default=… says what it is then")
        keys = _keyed(tracer, name, items, keywords.get("key"))
        return items[keys.index(pick(keys))]

    return run


SORTED = Signature("sorted(iterable: any, key: any = None, reverse: bool = False)")


def _sorted(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    values, key, reverse = SORTED.bind(args, keywords).values()
    items = list(tracer.iterate(values))
    keys = _keyed(tracer, "sorted", items, key)
    order = sorted(range(len(items)), key=keys.__getitem__, reverse=reverse)
    return [items[i] for i in order]


def _every(name: str, quantifier: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not _is_pythons(args, keywords) or len(args) > 1:
            return _row(name, tracer, args, keywords)
        return quantifier(tracer.truth(x) for x in tracer.iterate(args[0]))

    return run


def _len(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, keywords, "len")
    if isinstance(x, Node):
        if not x.shape:
            raise ArgumentFault("len() of a 0-d tensor")
        return x.shape[0]
    if isinstance(x, SEQUENCES):
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
        if not args and not keywords:
            return kind()
        based = kind is int and (len(args) == 2 or "base" in keywords)
        if based:
            x, *base = INT.bind(args, keywords).values()
        else:
            x, base = only(args, keywords, kind.__name__), []
        if isinstance(x, Node):
            if x.requires_grad and kind is float:
                tracer.notice(
                    "Converting a tensor with requires_grad=True to a scalar may lead to "
                    "unexpected behavior.\nConsider using tensor.detach() first."
                )
            x = item(tracer, x)
        if isinstance(x, SEQUENCES) and kind is bool:
            return bool(len(x))
        try:
            return kind(x, *base)
        except (TypeError, ValueError, OverflowError):
            what = repr(x) if isinstance(x, str | int | float | complex) else described(x)
            what += f" with base {base[0]}" if base else ""
            raise ArgumentFault(f"{kind.__name__}() cannot convert {what}") from None

    return run


INT = Signature("int(x: any, base: int = 10)")


def item(tracer: Tracer, x: Node) -> Any:
    """Return the only element of a tensor as a Python number."""
    count = int(np.prod(x.shape))
    if count != 1:
        raise ArgumentFault(f"a Tensor with {count} elements cannot be converted to Scalar")
    return x.value.item()


def is_nonzero(tracer: Tracer, x: Node) -> bool:
    """Say whether the only element of a tensor differs from zero."""
    if (count := int(np.prod(x.shape))) != 1:
        many = "more than one value" if count else "no values"
        raise ArgumentFault(f"Boolean value of Tensor with {many} is ambiguous")
    return bool(x.value)


def _zip(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    strict = ZIP.bind((), keywords)["strict"]
    columns = [list(tracer.iterate(x)) for x in args]
    sizes = [len(c) for c in columns]
    if strict and len(set(sizes)) > 1:
        i = next(i for i, n in enumerate(sizes) if n != sizes[0])
        raise ArgumentFault(
            f"zip() argument {i + 1} is {'longer' if sizes[i] > sizes[0] else 'shorter'} than "
            f"argument{f's 1-{i}' if i > 1 else ' 1'}"
        )
    return list(zip(*columns, strict=False))


ZIP = Signature("zip(strict: bool = False)")
ENUMERATE = Signature("enumerate(items: any, start: int = 0)")


def _enumerate(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    if not keywords:
        first_of(args, "enumerate", "enumerate(items, start=0)")
    start: Any = keywords.get("start", args[1] if len(args) > 1 else 0)
    if not isinstance(start, int):
        raise ArgumentFault(f"enumerate() starts at an integer, not at {described(start)}")
    items, start = ENUMERATE.bind(args, keywords).values()
    return list(enumerate(tracer.iterate(items), start))


def _sequence(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args and not keywords:
            return kind()
        return kind(tracer.iterate(only(args, keywords, kind.__name__)))

    return run


def _reversed(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    return list(tracer.iterate(only(args, keywords, "reversed")))[::-1]


def _on_numbers(name: str, function: Any) -> Any:
    """Make a function that is Python's on numbers, and the operation of its name on tensors."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if any_node((*args, *keywords.values())) or is_numeric_list(args[0] if args else None):
            return _row(name, tracer, args, keywords)
        try:
            return function(*args, **keywords)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ArgumentFault(f"{name}(): {error}") from None

    return run


def _power(tracer: Tracer, base: Any, exponent: Any, mod: Any = None) -> Any:
    if mod is None:
        return tracer.binary("**", base, exponent)  # keeps integers within bounds
    return pow(base, exponent, mod)


def _pow(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    bounded = _on_numbers("pow", lambda base, exp, mod=None: _power(tracer, base, exp, mod))
    return bounded(tracer, args, keywords)


def _print(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    for word, value in keywords.items():
        if word not in ("sep", "end", "flush"):
            raise ArgumentFault(
                f"print() got an unexpected keyword argument '{word}'",
                hint="the signature is `print(…, sep=' ', end='\\n')`",
            )
        if word != "flush" and not isinstance(value, str | None):
            raise ArgumentFault(f"{word} must be None or a string, not {described(value)}")
    separator, end = keywords.get("sep"), keywords.get("end")
    text = (" " if separator is None else separator).join(tracer.text(x) for x in args)
    tracer.write(text + ("\n" if end is None else end))


PYTHON: dict[str, Any] = {
    "sum": _sum, "max": _extremum("max", max), "min": _extremum("min", min), "len": _len,
    "range": _range, "float": _cast(float), "int": _cast(int), "bool": _cast(bool),
    "str": lambda tracer, args, keywords: tracer.text(only(args, keywords, "str")) if args else "",
    "zip": _zip, "enumerate": _enumerate, "list": _sequence(list), "tuple": _sequence(tuple),
    "reversed": _reversed, "round": _on_numbers("round", round), "print": _print,
    "abs": _on_numbers("abs", abs), "pow": _pow, "sorted": _sorted, "any": _every("any", any),
    "all": _every("all", all),
}  # fmt: skip
