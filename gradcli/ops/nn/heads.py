"""Attention by several heads, with the projections before it and after it."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.linalg.linalg import bmm
from gradcli.ops.linalg.matrices import like
from gradcli.ops.linalg.products import baddbmm, linear
from gradcli.ops.nn.attention import scaled_dot_product_attention
from gradcli.ops.pointwise.elementwise import masked_fill_number
from gradcli.ops.reduce.reductions import softmax_
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.joining import chunk, split_
from gradcli.ops.shape.layout import pad_constant, repeat
from gradcli.ops.shape.shapes import (
    cat,
    expand,
    mean,
    permute,
    reshape,
    squeeze_dim,
    transpose,
    unsqueeze,
    view,
    zeros_like,
)
from gradcli.ops.shape.views import contiguous_
from gradcli.rule.dtypes import BOOL, DType, is_floating
from gradcli.rule.meta import shown
from gradcli.rule.rows import composite

NAME = "multi_head_attention_forward"
Drop = Callable[[Any, float], Any]


class Masks(NamedTuple):
    """What is added to the scores: for pairs of a query and a key, and for keys; None is nothing.

    `is_causal` says that the first is the triangle, which is then made where it is needed.
    """

    pairs: Any
    keys: Any
    is_causal: bool

    def beside_one_more(self) -> Masks:
        """Return the masks for one key more, which is not masked."""
        pairs, keys = (x if x is None else pad_constant(x, pad=(0, 1), value=0)
                       for x in (self.pairs, self.keys))  # fmt: skip
        return Masks(pairs, keys, self.is_causal)


# ---- arguments -----------------------------------------------------------------------------


def _check(q: Any, k: Any, v: Any, keys: Any, pairs: Any) -> None:
    rank = len(q.shape)
    if rank not in (2, 3):
        raise ShapeFault(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    query = f"{'batched' if rank == 3 else 'unbatched'} ({rank}-D) `query`"
    if len(k.shape) != rank or len(v.shape) != rank:
        raise ShapeFault(
            f"For {query}, expected `key` and `value` to be {rank}-D but found "
            f"{len(k.shape)}-D and {len(v.shape)}-D tensors respectively"
        )
    if keys is not None and len(keys.shape) != rank - 1:
        raise ShapeFault(
            f"For {query}, expected `key_padding_mask` to be `None` or {rank - 1}-D but "
            f"found {len(keys.shape)}-D tensor instead"
        )
    if pairs is not None and len(pairs.shape) not in (2, 3):
        raise ShapeFault(
            f"For {query}, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{len(pairs.shape)}-D tensor instead"
        )


def _added(mask: Any, name: str, dtype: DType) -> Any:
    """Return a mask as what is added to scores."""
    if mask is None or is_floating(mask.dtype):
        return mask
    if mask.dtype != BOOL:
        raise DtypeFault(f"only bool and floating types of {name} are supported")
    return masked_fill_number(zeros_like(mask, dtype=dtype), mask, value=float("-inf"))


def _masks(
    pairs: Any, keys: Any, is_causal: bool, need_weights: bool, dtype: DType
) -> Masks:  # fmt: skip
    if is_causal and pairs is None:
        raise ArgumentFault(
            "Need attn_mask if specifying the is_causal hint.",
            hint="give the triangle too: attn_mask=triu(full((n, n), -inf), 1)",
        )
    keys = _added(keys, "key_padding_mask", dtype)
    if is_causal and keys is None and not need_weights:
        return Masks(None, None, True)
    return Masks(_added(pairs, "attn_mask", dtype), keys, is_causal and keys is None)


def _three_dimensional(pairs: Any, heads: int, queries: int, keys: int) -> Any:
    if pairs is None:
        return None
    expected = (queries, keys) if len(pairs.shape) == 2 else (heads, queries, keys)
    if pairs.shape != expected:
        raise ShapeFault(
            f"The shape of the {len(pairs.shape)}D attn_mask is {shown(pairs.shape)}, but should "
            f"be {shown(expected)}."
        )
    return unsqueeze(pairs, dim=0) if len(pairs.shape) == 2 else pairs


# ---- projections ---------------------------------------------------------------------------


def _pieces(projected: Any, count: int, size: int) -> tuple[Any, ...]:
    """Return what one projection gives for several of query, key and value."""
    parts = view(projected, shape=(*projected.shape[:-1], count, size))
    parts = transpose(unsqueeze(parts, dim=0), dim0=0, dim1=-2)
    parts = contiguous_(squeeze_dim(parts, dim=(-2,)))
    return tuple(select(parts, dim=0, index=k) for k in range(count))


def _projected(q: Any, k: Any, v: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    """Project by a weight that has those of query, key and value one upon another."""
    size = q.shape[-1]
    if k is v and q is k:
        return _pieces(linear(q, weight, bias), 3, size)
    if k is v:
        parts = (size, 2 * size)
        w_q, w_kv = split_(weight, split_size=parts, dim=0)
        b_q, b_kv = (None, None) if bias is None else split_(bias, split_size=parts, dim=0)
        return linear(q, w_q, b_q), *_pieces(linear(k, w_kv, b_kv), 2, size)
    return _each_projected((q, k, v), chunk(weight, 3, 0), bias)


def _each_projected(given: Any, weights: Any, bias: Any) -> tuple[Any, ...]:
    biases = (None, None, None) if bias is None else chunk(bias, 3, 0)
    return tuple(linear(*one) for one in zip(given, weights, biases, strict=True))


def _separate(q: Any, k: Any, v: Any, weights: Any, bias: Any) -> tuple[Any, ...]:
    size = q.shape[-1]
    for name, x, w in zip(("query", "key", "value"), (q, k, v), weights, strict=True):
        if w is None:
            raise ArgumentFault(f"use_separate_proj_weight is True but {name[0]}_proj_weight is "
                                "None")  # fmt: skip
        if w.shape != (size, x.shape[-1]):
            raise ShapeFault(
                f"expecting {name} weights shape of {shown((size, x.shape[-1]))}, but got "
                f"{shown(w.shape)}"
            )
    return _each_projected((q, k, v), weights, bias)


# ---- attention -----------------------------------------------------------------------------


def _of_heads(x: Any, static: Any, heads: int, size: int, name: str) -> Any:
    """Return keys or values head by head: (batch · heads, length, size)."""
    if static is None:
        return transpose(view(x, shape=(x.shape[0], heads, size)), dim0=0, dim1=1)
    if len(static.shape) != 3 or (static.shape[0], static.shape[2]) != (heads, size):
        raise ShapeFault(
            f"expecting static_{name} of shape {shown((heads, -1, size))}, but got "
            f"{shown(static.shape)}"
        )
    return static


def _with_keys(masks: Masks, batch: int, heads: int, length: int) -> Masks:
    """Merge what is added for keys into what is added for pairs."""
    if masks.keys is None:
        return masks
    if masks.keys.shape != (batch, length):
        raise ShapeFault(
            f"expected key_padding_mask of shape {shown((batch, length))}, got "
            f"{shown(masks.keys.shape)}"
        )
    keys = expand(view(masks.keys, shape=(batch, 1, 1, length)), size=(batch, heads, 1, length))
    keys = reshape(keys, (batch * heads, 1, length))
    return masks._replace(pairs=keys if masks.pairs is None else masks.pairs + keys)


def _weighted(
    q: Any, k: Any, v: Any, mask: Any, dropout_p: float, drop: Drop | None
) -> tuple[Any, Any]:
    """Attend step by step; return the values, as rows, and the weights too."""
    scaled, turned = q * sqrt(1.0 / q.shape[-1]), transpose(k, dim0=-2, dim1=-1)
    scores = bmm(scaled, turned) if mask is None else baddbmm(mask, scaled, turned)
    weights = softmax_(scores, dim=-1)
    if dropout_p and drop is not None:
        weights = drop(weights, dropout_p)
    return transpose(bmm(weights, v), dim0=0, dim1=1), weights


def _at_once(
    q: Any, k: Any, v: Any, masks: Masks, batch: int, dropout_p: float, drop: Drop | None
) -> Any:
    heads, size = q.shape[0], q.shape[2]
    mask = masks.pairs
    if mask is not None:
        mask = unsqueeze(mask, dim=0) if mask.shape[0] == 1 else view(
            mask, shape=(batch, heads // batch, -1, k.shape[1]))  # fmt: skip
    q, k, v = (view(x, shape=(batch, heads // batch, x.shape[1], size)) for x in (q, k, v))
    how = mask, dropout_p, masks.is_causal, None, False, drop
    y = scaled_dot_product_attention(q, k, v, *how)
    return permute(y, dims=(2, 0, 1, 3))


def _forward(
    query: Any, key: Any, value: Any, embed_dim: int, num_heads: int, in_weight: Any, in_bias: Any,
    bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_weight: Any,
    out_bias: Any, training: bool, keys: Any, need_weights: bool, pairs: Any, separate: bool,
    q_weight: Any, k_weight: Any, v_weight: Any, static_k: Any, static_v: Any, average: bool,
    is_causal: bool, drop: Drop | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Source: the steps of `torch.nn.functional.multi_head_attention_forward`."""
    _check(query, key, value, keys, pairs)
    alone = len(query.shape) == 2
    if alone:
        query, key, value = (unsqueeze(x, dim=1) for x in (query, key, value))
        keys = keys if keys is None else unsqueeze(keys, dim=0)
    queries, batch, width = query.shape
    _check_sizes(query, key, value, embed_dim, num_heads, separate)
    dropout_p = dropout_p if training else 0.0
    if dropout_p and drop is None:
        raise ArgumentFault(
            f"{NAME}(): dropout in training is random, and there is no run to draw it in",
            hint="training=False, or dropout_p=0.0",
        )
    masks = _masks(pairs, keys, is_causal, need_weights, query.dtype)
    if separate:
        q, k, v = _separate(query, key, value, (q_weight, k_weight, v_weight), in_bias)
    elif in_weight is None:
        raise ArgumentFault("use_separate_proj_weight is False but in_proj_weight is None")
    else:
        q, k, v = _projected(query, key, value, in_weight, in_bias)
    heads, size = batch * num_heads, width // num_heads
    masks = masks._replace(pairs=_three_dimensional(masks.pairs, heads, queries, key.shape[0]))
    if (bias_k is None) != (bias_v is None):
        raise ArgumentFault("bias_k and bias_v go together: one is set but the other is None")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise ArgumentFault("bias cannot be added to static key or value.")
        k, v = (cat(x, repeat(one, repeats=(1, batch, 1)), dim=0)
                for x, one in ((k, bias_k), (v, bias_v)))  # fmt: skip
        masks = masks.beside_one_more()
    q = _of_heads(q, None, heads, size, "q")
    k, v = _of_heads(k, static_k, heads, size, "k"), _of_heads(v, static_v, heads, size, "v")
    if add_zero_attn:
        zeros = like(k, np.zeros((heads, 1, size), k.dtype))
        k, v = cat(k, zeros, dim=1), cat(v, zeros, dim=1)
        masks = masks.beside_one_more()
    masks = _with_keys(masks, batch, num_heads, k.shape[1])
    weights = None
    if need_weights:
        y, weights = _weighted(q, k, v, masks.pairs, dropout_p, drop)
        weights = view(weights, shape=(batch, num_heads, queries, k.shape[1]))
        weights = mean(weights, dim=(1,)) if average else weights
    else:
        y = _at_once(q, k, v, masks, batch, dropout_p, drop)
    y = linear(reshape(y, (queries * batch, width)), out_weight, out_bias)
    y = view(y, shape=(queries, batch, y.shape[1]))
    if alone:
        y = squeeze_dim(y, dim=(1,))
        weights = weights if weights is None else squeeze_dim(weights, dim=(0,))
    return y, weights


def _check_sizes(q: Any, k: Any, v: Any, embed_dim: int, heads: int, separate: bool) -> None:
    width = q.shape[-1]
    if width != embed_dim:
        raise ShapeFault(f"was expecting embedding dimension of {embed_dim}, but got {width}")
    if heads < 1 or width % heads:
        raise ShapeFault(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate and k.shape[:2] != v.shape[:2]:
        raise ShapeFault(
            f"key's sequence and batch dims {shown(k.shape[:2])} do not match value's "
            f"{shown(v.shape[:2])}"
        )
    if not separate and k.shape != v.shape:
        raise ShapeFault(f"key shape {shown(k.shape)} does not match value shape {shown(v.shape)}")


# fmt: off
multi_head_attention_forward = composite(
    f"{NAME}(query, key, value, embed_dim_to_check: int, num_heads: int, "
    "in_proj_weight: tensor?, in_proj_bias: tensor?, bias_k: tensor?, bias_v: tensor?, "
    "add_zero_attn: bool, dropout_p: real, out_proj_weight, out_proj_bias: tensor?, "
    "training: bool = True, key_padding_mask = None, need_weights: bool = True, "
    "attn_mask = None, use_separate_proj_weight: bool = False, q_proj_weight = None, "
    "k_proj_weight = None, v_proj_weight = None, static_k = None, static_v = None, "
    "average_attn_weights: bool = True, is_causal: bool = False)", _forward, draws=True,
    refuses="query key value: bool integer",
    doc="Attention by several heads: its values, and its weights, None where they are not needed",
    examples=f"F.{NAME}(T, T, T, 3, 1, cat([A, 2*A, A]), cat([v, v, v]), None, None, False, 0.0, "
    "A, v)[0]")
# fmt: on
