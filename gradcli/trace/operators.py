"""Operators on the values of a file: tensors by the table, Python's values by Python."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import (
    ArgumentFault,
    DtypeFault,
    GradcliError,
    LimitFault,
    NameFault,
    ShapeFault,
    SyntaxFault,
)
from gradcli.graph import Node
from gradcli.ops.meta import shown
from gradcli.ops.rule import number
from gradcli.syntax import tree
from gradcli.trace.values import Function, Results, as_node, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

MAX_BITS = 4096  # of a Python integer: enough for any number a formula has
MAX_ITEMS = 1_000_000

BINARY = {
    "+": python.add, "-": python.sub, "*": python.mul, "/": python.truediv,
    "//": python.floordiv, "%": python.mod, "**": python.pow, "@": python.matmul,
    "&": python.and_, "|": python.or_, "^": python.xor, "<<": python.lshift, ">>": python.rshift,
}  # fmt: skip
COMPARE = {
    "<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge, "==": python.eq,
    "!=": python.ne,
}  # fmt: skip
UNARY: dict[str, Callable[[Any], Any]] = {"-": python.neg, "+": python.pos, "~": python.invert}
BITWISE = ("&", "|", "^")


def binary(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply a binary operator.

    Raises: ArgumentFault, ShapeFault or DtypeFault where the operands do not fit it.
    """
    if isinstance(left, Node) or isinstance(right, Node):
        return _on_tensors(operator, left, right)
    _check_size(operator, left, right)
    try:
        return BINARY[operator](left, right)
    except ZeroDivisionError:
        raise ArgumentFault(
            f"{left} {operator} {right}: division by zero",
            hint="a tensor divided by 0.0 is inf: write tensor(…) / 0.0",
        ) from None
    except OverflowError:
        raise ArgumentFault(f"the result of `{operator}` is too large for a number") from None
    except TypeError:
        hint = "use `**` for powers" if operator == "^" else None
        raise ArgumentFault(
            f"`{operator}` cannot combine {described(left)} and {described(right)}", hint=hint
        ) from None


def _on_tensors(operator: str, left: Any, right: Any) -> Any:
    for side in (left, right):
        if not isinstance(side, Node) and not number(side):
            raise ArgumentFault(
                f"`{operator}` cannot combine {described(left)} and {described(right)}",
                hint="a list in a formula is no tensor: write tensor([...])"
                if isinstance(side, list)
                else None,
            )
    if operator in BITWISE:
        for side in (left, right):
            if isinstance(side, Node) and side.dtype.kind in "fc":
                raise DtypeFault(
                    f'"bitwise_{"xor" if operator == "^" else "and" if operator == "&" else "or"}'
                    f'_cpu" not implemented for {side.dtype.name}',
                    hint="use `**` for powers" if operator == "^" else "these need integers",
                )
    return BINARY[operator](left, right)


def _check_size(operator: str, left: Any, right: Any) -> None:
    """Refuse Python numbers and sequences that grow beyond reason."""
    if operator == "**" and isinstance(left, int) and isinstance(right, int):
        if abs(left) > 1 and right > 0 and left.bit_length() * right > MAX_BITS:
            raise LimitFault(
                f"{left} ** {right} has more than {MAX_BITS} bits",
                hint="use floats: `2.0` for `2`",
            )
    elif operator in ("*", "<<") and isinstance(right, int) and isinstance(left, int):
        bits = left.bit_length() + (right if operator == "<<" else right.bit_length())
        if bits > 2 * MAX_BITS:
            raise LimitFault(f"the result of `{operator}` has more than {2 * MAX_BITS} bits")
    elif operator == "*":
        for items, count in ((left, right), (right, left)):
            if (
                isinstance(items, str | list | tuple)
                and isinstance(count, int)
                and len(items) * count > MAX_ITEMS
            ):
                raise LimitFault(f"a sequence of more than {MAX_ITEMS} items")


def unary(tracer: Tracer, operator: str, value: Any) -> Any:
    """Apply `-`, `+`, `~` or `not`."""
    if operator == "not":
        return not tracer.truth(value)
    if isinstance(value, Node):
        if operator == "~" and value.dtype.kind == "b":
            from gradcli.ops.elementwise import logical_not

            return logical_not(value)
        if operator == "~" and value.dtype.kind in "fc":
            raise DtypeFault(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
            )
    try:
        return UNARY[operator](value)
    except TypeError:
        raise ArgumentFault(f"`{operator}` cannot be applied to {described(value)}") from None


def compare(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply one comparison."""
    if operator in ("is", "is not"):
        same = left is right or (
            isinstance(left, Node) and isinstance(right, Node) and left.id == right.id
        )
        return same == (operator == "is")
    if operator in ("in", "not in"):
        return _contains(tracer, left, right) == (operator == "in")
    if isinstance(left, Node) or isinstance(right, Node):
        if left is None or right is None:
            return operator == "!="
        if not isinstance(left, Node):
            left = left if number(left) else as_node(tracer.graph, left)
        if not isinstance(right, Node):
            right = right if number(right) else as_node(tracer.graph, right)
    try:
        return COMPARE[operator](left, right)
    except TypeError:
        raise ArgumentFault(
            f"`{operator}` cannot compare {described(left)} and {described(right)}"
        ) from None


def _contains(tracer: Tracer, item: Any, container: Any) -> bool:
    for other in tracer.iterate(container):
        if isinstance(item, str) and isinstance(container, str):
            return item in container
        if tracer.truth(compare(tracer, "==", item, other)):
            return True
    return False


def named(
    tracer: Tracer, error: ShapeFault, operands: list[tuple[tree.Expression, Any]]
) -> GradcliError:
    """Add to a shape error which operand has which shape, as the file names them."""
    if error.source is None:
        shapes = [
            f"`{tracer.source.snippet(e.span)}` has shape {list(value.shape)}"
            for e, value in operands
            if isinstance(value, Node)
        ]
        error.hint = "; ".join([*([", ".join(shapes)] if shapes else []),
                                *([error.hint] if error.hint else [])])  # fmt: skip
    return error.at(tracer.source, tracer.graph.span)


def member_of(tracer: Tracer, value: Any, e: tree.Attribute) -> Any:
    """Return an attribute of a value that is no tensor.

    Raises: NameFault where it has none of that name.
    """
    name = e.name
    if isinstance(value, Results) and name in value.names:
        return value.items[value.names.index(name)]
    if isinstance(value, list) and name in ("append", "extend"):
        method = getattr(value, name)
        return Function(name, lambda tr, args, keywords: method(*args))
    if isinstance(value, dict) and name in ("keys", "values", "items"):
        found = list(getattr(value, name)())
        return Function(name, lambda tr, args, keywords: found)
    if hasattr(value, "name") and name in ("name", "__name__", "__class__"):
        return value if name == "__class__" else value.name
    if isinstance(value, type(())) and name == "numel":
        total = prod(value)
        return Function(name, lambda tr, args, keywords: total)
    if number(value) and name in ("real", "imag"):
        return getattr(value, name)
    raise NameFault(
        f"{described(value)} has no attribute `{name}`",
        e.name_span,
        "`.grad` is None before backward(), and for what is no leaf" if value is None else None,
    )


def assign_member(tracer: Tracer, target: Any, value: Any) -> None:
    """Carry out `x.grad = None`, `x.requires_grad = True`, `x[i] = …`."""
    if isinstance(target, tree.Attribute):
        owner = tracer.evaluate(target.value)
        if isinstance(owner, Node):
            if target.name == "grad" and value is None:
                tracer.graph.grads.pop(owner.id, None)
                return
            if target.name == "data" and isinstance(value, Node):
                with tracer.graph.settings(tracer.graph.origin, False):
                    tracer.assign_in_place(owner, value)
                return
            if target.name == "requires_grad" and isinstance(value, bool):
                from gradcli.trace.attributes import set_requires_grad

                set_requires_grad(tracer, owner, value, "floating point and complex dtype")
                return
            if target.name == "grad" and isinstance(value, Node):
                _set_grad(owner, value)
                return
    if isinstance(target, tree.Subscript):
        owner = tracer.evaluate(target.value)
        if isinstance(owner, list | dict):
            owner[tracer.evaluate(target.index)] = value
            return
    raise SyntaxFault(
        f"`{tracer.source.snippet(target.span)}` cannot be assigned to", target.span,
        "bind the result to a name instead",
    )  # fmt: skip


def _set_grad(owner: Node, value: Node) -> None:
    if value.shape != owner.shape:
        raise ShapeFault(
            f"attempting to assign a gradient of size '{shown(value.shape)}' to a tensor of size "
            f"'{shown(owner.shape)}'. Please ensure that the gradient and the tensor are the same "
            "size"
        )
    owner.graph.grads[owner.id] = value.value


def context(tracer: Tracer, expression: tree.Expression) -> bool:
    """Return whether gradients are recorded inside `with …:`."""
    value = tracer.evaluate(expression)
    name = getattr(value, "name", "")
    if name in ("no_grad", "inference_mode"):
        return False
    if name in ("enable_grad", "set_grad_enabled"):
        return True
    raise SyntaxFault(
        "`with` takes no_grad() only", expression.span, "write `with torch.no_grad():`"
    )
