"""The derivative of a row that stands for a formula: the formula is run again and pulled back.

PyTorch has the derivative of many an operation as an operation of its own: the gradient of `tanh`
is one node, `tanh_backward`. Its row states the formula, in operations of the table, and this
module differentiates that: on arrays and on nodes alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gradcli.ops.pointwise.complex import real
from gradcli.ops.python import OPERATORS
from gradcli.ops.shape.shapes import expand, sum_to, to_copy, zeros_like
from gradcli.rule.dtypes import DType, is_complex, is_differentiable
from gradcli.rule.operators import Operators
from gradcli.rule.rule import Body, Primitive, Traced


def in_dtype(x: Any, dtype: DType) -> Any:
    """Bring a cotangent or tangent to a dtype; what is real takes the real part."""
    if x.dtype == dtype:
        return x
    if is_complex(x.dtype) and not is_complex(dtype):
        x = real(x)
    return x if x.dtype == dtype else to_copy(x, dtype=dtype)


class Step(NamedTuple):
    """One operation of a formula, and its result: a tuple where it has several."""

    op: Primitive
    operands: tuple[Any, ...]
    attrs: dict[str, Any]
    result: Any


class Operand(Operators):
    """An array or a node of which a formula is written: what is done with it is kept."""

    __slots__ = ("held", "steps")
    rows = OPERATORS

    def __init__(self, held: Any, steps: list[Step]) -> None:
        self.held = held
        self.steps = steps

    def record(self, op: Primitive, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        attrs = op.complete(operands, attrs)
        found = op(*map(_held, operands), **attrs)
        result: Any = (
            tuple(Operand(x, self.steps) for x in found)
            if op.outputs
            else Operand(found, self.steps)
        )
        self.steps.append(Step(op, operands, attrs, result))
        return result

    def constant(self, array: Any) -> Any:
        """Return an array beside what is held: a node where that is one."""
        return self.held.constant(array) if hasattr(self.held, "constant") else array

    @property
    def shape(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self.held.shape
        return found

    @property
    def dtype(self) -> DType:
        """Data type."""
        found: DType = self.held.dtype
        return found

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in elements; None is contiguous."""
        return getattr(self.held, "strides", None) if isinstance(self.held, Traced) else None

    @property
    def default_dtype(self) -> DType:
        return self.held.default_dtype if isinstance(self.held, Traced) else self.dtype

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it: rules may choose the way that lets them."""
        return True

    @property
    def value(self) -> Any:
        return self.held.value if isinstance(self.held, Traced) else self.held


def _held(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_held, x))
    return x.held if isinstance(x, Operand) else x


def _written(
    formula: Body, operands: tuple[Any, ...], attrs: dict[str, Any]
) -> tuple[Operand, list[Any], list[Step]]:
    """Run a formula; return its result, its operands, and the steps in between."""
    steps: list[Step] = []
    own = [Operand(x, steps) if hasattr(x, "dtype") else x for x in operands]
    return formula(*own, **attrs), own, steps


def pulled(
    formula: Body, slot: int, g: Any, operands: tuple[Any, ...], attrs: dict[str, Any]
) -> Any:
    """Return the cotangent of one operand of a formula."""
    y, own, steps = _written(formula, operands, attrs)
    moving, cotangents = {id(own[slot])}, {id(y): g}
    for step in steps:
        if any(id(x) in moving for x in step.operands):
            moving.update(map(id, step.result if step.op.outputs else (step.result,)))
    for step in reversed(steps):
        parts = _cotangent(step, cotangents)
        derivative = step.op.derivative
        if parts is None or derivative is None:
            continue
        values = tuple(map(_held, step.operands))
        for k, x in enumerate(step.operands):
            if id(x) not in moving or derivative.body(k) is None or not _floats(x):
                continue
            part = derivative.vjp(k, parts, _held(step.result), values, step.attrs)
            part = in_dtype(sum_to(part, x.shape) if derivative.broadcasts else part, x.dtype)
            before = cotangents.get(id(x))
            cotangents[id(x)] = part if before is None else before + part
    found = cotangents.get(id(own[slot]))
    return zeros_like(operands[slot]) if found is None else found


def _cotangent(step: Step, cotangents: dict[int, Any]) -> Any:
    if not step.op.outputs:
        return cotangents.get(id(step.result))
    parts = [cotangents.get(id(x)) for x in step.result]
    return None if all(x is None for x in parts) else parts


def _floats(x: Any) -> bool:
    return isinstance(x, Operand) and is_differentiable(x.dtype)


def pushed(
    formula: Body, given: tuple[Any, ...], operands: tuple[Any, ...], attrs: dict[str, Any]
) -> Any:
    """Return the tangent of a formula's result, None where it does not move."""
    y, own, steps = _written(formula, operands, attrs)
    tangents = {id(x): t for x, t in zip(own, given, strict=True) if t is not None}
    for step in steps:
        moved = tuple(tangents.get(id(x)) for x in step.operands)
        if step.op.derivative is None or all(t is None for t in moved):
            continue
        values = tuple(map(_held, step.operands))
        t = step.op.derivative.jvp(step.op, moved, _held(step.result), values, step.attrs)
        several = step.op.outputs
        pairs = (
            zip(step.result, t, strict=True) if several and t is not None else ((step.result, t),)
        )
        for x, part in pairs:
            if part is not None:
                part = part if part.shape == x.shape else expand(part, size=x.shape)
                tangents[id(x)] = in_dtype(part, x.dtype)
    return tangents.get(id(y))
