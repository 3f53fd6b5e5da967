"""`assert`: claims, evaluated with both of their sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gradcli.errors import GradcliError
from gradcli.graph import Node
from gradcli.syntax import tree
from gradcli.trace import operators
from gradcli.trace.builtins import close_arguments
from gradcli.trace.code import keywords_of, truth
from gradcli.trace.inputs import calls
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
    message: str | None = None
    relation: str | None = None
    left: tuple[str, Any] | None = None
    right: tuple[str, Any] | None = None
    tolerances: tuple[float, float] | None = None


def claim(tracer: Tracer, s: tree.Assert) -> Callable[[], ClaimRecord]:
    """Return what evaluates an `assert`; a false one is reported, and the file goes on.

    As in Python a message is evaluated where the claim is false; a plain text is known anyhow.
    """
    test = s.test
    while isinstance(test, tree.Group):
        test = test.inner
    message_of = None if s.message is None else tracer.code(s.message)
    evaluate, is_plain = _evaluated(tracer, s, test), isinstance(s.message, tree.Constant)

    def run() -> ClaimRecord:
        found = evaluate()
        if message_of is None or (found.holds and not is_plain):
            return found
        return replace(found, message=tracer.text(message_of()))

    return run


def _evaluated(tracer: Tracer, s: tree.Assert, test: tree.Expression) -> Callable[[], ClaimRecord]:
    if isinstance(test, tree.Compare) and len(test.rest) == 1:
        return _comparison(tracer, s, test)
    holds, source = truth(tracer, test), tracer.source.snippet(s.test.span)

    def plain() -> ClaimRecord:
        return ClaimRecord(s.span, source, holds())

    starred = isinstance(test, tree.Call) and any(
        isinstance(a, tree.Starred) for a in test.arguments
    )
    if isinstance(test, tree.Call) and not starred and not calls(test.function):
        return _closeness(tracer, s, test, plain)
    return plain


def now(value: Any) -> Any:
    """Return a side as it is now, whatever is changed in place further down; None: of no shape."""
    if isinstance(value, Node):
        return Node(value.graph, value.id)
    try:
        return to_array(value) if is_numeric_list(value) else value
    except GradcliError:
        return None


def _comparison(tracer: Tracer, s: tree.Assert, test: tree.Compare) -> Callable[[], ClaimRecord]:
    operator, second = test.rest[0]
    left_of, right_of = tracer.code(test.first), tracer.code(second)
    source, *texts = (tracer.source.snippet(e.span) for e in (s.test, test.first, second))

    def run() -> ClaimRecord:
        left, right = left_of(), right_of()
        tracer.graph.span = test.span
        found = tracer.truth(operators.compare(tracer, operator, left, right))
        sides = (texts[0], now(left)), (texts[1], now(right))
        return ClaimRecord(s.span, source, found, None, operator, *sides)

    return run


def _closeness(
    tracer: Tracer, s: tree.Assert, test: tree.Call, otherwise: Callable[[], ClaimRecord]
) -> Callable[[], ClaimRecord]:
    """Return what evaluates a call as `allclose` or `equal`, where it turns out to be one."""
    function_of = tracer.code(test.function)
    given = [tracer.code(a) for a in test.arguments]
    words = keywords_of(tracer, test.keywords)
    source, *texts = (tracer.source.snippet(e.span) for e in (s.test, *test.arguments[:2]))

    def run() -> ClaimRecord:
        function = function_of()
        if not (isinstance(function, Function) and function.name in ("allclose", "equal")):
            return otherwise()
        args = tuple([value() for value in given])
        keywords = words()
        tracer.graph.span = test.span
        found = function.run(tracer, args, keywords)
        if len(args) < 2:
            return ClaimRecord(s.span, source, found)
        exact = function.name == "equal"
        tolerances = None if exact else close_arguments(args, keywords)[2:4]
        sides = (texts[0], now(args[0])), (texts[1], now(args[1]))
        return ClaimRecord(s.span, source, found, None, "==" if exact else "≈", *sides, tolerances)

    return run
