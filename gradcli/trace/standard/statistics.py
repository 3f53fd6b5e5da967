"""`statistics`: of lists of numbers, as Python computes them."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from gradcli.graph import Node
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.containers import items_of
from gradcli.trace.sentences import class_name, fault
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# what takes one list of numbers, and the centre that some of them may be told
OF_NUMBERS = {
    "mean": "", "fmean": "", "median": "", "median_low": "", "median_high": "", "mode": "",
    "multimode": "", "geometric_mean": "", "harmonic_mean": "", "stdev": "xbar", "variance": "xbar",
    "pstdev": "mu", "pvariance": "mu",
}  # fmt: skip


def _function(name: str, centre: str) -> Function:
    more = f", {centre}: any = None" if centre else ""
    signature = Signature(f"{name}(data: any{more})")

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        data, *around = signature.bound(args, keywords).values()
        items = items_of(tracer, data)
        for x in (*items, *around):
            if isinstance(x, Node):
                raise fault(
                    TypeError(f"{name}() takes numbers, not tensors"),
                    hint="tensors have mean(), median(), std() and var() of their own",
                )
            if x is not None and (not number(x) or isinstance(x, complex)):
                raise fault(TypeError(f"can't convert type '{class_name(x)}' to numerator"))
        try:
            return getattr(statistics, name)(items, *around)
        except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
            raise fault(error) from None

    return Function(name, run)


MODULES: dict[str, dict[str, Any]] = {
    "statistics": {name: _function(name, centre) for name, centre in OF_NUMBERS.items()}
}
