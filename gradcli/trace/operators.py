"""Operators on the values of a file: tensors by the table, Python's values by Python."""

from __future__ import annotations

import operator as python
from collections import deque
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.errors import (
    NOWHERE,
    ArgumentFault,
    DtypeFault,
    GradcliError,
    LimitFault,
    NameFault,
    ShapeFault,
)
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS
from gradcli.rule.dtypes import BOOL, INT64, SCALAR_NAMES, is_differentiable
from gradcli.rule.rule import number
from gradcli.syntax import tree
from gradcli.trace import classes, containers
from gradcli.trace.budgets import kept
from gradcli.trace.classes import Instance
from gradcli.trace.libraries import has_arrays, library_of
from gradcli.trace.mistakes import no_attribute
from gradcli.trace.sentences import class_name, python_errors, sentence
from gradcli.trace.skipped import Skipped
from gradcli.trace.sources import Source
from gradcli.trace.storage import Tensor
from gradcli.trace.strings import percent
from gradcli.trace.types import Callee, Type
from gradcli.trace.values import (
    MAX_BITS,
    Function,
    GradFn,
    Results,
    UserFunction,
    check_bits,
    check_size,
    described,
)

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# values that are Python's own, of which Python says what is wrong
PLAIN: tuple[type[Any], ...] = (
    int, float, complex, type(None), type(...), slice, *containers.CONTAINERS
)  # fmt: skip

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
BITWISE = {"&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "<<": "lshift",
           ">>": "rshift"}  # fmt: skip


ARITHMETIC: frozenset[type[Any]] = frozenset({Tensor, int, float})
ONLY_TENSORS: frozenset[type[Any]] = frozenset({Tensor})


def beside_tensors(operator: str) -> frozenset[type[Any]]:
    """Return the types whose values an operator takes beside any tensor, without further ado."""
    if operator in BITWISE:
        return frozenset()
    return ONLY_TENSORS if operator == "@" else ARITHMETIC


def binary(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply a binary operator.

    Raises: ArgumentFault, ShapeFault or DtypeFault where the operands do not fit it.
    """
    if isinstance(left, Skipped) or isinstance(right, Skipped):
        return left if isinstance(left, Skipped) else right
    if isinstance(left, Instance) or isinstance(right, Instance):
        made = classes.binary(tracer, operator, left, right)
        if made is not NotImplemented:
            return made
        raise _uncombined(operator, left, right)
    if operator == "%" and isinstance(left, str):
        with python_errors():
            return kept(tracer, percent(tracer, left, right))
    if isinstance(left, Node) or isinstance(right, Node):
        left, right = (tracer.tensor(x) if isinstance(x, list) else x for x in (left, right))
        return _on_tensors(operator, left, right)
    if type(left) is not float and type(right) is not float:
        _check_size(operator, left, right)
    try:
        found = BINARY[operator](left, right)
    except ZeroDivisionError as error:
        raise _of(error, ArgumentFault(
            f"{left} {operator} {right}: division by zero",
            hint="a tensor divided by 0.0 is inf: write tensor(…) / 0.0",
        )) from None  # fmt: skip
    except OverflowError as error:
        raise _of(error, ArgumentFault(
            f"the result of `{operator}` is too large for a number",
            hint="a tensor has inf there: write tensor(…)",
        )) from None  # fmt: skip
    except TypeError as error:
        raise _uncombined(operator, left, right, error) from None
    except ValueError:
        raise ArgumentFault(f"`{operator}` by a negative number of bits: {right}") from None
    if type(found) is float:
        return found
    if isinstance(found, int):
        check_bits(found.bit_length(), f"the result of `{operator}`")
    return kept(tracer, found)


def counted(tracer: Tracer, left: Any, right: Any) -> tuple[Any, Any] | None:
    """Return two operands with a mask of NumPy's or JAX's as integers beside a number.

    None where there is no such mask, or nothing but masks.
    """
    masks = [isinstance(x, Node) and x.dtype == BOOL for x in (left, right)]
    mask, other = (left, right) if masks[0] else (right, left)
    if all(masks) or not any(masks) or isinstance(other, bool):
        return None
    if not has_arrays(library_of(tracer, mask)):
        return None
    integers = FUNCTIONS["to"].call((mask, INT64), {})
    return (integers, other) if masks[0] else (other, integers)


def _of(error: Exception, said: ArgumentFault) -> ArgumentFault:
    """Return what is said of an error of Python's; a file that catches it has Python's words."""
    said.python, said.given = type(error).__name__, error.args
    return said


def _on_tensors(operator: str, left: Any, right: Any) -> Any:
    for side in (left, right):
        if not isinstance(side, Node) and not (number(side) and operator != "@"):
            raise _uncombined(operator, left, right)
    if operator in BITWISE:
        for side in (left, right):
            if isinstance(side, Node) and is_differentiable(side.dtype):
                raise DtypeFault(
                    f'"{BITWISE[operator]}_cpu" not implemented for {side.dtype.name}',
                    hint="use `**` for powers" if operator == "^" else "these need integers",
                )
    return BINARY[operator](left, right)


def _uncombined(
    operator: str, left: Any, right: Any, error: TypeError | None = None
) -> ArgumentFault:
    hint = None
    if left is None or right is None:
        hint = no_attribute(None, "grad")
    elif operator == "^":
        hint = "use `**` for powers"
    elif isinstance(left, list) or isinstance(right, list):
        hint = "beside a tensor a list stands for one: write tensor([...])"
    elif operator == "@":
        hint = "`*` multiplies by a number"
    elif isinstance(left, str) or isinstance(right, str):
        hint = "f'{value}' makes a text of a value"
    elif operator == ">>" and getattr(left, "name", "") == "print":
        hint = "write `print(…)`"
    if error is not None and isinstance(left, PLAIN) and isinstance(right, PLAIN):
        return ArgumentFault(sentence(error), hint=hint)
    return ArgumentFault(
        f"`{operator}` cannot combine {described(left)} and {described(right)}", hint=hint
    )


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
        check_bits(bits, f"the result of `{operator}`")
    elif operator == "*":
        for items, count in ((left, right), (right, left)):
            if isinstance(items, str | list | tuple) and isinstance(count, int):
                check_size(len(items) * count)
    elif operator == "+" and isinstance(left, str | list | tuple) and type(left) is type(right):
        check_size(len(left) + len(right))


def unary(tracer: Tracer, operator: str, value: Any) -> Any:
    """Apply `-`, `+`, `~` or `not`."""
    if operator == "not":
        return not tracer.truth(value)
    if isinstance(value, Instance):
        method = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}[operator]
        return classes.needed(tracer, value, method, f"has no `{operator}`: no {method}")()
    if isinstance(value, Node):
        if operator == "~" and value.dtype.kind == "b":
            from gradcli.ops.pointwise.elementwise import logical_not

            return logical_not(value)
        if operator == "~" and is_differentiable(value.dtype):
            raise DtypeFault(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
                hint="`~` negates a mask such as x > 0, `-` a number",
            )
    try:
        return UNARY[operator](value)
    except TypeError as error:
        if isinstance(value, PLAIN):
            raise ArgumentFault(sentence(error)) from None
        raise ArgumentFault(f"`{operator}` cannot be applied to {described(value)}") from None


def compare(tracer: Tracer, operator: str, left: Any, right: Any) -> Any:
    """Apply one comparison."""
    if operator in ("is", "is not"):
        return (left is right) == (operator == "is")
    if operator in ("in", "not in"):
        return containers.contains(tracer, left, right) == (operator == "in")
    if isinstance(left, Instance) or isinstance(right, Instance):
        made = classes.compare(tracer, operator, left, right)
        if made is not NotImplemented:
            return made
        raise ArgumentFault(f"`{operator}` cannot compare {described(left)} and {described(right)}")
    if isinstance(left, Node) or isinstance(right, Node):
        if left is None or right is None:
            return operator == "!="
        left, right = (x if isinstance(x, Node) or number(x) else tracer.tensor(x)
                       for x in (left, right))  # fmt: skip
        if operator not in ("==", "!="):
            _refuse_complex(operator, left, right)
    elif (found := containers.compare(tracer, operator, left, right)) is not None:
        return found
    try:
        return COMPARE[operator](left, right)
    except TypeError as error:
        if isinstance(left, PLAIN) and isinstance(right, PLAIN):
            raise ArgumentFault(sentence(error)) from None
        raise ArgumentFault(
            f"`{operator}` cannot compare {described(left)} and {described(right)}"
        ) from None


def _refuse_complex(operator: str, *operands: Any) -> None:
    for x in operands:
        if isinstance(x, complex) or (isinstance(x, Node) and x.dtype.kind == "c"):
            name = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[operator]
            kind = SCALAR_NAMES[x.dtype.name] if isinstance(x, Node) else "ComplexDouble"
            raise DtypeFault(
                f"\"{name}\" not implemented for '{kind}'",
                hint="complex numbers have no order: take x.real, x.imag or x.abs()",
            )


def named(
    tracer: Tracer, error: ShapeFault, operands: list[tuple[tree.Expression, Any]]
) -> GradcliError:
    """Add to a shape error which operand has which shape, as the file names them."""
    if error.source is None:
        shapes = [
            f"`{tracer.source.snippet(e.span)}` has shape {list(value.shape)}"
            for e, value in operands
            if isinstance(value, Node) and e.span is not NOWHERE
        ]
        error.hint = "; ".join([*([", ".join(shapes)] if shapes else []),
                                *([error.hint] if error.hint else [])])  # fmt: skip
    return error.at(tracer.source, tracer.graph.place)


# attributes of Python's own values that are values too
FACTS: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (int, ("real", "imag", "numerator", "denominator")),
    (float, ("real", "imag")),
    (complex, ("real", "imag")),
    (range, ("start", "stop", "step")),
    (slice, ("start", "stop", "step")),
    (deque, ("maxlen",)),
)
TYPE_FACTS: dict[str, Callable[[Type], Any]] = {
    "__name__": lambda kind: kind.name,
    "__qualname__": lambda kind: kind.name,
    "__module__": lambda kind: kind.module,
    "__bases__": lambda kind: kind.bases,
}


def member_of(tracer: Tracer, value: Any, e: tree.Attribute) -> Any:
    """Return an attribute of a value that is no tensor.

    Raises: NameFault where it has none of that name.
    """
    name = e.name
    if isinstance(value, Callee) and name in value.members:
        return value.members[name]
    if isinstance(value, Type) and name in TYPE_FACTS:
        return TYPE_FACTS[name](value)
    if isinstance(value, tuple) and hasattr(value, "fields"):
        from gradcli.trace.standard.collections import Named
        from gradcli.trace.standard.collections import member_of as member_of_named

        assert isinstance(value, Named), "no other tuple has fields"
        found = member_of_named(value, name)
        if found is not None:
            return found
    if isinstance(value, Type):
        said = f"type object '{value.name}' has no attribute '{name}'"
        raise NameFault(said, e.name_span)
    if isinstance(value, Results) and name in value.names:
        return value.items[value.names.index(name)]
    if (method := containers.method(value, name)) is not None:
        return method
    if isinstance(value, Source) and (method := value.method(name)) is not None:
        return method
    if isinstance(value, GradFn) and name == "name":
        space = "torch::autograd::" if value.name == "CopySlices" else ""
        return Function(name, lambda tr, args, keywords: space + value.name)
    if isinstance(value, GradFn) and name in ("__class__", "__name__"):
        return value if name == "__class__" else value.name
    if name in ("__name__", "__qualname__") and isinstance(value, Function | UserFunction):
        return value.name if value.name != "lambda" else "<lambda>"
    if name == "__doc__" and isinstance(value, Function | UserFunction):
        return None
    if isinstance(value, tuple) and name == "numel":
        total = prod(value)
        return Function(name, lambda tr, args, keywords: total)
    for kind, facts in FACTS:
        if isinstance(value, kind) and name in facts:
            return getattr(value, name)
    hint = no_attribute(value, name)
    if isinstance(value, PLAIN) and not isinstance(value, Results):
        raise NameFault(
            f"'{class_name(value)}' object has no attribute '{name}'", e.name_span, hint
        )
    raise NameFault(f"{described(value)} has no attribute `{name}`", e.name_span, hint)
