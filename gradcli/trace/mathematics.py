"""Python's module `math`: of numbers as Python has it, of tensors an operation of the same name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature, brief
from gradcli.trace.calls import Args, Keywords, any_node, row_function
from gradcli.trace.values import Function, check_bits, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

OF_TENSORS = "of a tensor it is nan or inf there: write tensor(…)"
NUMBERS_ONLY = {"remainder", "dist", "prod", "isclose"}  # what means something else on tensors
GROWING = {"factorial": 500, "comb": 2000, "perm": 500}  # functions to the largest number they take
# parameters of the functions that take more than one real number
PARAMETERS = {
    **dict.fromkeys(("atan2", "copysign", "pow"), "y: plain, x: plain"),
    **dict.fromkeys(("fmod", "nextafter", "remainder"), "x: plain, y: plain"),
    **dict.fromkeys(("factorial", "isqrt"), "n: whole"),
    **dict.fromkeys(("dist", "sumprod"), "p: any, q: any"),
    "comb": "n: whole, k: whole", "perm": "n: whole, k: whole = None",
    "fma": "x: plain, y: plain, z: plain",
    "fsum": "seq: any", "prod": "iterable: any, start: any = 1",
    "isclose": "a: plain, b: plain, rel_tol: plain = 1e-09, abs_tol: plain = 0.0",
    "ldexp": "x: plain, i: whole", "log": "x: plain, base: plain = None",
}  # fmt: skip
BY_NAME = ("rel_tol", "abs_tol", "start")  # parameters that Python takes by their names alone
OF_SEQUENCES = {"dist", "sumprod", "fsum", "prod"}
OF_MANY = {"gcd": "whole", "lcm": "whole", "hypot": "plain"}  # the kind of any number of arguments


def member(name: str) -> Any:
    """Return what `math` has under a name, None where it has nothing."""
    found = None if name.startswith("_") else getattr(math, name, None)
    return Function(name, _function(name, found)) if callable(found) else found


def _check_bits(name: str, args: Sequence[Any]) -> None:
    """Refuse integers whose product is beyond reason.

    Raises: LimitFault, ArgumentFault where what is multiplied is no number.
    """
    factors = args[0] if name == "prod" and args and isinstance(args[0], list | tuple) else args
    if name == "prod" and not all(number(x) for x in factors):
        raise ArgumentFault("math.prod() takes a list of numbers")
    check_bits(
        sum(x.bit_length() for x in factors if isinstance(x, int) and abs(x) > 1),
        f"the result of math.{name}()",
    )


def _function(name: str, function: Callable[..., Any]) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if any_node((*args, *keywords.values())):
            if name in NUMBERS_ONLY or name not in ROWS:
                raise ArgumentFault(
                    f"math.{name}() takes numbers, not tensors", hint="x.item() is a number"
                )
            return row_function(ROWS[name], name).run(tracer, args, keywords)
        parameters = PARAMETERS.get(name, "x: plain")
        if name in OF_MANY:
            parameters = ", ".join(f"x{i}: {OF_MANY[name]}" for i in range(1, len(args) + 1))
        given = Signature(f"math.{name}({parameters})").bind(args, keywords)
        named = {word: given.pop(word) for word in BY_NAME if word in given}
        values = [_numbers(tracer, name, x) if name in OF_SEQUENCES else x
                  for x in given.values() if x is not None]  # fmt: skip
        _check_bits(name, values)
        if name in GROWING and any(isinstance(x, int) and x > GROWING[name] for x in values):
            raise LimitFault(f"math.{name}() of more than {GROWING[name]}")
        return _computed(name, function, values, named)

    return run


def _numbers(tracer: Tracer, name: str, items: Any) -> list[Any]:
    """Return the numbers of a sequence.

    Raises: ArgumentFault where one is none.
    """
    found = list(tracer.iterate(items))
    for x in found:
        if not number(x) or (isinstance(x, complex) and name != "prod"):
            raise ArgumentFault(f"math.{name}() takes real numbers, not {described(x)}")
    return found


def _computed(name: str, function: Callable[..., Any], values: list[Any], named: Keywords) -> Any:
    """Return what a function is of numbers.

    Raises: ArgumentFault where it has no value there, or one that is too large.
    """
    call = f"math.{name}({', '.join(brief(x) for x in values)})"
    try:
        return function(*values, **named)
    except (TypeError, ValueError, ZeroDivisionError):
        raise ArgumentFault(f"{call} is not defined", hint=OF_TENSORS) from None
    except OverflowError:
        if any(isinstance(x, float) and not math.isfinite(x) for x in values):
            raise ArgumentFault(f"{call} is not defined", hint=OF_TENSORS) from None
        raise ArgumentFault(f"{call} is too large for a number", hint=OF_TENSORS) from None
