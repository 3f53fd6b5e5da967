"""The rows that Python's operators stand for."""

from __future__ import annotations

from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.pointwise import arithmetic, elementwise
from gradcli.ops.shape import shapes
from gradcli.rule.operators import Rows

OPERATORS = Rows(
    abs=elementwise.abs_,
    add=elementwise.add,
    bitwise_and=elementwise.bitwise_and,
    bitwise_not=elementwise.bitwise_not,
    bitwise_or=elementwise.bitwise_or,
    bitwise_xor=elementwise.bitwise_xor,
    conj=shapes.conj,
    div=elementwise.div,
    div_tensor=elementwise.div_tensor,
    eq=elementwise.eq,
    floor_divide=elementwise.floor_divide_tensor,
    ge=elementwise.ge,
    gt=elementwise.gt,
    le=elementwise.le,
    left_shift=arithmetic.bitwise_left_shift,
    lt=elementwise.lt,
    matmul=matmul,
    mul=elementwise.mul,
    ne=elementwise.ne,
    neg=elementwise.neg,
    pow=elementwise.pow_,
    remainder=elementwise.remainder,
    right_shift=arithmetic.bitwise_right_shift,
    rsub_number=elementwise.rsub_number,
    sub=elementwise.sub,
    zeros_like=shapes.zeros_like,
)
