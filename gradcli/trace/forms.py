"""Another library's arguments for functions of the table: their names, order and defaults.

A form is the library's signature and what it means in operations of the table. Lists, and numbers
where an operation takes tensors only, become tensors, as they do in NumPy. What a signature
leaves out is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.dtypes import is_differentiable
from gradcli.rule.rule import number
from gradcli.rule.signature import TENSOR_KINDS, Signature
from gradcli.trace.calls import Args, Keywords
from gradcli.trace.values import Function, is_numeric_list, results_of

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Form = tuple[str, Callable[..., Any]]
LISTS = ("tensors", "arrays")  # kinds of parameters


def row_of(name: str, *args: Any, **keywords: Any) -> Any:
    """Return the result of an operation of the table, of any dtype that the library takes."""
    return ROWS[name].call(args, keywords, lenient=True)


def as_floats(a: Any) -> Any:
    """Return integers and booleans as floats, which NumPy takes means and norms of."""
    return a if is_differentiable(a.dtype) else row_of("to", a, a.default_dtype)


def dims_of(axis: Any) -> Any:
    """Return NumPy's axis as PyTorch's dims: () reduces nothing there, and everything here."""
    if axis == ():
        raise ArgumentFault("axis=() reduces no dimension", hint="axis=None reduces all of them")
    return axis


def form_function(name: str, text: str, expand: Callable[..., Any]) -> Function:
    """Return a form as a function of a file."""
    signature = Signature(name + text)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        given = with_tensors(tracer, signature, args, keywords, numbers=True)
        return results_of(expand(*signature.bind(*given).values()), name)

    return Function(name, run)


def with_tensors(
    tracer: Tracer, signature: Signature, args: Args, keywords: Keywords, numbers: bool = False
) -> tuple[Args, Keywords]:
    """Make tensors of lists, and of numbers too if asked, where the signature has tensors."""

    def tensor(x: Any) -> Any:
        if is_numeric_list(x) or (isinstance(x, tuple) and is_numeric_list([*x])):
            return tracer.tensor(x)
        return tracer.tensor(x) if numbers and number(x) else x

    def taken(kind: str, x: Any) -> Any:
        x = list(x) if hasattr(x, "__next__") else x
        if kind in LISTS:
            several = row_of("unbind", x) if isinstance(x, Node) and x.shape else x
            return [tensor(y) for y in several] if isinstance(several, tuple | list) else x
        return tensor(x) if kind in TENSOR_KINDS else x

    kinds = {p.name: p.kind.rstrip("?") for p in signature.parameters}
    places = [*kinds.values(), *("any" for _ in args)]
    found = tuple(taken(kind, x) for kind, x in zip(places, args, strict=False))
    words = {k: taken(kinds.get(signature.word(k) or k, "any"), x) for k, x in keywords.items()}
    return found, words
