"""Losses of classes: targets are indices of classes, or their probabilities."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.nn.losses import check_reduction, collected, fixed
from gradcli.ops.pointwise.elementwise import eq, ge, gt, masked_fill_number, where
from gradcli.ops.pointwise.scalars import add_number, div_number, mul_number
from gradcli.ops.reduce.reductions import log_softmax_
from gradcli.ops.shape.indexing import gather, gather_backward
from gradcli.ops.shape.shapes import reshape, sum_, unsqueeze
from gradcli.ops.shape.views import fill_number_in_place
from gradcli.rule.dtypes import SCALAR_NAMES, is_floating
from gradcli.rule.meta import Meta, Shape, of_operand, own_dim, shown
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Derivative, Multilinear

# ---- nll_loss ------------------------------------------------------------------------------


def _class_dim(shape: Shape) -> int:
    return 0 if len(shape) == 1 else 1


def _nll_meta(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Meta:
    return Meta(target.shape if reduction == "none" else (), a.dtype)


def _nll_check(a: Any, target: Any, weight: Any, reduction: str) -> None:
    check_reduction(reduction)
    if not a.shape:
        raise ShapeFault("Expected 1 or more dimensions (got 0)")
    if len(a.shape) > 1 and target.shape and a.shape[0] != target.shape[0]:
        raise ShapeFault(
            f"Expected input batch_size ({a.shape[0]}) to match target batch_size "
            f"({target.shape[0]})."
        )
    if target.dtype.kind not in "iu":
        raise DtypeFault(
            "expected target dtype to be Long or Byte, but got "
            f"{SCALAR_NAMES.get(target.dtype.name, target.dtype.name)}",
            hint="nll_loss takes class indices: integers, or .long()",
        )
    if len(a.shape) == 1 and target.shape not in ((), (1,)):
        raise ShapeFault(
            f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}"
            if len(target.shape) == 1
            else f"size mismatch (got input: {shown(a.shape)}, target: {shown(target.shape)})"
        )
    if a.shape[:1] + a.shape[2:] != target.shape and len(a.shape) != 1:
        raise ShapeFault(
            f"size mismatch (got input: {shown(a.shape)}, target: {shown(target.shape)})"
        )
    classes = a.shape[_class_dim(a.shape)]
    if weight is not None and weight.shape != (classes,):
        raise ShapeFault(
            "weight tensor should be defined either for all "
            f"{classes} classes or no classes but got weight tensor of shape: "
            f"{shown(weight.shape)}"
        )
    name = "nll_loss_forward" if len(a.shape) < 3 else "nll_loss2d_forward"
    fixed(name, weight=weight)


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


def _picked(a: Any, index: Any) -> Any:
    """Return the number of one class at each place."""
    if len(a.shape) > 1 and len(index.shape) == 1:
        return a[..., np.arange(len(index)), index]
    dim = _class_dim(a.shape)
    return np.take_along_axis(a, np.expand_dims(index, dim), dim).squeeze(dim)


def _nll(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    weights = _nll_weights(a, target, weight, ignore_index)
    losses = -_picked(a, np.where(target == ignore_index, 0, target)) * weights
    if reduction == "none":
        return losses
    before = len(losses.shape) - len(weights.shape)  # the axis of a stack of points
    total = np.sum(losses, axis=tuple(range(before, len(losses.shape))))
    return total if reduction == "sum" else total / np.sum(weights)


def _nll_parts(
    a: Any, target: Any, weight: Any, ignore_index: int, reduction: str
) -> tuple[Any, Any, int]:
    """Return each target's share of the loss, its index along the classes, and their dimension."""
    share = nll_weights(a, target, weight, ignore_index=ignore_index)
    ignored = eq(target, ignore_index)
    if reduction == "mean":
        share = where(ignored, 0.0, share / sum_(share))
    dim = _class_dim(a.shape)
    picked = where(ignored, 0, target)
    return share, unsqueeze(picked, dim=dim), dim


def _nll_transpose(g: Any, a: Any, target: Any, weight: Any, **attrs: Any) -> Any:
    share, picked, dim = _nll_parts(a, target, weight, **attrs)
    return gather_backward(unsqueeze(-(g * share), dim=dim), picked, dim=dim, size=a.shape)


# fmt: off
nll_weights = primitive(Multilinear,
    "_nll_weights(input, target, weight = None, ignore_index: int = -100)", "", _nll_weights,
    lambda a, target, weight, ignore_index: Meta(target.shape, a.dtype),
    doc="Each target's weight in an nll_loss")
nll_backward = pullback(
    "_nll_loss_backward(grad, input, target, weight = None, ignore_index: int = -100, "
    "reduction: str = 'mean')",
    lambda g, a, *_, **__:
        "NllLossBackwardBackward0" if len(a.shape) < 3 else "NllLoss2DBackwardBackward0",
    _nll_transpose, of_operand, fixed="target weight")
nll = primitive(Multilinear,
    "_nll_loss(input, target, weight = None, ignore_index: int = -100, reduction: str = 'mean')",
    lambda a, *_, **__: "NllLossBackward0" if len(a.shape) < 3 else "NllLoss2DBackward0",
    _nll, _nll_meta,
    lambda g, y, a, target, weight, **attrs: nll_backward(g, a, target, weight, **attrs),
    doc="Negative log-likelihood of classes, from log-probabilities")
# fmt: on


def _nll_loss(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """Bring the dimensions behind the classes to two, as `nll_loss_nd` does."""
    _nll_check(a, target, weight, reduction)
    attrs = {"ignore_index": ignore_index, "reduction": reduction}
    if len(a.shape) in (1, 2, 4):
        return nll(a, target, weight, **attrs)
    n, classes = a.shape[:2]
    rest = prod(a.shape[2:])
    flat = reshape(target, (n, 1, rest))
    losses = nll(reshape(a, (n, classes, 1, rest)), flat, weight, **attrs)
    return reshape(losses, target.shape) if reduction == "none" else losses


# ---- cross_entropy -------------------------------------------------------------------------


def _along_classes(weight: Any, a: Any) -> Any:
    shape = [1] * len(a.shape)
    shape[_class_dim(a.shape)] = weight.shape[0]
    return reshape(weight, tuple(shape))


def _of_probabilities(a: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    if not is_floating(target.dtype):
        raise DtypeFault(
            "Expected floating point type for target with class probabilities, got "
            f"{SCALAR_NAMES.get(target.dtype.name, target.dtype.name)}"
        )
    dim = own_dim(_class_dim(a.shape), len(a.shape))
    classes = a.shape[dim]
    if weight is not None and weight.shape != (a.shape[dim],):
        raise ShapeFault(
            f"cross_entropy: weight tensor should be defined either for all {a.shape[dim]} classes "
            f"or no classes but got weight tensor of shape: {shown(weight.shape)}"
        )
    logs = log_softmax_(a, dim=dim)
    if smoothing:
        target = add_number(
            mul_number(target, other=1 - smoothing), other=smoothing / max(classes, 1)
        )
    products = logs * target
    if weight is not None:
        products = products * _along_classes(weight, a)
    if reduction == "none":
        return -sum_(products, dim=(dim,))
    if reduction == "mean" and not prod(a.shape):
        return -fill_number_in_place(sum_(products), value=float("nan"))
    total = -sum_(products)
    return total if reduction == "sum" else div_number(total, other=prod(a.shape) // classes)


def _smoothed(
    a: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    dim = _class_dim(a.shape)
    logs = log_softmax_(a, dim=dim)
    hard = _nll_loss(logs, target, weight, ignore_index, reduction)
    products = logs if weight is None else logs * _along_classes(weight, a)
    even = masked_fill_number(-sum_(products, dim=(dim,)), eq(target, ignore_index), value=0.0)
    if reduction != "none":
        even = sum_(even)
    if reduction == "mean":
        even = even / sum_(nll_weights(a, target, weight, ignore_index=ignore_index))
    share = smoothing / max(a.shape[dim], 1)
    return mul_number(hard, other=1 - smoothing) + mul_number(even, other=share)


def _cross_entropy(
    a: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    check_reduction(reduction)
    if not 0 <= smoothing <= 1:
        raise ArgumentFault(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing:g}")
    if a.shape == target.shape:
        if ignore_index >= 0:
            raise ArgumentFault("ignore_index is not supported for floating point target")
        return _of_probabilities(a, target, weight, reduction, smoothing)
    if smoothing:
        return _smoothed(a, target, weight, ignore_index, reduction, smoothing)
    logs = log_softmax_(a, dim=_class_dim(a.shape))
    return _nll_loss(logs, target, weight, ignore_index, reduction)


# ---- hinge losses of classes ---------------------------------------------------------------


def _losses_shape(a: Any, target: Any, labels: bool) -> Shape:
    return a.shape[:-1] if labels else target.shape  # type: ignore[no-any-return]


def _class_meta(a: Any, target: Any, *_: Any, labels: bool, reduction: str, **__: Any) -> Meta:
    check_reduction(reduction)
    return Meta(_losses_shape(a, target, labels) if reduction == "none" else (), a.dtype)


def _pair_weights(a: Any, target: Any, weight: Any, labels: bool) -> Any:
    """Return what each pair of a target and another class counts: (..., targets, classes)."""
    classes = a.shape[-1]
    if np.any(target >= classes) or (not labels and np.any(target < 0)):
        raise ArgumentFault(
            "argument #2 'target' is out of range" if labels else "target out of range",
            hint=f"targets are class indices from 0 to {classes - 1}",
        )
    if not labels:
        own = np.arange(classes) != target[..., None, None]
        scale = 1 if weight is None else weight[target][..., None, None]
        return own * scale / classes
    given = np.cumprod(target >= 0, -1).astype(bool)  # the list of targets ends at the first -1
    hit = ((np.arange(classes) == target[..., None]) & given[..., None]).any(-2, keepdims=True)
    return (given[..., None] & ~hit) / classes


def _pair_meta(a: Any, target: Any, weight: Any, labels: bool) -> Meta:
    return Meta((*a.shape[:-1], a.shape[-1] if labels else 1, a.shape[-1]), a.dtype)


def _margin_steps(a: Any, target: Any, weight: Any, labels: bool, margin: float) -> Any:
    """Return target indices, pair weights, and the margin's violation by each pair."""
    weights = pair_weights(a, target, weight, labels=labels)
    index = target if labels else unsqueeze(target, dim=-1)
    index = where(ge(index, 0), index, 0)
    own = gather(a, index, dim=len(a.shape) - 1)
    return index, weights, margin - unsqueeze(own, dim=-1) + unsqueeze(a, dim=-2)


def _margin_slopes(
    a: Any, target: Any, weight: Any, labels: bool, p: int, margin: float, reduction: str
) -> Any:
    index, weights, over = _margin_steps(a, target, weight, labels, margin)
    scale = max(prod(a.shape[:-1]), 1) if reduction == "mean" else 1
    return index, weights * where(gt(over, 0), 1.0 if p == 1 else over * 2, 0.0) / scale


def _margin_transpose(g: Any, a: Any, target: Any, weight: Any, **attrs: Any) -> Any:
    rows, labels = _as_rows(a, target, attrs["labels"])
    index, slopes = _margin_slopes(rows, labels, weight, **attrs)
    g = reshape(g, (-1, 1, 1)) * slopes
    down = gather_backward(sum_(g, dim=(-1,)), index, dim=1, size=rows.shape)
    return reshape(sum_(g, dim=(-2,)) - down, a.shape)


def _margin_tangent(ts: Any, y: Any, a: Any, target: Any, weight: Any, **attrs: Any) -> Any:
    rows, labels = _as_rows(a, target, attrs["labels"])
    index, slopes = _margin_slopes(rows, labels, weight, **attrs)
    t = reshape(ts[0], rows.shape)
    own = gather(t, index, dim=1)
    moved = sum_(slopes * (unsqueeze(t, dim=-2) - unsqueeze(own, dim=-1)), dim=(-2, -1))
    return reshape(moved, y.shape) if attrs["reduction"] == "none" else sum_(moved)


def _margins(
    a: Any, target: Any, weight: Any, labels: bool, p: int, margin: float, reduction: str
) -> Any:
    shape = _losses_shape(a, target, labels)
    _, weights, over = _margin_steps(*_as_rows(a, target, labels), weight, labels, margin)
    losses = np.sum(weights * np.maximum(over, 0) ** p, axis=(-2, -1))
    return collected(np.reshape(losses, shape), reduction)


# fmt: off
pair_weights = primitive(Multilinear,
    "_pair_weights(input, target, weight = None, labels: bool = False)", "",
    _pair_weights, _pair_meta,
    doc="What each pair of a target and another class counts in a hinge loss")
margin_backward = pullback(
    "_multi_margin_loss_backward(grad, input, target, weight = None, labels: bool = False, "
    "p: int = 1, margin: number = 1.0, reduction: str = 'mean')", "NotImplemented",
    _margin_transpose, of_operand, fixed="target weight")
multi_margin = primitive(Derivative,
    "_multi_margin_loss(input, target, weight = None, labels: bool = False, p: int = 1, "
    "margin: real = 1.0, reduction: str = 'mean')",
    lambda *_, labels, **__: "MultilabelMarginLossBackward0" if labels
        else "MultiMarginLossBackward0",
    _margins, _class_meta,
    lambda g, y, a, target, weight, **attrs: margin_backward(g, a, target, weight, **attrs),
    tangent=_margin_tangent,
    doc="Sum over other classes of max(0, margin - score of the target + score of the other)^p",
    kink="0 at the margin")
# fmt: on


def _multi_margin(a: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    if p not in (1, 2):
        raise ArgumentFault("only p == 1 and p == 2 supported")
    if weight is not None and len(weight.shape) != 1:
        raise ShapeFault("weight must be one-dimensional")
    if weight is not None and a.shape and weight.shape[0] != a.shape[-1]:
        raise ShapeFault(
            f"inconsistent weight size, expected {a.shape[-1]} but got {shown(weight.shape)}"
        )
    if len(a.shape) > 2 or (a.shape and not a.shape[-1]):
        raise ShapeFault(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{shown(a.shape)}"
        )
    samples = a.shape[0] if len(a.shape) == 2 else 1
    if prod(target.shape) != samples or len(target.shape) > 1:
        raise ShapeFault(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples (batch size). Expected target size [{samples}], but got "
            f"{shown(target.shape)}. Input has shape {shown(a.shape)}."
        )
    fixed("multi_margin_loss", weight=weight)
    return multi_margin(a, target, weight, labels=False, p=p, margin=margin, reduction=reduction)


def _as_rows(a: Any, target: Any, labels: bool) -> tuple[Any, Any]:
    """Return scores as rows of a batch, and the targets of each row."""
    rows = a if len(a.shape) > 1 else reshape(a, (1, prod(a.shape)))
    return rows, reshape(target, rows.shape if labels else rows.shape[:1])


def _multilabel_margin(a: Any, target: Any, reduction: str) -> Any:
    vectors = len(a.shape) < 2 and len(target.shape) < 2
    if target.shape != a.shape and not (vectors and prod(target.shape) == prod(a.shape)):
        raise ShapeFault(
            f"inconsistent target size: {shown(target.shape)} for input of size: {shown(a.shape)}"
        )
    return multi_margin(a, target, None, labels=True, p=1, margin=1.0, reduction=reduction)


# fmt: off
nll_loss = composite(
    "nll_loss(input, target, weight = None, ignore_index: int = -100, reduction: str = 'mean')",
    _nll_loss,
    refuses="integer complex", alike="input weight",
    doc="Negative log-likelihood of classes, from log-probabilities",
    examples="F.nll_loss(M, tensor([0, 2])); F.nll_loss(T, tensor([[0, 1, 2], [2, 2, 0]]))")
cross_entropy = composite(
    "cross_entropy(input, target, weight = None, ignore_index: int = -100, "
    "reduction: str = 'mean', label_smoothing: real = 0.0)", _cross_entropy,
    refuses="integer complex", alike="input weight", needs="target: probabilities",
    doc="nll_loss of log_softmax: classification from logits",
    examples="F.cross_entropy(M, tensor([0, 2])); F.cross_entropy(M, softmax(2*M, 1)); "
    "F.cross_entropy(M, tensor([0, 2]), label_smoothing=0.1)")
multi_margin_loss = composite(
    "multi_margin_loss(input, target: index, p: int = 1, margin: real = 1.0, weight = None, "
    "reduction: str = 'mean')", _multi_margin,
    refuses="bool integer complex",
    alike="input weight",
    doc="Mean over classes of max(0, margin - score of the target + score)^p",
    kink="0 at the margin",
    examples="F.multi_margin_loss(M, tensor([0, 2])); F.multi_margin_loss(M, tensor([0, 2]), p=2)")
multilabel_margin_loss = composite(
    "multilabel_margin_loss(input, target: index, reduction: str = 'mean')", _multilabel_margin,
    refuses="bool integer complex",
    doc="Mean over classes of max(0, 1 - score of a target + score of another class)",
    kink="0 at the margin",
    examples="F.multilabel_margin_loss(M, tensor([[0, 2, -1], [1, -1, 0]]))")
# fmt: on
