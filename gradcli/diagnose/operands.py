"""Where the operands of an operation stand in the file, and other texts for them."""

from __future__ import annotations

from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax import tree
from gradcli.trace.values import Namespace

# what the first operands are called, and the target of a loss of two predictions
NAMES = (("input", "a", "x1", "input1"), ("target", "other", "b", "x2", "input2"), ("target",))
BUILT_IN = ("torch", "nn", "F", "np", "numpy", "jnp", "jax")  # known without an import
TIGHT = (tree.Name, tree.Call, tree.Attribute, tree.Subscript, tree.Group, tree.ListDisplay)


def call_of(subject: Subject, row: int) -> tree.Call | None:
    """Return the call that made a row, None where something else did."""
    node = _inner(subject.expression(subject.span(row)))
    return node if isinstance(node, tree.Call) else None


def operands_of(subject: Subject, expression: object) -> list[Span]:
    """Return the places of the operands of an operator or a call, in their order."""
    node = _inner(expression)
    if isinstance(node, tree.Binary):
        return [node.left.span, node.right.span]
    if isinstance(node, tree.Unary):
        inner = _inner(node.operand)
        return [getattr(inner, "span", node.operand.span)]
    if not isinstance(node, tree.Call):
        return []
    found = [x.span for x in node.arguments]
    function = node.function
    if isinstance(function, tree.Attribute) and not is_namespace(subject, function.value):
        found.insert(0, function.value.span)
    for names in NAMES[len(found) :]:
        found += [k.value.span for k in node.keywords if k.name in names]
    return found


def operand(subject: Subject, row: int, slot: int) -> Span | None:
    """Return the place of an operand of the operation that made a row."""
    found = operands_of(subject, subject.expression(subject.span(row)))
    return found[slot] if slot < len(found) else None


def is_namespace(subject: Subject, node: tree.Expression) -> bool:
    """Say whether an expression is a library, as `torch.nn.functional` is."""
    while isinstance(node, tree.Attribute):
        node = node.value
    scope = subject.session.tracer.scope
    if not isinstance(node, tree.Name):
        return False
    return node.id in BUILT_IN if node.id not in scope else isinstance(scope[node.id], Namespace)


def function_name(call: tree.Call) -> Span:
    """Return the place of a function's own name: that of `softmax` in `F.softmax(x)`."""
    function = call.function
    return function.name_span if isinstance(function, tree.Attribute) else function.span


def bracketed(subject: Subject, span: Span) -> str:
    """Return the text of an expression as a method may follow it: in brackets where it must."""
    text, node = subject.written(span), subject.expression(span)
    return text if isinstance(_value(node), TIGHT) else f"({text})"


def _value(node: tree.Expression | tree.Statement | None) -> object:
    return node.value if isinstance(node, tree.ExpressionStatement) else node


def _inner(node: object) -> object:
    """Return what stands in brackets, or in a statement on its own."""
    while isinstance(node, tree.Group | tree.ExpressionStatement):
        node = node.inner if isinstance(node, tree.Group) else node.value
    return node
