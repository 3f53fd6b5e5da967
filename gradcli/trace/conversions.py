"""What Python's types give when they are called: `int("7")`, `list(x)`, `complex(1, 2)`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.signature import Signature
from gradcli.trace.budgets import made
from gradcli.trace.calls import Args, Keywords, any_node, only, row_function
from gradcli.trace.classes import Instance, special
from gradcli.trace.containers import items_of, update
from gradcli.trace.containers import key as hashable
from gradcli.trace.sentences import class_name, fault, python_errors
from gradcli.trace.values import check_bits, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MOST_DIGITS = 4300  # of an integer that Python reads from a text, or writes as one
INT = Signature("int(x: any, base: int = 10)")
COMPLEX = Signature("complex(real: any = 0, imag: any = 0)")
READABLE = (int, float, complex, str, list, tuple, dict, set, type(None))  # Python says what it is


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


def _number(tracer: Tracer, kind: Any, x: Any) -> Any:
    """Return a tensor of one element, or an object, as a number; anything else as it is."""
    if isinstance(x, Instance):
        own = special(tracer, x, f"__{kind.__name__}__")
        return x if own is None else own()
    if not isinstance(x, Node):
        return x
    if x.requires_grad and kind is float:
        tracer.notice(
            "Converting a tensor with requires_grad=True to a scalar may lead to "
            "unexpected behavior.\nConsider using tensor.detach() first."
        )
    return item(tracer, x)


def cast(kind: Any) -> Any:
    """Return what `int`, `float` or `bool` does when it is called."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args and not keywords:
            return kind()
        if kind is int and (len(args) == 2 or "base" in keywords):
            x, *base = INT.bind(args, keywords).values()
        else:
            x, base = only(args, keywords, kind.__name__), []
        if kind is bool:
            return tracer.truth(x)
        x = _number(tracer, kind, x)
        found = _converted(kind, x, *base)
        if kind is int:
            check_bits(found.bit_length(), "the integer")
        return found

    return run


def _converted(kind: Any, x: Any, *base: int) -> Any:
    """Return a number or a text as `int`, `float` or `complex`.

    Raises: ArgumentFault, with Python's sentence, for what is none; LimitFault for a text that is
    too long.
    """
    if not isinstance(x, READABLE):
        name = class_name(x)
        wanted = "a string, a bytes-like object or a real" if kind is int else "a string or a real"
        raise fault(TypeError(f"{kind.__name__}() argument must be {wanted} number, not '{name}'"))
    if isinstance(x, str) and len(x) > MOST_DIGITS:
        raise LimitFault(f"{kind.__name__}() of a text of more than {MOST_DIGITS:,} characters")
    try:
        return kind(x, *base)
    except (TypeError, ValueError, OverflowError) as error:
        raise fault(error) from None


def complex_number(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`complex(1, 2)`, `complex("1+2j")`; of tensors that are its parts, PyTorch's operation."""
    if len(args) + len(keywords) == 2 and any_node((*args, *keywords.values())):
        return row_function(ROWS["complex"], "complex").run(tracer, args, keywords)
    real, imag = (_number(tracer, complex, x) for x in COMPLEX.bind(args, keywords).values())
    for x in (real, imag):
        if not isinstance(x, READABLE):
            raise fault(TypeError(f"a complex number is made of numbers, not '{class_name(x)}'"))
    alone = len(args) + len(keywords) == 1 and "imag" not in keywords
    try:
        return complex(real) if alone else complex(real, imag)
    except (TypeError, ValueError, OverflowError) as error:
        raise fault(error) from None


def sequence(kind: Any) -> Any:
    """Return what `list`, `tuple`, `set` or `frozenset` does when it is called."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if len(args) > 1:
            raise ArgumentFault(f"{kind.__name__}() takes one argument ({len(args)} given)")
        if keywords:
            raise ArgumentFault(f"{kind.__name__}() takes no keyword arguments")
        found = items_of(tracer, args[0]) if args else []
        with python_errors():
            keyed = kind in (set, frozenset)
            result = kind(hashable(x) for x in found) if keyed else kind(found)
        return made(tracer, result, tracer.graph.place)

    return run


def dictionary(tracer: Tracer, args: Args, keywords: Keywords) -> dict[Any, Any]:
    """`dict(pairs, name=value)`."""
    if len(args) > 1:
        raise ArgumentFault(f"dict() takes one argument ({len(args)} given)")
    found: dict[Any, Any] = {}
    with python_errors():
        update(tracer, found, *args, **keywords)
    return found


def text(tracer: Tracer, args: Args, keywords: Keywords) -> str:
    """`str(x)`."""
    if keywords.keys() == {"object"} and not args:
        return tracer.text(keywords["object"])
    return tracer.text(only(args, keywords, "str")) if args or keywords else ""


def range_of(tracer: Tracer, args: Args, keywords: Keywords) -> range:
    """`range(stop)`, `range(start, stop, step)`.

    Raises: LimitFault where it has more steps than are allowed.
    """
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


def slice_of(tracer: Tracer, args: Args, keywords: Keywords) -> slice:
    """`slice(stop)`, `slice(start, stop, step)`."""
    if keywords or not 1 <= len(args) <= 3:
        raise ArgumentFault(f"slice() takes one to three arguments ({len(args)} given)")
    return slice(*args)


def size_of(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.Size([2, 3])`."""
    from gradcli.trace.values import Size

    sizes = items_of(tracer, only(args, keywords, "torch.Size")) if args else []
    if not all(isinstance(n, int | np.integer) for n in sizes):
        raise fault(TypeError("torch.Size() takes an iterable of 'int'"))
    return Size(sizes)
