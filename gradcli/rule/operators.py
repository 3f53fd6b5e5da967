"""Python's operators on traced operands, by PyTorch's overloads."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from gradcli.rule.rule import Body, Traced, number


class Rows(NamedTuple):
    """What Python's operators stand for: rows of the table, which is built on the rules here."""

    abs: Body
    add: Body
    bitwise_and: Body
    bitwise_not: Body
    bitwise_or: Body
    bitwise_xor: Body
    conj: Body
    div: Body
    div_tensor: Body
    eq: Body
    floor_divide: Body
    ge: Body
    gt: Body
    le: Body
    left_shift: Body
    lt: Body
    matmul: Body
    mul: Body
    ne: Body
    neg: Body
    pow: Body
    remainder: Body
    right_shift: Body
    rsub_number: Body
    sub: Body
    zeros_like: Body


def _turned(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the operands of `b + a`: a number comes second, as PyTorch has it."""
    return (a, b) if number(b) else (b, a)


class Operators(Traced):
    """A traced operand that can be written in formulas; `rows` are what they are made of."""

    __slots__ = ()
    __array_ufunc__ = None  # numpy leaves mixed expressions to the methods below
    __hash__ = object.__hash__

    rows: ClassVar[Rows]

    def conj(self) -> Any:
        return self.rows.conj(self)

    def zeros_like(self) -> Any:
        return self.rows.zeros_like(self)

    def binary(self, op: Body, b: Any) -> Any:
        """Return what an operator gives that stands for one row."""
        return op(self, b)

    def _rsub(self, b: Any) -> Any:
        return self.rows.rsub_number(self, other=b) if number(b) else self.rows.sub(b, self)

    # fmt: off
    def __add__(self, b: Any) -> Any: return self.binary(self.rows.add, b)
    def __radd__(self, b: Any) -> Any: return self.rows.add(*_turned(self, b))
    def __sub__(self, b: Any) -> Any: return self.binary(self.rows.sub, b)
    def __rsub__(self, b: Any) -> Any: return self._rsub(b)
    def __mul__(self, b: Any) -> Any: return self.binary(self.rows.mul, b)
    def __rmul__(self, b: Any) -> Any: return self.rows.mul(*_turned(self, b))
    def __truediv__(self, b: Any) -> Any: return self.binary(self.rows.div_tensor, b)
    def __rtruediv__(self, b: Any) -> Any: return self.rows.div(b, self)
    def __floordiv__(self, b: Any) -> Any: return self.rows.floor_divide(self, b)
    def __rfloordiv__(self, b: Any) -> Any: return self.rows.floor_divide(b, self)
    def __mod__(self, b: Any) -> Any: return self.rows.remainder(self, b)
    def __rmod__(self, b: Any) -> Any: return self.rows.remainder(b, self)
    def __pow__(self, b: Any) -> Any: return self.rows.pow(self, b)
    def __rpow__(self, b: Any) -> Any: return self.rows.pow(b, self)
    def __matmul__(self, b: Any) -> Any: return self.rows.matmul(self, b)
    def __rmatmul__(self, b: Any) -> Any: return self.rows.matmul(b, self)
    def __neg__(self) -> Any: return self.rows.neg(self)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return self.rows.abs(self)
    def __invert__(self) -> Any: return self.rows.bitwise_not(self)
    def __and__(self, b: Any) -> Any: return self.rows.bitwise_and(self, b)
    def __rand__(self, b: Any) -> Any: return self.rows.bitwise_and(self, b)
    def __or__(self, b: Any) -> Any: return self.rows.bitwise_or(self, b)
    def __ror__(self, b: Any) -> Any: return self.rows.bitwise_or(self, b)
    def __xor__(self, b: Any) -> Any: return self.rows.bitwise_xor(self, b)
    def __rxor__(self, b: Any) -> Any: return self.rows.bitwise_xor(self, b)
    def __lshift__(self, b: Any) -> Any: return self.rows.left_shift(self, b)
    def __rlshift__(self, b: Any) -> Any: return self.rows.left_shift(b, self)
    def __rshift__(self, b: Any) -> Any: return self.rows.right_shift(self, b)
    def __rrshift__(self, b: Any) -> Any: return self.rows.right_shift(b, self)
    def __lt__(self, b: Any) -> Any: return self.binary(self.rows.lt, b)
    def __le__(self, b: Any) -> Any: return self.binary(self.rows.le, b)
    def __gt__(self, b: Any) -> Any: return self.binary(self.rows.gt, b)
    def __ge__(self, b: Any) -> Any: return self.binary(self.rows.ge, b)
    def __eq__(self, b: Any) -> Any: return self.binary(self.rows.eq, b)
    def __ne__(self, b: Any) -> Any: return self.binary(self.rows.ne, b)
    # fmt: on
