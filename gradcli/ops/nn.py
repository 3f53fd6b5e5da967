"""Losses of `torch.nn.functional`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.dtypes import promote
from gradcli.ops.elementwise import abs_, eq, where
from gradcli.ops.meta import Meta, Shape, broadcast
from gradcli.ops.reductions import log_softmax_
from gradcli.ops.rule import Derivative, Multilinear, composite, primitive
from gradcli.ops.shapes import gather_backward, mean, reshape, sum_, unsqueeze

REDUCTIONS = ("none", "mean", "sum")


def _check(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ArgumentFault(f"{reduction} is not a valid value for reduction",
                            hint="it is 'mean', 'sum' or 'none'")  # fmt: skip


def reduced(loss: Any, reduction: str) -> Any:
    """Return the mean, the sum, or the losses themselves."""
    _check(reduction)
    return mean(loss) if reduction == "mean" else sum_(loss) if reduction == "sum" else loss


# ---- mse_loss ------------------------------------------------------------------------------


def _mse_meta(a: Any, b: Any, reduction: str) -> Meta:
    _check(reduction)
    shape = broadcast(a.shape, b.shape)
    return Meta(shape if reduction == "none" else (), promote((a, b), a.dtype))


def _mse(a: Any, b: Any, reduction: str) -> Any:
    squares = (a - b) ** 2
    return squares if reduction == "none" else getattr(np, reduction)(squares)


def _mse_scale(a: Any, b: Any, reduction: str) -> float:
    return 2.0 / max(prod(broadcast(a.shape, b.shape)), 1) if reduction == "mean" else 2.0


def _mse_slope(a: Any, b: Any, reduction: str) -> Any:
    return (a - b) * _mse_scale(a, b, reduction)


def _mse_tangent(ts: Any, y: Any, a: Any, b: Any, reduction: str) -> Any:
    moved = ts[0] if ts[1] is None else -ts[1] if ts[0] is None else ts[0] - ts[1]
    losses = moved * _mse_slope(a, b, reduction)
    return losses if reduction == "none" else sum_(losses)


# ---- nll_loss ------------------------------------------------------------------------------


def _nll_meta(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Meta:
    _check(reduction)
    if target.dtype.kind not in "iu":
        raise DtypeFault(
            f"expected scalar type Long but found {target.dtype.name}",
            hint="nll_loss takes class indices: integers, or .long()",
        )
    if a.shape[:1] + a.shape[2:] != target.shape and not (len(a.shape) == 1 and not target.shape):
        raise ShapeFault(
            f"size mismatch (got input: {list(a.shape)}, target: {list(target.shape)})"
        )
    return Meta(target.shape if reduction == "none" else (), a.dtype)


def _class_dim(shape: Shape) -> int:
    return 0 if len(shape) == 1 else 1


def _nll_weights(a: Any, target: Any, weight: Any, ignore_index: int) -> Any:
    """Return the weight of each target, 0 where it is ignored."""
    classes = a.shape[_class_dim(a.shape)]
    kept = target != ignore_index
    bad = target[kept & ((target < 0) | (target >= classes))]
    if bad.size:
        raise ArgumentFault(f"Target {int(bad.flat[0])} is out of bounds.",
                            hint=f"targets are class indices from 0 to {classes - 1}")  # fmt: skip
    if weight is None:
        return kept.astype(a.dtype)
    return np.where(kept, weight[np.where(kept, target, 0)], 0).astype(a.dtype)


def _nll(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    weights = _nll_weights(a, target, weight, ignore_index)
    dim = _class_dim(a.shape)
    index = np.expand_dims(np.where(target == ignore_index, 0, target), dim)
    losses = -np.take_along_axis(a, index, dim).squeeze(dim) * weights
    if reduction == "none":
        return losses
    return np.sum(losses) if reduction == "sum" else np.sum(losses) / np.sum(weights)


# the shares are constants of the loss: a row of its own, without a derivative
nll_shares = primitive(
    Multilinear,
    "_nll_shares(input, target, weight = None, ignore_index: int = -100, reduction: str = 'mean')",
    "",
    lambda a, target, weight, ignore_index, reduction: _nll_share(
        _nll_weights(a, target, weight, ignore_index), reduction
    ),
    lambda a, target, weight, ignore_index, reduction: Meta(target.shape, a.dtype),
    doc="Each target's share of an nll_loss",
)


def _nll_share(weights: Any, reduction: str) -> Any:
    return weights / np.sum(weights) if reduction == "mean" else weights


def _nll_rule(
    g: Any, y: Any, a: Any, target: Any, weight: Any, ignore_index: int, reduction: str
) -> Any:
    share = nll_shares(a, target, weight, ignore_index=ignore_index, reduction=reduction)
    dim = _class_dim(a.shape)
    picked = where(eq(target, ignore_index), 0, target)
    spread = unsqueeze(-(g * share), dim=dim)
    return gather_backward(spread, unsqueeze(picked, dim=dim), dim=dim, size=a.shape)

    # fmt: off


mse_loss = primitive(
    Derivative,
    "mse_loss(input, target, reduction: str = 'mean')",
    "MseLossBackward0",
    _mse,
    _mse_meta,
    lambda g, y, a, b, reduction: g * _mse_slope(a, b, reduction),
    lambda g, y, a, b, reduction: -g * _mse_slope(a, b, reduction),
    tangent=_mse_tangent,
    promotes=True,
    doc="Mean of the squared differences",
    examples="mse_loss(v, v**2); F.mse_loss(v, v**2, reduction='sum')",
)


nll_loss = primitive(
    Multilinear,
    "nll_loss(input, target, weight = None, ignore_index: int = -100, reduction: str = 'mean')",
    lambda a, *_, **__: "NllLossBackward0" if len(a.shape) < 3 else "NllLoss2DBackward0",
    _nll,
    _nll_meta,
    _nll_rule,
    doc="Negative log-likelihood of classes, from log-probabilities",
)
# fmt: on


def _cross_entropy(
    a: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    _check(reduction)
    dim = _class_dim(a.shape)
    logs = log_softmax_(a, dim=dim)
    if target.dtype.kind in "iu" and not smoothing:
        return nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if target.dtype.kind in "iu":
        hard = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
        soft = -reduced(sum_(logs, dim=(dim,)), reduction)
        classes = a.shape[dim]
        return hard * (1 - smoothing) + soft * (smoothing / classes)
    if target.shape != a.shape:
        raise ShapeFault(
            f"Expected floating point type for target with class probabilities of shape "
            f"{list(a.shape)}, got {list(target.shape)}"
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / a.shape[dim]
    scale = (
        1
        if weight is None
        else reshape(weight, (1,) * dim + (-1,) + (1,) * (len(a.shape) - dim - 1))
    )
    products = logs * target if weight is None else logs * target * scale
    if reduction == "none":
        return -sum_(products, dim=(dim,))
    total = -sum_(products)
    return total if reduction == "sum" else total / (prod(a.shape) // a.shape[dim])


# fmt: off
cross_entropy = composite(
    "cross_entropy(input, target, weight = None, ignore_index: int = -100, reduction: str = 'mean', "
    "label_smoothing: number = 0.0)",
    _cross_entropy, doc="nll_loss of log_softmax: classification from logits")
l1_loss = composite("l1_loss(input, target, reduction: str = 'mean')",
    lambda a, b, reduction: reduced(abs_(a - b), reduction),
    doc="Mean of the absolute differences", kink="0 at 0", examples="F.l1_loss(v, v**2)")
# fmt: on
