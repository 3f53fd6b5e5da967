"""Other texts for pieces of a file: a call taken off, a block opened, a line more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gradcli.diagnose.findings import Edit
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax.tree import (
    Assign,
    Attribute,
    Augmented,
    Call,
    Constant,
    Def,
    Expression,
    ExpressionStatement,
    Group,
    ListDisplay,
    Name,
    Statement,
    Subscript,
    With,
    nodes_of,
)

PRIMARY = Name, Call, Attribute, Subscript, Group, Constant, ListDisplay
TAKEN_OFF = "detach", "item", "numpy", "tolist", "long", "int", "short"  # of methods
WRAPPERS = ("detach", "stop_gradient", "tensor", "as_tensor", "from_numpy", "array", "asarray",
            "float", "int")  # fmt: skip
SIMPLE = Assign, Augmented, ExpressionStatement
SILENCERS = re.compile(r"no_grad|inference_mode|set_grad_enabled")
TRAILING = re.compile(r"(\s*\.(cpu|numpy|clone)\(\))+")


def expression_at(subject: Subject, span: Span) -> Expression | None:
    """Return the outermost expression that a piece of the file is, None where it is none."""
    found = subject.expression(span)
    return found.value if isinstance(found, ExpressionStatement) else found


def inner(node: Expression | None) -> Expression | None:
    """Return x of `x.detach()`, `x.data` and `float(x)`, None for other expressions."""
    if isinstance(node, Attribute) and node.name == "data":
        return node.value
    if not isinstance(node, Call):
        return None
    function = node.function
    name = function.name if isinstance(function, Attribute) else getattr(function, "id", "")
    if isinstance(function, Attribute) and name in TAKEN_OFF and not node.arguments:
        return function.value
    return node.arguments[0] if name in WRAPPERS and node.arguments else None


def taken_off(subject: Subject, span: Span) -> Iterator[Edit]:
    """Yield what puts x in the place of `x.detach()`, and of `x.detach().numpy()`."""
    left = inner(expression_at(subject, span))
    if left is None:
        return
    text = instead(subject, span, left)
    yield Edit(span, text)
    if (further := inner(left)) is not None:  # tensor(w.tolist())
        yield Edit(span, instead(subject, span, further))
    if more := TRAILING.match(subject.source.text, span.end):
        yield Edit(Span(span.start, more.end()), text)


def instead(subject: Subject, span: Span, node: Expression) -> str:
    """Return an expression's text for another place, in brackets where it needs them there."""
    text = subject.source.text
    before, after = text[: span.start].rstrip()[-1:], text[span.end :].lstrip(" ")[:1]
    alone = before in ("", "=", "(", "[", ",") and after in ("", "\n", "\r", "#", ")", "]", ",")
    if not alone:
        return primary(subject, node)
    return subject.written(node.inner.span if isinstance(node, Group) else node.span)


def primary(subject: Subject, node: Expression) -> str:
    """Return the text of an expression, in brackets where what follows would tear it apart."""
    text = subject.written(node.span)
    return text if isinstance(node, PRIMARY) else f"({text})"


def readings(subject: Subject) -> list[Edit]:
    """Return what takes off each `x.item()`, `float(x)` and the like of the file."""
    return [
        Edit(node.span, instead(subject, node.span, left))
        for node in nodes_of(subject.statements)
        if (left := inner(node)) is not None and any(isinstance(n, Name) for n in nodes_of([left]))
    ]


def stacked(subject: Subject, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield `stack([a, b])` for each `tensor([a, b])`, with other edits made inside of it."""
    for node in nodes_of(subject.statements):
        left = inner(node)
        items = left.items if isinstance(left, ListDisplay) else ()
        if items and not any(isinstance(item, Constant | ListDisplay) for item in items):
            assert left is not None, "it has items"
            text = applied(subject, left.span, edits)
            yield Edit(node.span, f"{subject.function('stack')}({text})")


def applied(subject: Subject, span: Span, edits: Sequence[Edit]) -> str:
    """Return the text of a piece of the file with the edits made that lie in it."""
    text, end = "", span.end
    for edit in sorted(edits, reverse=True):
        if span.start <= edit.span.start and edit.span.end <= end:
            text = edit.text + subject.source.text[edit.span.end : end] + text
            end = edit.span.start
    return subject.source.text[span.start : end] + text


# ---- blocks and lines ----------------------------------------------------------------------


def recorded(subject: Subject, span: Span) -> Iterator[Edit]:
    """Yield what takes a piece of the file out of its `with no_grad()`, or its `@no_grad()`."""
    around = [n for n in nodes_of(subject.statements) if isinstance(n, With | Def)
              and n.span.start <= span.start and span.end <= n.span.end]  # fmt: skip
    for node in sorted(around, key=lambda n: n.span.end - n.span.start):
        silencers = [c.value for c in node.contexts] if isinstance(node, With) else node.decorators
        if not any(SILENCERS.search(subject.written(x.span)) for x in silencers):
            continue
        if isinstance(node, With):
            yield Edit(node.span, body_of(subject, node))
        else:
            first = silencers[0].span.start
            start = subject.source.text.rfind("\n", 0, first) + 1
            yield Edit(Span(start, subject.source.text.find("\n", first) + 1), "")


def body_of(subject: Subject, block: With) -> str:
    """Return the text of a block's body, as it stands without the block."""
    first, last = block.body[0].span, block.body[-1].span
    own, inside = indent(subject, block.span), indent(subject, first)
    if len(inside) <= len(own):  # `with no_grad(): x = 1` on one line
        return subject.written(first.to(last))
    return subject.written(first.to(last)).replace("\n" + inside, "\n" + own)


def indent(subject: Subject, span: Span) -> str:
    """Return the white space that the line of a piece of the file begins with."""
    text = subject.source.line_text(subject.source.line_of(span))
    return text[: len(text) - len(text.lstrip())]


def statement_at(subject: Subject, span: Span) -> Statement | None:
    """Return the innermost statement that a piece of the file is in, None where it is in none."""
    found: Statement | None = None
    pending = list(subject.statements)
    while pending:
        statement = pending.pop()
        if statement.span.start <= span.start and span.end <= statement.span.end:
            found = statement
            blocks = ("body", "then", "otherwise")
            pending = [s for block in blocks for s in getattr(statement, block, ())]
    return found


def line_before(subject: Subject, statement: Statement, text: str) -> Edit:
    """Return what puts a line before a statement."""
    start = statement.span.start
    return Edit(Span(start, start), f"{text}\n{indent(subject, statement.span)}")


def line_after(subject: Subject, statement: Statement, text: str) -> Edit:
    """Return what puts a line after a statement."""
    end = subject.source.text.find("\n", statement.span.end)
    end = len(subject.source.text) if end < 0 else end
    return Edit(Span(end, end), f"\n{indent(subject, statement.span)}{text}")


def lines_of(subject: Subject, statement: Statement) -> Span:
    """Return a statement's whole lines."""
    text = subject.source.text
    start = text.rfind("\n", 0, statement.span.start) + 1
    end = text.find("\n", statement.span.end)
    return Span(start, len(text) if end < 0 else end + 1)
