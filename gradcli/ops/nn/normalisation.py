"""Normalisation over dimensions, and distances; small steps that composites of PyTorch take."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.pointwise.elementwise import clamp_min_number, rsqrt
from gradcli.ops.pointwise.scalars import add_number
from gradcli.ops.reduce.reductions import var, vector_norm
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.layout import repeat
from gradcli.ops.shape.shapes import clone, expand, mean, reshape, sum_
from gradcli.rule.meta import Meta, Shape, of_operand, shown
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Body, Derivative, Primitive

# ---- normalisation: (a - mean) / deviation · weight + bias ---------------------------------


def _scores(a: Any, shape: Shape, dims: Shape, eps: float) -> tuple[Any, Any]:
    """Return the standard scores of each group, in the groups' shape, and 1 / deviation."""
    grouped = reshape(a, shape)
    spread = var(grouped, dim=dims, correction=0, keepdim=True)
    scale = rsqrt(spread + eps)
    return (grouped - mean(grouped, dim=dims, keepdim=True)) * scale, scale


def _scores_moved(g: Any, shape: Shape, dims: Shape, z: Any, scale: Any) -> Any:
    """Apply the Jacobian of the scores, a symmetric matrix: it serves cotangents and tangents."""
    grouped = reshape(g, shape)
    along = mean(grouped * z, dim=dims, keepdim=True)
    return scale * (grouped - mean(grouped, dim=dims, keepdim=True) - z * along)


def _normalisation(
    signature: str, grad_fn: str, groups: Any, doc: str, one_node: bool = True
) -> Primitive:
    """Make a row whose groups are given by `groups(a, weight, bias, **attrs)`.

    With `one_node` the gradients are operations of their own, as PyTorch has them.
    """

    def forward(a: Any, weight: Any = None, bias: Any = None, *, eps: float, **attrs: Any) -> Any:
        shape, dims, spread = groups(a.shape, **attrs)
        grouped = np.reshape(a, shape)
        away = grouped - np.mean(grouped, axis=dims, keepdims=True)
        scale = 1 / np.sqrt(np.mean(away * away, axis=dims, keepdims=True) + eps)
        z = np.reshape(away * scale, a.shape)
        z = z if weight is None else z * np.reshape(weight, spread)
        return z if bias is None else z + np.reshape(bias, spread)

    def scores(a: Any, eps: float, attrs: dict[str, Any]) -> tuple[Any, ...]:
        shape, dims, spread = groups(a.shape, **attrs)
        z, scale = _scores(a, shape, dims, eps)
        return shape, dims, spread, z, scale

    def input_rule(g: Any, y: Any, a: Any, w: Any, b: Any, *, eps: float, **attrs: Any) -> Any:
        shape, dims, spread, z, scale = scores(a, eps, attrs)
        g = g if w is None else g * reshape(w, spread)
        return reshape(_scores_moved(g, shape, dims, z, scale), a.shape)

    def weight_rule(g: Any, y: Any, a: Any, w: Any, b: Any, *, eps: float, **attrs: Any) -> Any:
        *_, spread, z, _ = scores(a, eps, attrs)
        return _summed(g * reshape(z, a.shape), spread, w.shape)

    def bias_rule(g: Any, y: Any, a: Any, w: Any, b: Any, **attrs: Any) -> Any:
        attrs.pop("eps")
        return _summed(g, groups(a.shape, **attrs)[2], b.shape)

    def tangent(ts: Any, y: Any, a: Any, w: Any, b: Any, *, eps: float, **attrs: Any) -> Any:
        shape, dims, spread, z, scale = scores(a, eps, attrs)
        parts = []
        if ts[0] is not None:
            moved = reshape(_scores_moved(ts[0], shape, dims, z, scale), a.shape)
            parts.append(moved if w is None else moved * reshape(w, spread))
        if ts[1] is not None:
            parts.append(reshape(z, a.shape) * reshape(ts[1], spread))
        if ts[2] is not None:
            parts.append(expand(reshape(ts[2], spread), size=a.shape))
        return sum(parts[1:], parts[0])

    rules: tuple[Body, ...] = (input_rule, weight_rule, bias_rule)
    if one_node:
        name, _, attributes = signature.partition("(input, weight = None, bias = None, ")
        rules = tuple(
            _one_node(f"{name}_backward.{k}(grad, input, weight = None, bias = None, {attributes}",
                      f"{grad_fn[:-1]}Backward0", k, rule)
            for k, rule in enumerate(rules)
        )  # fmt: skip
    return primitive(
        Derivative,
        signature,
        grad_fn,
        forward,
        lambda a, *_, **__: Meta(a.shape, a.dtype),
        *rules,
        tangent=tangent,
        doc=doc,
    )


def _one_node(signature: str, grad_fn: str, slot: int, rule: Body) -> Body:
    """Return the rule of one operand as one node; what the bias is does not matter to it."""
    row = pullback(
        signature,
        grad_fn,
        lambda g, *operands, **attrs: rule(g, None, *operands, **attrs),
        lambda g, *operands, **_: Meta(operands[slot].shape, operands[slot].dtype),
        fixed="bias",
    )
    return lambda g, y, *operands, **attrs: row(g, *operands, **attrs)


def _summed(g: Any, spread: Shape, shape: Shape) -> Any:
    """Add up over the dimensions along which a weight was repeated."""
    lead = len(g.shape) - len(spread)
    dims = (*range(lead), *(i + lead for i, n in enumerate(spread) if n == 1))
    return reshape(sum_(g, dim=dims) if dims else g, shape)


def _batch_groups(shape: Shape) -> tuple[Shape, Shape, Shape]:
    dims = tuple(d for d in range(len(shape)) if d != 1)
    return shape, dims, (shape[1], *(1,) * (len(shape) - 2))


def _layer_groups(shape: Shape, normalized_shape: Shape) -> tuple[Shape, Shape, Shape]:
    return shape, tuple(range(len(shape) - len(normalized_shape), len(shape))), normalized_shape


def _group_groups(shape: Shape, num_groups: int) -> tuple[Shape, Shape, Shape]:
    count = prod(shape[1:]) // num_groups
    return (shape[0], num_groups, count), (2,), (shape[1], *(1,) * (len(shape) - 2))


batch_norm_ = _normalisation(
    "_native_batch_norm(input, weight = None, bias = None, eps: real = 1e-5)",
    "NativeBatchNormBackward0", _batch_groups, "Standard scores of each channel, over the batch",
)  # fmt: skip
layer_norm_ = _normalisation(
    "_native_layer_norm(input, weight = None, bias = None, normalized_shape: sizes = (), "
    "eps: real = 1e-5)",
    "NativeLayerNormBackward0", _layer_groups, "Standard scores over the last dimensions",
)  # fmt: skip
group_norm_ = _normalisation(
    "_native_group_norm(input, weight = None, bias = None, num_groups: int = 1, "
    "eps: real = 1e-5)",
    "NativeGroupNormBackward0", _group_groups, "Standard scores over groups of channels",
    one_node=False,
)  # fmt: skip


def _channels(x: Any, a: Any) -> Any:
    """Spread a vector of one number a channel over the input's dimensions."""
    return reshape(x, (x.shape[0], *(1,) * (len(a.shape) - 2)))


def _eval_forward(a: Any, w: Any, b: Any, centre: Any, spread: Any, eps: float) -> Any:
    z = (a - _channels(centre, a)) / np.sqrt(_channels(spread, a) + eps)
    z = z if w is None else z * _channels(w, a)
    return z if b is None else z + _channels(b, a)


def _eval_scale(a: Any, w: Any, spread: Any, eps: float) -> Any:
    scale = rsqrt(spread + eps)
    return _channels(scale if w is None else scale * w, a)


def _eval_scores(a: Any, centre: Any, spread: Any, eps: float) -> Any:
    return (a - _channels(centre, a)) * _channels(rsqrt(spread + eps), a)


def _eval_tangent(
    ts: Any, y: Any, a: Any, w: Any, b: Any, centre: Any, spread: Any, eps: float
) -> Any:
    parts = []
    if ts[0] is not None:
        parts.append(ts[0] * _eval_scale(a, w, spread, eps))
    if ts[1] is not None:
        parts.append(_eval_scores(a, centre, spread, eps) * _channels(ts[1], a))
    if ts[2] is not None:
        parts.append(expand(_channels(ts[2], a), size=a.shape))
    return sum(parts[1:], parts[0])


# fmt: off
eval_backward = pullback(
    "_native_batch_norm_backward.eval_input(grad, input, weight, running_var, eps: number)",
    "NativeBatchNormBackwardBackward0",
    lambda g, a, w, spread, eps: g * _eval_scale(a, w, spread, eps), of_operand)
eval_weight_backward = pullback(
    "_native_batch_norm_backward.eval_weight(grad, input, weight, running_mean, running_var, "
    "eps: number)", "NativeBatchNormBackwardBackward0",
    lambda g, a, w, centre, spread, eps:
        _summed(g * _eval_scores(a, centre, spread, eps), _channels(w, a).shape, w.shape),
    lambda g, a, w, *_, **__: Meta(w.shape, w.dtype))
eval_bias_backward = pullback(
    "_native_batch_norm_backward.eval_bias(grad, input, weight, bias)",
    "NativeBatchNormBackwardBackward0",
    lambda g, a, w, b: _summed(g, _channels(b, a).shape, b.shape),
    lambda g, a, w, b: Meta(b.shape, b.dtype), fixed="bias")
batch_norm_eval = primitive(Derivative,
    "_native_batch_norm.eval(input, weight, bias, running_mean, running_var, eps: real = 1e-5)",
    "NativeBatchNormBackward0", _eval_forward, lambda a, *_, **__: Meta(a.shape, a.dtype),
    lambda g, y, a, w, b, centre, spread, eps: eval_backward(g, a, w, spread, eps=eps),
    lambda g, y, a, w, b, centre, spread, eps:
        eval_weight_backward(g, a, w, centre, spread, eps=eps),
    lambda g, y, a, w, b, centre, spread, eps: eval_bias_backward(g, a, w, b),
    tangent=_eval_tangent, doc="Scores of each channel by a mean and a variance that are given")
# fmt: on


# ---- running statistics --------------------------------------------------------------------


def _moved_to(statistic: Any) -> Any:
    """Return what moves a running statistic towards the input's; `alone`, each sample has one."""

    def forward(running: Any, a: Any, momentum: float, alone: bool) -> Any:
        rest = tuple(range(2, a.ndim))
        new = statistic(a, axis=rest if alone else (0, *rest))
        new = np.mean(new, axis=0) if alone else new
        return (1 - momentum) * running + momentum * new

    return forward


# fmt: off
running_mean = primitive(Derivative,
    "_running_mean(running, input, momentum: real, alone: bool)", "",
    _moved_to(np.mean), lambda running, *_, **__: Meta(running.shape, running.dtype),
    doc="(1 - momentum)·running + momentum·mean of each channel")
running_var = primitive(Derivative,
    "_running_var(running, input, momentum: real, alone: bool)", "",
    _moved_to(partial(np.var, ddof=1)), running_mean.meta,
    doc="(1 - momentum)·running + momentum·unbiased variance of each channel")
# fmt: on

# ---- what a file can call ------------------------------------------------------------------


def _check_batch(shape: Shape) -> None:
    if prod((shape[0], *shape[2:])) == 1:
        raise ShapeFault(
            "Expected more than 1 value per channel when training, got input size "
            f"torch.Size({shown(shape)})"
        )


def _check_features(count: int, **vectors: Any) -> None:
    for name, vector in vectors.items():
        if vector is not None and prod(vector.shape) != count:
            raise ShapeFault(f"{name} should contain {count} elements not {prod(vector.shape)}")
        if vector is not None and len(vector.shape) != 1:
            raise ShapeFault(f"{name} should be a vector, not of shape {shown(vector.shape)}")


def _batch_norm(
    a: Any, centre: Any, spread: Any, w: Any, b: Any, training: bool, momentum: float, eps: float
) -> Any:
    if len(a.shape) < 2:
        raise ShapeFault(f"batch_norm takes 2 dimensions or more, not {len(a.shape)}")
    if training:
        _check_batch(a.shape)
    return aten_batch_norm(a, centre, spread, w, b, training, momentum, eps)


def aten_batch_norm(
    a: Any, centre: Any, spread: Any, w: Any, b: Any, training: bool, momentum: float, eps: float
) -> Any:
    """Normalise as ATen does, which takes one value per channel too."""
    if training:
        if eps <= 0:
            raise ArgumentFault(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0:
        raise ArgumentFault(f"batch_norm eps must be non-negative, but got {eps}")
    for name, vector in (("running_mean", centre), ("running_var", spread)):
        if vector is None and not training:
            raise ArgumentFault(f"{name} must be defined in evaluation mode")
    _check_features(
        a.shape[1] if len(a.shape) > 1 else 0,
        running_mean=centre,
        running_var=spread,
        weight=w,
        bias=b,
    )
    if not prod(a.shape):
        return _of_nothing(a, w, b)
    if training:
        return batch_norm_(a, w, b, eps=eps)
    return batch_norm_eval(a, w, b, centre, spread, eps=eps)


def _of_nothing(a: Any, w: Any, b: Any) -> Any:
    """Return a copy of an empty batch, by the steps that PyTorch takes for one."""
    y = clone(a)
    y = y if w is None else y * select(w, dim=0, index=0)
    return y if b is None else y + select(b, dim=0, index=0)


def _layer_norm(a: Any, normalized_shape: Shape, w: Any, b: Any, eps: float) -> Any:
    if not normalized_shape:
        raise ShapeFault(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
            "one element, but got normalized_shape = []"
        )
    for name, x in (("weight", w), ("bias", b)):
        if x is not None and x.shape != normalized_shape:
            raise ShapeFault(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of "
                f"shape {shown(x.shape)} and normalized_shape = {shown(normalized_shape)}"
            )
    _check_tail(a, normalized_shape)
    return layer_norm_(a, w, b, normalized_shape=normalized_shape, eps=eps)


def _check_tail(a: Any, tail: Shape) -> None:
    if not tail or a.shape[-len(tail) :] != tail:
        raise ShapeFault(
            f"Given normalized_shape={shown(tail)}, expected input with shape "
            f"[*{''.join(f', {n}' for n in tail)}], but got input of size{shown(a.shape)}"
        )


def _group_norm(a: Any, num_groups: int, w: Any, b: Any, eps: float) -> Any:
    if len(a.shape) < 2:
        raise ShapeFault(
            f"Expected at least 2 dimensions for input tensor but received {len(a.shape)}"
        )
    if num_groups > 0:
        _check_batch((a.shape[0] * a.shape[1] // num_groups, num_groups, *a.shape[2:]))
    check_groups(a.shape, a.shape[1], num_groups, weight=w, bias=b)
    return group_norm_(a, w, b, num_groups=num_groups, eps=eps)


def check_groups(shape: Shape, channels: int, num_groups: int, **vectors: Any) -> None:
    """Refuse groups that do not divide the channels, and a weight or bias of another size.

    Raises: ArgumentFault, ShapeFault.
    """
    if num_groups <= 0:
        raise ArgumentFault(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise ShapeFault(
            "Expected number of channels in input to be divisible by num_groups, but got input "
            f"of shape {shown(shape)} and num_groups={num_groups}"
        )
    for name, x in vectors.items():
        if x is not None and x.shape != (channels,):
            raise ShapeFault(
                f"Expected {name} to be a vector of size equal to the number of channels in "
                f"input, but got {name} of shape {shown(x.shape)} and input of shape "
                f"{shown(shape)}"
            )


def _instance_norm(
    a: Any, centre: Any, spread: Any, w: Any, b: Any, use_input_stats: bool, momentum: float,
    eps: float,
) -> Any:  # fmt: skip
    if use_input_stats and prod(a.shape[2:]) == 1:
        raise ShapeFault(
            "Expected more than 1 spatial element when training, got input size "
            f"torch.Size({shown(a.shape)})"
        )
    if not a.shape:
        raise ShapeFault("Dimension specified as 0 but tensor has no dimensions")
    if not use_input_stats and (centre is None or spread is None):
        raise ArgumentFault(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    count = a.shape[0]
    centre, spread, w, b = (
        None if x is None else repeat(x, repeats=(count,)) for x in (centre, spread, w, b)
    )
    flat = reshape(a, (1, count * a.shape[1], *a.shape[2:]))
    result = _batch_norm(flat, centre, spread, w, b, use_input_stats, momentum, eps)
    return reshape(result, a.shape)


def _rms_norm(a: Any, normalized_shape: Shape, w: Any, eps: float | None) -> Any:
    _check_tail(a, normalized_shape)
    if w is not None and w.shape != tuple(normalized_shape):
        raise ShapeFault(
            "Expected weight to be of same shape as normalized_shape, but got weight of shape "
            f"{shown(w.shape)} and normalized_shape = {shown(normalized_shape)}"
        )
    dims = tuple(range(-len(normalized_shape), 0))
    if eps is None:
        eps = float(np.finfo(a.dtype).eps)
    result = a * rsqrt(add_number(mean(a**2, dim=dims, keepdim=True), other=eps))
    return result if w is None else result * w


def _normalize(a: Any, p: float, dim: int, eps: float) -> Any:
    size = vector_norm(a, ord=p, dim=(dim,), keepdim=True)
    return a / expand(clamp_min_number(size, min=eps), size=a.shape)


# fmt: off
batch_norm = composite(
    "batch_norm(input, running_mean: tensor?, running_var: tensor?, weight = None, bias = None, "
    "training: bool = False, momentum: real = 0.1, eps: real = 1e-5)", _batch_norm,
    refuses="bool integer complex", alike="input weight bias running_mean running_var",
    doc="Standard scores of each channel, over the batch; training updates running statistics",
    examples="F.batch_norm(T, None, None, v, v, training=True); "
    "F.batch_norm(M, zeros(3), ones(3), v, v)")
layer_norm = composite(
    "layer_norm(input, normalized_shape: dims, weight = None, bias = None, eps: real = 1e-5)",
    _layer_norm, refuses="bool integer complex", alike="input weight bias",
    doc="Standard scores over the last dimensions",
    examples="F.layer_norm(M, (3,)); F.layer_norm(T, (3, 3), A, A)")
group_norm = composite(
    "group_norm(input, num_groups: int, weight = None, bias = None, eps: real = 1e-5)",
    _group_norm, refuses="bool integer complex", alike="input weight bias",
    doc="Standard scores over groups of channels",
    examples="F.group_norm(T, 3); F.group_norm(T, 1, v, v)")
instance_norm = composite(
    "instance_norm(input, running_mean = None, running_var = None, weight = None, bias = None, "
    "use_input_stats: bool = True, momentum: real = 0.1, eps: real = 1e-5)", _instance_norm,
    alike="input weight bias", refuses="bool integer complex",
    doc="Standard scores of each channel of each sample", examples="F.instance_norm(T, weight=v)")
rms_norm = composite(
    "rms_norm(input, normalized_shape: dims, weight = None, eps: real = None)", _rms_norm,
    refuses="bool integer",
    doc="Divided by the root of the mean square over the last dimensions",
    examples="F.rms_norm(M, (3,), v)")
normalize = composite(
    "normalize(input, p: real = 2.0, dim: int = 1, eps: real = 1e-12)", _normalize,
    doc="Divided by the norm along a dimension", kink="as the norm's; a norm below eps is eps",
    examples="F.normalize(M); F.normalize(v, p=3., dim=0)")
# fmt: on
