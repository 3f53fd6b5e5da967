"""`assert`: claims, evaluated with both of their sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcli.errors import GradcliError
from gradcli.graph import Node
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.builtins import close_arguments
from gradcli.trace.expressions import holds
from gradcli.trace.values import Function, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.errors import Span
    from gradcli.trace.interpreter import Tracer


@dataclass(frozen=True)
class ClaimRecord:
    """A claim: what it says, whether it holds, and its sides where it has two.

    `left` and `right` are pairs of source text and value (a node or a number), as it was when the
    claim was made; `relation` is the comparison, or `≈` for `allclose`.
    """

    span: Span
    source: str
    holds: bool
    message: str | None
    relation: str | None = None
    left: tuple[str, Any] | None = None
    right: tuple[str, Any] | None = None
    tolerances: tuple[float, float] | None = None


def claim(tracer: Tracer, s: tree.Assert) -> ClaimRecord:
    """Evaluate an `assert`; a false one is reported, and the file goes on."""
    test = s.test
    while isinstance(test, tree.Group):
        test = test.inner
    message = None if s.message is None else tracer.text(tracer.evaluate(s.message))
    source = tracer.source.snippet(s.test.span)
    if isinstance(test, tree.Compare) and len(test.rest) == 1:
        return _comparison(tracer, s, test, source, message)
    if isinstance(test, tree.Call):
        function = tracer.evaluate(test.function)
        if isinstance(function, Function) and function.name in ("allclose", "equal"):
            return _closeness(tracer, s, test, function, source, message)
    return ClaimRecord(s.span, source, holds(tracer, test), message)


def now(value: Any) -> Any:
    """Return a side as it is now, whatever is changed in place further down; None: of no shape."""
    if isinstance(value, Node):
        return Node(value.graph, value.id)
    try:
        return to_array(value) if is_numeric_list(value) else value
    except GradcliError:
        return None


def _comparison(
    tracer: Tracer, s: tree.Assert, test: tree.Compare, source: str, message: str | None
) -> ClaimRecord:
    operator, second = test.rest[0]
    left, right = tracer.evaluate(test.first), tracer.evaluate(second)
    tracer.graph.span = test.span
    found = tracer.truth(operators.compare(tracer, operator, left, right))
    return ClaimRecord(
        s.span, source, found, message, operator,
        (tracer.source.snippet(test.first.span), now(left)),
        (tracer.source.snippet(second.span), now(right)),
    )  # fmt: skip


def _closeness(
    tracer: Tracer,
    s: tree.Assert,
    test: tree.Call,
    function: Function,
    source: str,
    message: str | None,
) -> ClaimRecord:
    args = tuple(tracer.evaluate(a) for a in test.arguments)
    keywords = {k.name: tracer.evaluate(k.value) for k in test.keywords}
    tracer.graph.span = test.span
    found = function.run(tracer, args, keywords)
    if len(test.arguments) < 2:
        return ClaimRecord(s.span, source, found, message)
    texts = [tracer.source.snippet(a.span) for a in test.arguments[:2]]
    exact = function.name == "equal"
    tolerances = None if exact else close_arguments(args, keywords)[2:4]
    return ClaimRecord(
        s.span, source, found, message, "==" if exact else "≈",
        (texts[0], now(args[0])), (texts[1], now(args[1])), tolerances,
    )  # fmt: skip
