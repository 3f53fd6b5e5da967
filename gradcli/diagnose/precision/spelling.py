"""Terms in the place of the rows that they stand for: the edit of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcli.diagnose.findings import Edit
from gradcli.diagnose.precision.reading import Reading, expression, operands_of
from gradcli.diagnose.precision.terms import Term, name
from gradcli.diagnose.precision.written import ATOM, POWER, PRODUCT, SUM, ranked
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax import tree
from gradcli.trace.values import Namespace

WORDS = tree.Name | tree.Attribute | tree.Subscript
FUNCTIONAL = "torch.nn.functional"
OF_NETS = "softplus", "logsigmoid"  # torch has them there alone
OF_TENSORS = "hypot", "logaddexp", "atan2"
OF_TORCH = *OF_NETS, "sigmoid", "logit", "erf", "erfc", "xlogy", "log_softmax"  # no NumPy has them


def edit(subject: Subject, read: Reading, term: Term, *, prefixed: bool = True) -> Edit | None:
    """Return a term in the place of the row that was read, None where an operand has no name."""
    place, names = subject.span(read.row), {}
    if "torch" in _libraries(subject) and _takes_numbers(term):
        return None
    for own in sorted(term.names):
        text = read.numbers[own][1] if own in read.numbers else _spelling(subject, read, own)
        if text is None:
            return None
        names[own] = name(text)
    rank, text = ranked(_named(term, names), lambda x: function(subject, x) if prefixed else x)
    place, needed = _surroundings(subject, place)
    return Edit(place, text if rank >= needed else f"({text})")


def _takes_numbers(term: Term) -> bool:
    """Say whether a function of two tensors has a number among them, which no torch takes."""
    own = term.op in OF_TENSORS and any(x.value is not None for x in term.args)
    return own or any(map(_takes_numbers, term.args))


def function(subject: Subject, word: str) -> str:
    """Return how the file calls a function that its library has; gradcli has the others itself."""
    spaces = _libraries(subject)
    if word in OF_NETS and FUNCTIONAL in spaces:
        return f"{spaces[FUNCTIONAL]}.{word}"
    if word in OF_NETS and "torch" in spaces:
        return f"{spaces['torch']}.nn.functional.{word}"
    return word if word in OF_TORCH and "torch" not in spaces else subject.function(word)


def _libraries(subject: Subject) -> dict[str, str]:
    """Return what the file calls the libraries that it imports, by their own names."""
    scope = subject.session.tracer.scope
    return {x.path: own for own, x in scope.items() if isinstance(x, Namespace)}


def _named(term: Term, names: Mapping[str, Term]) -> Term:
    if term.op == "name":
        return names[term.name]
    args = tuple(_named(x, names) for x in term.args)
    return Term(term.op, args, term.weights, term.factor, term.name)


def _surroundings(subject: Subject, place: Span) -> tuple[Span, int]:
    """Return what is replaced, brackets that are not needed too, and how tightly it must bind."""
    node = expression(subject, place)
    nodes = list(tree.nodes_of(subject.statements))
    around = next((x for x in nodes if isinstance(x, tree.Group) and x.inner.span == place), None)
    whole = node if around is None else around
    if any(_has_alone(x, whole) for x in nodes):
        return whole.span if around else place, SUM
    return (around.span, ATOM) if around else (place, _rank(node))


def _has_alone(node: Any, part: Any) -> bool:
    """Say whether a part stands alone in a node, with nothing beside it that binds."""
    if isinstance(node, tree.Assign | tree.Return | tree.ExpressionStatement):
        return node.value is part
    return isinstance(node, tree.Call) and any(x is part for x in node.arguments)


def _rank(node: Any) -> int:
    if isinstance(node, tree.Binary):
        return {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}.get(node.operator, POWER)
    return SUM if isinstance(node, tree.Unary | None) else ATOM


def _spelling(subject: Subject, read: Reading, own: str) -> str | None:
    """Return the text of a row where another one is written: its name, or what makes it there."""
    notes, row, place = subject.graph.notes, read.rows[own], subject.span(read.row)
    if notes.called_at(read.row) is None:
        names = [x for x in (notes.names.get(row), *notes.aliases.get(row, ())) if x is not None]
        written = {str(x.id) for x in tree.nodes_of([expression(subject, place)])
                   if isinstance(x, tree.Name)}  # fmt: skip
        if names:
            return str(next((x for x in names if x in written), names[0]))
    for span in (notes.spans[row], notes.called_at(row)):
        if (
            span is not None
            and span != place
            and place.start <= span.start <= span.end <= place.end
        ):
            return subject.written(span)
    return _argument(subject, read, row)


def _argument(subject: Subject, read: Reading, row: int) -> str | None:
    """Return what a function's body calls a row: the word that stands where it is an operand."""
    graph, notes = subject.graph, subject.graph.notes
    for i in read.inner:
        if row not in graph.inputs[i] or notes.called_at(i) != notes.called_at(read.row):
            continue
        operands = operands_of(expression(subject, notes.spans[i]))
        spans = {x.span for x in operands}
        words = [x for x in operands if isinstance(x, WORDS)]
        outer = [k for k in graph.inputs[i] if k >= 0 and notes.spans[k] not in spans]
        numbers = {text for _, text in read.numbers.values()}
        words = [x for x in words if subject.written(x.span) not in numbers]
        if row in outer and len(outer) == len(words):
            return subject.written(words[outer.index(row)].span)
    return None
