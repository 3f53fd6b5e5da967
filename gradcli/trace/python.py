"""Python's own functions: on tensors they are operations, on what is no tensor Python's."""

from __future__ import annotations

from math import gcd, isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.nesting import MAX_NESTING
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature, brief
from gradcli.trace.budgets import kept, made
from gradcli.trace.calls import Args, Keywords, any_node, first_of, only, row_function
from gradcli.trace.classes import FUNCTIONS, Instance, needed
from gradcli.trace.containers import CONTAINERS, items_of, sort, update
from gradcli.trace.containers import key as hashable
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.values import Results, check_bits, described, is_numeric_list

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


def _iterable(x: Any) -> bool:
    return isinstance(x, CONTAINERS) or hasattr(x, "__next__")


def _row(name: str, tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if args and not isinstance(args[0], Node | list) and not any_node((*args, *keywords.values())):
        if len(args) == 1 and not _iterable(args[0]):
            raise ArgumentFault(f"'{class_name(args[0])}' object is not iterable")
        given = ", ".join(described(x) for x in args)
        raise ArgumentFault(f"{name}() takes a tensor or a sequence, not {given}")
    return row_function(ROWS[name], name).run(tracer, args, keywords)


SUM = Signature("sum(iterable: any, start: any = 0)")


def _sum(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not args or not _iterable(args[0]) or keywords.keys() - {"start"}:
        return _row("sum", tracer, args, keywords)
    values, total = SUM.bind(args, keywords).values()
    if isinstance(total, str):
        raise ArgumentFault("sum() can't sum strings [use ''.join(seq) instead]")
    items = items_of(tracer, values)
    if number(total) and all(number(x) for x in items):
        return sum(items, total)
    for item in items:
        total = tracer.binary("+", total, item)
    return total


def _extremum(name: str, sign: str) -> Any:
    """Make `max` or `min`: Python's gives one of the items, and the gradient goes to that one."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        alone = len(args) == 1 and _iterable(args[0])
        several = len(args) > 1 and (
            any(isinstance(x, float) for x in args) or not any(isinstance(x, Node) for x in args)
        )
        if not (alone or several) or keywords.keys() - {"key", "default"}:
            return _row(name, tracer, args, keywords)
        if several and "default" in keywords:
            raise ArgumentFault(
                f"Cannot specify a default for {name}() with multiple positional arguments"
            )
        found, rank, key = None, None, keywords.get("key")
        items = items_of(tracer, args[0]) if alone else list(args)
        for i, x in enumerate(items):
            size = x if key is None else tracer.call(key, (x,), {})
            if not i or tracer.truth(tracer.compare(sign, size, rank)):
                found, rank = x, size
        if not items and "default" not in keywords:
            raise ArgumentFault(
                f"{name}() arg is an empty sequence", hint="default=… says what it is then"
            )
        return found if items else keywords["default"]

    return run


def _quantified(name: str, stops: bool) -> Any:
    """`any` and `all`: of a tensor operations, of what is no tensor Python's."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if len(args) != 1 or keywords or not _iterable(args[0]):
            return _row(name, tracer, args, keywords)
        return any(tracer.truth(x) == stops for x in tracer.iterate(args[0])) == stops

    return run


SORTED = Signature("sorted(iterable: any, key: any = None, reverse: whole = False)")


def _sorted(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    iterable, key, reverse = SORTED.bind(args, keywords).values()
    found = items_of(tracer, iterable)
    sort(tracer, found, key=key, reverse=reverse)
    return kept(tracer, found)


def _len(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, keywords, "len")
    if isinstance(x, Node):
        if not x.shape:
            raise ArgumentFault("len() of a 0-d tensor")
        return x.shape[0]
    if isinstance(x, Instance):
        return needed(tracer, x, "__len__", "has no len()")()
    if isinstance(x, CONTAINERS):
        return len(x)
    raise ArgumentFault(f"object of type '{class_name(x)}' has no len()")


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
    if steps > tracer.graph.limits.steps:
        raise LimitFault(
            f"range() of {steps:,} steps: more than the limit of {tracer.graph.limits.steps:,}",
            hint="allow more with --max-steps",
        )
    return found


def _cast(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args and not keywords:
            return kind()
        if kind is int and (len(args) == 2 or "base" in keywords):
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
        if kind is bool:
            return tracer.truth(x)
        found = _converted(kind, x, *base)
        if kind is int:
            check_bits(found.bit_length(), "the integer")
        return found

    return run


INT = Signature("int(x: any, base: int = 10)")
MOST_DIGITS = 4300  # of an integer that Python reads from a text, or writes as one


def _converted(kind: Any, x: Any, base: int | None = None) -> Any:
    """Return a number or a text as `int` or `float`.

    Raises: ArgumentFault, with Python's sentence, for a text that is none; LimitFault for one that
    is too long.
    """
    if not isinstance(x, str if base is not None else str | int | float):
        raise ArgumentFault(
            f"{kind.__name__}() takes a {'text with a base' if base else 'number or a text'}, "
            f"not {described(x)}"
        )
    if base is not None and base != 0 and not 2 <= base <= 36:
        raise ArgumentFault(f"int() takes a base of 0, or from 2 to 36, not {base}")
    if kind is int and isinstance(x, float) and not isfinite(x):
        raise ArgumentFault(f"int({x}): it is no integer")
    if isinstance(x, str) and len(x) > MOST_DIGITS:
        raise LimitFault(f"{kind.__name__}() of a text of more than {MOST_DIGITS:,} characters")
    try:
        return kind(x) if base is None else kind(x, base)
    except ValueError as error:
        raise fault(error) from None
    except OverflowError:
        raise ArgumentFault(f"{kind.__name__}({brief(x)}) is too large for a number") from None


def item(tracer: Tracer, x: Node) -> Any:
    """Return the only element of a tensor as a Python number."""
    count = prod(x.shape)
    if count != 1:
        raise ArgumentFault(f"a Tensor with {count} elements cannot be converted to Scalar")
    x.graph.notes.numbers.append(x.id)
    return x.value.item()


def is_nonzero(tracer: Tracer, x: Node) -> bool:
    """Say whether the only element of a tensor differs from zero."""
    if (count := prod(x.shape)) != 1:
        many = "more than one value" if count else "no values"
        raise ArgumentFault(f"Boolean value of Tensor with {many} is ambiguous")
    return bool(x.value)


ZIP = Signature("zip(strict: bool = False)")
ENUMERATE = Signature("enumerate(items: any, start: int = 0)")


class Zip(zip):  # type: ignore[type-arg]
    """A `zip` that knows how many iterators it goes through one behind the other."""

    depth: int


class Enumerate(enumerate):  # type: ignore[type-arg]
    """An `enumerate` that knows how many iterators it goes through one behind the other."""

    depth: int


def _behind(iterator: Any, args: Args) -> Any:
    """Return an iterator over others: each takes its place on the C stack when they are used.

    Raises: LimitFault where they are too many.
    """
    iterator.depth = 1 + max((getattr(x, "depth", 0) for x in args), default=0)
    if iterator.depth > MAX_NESTING:
        raise LimitFault(f"zip() and enumerate() more than {MAX_NESTING} deep")
    return iterator


def _zip(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    strict = ZIP.bind((), keywords)["strict"]
    return _behind(Zip(*(tracer.iterate(x) for x in args), strict=strict), args)


def _enumerate(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not keywords:
        first_of(args, "enumerate", "enumerate(items, start=0)")
    start: Any = keywords.get("start", args[1] if len(args) > 1 else 0)
    if not isinstance(start, int):
        raise ArgumentFault(f"enumerate() starts at an integer, not at {described(start)}")
    items, start = ENUMERATE.bind(args, keywords).values()
    return _behind(Enumerate(tracer.iterate(items), start), (items,))


def _sequence(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if len(args) > 1:
            raise ArgumentFault(f"{kind.__name__}() takes one argument ({len(args)} given)")
        if keywords:
            raise ArgumentFault(f"{kind.__name__}() takes no keyword arguments")
        found = items_of(tracer, args[0]) if args else []
        with python_errors():
            result = {hashable(x) for x in found} if kind is set else kind(found)
        return made(tracer, result, tracer.graph.span)

    return run


def _dict(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if len(args) > 1:
        raise ArgumentFault(f"dict() takes one argument ({len(args)} given)")
    found: dict[Any, Any] = {}
    with python_errors():
        update(tracer, found, *args, **keywords)
    return found


def _reversed(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = only(args, keywords, "reversed")
    if isinstance(x, np.dtype):  # Python would say the name of its class
        raise ArgumentFault(f"'{class_name(x)}' object is not reversible")
    with python_errors():
        return reversed(items_of(tracer, x) if isinstance(x, Node | Results) else x)


def _on_numbers(text: str, function: Any) -> Any:
    """Make a function that is Python's on numbers, and the operation of its name on tensors."""
    signature = Signature(text)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if any_node((*args, *keywords.values())) or is_numeric_list(args[0] if args else None):
            return _row(signature.name, tracer, args, keywords)
        return function(tracer, *signature.bind(args, keywords).values())

    return run


def _abs(tracer: Tracer, x: Any) -> Any:
    if not number(x):
        raise ArgumentFault(f"abs() takes a number or a tensor, not {described(x)}")
    try:
        return abs(x)
    except OverflowError:  # of a complex number
        raise ArgumentFault(f"abs({x}) is too large for a number") from None


def _round(tracer: Tracer, x: Any, digits: int | None) -> Any:
    if digits is None and isinstance(x, float) and not isfinite(x):
        raise ArgumentFault(f"round({x}): no integer is near to it", hint="round(x, 0) is a float")
    try:
        return round(x, digits and max(-MOST_DIGITS, min(digits, MOST_DIGITS)))
    except OverflowError:
        raise ArgumentFault(f"round({x}, {digits}) is too large for a number") from None


def _power(tracer: Tracer, base: Any, exponent: Any, mod: Any) -> Any:
    if mod is None:
        return tracer.binary("**", base, exponent)  # keeps integers within bounds
    if not all(isinstance(x, int) for x in (base, exponent, mod)) or not mod:
        raise ArgumentFault("pow() takes a modulus, which is not 0, with integers only")
    if exponent < 0 and gcd(base, mod) != 1:
        raise ArgumentFault(f"pow(): {base} has no inverse modulo {mod}")
    return pow(base, exponent, mod)


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
    **FUNCTIONS,
    "sum": _sum, "max": _extremum("max", ">"), "min": _extremum("min", "<"), "len": _len,
    "any": _quantified("any", True), "all": _quantified("all", False), "sorted": _sorted,
    "set": _sequence(set), "dict": _dict,
    "repr": lambda tracer, args, keywords: tracer.text(only(args, keywords, "repr"), quoted=True),
    "range": _range, "float": _cast(float), "int": _cast(int), "bool": _cast(bool),
    "str": lambda tracer, args, keywords: tracer.text(only(args, keywords, "str")) if args else "",
    "zip": _zip, "enumerate": _enumerate, "list": _sequence(list), "tuple": _sequence(tuple),
    "reversed": _reversed, "print": _print,
    "round": _on_numbers("round(number: plain, ndigits: whole = None)", _round),
    "abs": _on_numbers("abs(x: any)", _abs),
    "pow": _on_numbers("pow(base: any, exp: any, mod: any = None)", _power),
}  # fmt: skip
