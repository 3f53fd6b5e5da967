"""Losses of `torch.nn.functional` that compare elements with targets."""

from __future__ import annotations

from math import log as log_of
from math import pi, prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.pointwise.elementwise import (
    abs_,
    clamp_min_number,
    exp,
    le,
    log,
    logsigmoid,
    lt,
    masked_fill_number,
    sgn,
    sigmoid,
    where,
)
from gradcli.ops.pointwise.scalars import clamped_copy, div_number, mul_number, plus
from gradcli.ops.pointwise.special import xlogy
from gradcli.ops.shape.shapes import expand, mean, ones_like, sum_, unsqueeze
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import is_differentiable, promote
from gradcli.rule.meta import Meta, Shape, broadcast, shown
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import (
    FRACTION,
    POSITIVE,
    REAL,
    Derivative,
    Primitive,
    concrete,
    number,
    warn,
)

REDUCTIONS = ("none", "mean", "sum")
BCE_FLOOR = -100.0  # PyTorch's least logarithm in binary_cross_entropy
BCE_EPSILON = 1e-12  # and its least variance
LEAST = f"p·(1 - p) counts as at least {BCE_EPSILON:g}"


def check_reduction(reduction: str) -> None:
    """Refuse, in PyTorch's words, what is no reduction."""
    if reduction not in REDUCTIONS:
        raise ArgumentFault(f"{reduction} is not a valid value for reduction",
                            hint="it is 'mean', 'sum' or 'none'")  # fmt: skip


def reduced(loss: Any, reduction: str) -> Any:
    """Return the mean, the sum, or the losses themselves."""
    check_reduction(reduction)
    return mean(loss) if reduction == "mean" else sum_(loss) if reduction == "sum" else loss


def fixed(name: str, **tensors: Any) -> None:
    """Refuse a gradient with respect to arguments that PyTorch takes for constants."""
    for argument, tensor in tensors.items():
        if getattr(tensor, "requires_grad", False):
            raise ArgumentFault(
                f"The function '{name}' is not differentiable with respect to argument "
                f"'{argument}'. This input cannot have requires_grad True.",
                hint=f"pass {argument}.detach()",
            )


# ---- losses of single elements -------------------------------------------------------------


class Loss(Derivative):
    """The mean or the sum of losses of single elements, or these themselves."""

    broadcasts = True

    def jvp(
        self,
        op: Primitive,
        tangents: tuple[Any, ...],
        y: Any,
        operands: tuple[Any, ...],
        attrs: dict[str, Any],
    ) -> Any:
        total = None
        for slot, t in enumerate(tangents):
            body = self.body(slot)
            if t is not None and body is not None:
                part = body(t, y, *operands, **attrs)
                total = part if total is None else total + part
        return total if attrs["reduction"] == "none" or total is None else sum_(total)


def _slope(slope: Any) -> Any:
    """Return the rule of an argument from the slope of one element's loss."""

    def rule(g: Any, *operands: Any, reduction: str, **attrs: Any) -> Any:
        part = g * slope(*operands, **attrs)
        return div_number(part, other=_count(operands)) if reduction == "mean" else part

    return rule


def _common(operands: tuple[Any, ...]) -> Shape:
    shape: Shape = ()
    for x in operands:
        shape = shape if x is None else broadcast(shape, x.shape)
    return shape


def _count(operands: tuple[Any, ...]) -> float:
    return float(max(prod(_common(operands)), 1))


def _loss_meta(*operands: Any, reduction: str, **_: Any) -> Meta:
    check_reduction(reduction)
    given = tuple(x for x in operands if x is not None)
    shape = _common(operands)
    return Meta(shape if reduction == "none" else (), promote(given, given[0].default_dtype))


def collected(losses: Any, reduction: str) -> Any:
    """Return the mean or the sum of an array of losses, or the array."""
    return losses if reduction == "none" else getattr(np, reduction)(losses)


def _loss(
    signature: str,
    grad_fn: str,
    losses: Any,
    *slopes: Any,
    doc: str,
    named: int = 2,
    kink: str = "",
) -> Primitive:
    """Make the row of a loss from each element's loss and its slopes.

    The gradients of the first `named` arguments are one node each, as PyTorch has them.
    """
    name, _, arguments = signature.partition("(")

    def body(slot: int, slope: Any) -> Any:
        rule = _slope(slope)
        if slot < named:
            row = pullback(f"{name}_backward.{slot}(grad, {arguments}", f"{grad_fn[:-1]}Backward0",
                           rule, fixed="weight")  # fmt: skip
            return lambda g, y, *operands, **attrs: row(g, *operands, **attrs)
        return lambda g, y, *operands, **attrs: rule(g, *operands, **attrs)

    def forward(*operands: Any, reduction: str, **attrs: Any) -> Any:
        return collected(losses(*operands, **attrs), reduction)

    bodies = (body(slot, slope) for slot, slope in enumerate(slopes))
    return primitive(
        Loss, signature, grad_fn, forward, _loss_meta, *bodies,
        promotes=True, memory=fold(3), doc=doc, kink=kink,
    )  # fmt: skip


def _smooth(a: Any, b: Any, beta: float) -> Any:
    z = np.abs(a - b)
    return np.where(z < beta, 0.5 * z * z / beta, z - 0.5 * beta)


def _huber(a: Any, b: Any, delta: float) -> Any:
    z = np.abs(a - b)
    return np.where(z <= delta, 0.5 * z * z, delta * (z - 0.5 * delta))


def _bce(a: Any, b: Any, weight: Any) -> Any:
    for name, x in (("input", a), ("target", b)):
        if not ((x >= 0) & (x <= 1)).all():
            raise ArgumentFault(f"all elements of {name} should be between 0 and 1")
    yes, no = np.maximum(np.log(a), BCE_FLOOR), np.maximum(np.log1p(-a), BCE_FLOOR)
    losses = (b - 1) * no - b * yes
    return losses if weight is None else losses * weight


def _bce_slope(a: Any, b: Any, weight: Any) -> Any:
    slope = (a - b) / clamp_min_number((1 - a) * a, min=BCE_EPSILON)
    return slope if weight is None else slope * weight


def _bce_target_slope(a: Any, b: Any, weight: Any) -> Any:
    slope = log(1 - a) - log(a)
    return slope if weight is None else slope * weight


def _bce_logits(a: Any, b: Any, weight: Any, pos_weight: Any) -> Any:
    less = np.maximum(-a, 0) + np.log1p(np.exp(-np.abs(a)))  # -log(sigmoid(a))
    losses = (1 - b) * a + (1 if pos_weight is None else 1 + (pos_weight - 1) * b) * less
    return losses if weight is None else losses * weight


def _logits_slope(a: Any, b: Any, weight: Any, pos_weight: Any) -> Any:
    if pos_weight is None:
        slope = sigmoid(a) - b
    else:
        hits = pos_weight * b
        slope = (hits + 1 - b) * sigmoid(a) - hits
    return slope if weight is None else slope * weight


def _logits_target_slope(a: Any, b: Any, weight: Any, pos_weight: Any) -> Any:
    slope = -a if pos_weight is None else logsigmoid(-a) - pos_weight * logsigmoid(a)
    return slope if weight is None else slope * weight


# fmt: off
mse = _loss("_mse_loss(input, target, reduction: str = 'mean')", "MseLossBackward0",
    lambda a, b: (a - b) ** 2,
    lambda a, b: (a - b) * 2,
    lambda a, b: (b - a) * 2, doc="Squared differences")
smooth_l1 = _loss(
    "_smooth_l1_loss(input, target, reduction: str = 'mean', beta: real = 1.0)",
    "SmoothL1LossBackward0", _smooth,
    lambda a, b, beta: where(lt(abs_(a - b), beta), (a - b) / beta, sgn(a - b)),
    lambda a, b, beta: where(lt(abs_(a - b), beta), (b - a) / beta, sgn(b - a)),
    doc="Squares near 0, absolute differences beyond beta")
huber = _loss(
    "_huber_loss(input, target, reduction: str = 'mean', delta: real = 1.0)",
    "HuberLossBackward0", _huber,
    lambda a, b, delta: where(lt(abs_(a - b), delta), a - b, delta * sgn(a - b)),
    lambda a, b, delta: where(lt(abs_(a - b), delta), b - a, delta * sgn(b - a)),
    doc="Squares near 0, a line beyond delta")
bce = _loss(
    "_binary_cross_entropy(input, target, weight = None, reduction: str = 'mean')",
    "BinaryCrossEntropyBackward0", _bce,
    _bce_slope, _bce_target_slope, named=1, doc="Cross entropy of probabilities", kink=LEAST)
bce_logits = _loss(
    "_binary_cross_entropy_with_logits(input, target, weight = None, pos_weight = None, "
    "reduction: str = 'mean')", "BinaryCrossEntropyWithLogitsBackward0", _bce_logits,
    _logits_slope, _logits_target_slope, named=0, doc="Cross entropy of the sigmoid of logits")
soft_margin = _loss(
    "_soft_margin_loss(input, target, reduction: str = 'mean')", "SoftMarginLossBackward0",
    lambda a, b: np.logaddexp(0, -a * b),
    lambda a, b: -b * sigmoid(-a * b), doc="log(1 + exp(-target·input))")
# fmt: on


# ---- by PyTorch's steps ----------------------------------------------------------------------


def _expanded(a: Any, b: Any) -> tuple[Any, Any]:
    """Broadcast two tensors; those of one shape stay as they are."""
    if a.shape != b.shape:
        warn(
            a,
            f"Using a target size (torch.Size({shown(b.shape)})) that is different to the input "
            f"size (torch.Size({shown(a.shape)})). This will likely lead to incorrect results due "
            "to broadcasting. Please ensure they have the same size.",
        )
    shape = broadcast(a.shape, b.shape)
    first, second = (x if x.shape == shape else expand(x, size=shape) for x in (a, b))
    return first, second


def _weighted(losses: Any, weight: Any, reduction: str, a: Any) -> Any:
    """Return the weighted mean, the sum, or the losses times their weights."""
    check_reduction(reduction)
    if weight.shape != a.shape:
        raise ShapeFault("Weights and input must have the same size.")
    losses = losses * weight
    if reduction == "mean":
        return sum_(losses) / sum_(weight)
    return reduced(losses, reduction)


def _mse_loss(a: Any, b: Any, reduction: str, weight: Any) -> Any:
    a, b = _expanded(a, b)
    if weight is None:
        return mse(a, b, reduction=reduction)
    return _weighted((a - b) ** 2, weight, reduction, a)


def _l1_loss(a: Any, b: Any, reduction: str, weight: Any) -> Any:
    a, b = _expanded(a, b)
    losses = abs_(a - b)
    return reduced(losses, reduction) if weight is None else _weighted(losses, weight, reduction, a)


def _smooth_l1_loss(a: Any, b: Any, reduction: str, beta: float) -> Any:
    if beta < 0:
        raise ArgumentFault("smooth_l1_loss does not support negative values for beta.")
    a, b = _expanded(a, b)
    if beta == 0:
        return reduced(abs_(a - b), reduction)
    return smooth_l1(a, b, reduction=reduction, beta=beta)


def _huber_loss(a: Any, b: Any, reduction: str, delta: float, weight: Any) -> Any:
    if delta <= 0:
        raise ArgumentFault("huber_loss does not support non-positive values for delta.")
    wanted = a.shape
    a, b = _expanded(a, b)
    if weight is None:
        return huber(a, b, reduction=reduction, delta=delta)
    if weight.shape != wanted:
        raise ShapeFault("Weights and input must have the same size.")
    return reduced(huber(a, b, reduction="none", delta=delta) * weight, reduction)


def _binary_cross_entropy(a: Any, b: Any, weight: Any, reduction: str) -> Any:
    if a.shape != b.shape:
        raise ShapeFault(
            f"Using a target size (torch.Size({shown(b.shape)})) that is different to the input "
            f"size (torch.Size({shown(a.shape)})) is deprecated. Please ensure they have the same "
            "size."
        )
    fixed("binary_cross_entropy", weight=weight)
    return bce(a, b, weight, reduction=reduction)


def _with_logits(a: Any, b: Any, weight: Any, reduction: str, pos_weight: Any) -> Any:
    if a.shape != b.shape:
        raise ShapeFault(
            f"Target size (torch.Size({shown(b.shape)})) must be the same as input size "
            f"(torch.Size({shown(a.shape)}))"
        )
    fixed("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return bce_logits(a, b, weight, pos_weight, reduction=reduction)


def _kl_div(a: Any, b: Any, reduction: str, log_target: bool) -> Any:
    check_reduction(reduction if reduction != "batchmean" else "sum")
    losses = exp(b) * (b - a) if log_target else xlogy(b, b) - b * a
    if reduction != "batchmean":
        return reduced(losses, reduction)
    return sum_(losses) / a.shape[0] if a.shape else sum_(losses)


def _poisson(a: Any, b: Any, log_input: bool, full: bool, eps: float, reduction: str) -> Any:
    check_reduction(reduction)
    losses = exp(a) - b * a if log_input else a - b * log(plus(a, eps))
    if full:
        whole = not is_differentiable(b.dtype)  # integers become floats
        turn = log(b * (2 * pi) if whole else mul_number(b, other=2 * pi))
        stirling = b * log(b) - b + mul_number(turn, other=0.5)
        losses = losses + masked_fill_number(stirling, le(b, 1), value=0)
    return reduced(losses, reduction)


def _gaussian(a: Any, b: Any, var: Any, full: bool, eps: float, reduction: str) -> Any:
    if number(var):
        var = ones_like(a) * var
    if np.any(concrete(var) < 0):
        raise ArgumentFault("var has negative entry/entries")
    if var.shape != a.shape:
        if a.shape[:-1] == var.shape:
            var = unsqueeze(var, dim=-1)
        elif len(var.shape) != len(a.shape) or not _one_differs(a.shape, var.shape):
            raise ShapeFault("var is of incorrect size")
    check_reduction(reduction)
    var = clamped_copy(var, min=eps)
    losses = (log(var) + (a - b) ** 2 / var) * 0.5
    return reduced(losses + 0.5 * log_of(2 * pi) if full else losses, reduction)


def _one_differs(a: Shape, var: Shape) -> bool:
    return sum(n for m, n in zip(a, var, strict=True) if m != n) == 1


# fmt: off
mse_loss = composite(
    "mse_loss(input, target, reduction: str = 'mean', weight = None)", _mse_loss,
    doc="Mean of the squared differences",
    refuses="input target: complex",
    examples="mse_loss(v, v**2); F.mse_loss(M, v, reduction='sum'); F.mse_loss(v, v**2, weight=v)")
l1_loss = composite(
    "l1_loss(input, target, reduction: str = 'mean', weight = None)", _l1_loss,
    doc="Mean of the absolute differences", kink="0 at 0", examples="F.l1_loss(v, v**2)")
smooth_l1_loss = composite(
    "smooth_l1_loss(input, target, reduction: str = 'mean', beta: real = 1.0)", _smooth_l1_loss,
    refuses="input target: complex",
    doc="Mean of squares near 0, absolute differences beyond beta",
    examples="F.smooth_l1_loss(v, v**2); F.smooth_l1_loss(3*M, M, beta=0.5, reduction='none')")
huber_loss = composite(
    "huber_loss(input, target, reduction: str = 'mean', delta: real = 1.0, weight = None)",
    _huber_loss,
    refuses="bool integer complex", doc="Mean of squares near 0, a line beyond delta",
    examples="F.huber_loss(v, v**2); F.huber_loss(3*M, M, reduction='sum', delta=0.5)")
binary_cross_entropy = composite(
    "binary_cross_entropy(input, target, weight = None, reduction: str = 'mean')",
    _binary_cross_entropy, domain=(FRACTION, FRACTION),
    refuses="input target: integer complex", alike="input target",
    doc="Cross entropy of probabilities; logarithms are at least -100",
    kink=LEAST,
    examples="F.binary_cross_entropy(sigmoid(v), sigmoid(2*v))")
binary_cross_entropy_with_logits = composite(
    "binary_cross_entropy_with_logits(input, target, weight = None, reduction: str = 'mean', "
    "pos_weight = None)", _with_logits, domain=(REAL, FRACTION),
    refuses="integer complex",
    doc="Cross entropy of the sigmoid of logits, without overflow",
    examples="F.binary_cross_entropy_with_logits(v, v**2)")
kl_div = composite(
    "kl_div(input, target, reduction: str = 'mean', log_target: bool = False)", _kl_div,
    refuses="input target: bool integer complex", needs="target: probabilities",
    doc="Kullback-Leibler divergence of log-probabilities from probabilities",
    examples="F.kl_div(v, exp(v)); F.kl_div(M, 2*M, reduction='batchmean', log_target=True)")
poisson_nll_loss = composite(
    "poisson_nll_loss(input, target, log_input: bool = True, full: bool = False, "
    "eps: real = 1e-8, reduction: str = 'mean')", _poisson,
    needs="target: counts", doc="Negative log-likelihood of counts of a Poisson distribution",
    examples="F.poisson_nll_loss(v, v*v); F.poisson_nll_loss(exp(v), v*v+2, False, True)")
gaussian_nll_loss = composite(
    "gaussian_nll_loss(input, target, var, full: bool = False, eps: real = 1e-6, "
    "reduction: str = 'mean')", _gaussian, domain=(REAL, REAL, POSITIVE),
    refuses="var: complex",
    doc="Negative log-likelihood of a normal distribution", kink="a variance below eps is eps",
    examples="F.gaussian_nll_loss(v, 2*v, v*v+1); F.gaussian_nll_loss(v, 2*v, 0.5, full=True)")
soft_margin_loss = composite("soft_margin_loss(input, target, reduction: str = 'mean')",
    lambda a, b, reduction: soft_margin(a, b, reduction=reduction),
    refuses="integer", needs="target: signs", doc="Mean of log(1 + exp(-target·input))",
    examples="F.soft_margin_loss(v, tensor([1., -1., 1.]))")
# fmt: on
