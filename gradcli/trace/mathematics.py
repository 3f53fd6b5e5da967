"""Python's module `math`: of numbers as Python has it, of tensors an operation of the same name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, LimitFault
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.rule import number
from gradcli.trace.calls import Args, Keywords, any_node, row_function
from gradcli.trace.values import Function, check_bits

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

NUMBERS_ONLY = {"remainder", "dist", "prod", "isclose"}  # what means something else on tensors
GROWING = {"factorial": 500, "comb": 2000, "perm": 500}  # functions to the largest number they take


def member(name: str) -> Any:
    """Return what `math` has under a name, None where it has nothing."""
    found = None if name.startswith("_") else getattr(math, name, None)
    return Function(name, _function(name, found)) if callable(found) else found


def _check_bits(name: str, args: Args) -> None:
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
        _check_bits(name, args)
        if name in GROWING and any(isinstance(x, int) and x > GROWING[name] for x in args):
            raise LimitFault(f"math.{name}() of more than {GROWING[name]}")
        try:
            return function(*args, **keywords)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ArgumentFault(f"math.{name}(): {error}") from None

    return run
