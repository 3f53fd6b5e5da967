"""Products of matrices and vectors, by PyTorch's steps, so that nodes have its names."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeFault, ShapeFault
from gradcli.ops.shape.shapes import (
    adjoint,
    conj,
    contiguous_copy,
    expand,
    permute,
    reshape,
    squeeze_matmul,
    t,
    transpose,
    unsafe_view,
    unsqueeze,
)
from gradcli.rule.costs import product
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import Meta, broadcast, shown, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Multilinear, Traced

C_NAMES = {"Long": "long int", "ComplexDouble": "c10::complex<double>",
           "ComplexFloat": "c10::complex<float>", "Half": "c10::Half", "BFloat16": "c10::BFloat16",
           "Byte": "unsigned char", "Char": "signed char"}  # fmt: skip


def same_dtype(a: Any, b: Any, message: str) -> None:
    """Refuse operands of two dtypes, with a message that has places for both."""
    if a.dtype != b.dtype:
        first, second = (SCALAR_NAMES.get(x.dtype.name, x.dtype.name) for x in (a, b))
        if "{" in message and message.startswith("expected"):
            first, second = (C_NAMES.get(name, name.lower()) for name in (first, second))
        raise DtypeFault(
            message.format(first, second), hint=f"convert one of them: .to({a.dtype.name})"
        )


_MM_DTYPES = "expected m1 and m2 to have the same dtype, but got: {} != {}"
_DOT_DTYPES = "dot : expected both vectors to have same dtype, but found {} and {}"


def _mm_meta(a: Any, b: Any) -> Meta:
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ShapeFault(
            f"mm: both arguments must be matrices, but they are {len(a.shape)}D and "
            f"{len(b.shape)}D",
            hint="`@` (matmul) takes vectors and batches too",
        )
    if a.shape[1] != b.shape[0]:
        raise ShapeFault(
            f"mat1 and mat2 shapes cannot be multiplied "
            f"({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})",
            hint=_matching(a.shape, b.shape),
        )
    same_dtype(a, b, _MM_DTYPES)
    return Meta((a.shape[0], b.shape[1]), a.dtype)


def _matching(a: tuple[int, ...], b: tuple[int, ...]) -> str | None:
    """Say which transposes would have matching sizes."""
    if a[1] == b[1]:
        return "the second transposed (`.T`) has matching sizes"
    if a[0] == b[0]:
        return "the first transposed (`.T`) has matching sizes"
    return "both transposed (`.T`) have matching sizes" if a[0] == b[1] else None


def _mv_meta(a: Any, b: Any) -> Meta:
    if len(a.shape) != 2 or len(b.shape) != 1:
        raise ShapeFault(
            f"vector + matrix @ vector expected, got {len(a.shape)}, {len(a.shape)}, {len(b.shape)}"
        )
    if a.shape[1] != b.shape[0]:
        raise ShapeFault(
            f"size mismatch, got input ({a.shape[0]}), mat ({a.shape[0]}x{a.shape[1]}), "
            f"vec ({b.shape[0]})"
        )
    same_dtype(a, b, _MM_DTYPES)
    return Meta((a.shape[0],), a.dtype)


def _dot_meta(a: Any, b: Any) -> Meta:
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeFault(
            f"1D tensors expected, but got {len(a.shape)}D and {len(b.shape)}D tensors",
            hint="`@` (matmul) multiplies matrices",
        )
    if a.shape != b.shape:
        m, n = a.shape[0], b.shape[0]
        raise ShapeFault(
            f"inconsistent tensor size, expected tensor [{m}] and src [{n}] to have the same "
            f"number of elements, but got {m} and {n} elements respectively"
        )
    same_dtype(a, b, _DOT_DTYPES)
    return Meta((), a.dtype)


def _bmm_meta(a: Any, b: Any) -> Meta:
    if len(a.shape) != 3 or len(b.shape) != 3:
        raise ShapeFault("batch1 must be a 3D tensor" if len(a.shape) != 3 else
                         "batch2 must be a 3D tensor")  # fmt: skip
    if (a.shape[0], a.shape[2]) != b.shape[:2]:
        raise ShapeFault(
            f"Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    same_dtype(a, b, _MM_DTYPES)
    return Meta((*a.shape[:2], b.shape[2]), a.dtype)


def _vecdot(a: Any, b: Any) -> Any:
    return np.sum(a * b)  # np.dot conjugates nothing either, but gives a Python scalar


# fmt: off
mm = primitive(Multilinear, "mm(input, mat2)", "MmBackward0", np.matmul, _mm_meta,
    lambda g, y, a, b: mm(g, adjoint(b)),
    lambda g, y, a, b: mm(adjoint(a), g),
    refuses="input mat2: bool", work=product, doc="Product of two matrices", examples="mm(M, A)")
mv = primitive(Multilinear, "mv(input, vec)", "MvBackward0", np.matmul, _mv_meta,
    lambda g, y, a, b: outer_product(g, conj(b)),
    lambda g, y, a, b: mv(adjoint(a), g),
    refuses="input vec: bool", doc="Product of a matrix and a vector",
    examples="mv(M, v)")
dot = primitive(Multilinear, "dot(input, tensor)", "DotBackward0", _vecdot, _dot_meta,
    lambda g, y, a, b: g * conj(b),
    lambda g, y, a, b: g * conj(a),
    refuses="input tensor: bool", doc="Sum of the products of two vectors",
    examples="dot(v, v**2)")
bmm = primitive(Multilinear, "bmm(input, mat2)", "BmmBackward0", np.matmul, _bmm_meta,
    lambda g, y, a, b: bmm(g, adjoint(b)),
    lambda g, y, a, b: bmm(adjoint(a), g),
    refuses="input mat2: bool", work=product, doc="Products of matrices, pair by pair",
    examples="bmm(T, T.mT)")
# fmt: on


def outer_product(a: Any, b: Any) -> Any:
    """Return the matrix of all products of two vectors' elements."""
    return reshape(a, (*a.shape, 1)) * b


def _matmul(a: Any, b: Any) -> Any:
    """Multiply as `torch.matmul` does: by mm, mv, dot or bmm, with views before and after.

    Source: the steps of ATen's `_matmul_impl` in PyTorch 2.13.
    """
    if not isinstance(a, Traced) and not isinstance(b, Traced):
        return np.matmul(a, b)
    m, n = len(a.shape), len(b.shape)
    if not m or not n:
        raise ShapeFault(
            f"both arguments to matmul need to be at least 1D, but they are {m}D and {n}D",
            hint="`*` multiplies by a number",
        )
    if m == 1 and n == 1:
        return dot(a, b)
    if m == 2 and n == 1:
        return mv(a, b)
    if m == 1 and n == 2:
        return squeeze_matmul(mm(unsqueeze(a, dim=0), b), dim=(0,))
    if m == 2 and n == 2:
        return mm(a, b)
    return _folded(a, b) if _folds(a, b) else _batched(a, b)


def _folds(a: Any, b: Any) -> bool:
    """Say whether the batch of one operand can be folded into rows of a single product."""
    m, n = len(a.shape), len(b.shape)
    if not ((m >= 3 and n <= 2) or (n >= 3 and m <= 2)):
        return False
    if (b if m >= n else a).requires_grad:
        return True
    if m == 2:  # the product would have to be transposed and copied
        return False
    shape, strides = list(a.shape), list(strides_of(a))
    if m < n:  # the larger one comes second: what is folded is its transpose
        shape, strides = list(b.shape), list(strides_of(b))
        shape[-2:], strides[-2:] = shape[:-3:-1], strides[:-3:-1]
    if 0 in shape:
        return True
    return all(strides[i] == shape[i + 1] * strides[i + 1] for i in range(len(shape) - 2))


def _folded(a: Any, b: Any) -> Any:
    flip = len(b.shape) > len(a.shape)
    large = transpose(b, dim0=-2, dim1=-1) if flip else a
    small = (t(a) if len(a.shape) == 2 else a) if flip else b
    folded = reshape(large, (prod(large.shape[:-1]), large.shape[-1]))
    if len(small.shape) == 1:
        _check_inner(large, small)
        return unsafe_view(mv(folded, small), shape=large.shape[:-1])
    _check_inner(large, small)
    result = unsafe_view(mm(folded, small), shape=(*large.shape[:-1], small.shape[-1]))
    if flip:
        turned = transpose(result, dim0=-2, dim1=-1)
        return turned if turned.strides is None else contiguous_copy(turned)
    return result


def _check_inner(large: Any, small: Any) -> None:
    if large.shape[-1] != small.shape[0]:
        raise ShapeFault(
            f"mat1 and mat2 shapes cannot be multiplied ({prod(large.shape[:-1])}x"
            f"{large.shape[-1]} and {small.shape[0]}x{prod(small.shape[1:])})"
        )


def _batched(a: Any, b: Any) -> Any:
    rows = a.shape[-2] if len(a.shape) > 1 else 1
    columns = b.shape[-1] if len(b.shape) > 1 else 1
    left = unsqueeze(a, dim=0) if len(a.shape) == 1 else a
    right = unsqueeze(b, dim=1) if len(b.shape) == 1 else b
    batch = broadcast(left.shape[:-2], right.shape[:-2])
    inner, other = left.shape[-1], right.shape[-2]
    count = prod(batch)
    left = reshape_always(expand(left, size=(*batch, rows, inner)), (count, rows, inner))
    right = reshape_always(expand(right, size=(*batch, other, columns)), (count, other, columns))
    shape = batch + ((rows,) if len(a.shape) > 1 else ()) + ((columns,) if len(b.shape) > 1 else ())
    return unsafe_view(bmm(left, right), shape=shape)


def reshape_always(a: Any, shape: tuple[int, ...]) -> Any:
    """Reshape, making a view node even where the shape stays, as ATen does."""
    return reshape(a, shape)


def _inner(a: Any, b: Any) -> Any:
    """Multiply over the last dimensions, by the steps of ATen's `tensordot`."""
    if not a.shape or not b.shape:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise ShapeFault(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{shown(a.shape)} and {shown(b.shape)}"
        )
    rank, n = len(b.shape), b.shape[-1]
    left = permute(a, dims=tuple(range(len(a.shape))))
    right = permute(b, dims=(rank - 1, *range(rank - 1)))
    shape = (*a.shape[:-1], *b.shape[:-1])
    if len(a.shape) == 1 and rank == 1:
        return reshape(dot(left, right), ())
    m, k = prod(a.shape[:-1]), prod(b.shape[:-1])
    return reshape(mm(reshape(left, (m, n)), reshape(right, (n, k))), shape)


def _outer(a: Any, b: Any) -> Any:
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeFault(f"outer: Expected 1-D argument self, but got {len(a.shape)}-D")
    return outer_product(a, b)


# fmt: off
matmul = composite("matmul(input, other)", _matmul,
    doc="Matrix product of vectors, matrices and batches of them",
    examples="A @ v; v @ A; M @ A; T @ A; A @ T; T @ T")
outer = composite("outer(input, vec2)", _outer,
    doc="All products of two vectors' elements", aliases="ger", examples="outer(v, v+1)")
inner = composite("inner(input, other)", _inner,
    refuses="input other: bool", doc="Sums of products over the last dimensions",
    examples="inner(v, v); inner(M, A); inner(T, v)")
# fmt: on
