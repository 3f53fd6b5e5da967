"""Contractions of several tensors: einsum, chains of matrix products, inverses of contractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.linalg import bmm, matmul, mm
from gradcli.ops.linalg.matrices import like, matrices
from gradcli.ops.linalg.solvers import inv, solve
from gradcli.ops.pointwise.elementwise import mul
from gradcli.ops.shape.layout import diagonal
from gradcli.ops.shape.shapes import clone, permute, reshape, sum_, unsqueeze, view
from gradcli.ops.shape.views import copy_in_place
from gradcli.rule.meta import Shape, dim_index, shown
from gradcli.rule.rows import composite
from gradcli.rule.rule import Composite

ELLIPSIS = "…"

# ---- the equation --------------------------------------------------------------------------


class Plan(NamedTuple):
    """An equation read: labels of each operand, the output's labels, all labels in order.

    An ellipsis stands as as many numbered labels as it covers: `…0`, `…1`.
    """

    operands: list[list[str]]
    labels: list[str]
    outputs: int  # so many of `labels` stay


def _subscripts(text: str, place: str, offset: int) -> list[str]:
    """Read one operand's subscripts; an ellipsis is one label."""
    found: list[str] = []
    i = 0
    while i < len(text):
        if text[i] == " ":
            i += 1
        elif text[i] == ".":
            if ELLIPSIS in found:
                raise ArgumentFault(
                    f"einsum(): found '.' for {place} for which an ellipsis was already found"
                )
            if text[i : i + 3] != "...":
                raise ArgumentFault(
                    f"einsum(): found '.' for {place} that is not part of any ellipsis"
                )
            found.append(ELLIPSIS)
            i += 3
        elif text[i].isascii() and text[i].isalpha():
            found.append(text[i])
            i += 1
        else:
            raise ArgumentFault(
                f"einsum(): invalid subscript given at index {offset + i} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    return found


def _spelled(labels: list[str], rank: int, place: int) -> list[str]:
    """Write an ellipsis as the labels that it covers, aligned at the last."""
    if ELLIPSIS not in labels:
        if len(labels) != rank:
            raise ShapeFault(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not "
                f"match the number of dimensions ({rank}) for operand {place} and no ellipsis was "
                "given"
            )
        return labels
    covered = rank - len(labels) + 1
    if covered < 0:
        raise ShapeFault(
            f"einsum(): the number of subscripts in the equation ({len(labels) - 1}) is more than "
            f"the number of dimensions ({rank}) for operand {place}"
        )
    at = labels.index(ELLIPSIS)
    return labels[:at] + [f"{ELLIPSIS}{k}" for k in range(-covered, 0)] + labels[at + 1 :]


def _read(equation: str, shapes: Sequence[Shape]) -> Plan:
    left, arrow, right = equation.partition("->")
    texts = left.split(",")
    if len(texts) != len(shapes):
        more = "more" if len(shapes) > len(texts) else "fewer"
        raise ArgumentFault(f"einsum(): {more} operands were provided than specified in the "
                            "equation")  # fmt: skip
    operands, offset = [], 0
    for place, (text, shape) in enumerate(zip(texts, shapes, strict=True)):
        labels = _subscripts(text, f"operand {place}", offset)
        operands.append(_spelled(labels, len(shape), place))
        offset += len(text) + 1
    every = [label for labels in operands for label in labels]
    dots = sorted({x for x in every if x[0] == ELLIPSIS}, key=lambda x: int(x[1:]))
    if arrow:
        output = _outputs(right, every, dots, len(left) + 2)
    else:
        output = dots + sorted(x for x in set(every) if x[0] != ELLIPSIS and every.count(x) == 1)
    rest = sorted(set(every) - set(output))
    return Plan(operands, output + rest, len(output))


def _outputs(text: str, every: list[str], dots: list[str], offset: int) -> list[str]:
    output: list[str] = []
    for label in _subscripts(text, "the output", offset):
        if label in output:
            raise ArgumentFault(
                f"einsum(): output subscript {label} appears more than once in the output"
            )
        if label == ELLIPSIS:
            output += dots
        elif label not in every:
            raise ArgumentFault(
                f"einsum(): output subscript {label} does not appear in the equation for any input "
                "operand"
            )
        else:
            output.append(label)
    return output


def _check_sizes(plan: Plan, shapes: Sequence[Shape]) -> None:
    seen: dict[str, int] = {}
    for place, (labels, shape) in enumerate(zip(plan.operands, shapes, strict=True)):
        own: dict[str, int] = {}
        for label, size in zip(labels, shape, strict=True):
            if own.setdefault(label, size) != size:
                raise ShapeFault(
                    f"einsum(): subscript {label} is repeated for operand {place} but the sizes "
                    f"don't match, {size} != {own[label]}"
                )
            if size != 1 and seen.setdefault(label, size) != size:
                raise ShapeFault(
                    f"einsum(): subscript {label[:1]} has size {size} for operand {place} which "
                    f"does not broadcast with previously seen size {seen[label]}"
                )


# ---- the contraction -----------------------------------------------------------------------


def _arranged(a: Any, own: list[str], labels: list[str]) -> Any:
    """Give an operand all labels in order, with dimensions of size 1 for those it lacks.

    An ellipsis that covers fewer dimensions than the longest gets its missing ones in place.
    """
    order: dict[str, int] = {}
    own = list(own)
    dots = [x for x in labels if x[0] == ELLIPSIS]
    missing = [x for x in dots if x not in own]
    place = next((i for i, x in enumerate(own) if x[0] == ELLIPSIS), None)
    if missing and place is not None:
        for label in reversed(missing):
            a = unsqueeze(a, dim=place)
            own.insert(place, label)
    j = 0
    for label in own:
        if label in order:  # a diagonal, moved to where its label stood first
            first = order[label]
            a = diagonal(a, offset=0, dim1=first, dim2=j)
            rank = len(a.shape)
            a = permute(a, dims=(*range(first), rank - 1, *range(first, rank - 1)))
        else:
            order[label] = j
            j += 1
    for label in labels:
        if label not in order:
            a = unsqueeze(a, dim=len(a.shape))
            order[label] = j
            j += 1
    return permute(a, dims=tuple(order[label] for label in labels))


def _pair(a: Any, b: Any, summed: list[int]) -> Any:
    """Multiply two operands and sum over dimensions, which stay with size 1."""
    if not summed:
        return mul(a, b)
    shared: list[int] = []  # what stays: in both, in the first, in the second
    left: list[int] = []
    right: list[int] = []
    for dim, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)):
        if dim in summed:
            continue
        (shared if m != 1 and n != 1 else left if m != 1 else right).append(dim)
    if left and right and right[-1] < left[0]:  # bmm makes the result in its order
        a, b, left, right = b, a, right, left
    lro, lo = prod(a.shape[d] for d in shared), prod(a.shape[d] for d in left)
    ro, inside = prod(b.shape[d] for d in right), prod(a.shape[d] for d in summed)
    first = reshape(permute(a, dims=(*shared, *left, *summed, *right)), (lro, lo, inside))
    second = reshape(permute(b, dims=(*shared, *summed, *right, *left)), (lro, inside, ro))
    shape = (*(a.shape[d] for d in shared + left), *(1 for _ in summed),
             *(b.shape[d] for d in right))  # fmt: skip
    order = shared + left + summed + right
    product = view(bmm(first, second), shape=shape)
    return permute(product, dims=tuple(order.index(d) for d in range(len(order))))


def _einsum(equation: Any, operands: tuple[Any, ...]) -> Any:
    """Source: `einsum` and `sumproduct_pair` of ATen's Linear.cpp, without a contraction path."""
    if not operands:
        raise ArgumentFault("einsum(): must provide at least one operand")
    shapes = [x.shape for x in operands]
    plan = _read(equation, shapes)
    _check_sizes(plan, shapes)
    count = len(plan.labels)
    ready = [_arranged(x, own, plan.labels) for x, own in zip(operands, plan.operands, strict=True)]
    uses = [sum(x.shape[d] != 1 for x in ready) for d in range(count)]
    result = ready[0]
    for other in ready[1:]:
        summed, alone = [], ([], [])  # type: tuple[list[int], tuple[list[int], list[int]]]
        for d in range(plan.outputs, count):
            m, n = result.shape[d] != 1, other.shape[d] != 1
            if m and n:
                uses[d] -= 1
                if uses[d] == 1:
                    summed.append(d)
                    uses[d] = 0
            elif uses[d] == 1 and (m or n):
                alone[n].append(d)
                uses[d] = 0
        if alone[0]:
            result = sum_(result, dim=tuple(alone[0]), keepdim=True)
        if alone[1]:
            other = sum_(other, dim=tuple(alone[1]), keepdim=True)
        result = _pair(result, other, summed)
    if count == plan.outputs:
        return result
    if len(operands) > 1:
        return view(result, shape=result.shape[: plan.outputs])
    return sum_(result, dim=tuple(range(plan.outputs, count)))


# ---- chains of matrix products -------------------------------------------------------------


def _power(a: Any, n: int) -> Any:
    """Multiply by repeated squaring, as ATen's `linalg_matrix_power` does."""
    matrices("linalg.matrix_power", a)
    if n == 0:
        unit = like(a, np.broadcast_to(np.eye(a.shape[-1]), a.shape))
        return copy_in_place(clone(a), unit)
    if n < 0:
        a, n = inv(a), -n
        if n == 1:
            return a
    if n == 1:
        return clone(a)
    if n == 3:
        return matmul(matmul(a, a), a)
    result, square = None, a
    while True:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        if not n:
            return result
        square = matmul(square, square)


def _multi_dot(*tensors: Any) -> Any:
    """Multiply in the order that takes the fewest products. Source: Cormen et al., 15.2."""
    if len(tensors) < 2:
        raise ArgumentFault(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0], tensors[-1]
    shape = (*first.shape[:-1], *last.shape[1:])
    chain = list(tensors)
    if len(first.shape) == 1:
        chain[0] = unsqueeze(first, dim=0)
    if len(last.shape) == 1:
        chain[-1] = unsqueeze(last, dim=-1)
    for i, x in enumerate(chain):
        if len(x.shape) != 2:
            raise ShapeFault(f"multi_dot(): tensor {i} must be 2D but got {len(x.shape)}D")
        if i and chain[i - 1].shape[1] != x.shape[0]:
            raise ShapeFault(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {shown(tensors[i - 1].shape)} "
                f"and {shown(tensors[i].shape)} cannot be multiplied"
            )
    sizes = [chain[0].shape[0], *(x.shape[1] for x in chain)]
    return view(_in_order(chain, _splits(sizes), 0, len(chain) - 1), shape=shape)


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return where to cut each stretch of a chain, by dynamic programming."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            found = [
                cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            cost[i, j] = min(found)
            ties = [i + k for k, c in enumerate(found) if c == cost[i, j]]
            cut[i, j] = ties[-1] if count == 3 else ties[0]
    return cut


def _in_order(chain: list[Any], cut: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = cut[i, j]
    return mm(_in_order(chain, cut, i, k), _in_order(chain, cut, k + 1, j))


# ---- inverses of tensors as maps ------------------------------------------------------------


def _tensorinv(a: Any, ind: int) -> Any:
    first, last = a.shape[:ind], a.shape[ind:]
    if ind <= 0:
        raise ArgumentFault("Expected a strictly positive integer for 'ind'")
    if prod(first) != prod(last):
        raise ShapeFault(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {prod(last)} != {prod(first)}"
        )
    return reshape(inv(reshape(a, (prod(last), prod(first)))), (*last, *first))


def _tensorsolve(a: Any, b: Any, dims: Any) -> Any:
    rank = len(a.shape)
    if dims is not None:
        moved = tuple(dim_index(d, rank) for d in dims)
        a = permute(a, dims=(*(d for d in range(rank) if d not in moved), *moved))
    shape = a.shape[len(b.shape) :]
    if prod(shape) != prod(b.shape):
        raise ShapeFault(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {prod(b.shape)}"
        )
    n = prod(shape)
    return reshape(solve(reshape(a, (n, n)), reshape(b, (n,)), left=True), shape)


class Spread(Composite):
    """A composite whose last argument, a list of tensors, may be written one by one."""

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        first = len(self.signature.parameters) - 1
        if len(arguments) > first and hasattr(arguments[first], "dtype"):
            arguments = (*arguments[:first], arguments[first:])
        return super().bind(arguments, keywords)


def _spread(row: Composite) -> Spread:
    return Spread(**{field.name: getattr(row, field.name) for field in fields(row)})


# fmt: off
einsum = _spread(composite("einsum(equation: str, operands: arrays)", _einsum,
    doc="Sums of products, by Einstein's convention",
    examples="einsum('ij,jk->ik', [M, A]); einsum('ii->i', [A]); einsum('i,j', [v, v]); "
    "einsum('bij,bkj->bik', [T, T]); einsum('...ij,jk->...ki', [T, A]); "
    "einsum('ij,jj,k->ik', M, A, v)"))
matrix_power = composite("linalg.matrix_power(A, n: int)", _power,
    doc="Powers of matrices, negative ones by the inverse", aliases="matrix_power",
    examples="linalg.matrix_power(A, 3); matrix_power(T, 2); linalg.matrix_power(A, 5); "
    "linalg.matrix_power(A + 4 * eye(3), -2); linalg.matrix_power(A, 0)")
multi_dot = composite("linalg.multi_dot(tensors: arrays)", lambda tensors: _multi_dot(*tensors),
    doc="Product of several matrices, in the best order",
    examples="linalg.multi_dot([M, A, A, M.T]); linalg.multi_dot([v, A, v])")
chain_matmul = _spread(composite("chain_matmul(matrices: arrays)",
    lambda tensors: clone(tensors[0]) if len(tensors) == 1 else _multi_dot(*tensors),
    doc="Product of several matrices, in the best order", examples="chain_matmul(M, A, A)"))
tensorinv = composite("linalg.tensorinv(input, ind: int = 2)", _tensorinv,
    doc="Inverse of a tensor as a map by tensordot",
    examples="linalg.tensorinv((A + 4 * eye(3)).reshape(3, 3, 1), ind=1)")
tensorsolve = composite("linalg.tensorsolve(A, B, dims: dims = None)", _tensorsolve,
    alike="A B", doc="X for which tensordot(A, X) is B",
    examples="linalg.tensorsolve((A + 4 * eye(3)).reshape(3, 1, 3), v.reshape(3, 1))")
# fmt: on
