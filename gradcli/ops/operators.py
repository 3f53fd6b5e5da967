"""Python's operators on traced operands, by PyTorch's overloads."""

from __future__ import annotations

from typing import Any

from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.pointwise.arithmetic import bitwise_left_shift, bitwise_right_shift
from gradcli.ops.pointwise.elementwise import (
    abs_,
    add,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    div,
    eq,
    floor_divide_tensor,
    ge,
    gt,
    le,
    lt,
    mul,
    ne,
    neg,
    pow_,
    remainder,
    rsub_number,
    sub,
)
from gradcli.rule.rule import Traced, number


def _rsub(a: Any, b: Any) -> Any:
    return rsub_number(a, other=b) if number(b) else sub(b, a)


class Operators(Traced):
    """A traced operand that can be written in formulas."""

    __slots__ = ()
    __array_ufunc__ = None  # numpy leaves mixed expressions to the methods below
    __hash__ = object.__hash__

    # fmt: off
    def __add__(self, b: Any) -> Any: return add(self, b)
    def __radd__(self, b: Any) -> Any: return add(self, b) if number(b) else add(b, self)
    def __sub__(self, b: Any) -> Any: return sub(self, b)
    def __rsub__(self, b: Any) -> Any: return _rsub(self, b)
    def __mul__(self, b: Any) -> Any: return mul(self, b)
    def __rmul__(self, b: Any) -> Any: return mul(self, b) if number(b) else mul(b, self)
    def __truediv__(self, b: Any) -> Any: return div(self, b)
    def __rtruediv__(self, b: Any) -> Any: return div(b, self)
    def __floordiv__(self, b: Any) -> Any: return floor_divide_tensor(self, b)
    def __rfloordiv__(self, b: Any) -> Any: return floor_divide_tensor(b, self)
    def __mod__(self, b: Any) -> Any: return remainder(self, b)
    def __rmod__(self, b: Any) -> Any: return remainder(b, self)
    def __pow__(self, b: Any) -> Any: return pow_(self, b)
    def __rpow__(self, b: Any) -> Any: return pow_(b, self)
    def __matmul__(self, b: Any) -> Any: return matmul(self, b)
    def __rmatmul__(self, b: Any) -> Any: return matmul(b, self)
    def __neg__(self) -> Any: return neg(self)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return abs_(self)
    def __invert__(self) -> Any: return bitwise_not(self)
    def __and__(self, b: Any) -> Any: return bitwise_and(self, b)
    def __rand__(self, b: Any) -> Any: return bitwise_and(self, b)
    def __or__(self, b: Any) -> Any: return bitwise_or(self, b)
    def __ror__(self, b: Any) -> Any: return bitwise_or(self, b)
    def __xor__(self, b: Any) -> Any: return bitwise_xor(self, b)
    def __rxor__(self, b: Any) -> Any: return bitwise_xor(self, b)
    def __lshift__(self, b: Any) -> Any: return bitwise_left_shift(self, b)
    def __rlshift__(self, b: Any) -> Any: return bitwise_left_shift(b, self)
    def __rshift__(self, b: Any) -> Any: return bitwise_right_shift(self, b)
    def __rrshift__(self, b: Any) -> Any: return bitwise_right_shift(b, self)
    def __lt__(self, b: Any) -> Any: return lt(self, b)
    def __le__(self, b: Any) -> Any: return le(self, b)
    def __gt__(self, b: Any) -> Any: return gt(self, b)
    def __ge__(self, b: Any) -> Any: return ge(self, b)
    def __eq__(self, b: Any) -> Any: return eq(self, b)
    def __ne__(self, b: Any) -> Any: return ne(self, b)
    # fmt: on
