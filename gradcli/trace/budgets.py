"""What Python's own values of a file take: texts and lists count as the values of nodes do."""

from __future__ import annotations

from collections import deque
from sys import getsizeof
from typing import TYPE_CHECKING, Any, TypeVar

from gradcli.errors import LimitFault, Span
from gradcli.rule.nesting import NESTED, check_nesting

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

T = TypeVar("T")

SMALL = 128  # bytes of a value that is not counted: the steps that make such are
COUNTED: tuple[type[Any], ...] = (str, list, tuple, dict, set, frozenset, deque)


def kept(tracer: Tracer, value: T) -> T:
    """Return a new value of Python's after counting the bytes that it takes.

    What it holds was counted when that was made. What is dropped again is not taken off: a file
    that makes so much of it does more than a formula.

    Raises: LimitFault where they are more than is allowed.
    """
    if isinstance(value, COUNTED) and (size := getsizeof(value)) > SMALL:
        tracer.graph.charge(size, f"a {type(value).__name__} of {len(value):,}")
    return value


def changed(tracer: Tracer, value: Any, before: int, *added: Any) -> None:
    """Count what a list, dictionary or set has grown by: `before` is the size that it had.

    Raises: LimitFault where that is too much, or what is `added` makes it nested too deeply.
    """
    if (size := getsizeof(value) - before) > 0:
        tracer.graph.charge(size, f"a {type(value).__name__} of {len(value):,}")
    for item in added:
        if isinstance(item, NESTED):
            check_nesting([item])


def made(tracer: Tracer, value: Any, span: Span) -> Any:
    """Return a new list, tuple, dictionary or set after counting it; `span` is where it is written.

    Raises: LimitFault where it is too large, or is nested too deeply.
    """
    items = value.values() if isinstance(value, dict) else value
    try:
        if any(isinstance(x, NESTED) for x in items):
            check_nesting(value)
        return kept(tracer, value)
    except LimitFault as error:
        raise error.at(None, span) from None
