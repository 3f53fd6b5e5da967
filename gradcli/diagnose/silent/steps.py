"""Steps of a loop of training, written as changes in place under no_grad()."""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.diagnose.findings import Edit
from gradcli.diagnose.silent import edits
from gradcli.diagnose.subject import Subject
from gradcli.syntax.tree import (
    Assign,
    Attribute,
    Augmented,
    Binary,
    Call,
    Expression,
    ExpressionStatement,
    Statement,
    Subscript,
)


def in_place(subject: Subject, statement: Statement) -> tuple[str, str] | None:
    """Return what a step changes, and the step in place: `w`, `w -= lr * w.grad`."""
    if isinstance(statement, Augmented):
        return subject.written(statement.target.span), subject.written(statement.span)
    if isinstance(statement, ExpressionStatement):
        of = receiver(statement.value)
        return None if of is None else (subject.written(of.span), subject.written(statement.span))
    if not isinstance(statement, Assign) or len(statement.targets) != 1:
        return None
    target, value = statement.targets[0], statement.value
    name = subject.written(target.span)
    if isinstance(target, Subscript):
        return subject.written(target.value.span), subject.written(statement.span)
    if isinstance(value, Binary) and value.operator in "+-":
        left, right = subject.written(value.left.span), subject.written(value.right.span)
        # `w - a - b` is `(w - a) - b`: the step would be another one
        if left == name:
            return name, f"{name} {value.operator}= {right}"
        if value.operator == "+" and right == name:
            return name, f"{name} += {left}"
    return name, f"{name}.copy_({subject.written(value.span)})"


def receiver(node: Expression) -> Expression | None:
    """Return w of `w.sub_(…)` and of `w.data.sub_(…)`."""
    if not isinstance(node, Call) or not isinstance(node.function, Attribute):
        return None
    of = node.function.value
    return of.value if isinstance(of, Attribute) and of.name == "data" else of


def blocks(
    subject: Subject, statements: Sequence[Statement], steps: Sequence[tuple[str, str]], clear: bool
) -> tuple[Edit, ...]:
    """Return the edits that put steps into blocks, neighbours into one."""
    found, previous = list[Edit](), None
    head = f"with {subject.function('no_grad')}():\n"
    for k, (statement, (_, step)) in enumerate(zip(statements, steps, strict=True)):
        own = edits.indent(subject, statement.span)
        line = subject.source.line_of(statement.span)
        begins = previous is None or line != previous + 1
        text = f"{head}{own}    {step}" if begins else f"    {step}"
        previous = line
        if clear and k == len(steps) - 1:
            text += "".join(f"\n{own}{name}.grad = None" for name, _ in steps)
        found.append(Edit(statement.span, text))
    return tuple(found)


def replaced(
    subject: Subject, statements: Sequence[Statement], steps: Sequence[tuple[str, str]], clear: bool
) -> tuple[Edit, ...]:
    """Return the edits that put steps in the place of statements in a block that there is."""
    found = [Edit(s.span, step) for s, (_, step) in zip(statements, steps, strict=True)]
    if clear:
        own = edits.indent(subject, statements[-1].span)
        resets = "".join(f"\n{own}{name}.grad = None" for name, _ in steps)
        found[-1] = Edit(found[-1].span, found[-1].text + resets)
    return tuple(found)
