"""Losses with a margin: of pairs, triplets and labels."""

from __future__ import annotations

from typing import Any

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.nn.distances import pairwise
from gradcli.ops.nn.losses import reduced
from gradcli.ops.pointwise.elementwise import (
    clamp_min_number,
    eq,
    logsigmoid,
    minimum,
    ne,
    sqrt,
    sub,
    where,
)
from gradcli.ops.pointwise.scalars import add_number, plus, sub_number
from gradcli.ops.shape.shapes import sum_, zeros_like
from gradcli.rule.meta import shown
from gradcli.rule.rows import composite
from gradcli.rule.rule import FRACTION, REAL


def _hinge_embedding(a: Any, b: Any, margin: float, reduction: str) -> Any:
    zeros = zeros_like(a)
    far = where(ne(b, 1), clamp_min_number(sub(margin, a), min=0), zeros)
    return reduced(far + where(ne(b, -1), a, zeros), reduction)


def _margin_ranking(a: Any, b: Any, target: Any, margin: float, reduction: str) -> Any:
    if not len(a.shape) == len(b.shape) == len(target.shape):
        raise ShapeFault(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: torch.Size({shown(a.shape)}), input2: torch.Size({shown(b.shape)}), "
            f"target: torch.Size({shown(target.shape)}) "
        )
    over = plus(-target * (a - b), margin)
    return reduced(clamp_min_number(over, min=0), reduction)


def _multilabel_soft(a: Any, b: Any, weight: Any, reduction: str) -> Any:
    if not a.shape:
        raise ShapeFault("multilabel_soft_margin_loss(): input has a dimension of classes, not 0")
    losses = -(b * logsigmoid(a) + (1 - b) * logsigmoid(-a))
    losses = losses if weight is None else losses * weight
    return reduced(sum_(losses, dim=(len(a.shape) - 1,)) / a.shape[-1], reduction)


def _triplet(
    anchor: Any, near: Any, far: Any, margin: float, p: float, eps: float, swap: bool,
    reduction: str,
) -> Any:  # fmt: skip
    if margin <= 0:
        raise ArgumentFault(f"margin must be greater than 0, got {margin}")
    ranks = [len(x.shape) for x in (anchor, near, far)]
    if len(set(ranks)) > 1:
        raise ShapeFault(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative "
            f"{ranks[2]}D inputs"
        )
    to_near, to_far = pairwise(anchor, near, p, eps), pairwise(anchor, far, p, eps)
    if swap:
        to_far = minimum(to_far, pairwise(near, far, p, eps))
    over = add_number(to_near, other=margin) - to_far
    return reduced(clamp_min_number(over, min=0), reduction)


def _cosine_embedding(a: Any, b: Any, target: Any, margin: float, reduction: str) -> Any:
    rank = len(target.shape)
    if rank > 1:
        raise ShapeFault("0D or 1D target tensor expected, multi-target not supported")
    if not len(a.shape) == len(b.shape) == rank + 1:
        shapes = f"{shown(a.shape)} and {shown(b.shape)}"
        tensors = "1D target tensor expects 2D" if rank else "0D target tensor expects 1D"
        raise ShapeFault(f"{tensors} input tensors, but found inputs with sizes {shapes}.")
    dim = (rank,)
    first = add_number(sum_(a * a, dim=dim), other=1e-12)
    second = add_number(sum_(b * b, dim=dim), other=1e-12)
    cosine = sum_(a * b, dim=dim) / sqrt(first * second)
    zeros = zeros_like(cosine)
    alike = where(eq(target, 1), sub(1, cosine), zeros)
    apart = clamp_min_number(sub_number(cosine, other=margin), min=0)
    return reduced(alike + where(eq(target, -1), apart, zeros), reduction)


# fmt: off
hinge_embedding_loss = composite(
    "hinge_embedding_loss(input, target, margin: real = 1.0, reduction: str = 'mean')",
    _hinge_embedding,
    refuses="bool integer complex", needs="target: signs",
    doc="input where the target is 1, max(0, margin - input) where it is -1",
    kink="-1 at the margin", examples="F.hinge_embedding_loss(v, tensor([1., -1., 1.]))")
margin_ranking_loss = composite(
    "margin_ranking_loss(input1, input2, target, margin: real = 0.0, reduction: str = 'mean')",
    _margin_ranking,
    refuses="input1 input2 target: complex", needs="target: signs",
    doc="max(0, -target·(input1 - input2) + margin)", kink="1 at the margin",
    examples="F.margin_ranking_loss(v, v**2, tensor([1., -1., 1.]), margin=0.2)")
multilabel_soft_margin_loss = composite(
    "multilabel_soft_margin_loss(input, target, weight = None, reduction: str = 'mean')",
    _multilabel_soft,
    refuses="complex", domain=(REAL, FRACTION),
    doc="Cross entropy of the sigmoids of logits, each class by itself",
    examples="F.multilabel_soft_margin_loss(M, tensor([[1., 0., 1.], [0., 0., 1.]]))")
triplet_margin_loss = composite(
    "triplet_margin_loss(anchor, positive, negative, margin: real = 1.0, p: real = 2.0, "
    "eps: real = 1e-6, swap: bool = False, reduction: str = 'mean')", _triplet,
    doc="max(0, margin + distance to the positive - distance to the negative)",
    kink="1 at the margin",
    examples="F.triplet_margin_loss(M, M*M, 2*M); F.triplet_margin_loss(v, v*v, 2*v, swap=True)")
cosine_embedding_loss = composite(
    "cosine_embedding_loss(input1, input2, target, margin: real = 0.0, "
    "reduction: str = 'mean')", _cosine_embedding,
    refuses="input1 input2: complex", needs="target: signs",
    doc="1 - cosine where the target is 1, max(0, cosine - margin) where it is -1",
    kink="1 at the margin",
    examples="F.cosine_embedding_loss(M, M*M, tensor([1., -1.]), margin=-0.9)")
# fmt: on
