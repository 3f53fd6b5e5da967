"""Attention, and bilinear maps."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import like
from gradcli.ops.pointwise.elementwise import where
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.shape.layout import repeat_interleave
from gradcli.ops.shape.shapes import conj, expand, reshape, sum_, transpose, unsqueeze
from gradcli.rule.dtypes import BOOL
from gradcli.rule.meta import Meta, broadcast, dense_strides, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, Multilinear, Traced

# ---- softmax of rows that may be masked altogether -----------------------------------------


def _safe_softmax(a: Any, dim: int) -> Any:
    top = np.max(a, axis=dim, keepdims=True, initial=-np.inf)
    e = np.exp(a - np.where(np.isneginf(top), 0, top))
    total = np.sum(e, axis=dim, keepdims=True)
    return e / np.where(total == 0, 1, total)


def _swap(a: Any) -> Any:
    return transpose(a, dim0=-2, dim1=-1)


# ---- the fused row, for batches of heads ---------------------------------------------------


def _for_each_head(x: Any, heads: int) -> Any:
    """Repeat keys or values, of which several heads share each: (batch, heads, length, size)."""
    batch, shared, *rest = x.shape
    if shared == heads:
        return x
    spread = expand(unsqueeze(x, dim=2), size=(batch, shared, heads // shared, *rest))
    return reshape(spread, (batch, heads, *rest))


def _of_shared(g: Any, shared: int) -> Any:
    """Add up over the heads that share a key or a value: the transpose of the above."""
    batch, heads, *rest = g.shape
    if shared == heads:
        return g
    return sum_(reshape(g, (batch, shared, heads // shared, *rest)), dim=(2,))


def _scores(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    scores = matmul(q * scale, _swap(_for_each_head(k, q.shape[1])))
    if causal:
        mask = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
    if mask is None:
        return scores
    return where(mask, scores, float("-inf")) if mask.dtype == BOOL else scores + mask


def _shares(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    return safe_softmax(_scores(q, k, mask, scale, causal), dim=len(q.shape) - 1)


def _flash(q: Any, k: Any, v: Any, mask: Any, scale: float, is_causal: bool) -> Any:
    return np.matmul(_shares(q, k, mask, scale, is_causal), _for_each_head(v, q.shape[1]))


def _moved_scores(g: Any, q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> Any:
    p = _shares(q, k, mask, scale, causal)
    shares = matmul(g, _swap(_for_each_head(v, q.shape[1])))
    return p * (shares - sum_(shares * p, dim=(len(p.shape) - 1,), keepdim=True))


def _flash_tangent(
    ts: Any, y: Any, q: Any, k: Any, v: Any, mask: Any, scale: float, is_causal: bool
) -> Any:
    p = _shares(q, k, mask, scale, is_causal)
    heads = q.shape[1]
    parts = [] if ts[2] is None else [matmul(p, _for_each_head(ts[2], heads))]
    for slot, (left, right) in enumerate(((ts[0], k), (q, ts[1]))):
        if ts[slot] is not None:
            moved = matmul(left * scale, _swap(_for_each_head(right, heads)))
            mean = sum_(moved * p, dim=(len(p.shape) - 1,), keepdim=True)
            parts.append(matmul(p * (moved - mean), _for_each_head(v, heads)))
    return sum(parts[1:], parts[0])


# fmt: off
safe_softmax = primitive(Derivative,
    "_safe_softmax(input, dim: dim)", "SafeSoftmaxBackward0",
    _safe_softmax, lambda a, dim: Meta(a.shape, a.dtype),
    lambda g, y, a, dim: y * (g - sum_(g * y, dim=(dim,), keepdim=True)),
    tangent=lambda ts, y, a, dim: y * (ts[0] - sum_(ts[0] * y, dim=(dim,), keepdim=True)),
    doc="softmax; 0 where every element is -inf")
flash_attention = primitive(Derivative,
    "_scaled_dot_product_flash_attention_for_cpu(query, key, value, attn_mask = None, "
    "scale: real = 1.0, is_causal: bool = False)",
    "ScaledDotProductFlashAttentionForCpuBackward0", _flash,
    lambda q, *_, **__: Meta(q.shape, q.dtype, dense_strides(q.shape, (q,))),
    lambda g, y, q, k, v, mask, scale, is_causal:
        matmul(_moved_scores(g, q, k, v, mask, scale, is_causal),
               _for_each_head(k, q.shape[1])) * scale,
    lambda g, y, q, k, v, mask, scale, is_causal: _of_shared(
        matmul(_swap(_moved_scores(g, q, k, v, mask, scale, is_causal)), q) * scale, k.shape[1]),
    lambda g, y, q, k, v, mask, scale, is_causal: _of_shared(
        matmul(_swap(_shares(q, k, mask, scale, is_causal)), g), v.shape[1]),
    tangent=_flash_tangent, saves="query key value result",
    doc="softmax(q @ k.mT · scale + mask) @ v, in one step")
# fmt: on


def _attention(
    q: Any, k: Any, v: Any, mask: Any, dropout_p: float, is_causal: bool, scale: float | None,
    enable_gqa: bool, drop: Callable[[Any, float], Any] | None = None,
) -> Any:  # fmt: skip
    """Attend by the steps of ATen: fused for 4-d tensors, else `_scaled_dot_product_math`."""
    if min(len(x.shape) for x in (q, k, v)) < 2:
        ranks = [len(x.shape) for x in (q, k, v)]
        raise ShapeFault(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            "{} key.dim: {} and value.dim: {} instead.".format(*ranks)
        )
    if is_causal and mask is not None:
        raise ArgumentFault(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True"
        )
    if dropout_p and drop is None:
        raise ArgumentFault(
            "scaled_dot_product_attention(): dropout_p is random, and there is no run to draw it in"
        )
    if enable_gqa:
        _check_groups(q, k, v)
    natural = 1 / sqrt(q.shape[-1]) if q.shape[-1] else float("inf")
    size = natural if scale is None else scale
    if 0 in (*q.shape[:-1], k.shape[-2], v.shape[-1]):
        return _nothing(q, k, v)
    if not dropout_p and _is_fused(q, k, v, mask, enable_gqa):
        return flash_attention(q, k, v, mask, scale=size, is_causal=is_causal)
    if enable_gqa and {k.shape[-3], v.shape[-3]} != {q.shape[-3]}:
        k, v = (repeat_interleave(x, q.shape[-3] // x.shape[-3], -3, None) for x in (k, v))
    if mask is not None and mask.dtype == BOOL:
        mask = where(mask, 0.0, _infinity(q))
    if is_causal:
        allowed = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        mask = np.where(allowed, 0.0, -np.inf).astype(q.dtype)
    root = sqrt(abs(size))
    left = mul_number(q, other=root if size >= 0 else -root)
    scores = matmul(left, mul_number(_swap(k), other=root))
    scores = scores if mask is None else scores + mask
    weights = safe_softmax(scores, dim=len(scores.shape) - 1)
    return matmul(drop(weights, dropout_p) if dropout_p and drop is not None else weights, v)


def _nothing(q: Any, k: Any, v: Any) -> Any:
    """Return zeros that depend on all three, as PyTorch does where there is nothing to attend."""
    shape = (*broadcast(q.shape[:-2], broadcast(k.shape[:-2], v.shape[:-2])), q.shape[-2])
    zeros = like(q, np.zeros((*shape, v.shape[-1])))
    return zeros + mul_number(sum_(q) + sum_(k) + sum_(v), other=0)


def _infinity(q: Any) -> Any:
    return np.asarray(-np.inf, q.dtype)


def _check_groups(*operands: Any) -> None:
    """Refuse heads that cannot share keys and values."""
    if any(len(x.shape) < 3 for x in operands):
        raise ShapeFault(
            "scaled_dot_product_attention(): enable_gqa needs a dimension of heads, the third from "
            "the end"
        )
    heads, *shared = (x.shape[-3] for x in operands)
    if any(not n or heads % n for n in shared):
        raise ShapeFault(
            "Number of heads in key and value must divide the number of heads in query: "
            f"{shared[0]} and {shared[1]}, and {heads}"
        )


def _lies_in_rows(x: Any) -> bool:
    return not isinstance(x, Traced) or strides_of(x)[-1] == 1


def _is_fused(q: Any, k: Any, v: Any, mask: Any, grouped: bool) -> bool:
    """Say whether PyTorch takes the fused kernel on a CPU."""
    if not all(len(x.shape) == 4 and _lies_in_rows(x) for x in (q, k, v)):
        return False
    if getattr(mask, "requires_grad", False):
        return False
    same = k.shape[:3] == v.shape[:3] and q.shape[0] == k.shape[0]
    same = same and (grouped or q.shape[1] == k.shape[1])
    return same and q.shape[3] == k.shape[3] == v.shape[3] and 0 not in (*q.shape, *k.shape)


# ---- bilinear ------------------------------------------------------------------------------


def _trilinear_meta(a: Any, b: Any, c: Any, equation: str) -> Meta:
    inputs, result = equation.split("->")
    sizes: dict[str, int] = {}
    for letters, x in zip(inputs.split(","), (a, b, c), strict=True):
        sizes.update(zip(letters, x.shape, strict=True))
    return Meta(tuple(sizes[letter] for letter in result), a.dtype)


def _turned(equation: str, slot: int) -> str:
    """Return the equation with one input and the result exchanged."""
    inputs, result = equation.split("->")
    letters = inputs.split(",")
    letters[slot], result = result, letters[slot]
    return f"{','.join(letters)}->{result}"


# fmt: off
trilinear = primitive(Multilinear,
    "_trilinear(i1, i2, i3, equation: str)", "TrilinearBackward0",
    lambda a, b, c, equation: np.einsum(equation, a, b, c, optimize=True), _trilinear_meta,
    lambda g, y, a, b, c, equation:
        trilinear(g, conj(b), conj(c), equation=_turned(equation, 0)),
    lambda g, y, a, b, c, equation:
        trilinear(conj(a), g, conj(c), equation=_turned(equation, 1)),
    lambda g, y, a, b, c, equation:
        trilinear(conj(a), conj(b), g, equation=_turned(equation, 2)),
    doc="Sums of products of three tensors")
# fmt: on


def _bilinear(a: Any, b: Any, weight: Any, bias: Any) -> Any:
    if len(a.shape) != len(b.shape):
        raise ShapeFault(
            f"bilinear(): input dimensions do not match: got {len(a.shape)} and {len(b.shape)}"
        )
    for dim, (m, n) in enumerate(zip(a.shape[:-1], b.shape[:-1], strict=True)):
        if m != n:
            raise ShapeFault(
                f"bilinear(): input batch dimensions do not match at dim {dim}: got {m} and {n}"
            )
    if len(weight.shape) != 3:
        raise ShapeFault(f"bilinear(): weight has 3 dimensions, not {len(weight.shape)}")
    for position, x in enumerate((a, b), 1):
        if x.shape[-1] != weight.shape[position]:
            raise ShapeFault(
                f"bilinear(): input{position} size does not match weight size: got "
                f"{x.shape[-1]} but expected {weight.shape[position]}"
            )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeFault(
            f"bilinear(): bias size does not match weight size: got {prod(bias.shape)} but "
            f"expected {weight.shape[0]}"
        )
    count = prod(a.shape[:-1])
    left, right = reshape(a, (count, a.shape[-1])), reshape(b, (count, b.shape[-1]))
    y = trilinear(left, weight, right, equation="ni,oij,nj->no")
    y = reshape(y, (*a.shape[:-1], weight.shape[0]))
    return y if bias is None else y + bias


# fmt: off
scaled_dot_product_attention = composite(
    "scaled_dot_product_attention(query, key, value, attn_mask = None, dropout_p: real = 0.0, "
    "is_causal: bool = False, scale: real = None, enable_gqa: bool = False)", _attention,
    refuses="query key value: bool", doc="softmax(q @ k.mT · scale + mask) @ v", draws=True,
    examples="F.scaled_dot_product_attention(M, A, A); "
    "F.scaled_dot_product_attention(T, T, 2*T, is_causal=True); "
    "F.scaled_dot_product_attention(T, T, T, attn_mask=A, scale=0.3)")
bilinear = composite("bilinear(input1, input2, weight, bias = None)", _bilinear,
    refuses="input1 input2 weight bias: bool", alike="input1 input2 weight bias",
    doc="x1.T @ W[k] @ x2 + b[k] for each k", examples="F.bilinear(M, 2*M, T, v[:2])")
# fmt: on
