"""Weights as a length times a direction, as `torch.nn.utils` has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gradcli.errors import ShapeFault
from gradcli.ops.reduce.reductions import vector_norm
from gradcli.ops.shape.shapes import sum_, transpose, view
from gradcli.ops.shape.views import contiguous_
from gradcli.rule.meta import Meta, Shape, own_dim, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative
from gradcli.rule.signature import Signature


def _others(a: Any, dim: int) -> Shape:
    return tuple(d for d in range(len(a.shape)) if d != dim)


def _lengths(v: Any, dim: int) -> Any:
    return vector_norm(v, ord=2.0, dim=_others(v, dim), keepdim=True)


def _input_rule(g: Any, y: Any, v: Any, length: Any, dim: int) -> Any:
    size = _lengths(v, dim)
    along = sum_(g * v, dim=_others(v, dim), keepdim=True)
    return length / size * (g - v * (along / (size * size)))


def _length_rule(g: Any, y: Any, v: Any, length: Any, dim: int) -> Any:
    return sum_(g * v, dim=_others(v, dim), keepdim=True) / _lengths(v, dim)


def _tangent(ts: Any, y: Any, v: Any, length: Any, dim: int) -> Any:
    parts = [] if ts[0] is None else [_input_rule(ts[0], y, v, length, dim)]
    parts += [] if ts[1] is None else [ts[1] / _lengths(v, dim) * v]
    return sum(parts[1:], parts[0])


def _except(v: Any, pow: float, dim: int) -> Any:
    """Return the norms of slices along a dimension, by ATen's steps; of -1, that of all."""
    if dim == -1:
        return aten_norm(v, ord=pow, dim=None)
    own_dim(dim, len(v.shape))
    if dim not in (0, len(v.shape) - 1):
        return transpose(_except(transpose(v, dim0=0, dim1=dim), pow, 0), dim0=0, dim1=dim)
    shape = tuple(n if d == dim else 1 for d, n in enumerate(v.shape))
    rows = (v.shape[0], -1) if dim == 0 else (-1, v.shape[-1])
    slices = view(contiguous_(v), shape=rows)
    return view(aten_norm(slices, ord=pow, dim=(1 if dim == 0 else 0,)), shape=shape)


def _weight_norm(v: Any, length: Any, dim: int) -> Any:
    rank = len(v.shape)
    if rank < 2:
        raise ShapeFault(f"_weight_norm() takes a weight of two dimensions or more, not {rank}")
    if dim in (0, rank - 1):
        if length.shape != _shape_of_lengths(v, dim):
            raise ShapeFault(
                f"_weight_norm(): the lengths have shape {shown(length.shape)}, and those of a "
                f"weight of {shown(v.shape)} {shown(_shape_of_lengths(v, dim))}"
            )
        return weight_norm_(contiguous_(v), contiguous_(length), dim=dim)
    return v * (length / _except(v, 2.0, dim))


def _shape_of_lengths(v: Any, dim: int) -> Shape:
    return tuple(n if d == dim else 1 for d, n in enumerate(v.shape))


# fmt: off
aten_norm = replace(vector_norm,
    signature=Signature("_norm(input, ord: number, dim: dims = None, keepdim: bool = False)"),
    grad_fn=lambda a, dim, **_: "NormBackward0" if dim is None else "NormBackward1", examples=())
weight_norm_ = primitive(Derivative,
    "_weight_norm_interface(v, g, dim: int)", "WeightNormInterfaceBackward0",
    lambda v, length, dim: v * (length / _lengths(v, dim)),
    lambda v, length, dim: Meta(v.shape, v.dtype), _input_rule, _length_rule, tangent=_tangent,
    doc="A weight of a direction and of lengths of its slices")
weight_norm = composite("torch._weight_norm(v, g, dim: int = 0)", _weight_norm,
    refuses="v g: bool integer complex", alike="v g",
    doc="A weight of a direction and of lengths of its slices along a dimension",
    examples="torch._weight_norm(M, M[:, :1]); torch._weight_norm(M, v[None], 1); "
    "torch._weight_norm(T, v[None, :, None], 1)")
norm_except_dim = composite("norm_except_dim(v, pow: int = 2, dim: int = 0)",
    lambda v, pow, dim: _except(v, float(pow), dim),
    refuses="bool integer", doc="Norms of the slices along a dimension",
    examples="norm_except_dim(M); norm_except_dim(M, 2, 1); norm_except_dim(T, 2, 1)")
# fmt: on
