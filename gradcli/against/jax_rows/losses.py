"""Losses, normalisation, attention and distances, as JAX's own functions write them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradcli.against.jax_rows.reductions import safe_softmax

# ---- losses --------------------------------------------------------------------------------


def _collected(losses: Any, reduction: str) -> Any:
    return losses if reduction == "none" else getattr(jnp, reduction)(losses)


def _loss(losses: Callable[..., Any]) -> Callable[..., Any]:
    def applied(*operands: Any, reduction: str, **attrs: Any) -> Any:
        return _collected(losses(*operands, **attrs), reduction)

    return applied


def _smooth(a: Any, b: Any, beta: float) -> Any:
    z = jnp.abs(a - b)
    return jnp.where(z < beta, 0.5 * z * z / beta, z - 0.5 * beta) if beta else z


def _huber(a: Any, b: Any, delta: float) -> Any:
    z = jnp.abs(a - b)
    return jnp.where(z <= delta, 0.5 * z * z, delta * (z - 0.5 * delta))


def _bce(a: Any, b: Any, weight: Any) -> Any:
    yes, no = (jnp.clip(x, -100, None) for x in (jnp.log(a), jnp.log1p(-a)))
    losses = -(b * yes + (1 - b) * no)
    return losses if weight is None else losses * weight


def _bce_logits(a: Any, b: Any, weight: Any, pos_weight: Any) -> Any:
    hits = 1 if pos_weight is None else pos_weight
    losses = -(hits * b * jax.nn.log_sigmoid(a) + (1 - b) * jax.nn.log_sigmoid(-a))
    return losses if weight is None else losses * weight


def _classes(a: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the targets, 0 where they are ignored, and their weights, 0 there as well."""
    kept = target != ignore_index
    target = jnp.where(kept, target, 0)
    weights = jnp.ones(target.shape, a.dtype) if weight is None else weight[target]
    return target, jnp.where(kept, weights, 0)


def _nll_loss(a: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    dim = 0 if a.ndim == 1 else 1
    target, weights = _classes(a, target, weight, ignore_index)
    picked = jnp.take_along_axis(a, jnp.expand_dims(target, dim), dim)
    losses = -jnp.squeeze(picked, dim) * weights
    if reduction == "mean":
        return jnp.sum(losses) / jnp.sum(weights)
    return _collected(losses, reduction)


def _multi_margin(
    a: Any, target: Any, weight: Any, labels: bool, p: int, margin: float, reduction: str
) -> Any:
    classes = a.shape[-1]
    if labels:
        given = jnp.cumprod(target >= 0, -1).astype(bool)  # a list ends at the first -1
        hit = ((jnp.arange(classes) == target[..., None]) & given[..., None]).any(-2)
        counted = given[..., None] & ~hit[..., None, :]
    else:
        target = target[..., None]
        counted = jnp.arange(classes) != target[..., None]
    own = jnp.take_along_axis(a, jnp.where(target < 0, 0, target), -1)[..., None]
    over = jnp.where(counted, jnp.clip(margin - own + a[..., None, :], 0, None) ** p, 0)
    scale = 1 if weight is None else weight[jnp.where(target < 0, 0, target)][..., None]
    return _collected(jnp.sum(scale * over, (-2, -1)) / classes, reduction)


# ---- normalisation -------------------------------------------------------------------------


def _scores(a: Any, dims: Any, eps: float) -> Any:
    centre = jnp.mean(a, dims, keepdims=True)
    return (a - centre) * lax.rsqrt(jnp.var(a, dims, keepdims=True) + eps)


def _affine(z: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    z = z if weight is None else z * jnp.reshape(weight, shape)
    return z if bias is None else z + jnp.reshape(bias, shape)


def _channels(a: Any) -> tuple[int, ...]:
    return (a.shape[1], *(1,) * (a.ndim - 2))


def _batch_norm(a: Any, weight: Any, bias: Any, eps: float) -> Any:
    dims = tuple(d for d in range(a.ndim) if d != 1)
    return _affine(_scores(a, dims, eps), weight, bias, _channels(a))


def _batch_norm_eval(a: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> Any:
    mean, var = (jnp.reshape(x, _channels(a)) for x in (mean, var))
    return _affine((a - mean) * lax.rsqrt(var + eps), weight, bias, _channels(a))


def _layer_norm(a: Any, weight: Any, bias: Any, normalized_shape: Any, eps: float) -> Any:
    dims = tuple(range(a.ndim - len(normalized_shape), a.ndim))
    return _affine(_scores(a, dims, eps), weight, bias, normalized_shape)


def _group_norm(a: Any, weight: Any, bias: Any, num_groups: int, eps: float) -> Any:
    grouped = jnp.reshape(a, (a.shape[0], num_groups, prod(a.shape[1:]) // num_groups))
    return _affine(jnp.reshape(_scores(grouped, 2, eps), a.shape), weight, bias, _channels(a))


def _running(statistic: Callable[..., Any]) -> Callable[..., Any]:
    def applied(running: Any, a: Any, momentum: float, alone: bool) -> Any:
        rest = tuple(range(2, a.ndim))
        new = statistic(a, rest if alone else (0, *rest))
        return (1 - momentum) * running + momentum * (jnp.mean(new, 0) if alone else new)

    return applied


def _renorm(a: Any, p: float, dim: int, maxnorm: float) -> Any:
    dims = tuple(d for d in range(a.ndim) if d != dim)
    size = jnp.sum(jnp.abs(a) ** p, dims, keepdims=True) ** (1 / p)
    return a * jnp.where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)


# ---- attention and distances ---------------------------------------------------------------


def _attention(q: Any, k: Any, v: Any, mask: Any, scale: float, is_causal: bool) -> Any:
    """Attend in the tensors' own precision: `jax.nn.dot_product_attention` takes float32."""
    scores = jnp.matmul(q, jnp.swapaxes(k, -2, -1)) * scale
    if is_causal:
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf) if mask.dtype.kind == "b" else scores + mask
    return jnp.matmul(safe_softmax(scores, dim=scores.ndim - 1), v)


def _length(d: Any, p: float) -> Any:
    return jnp.linalg.vector_norm(d, ord=p, axis=-1)


def _pdist(a: Any, p: float) -> Any:
    first, second = np.triu_indices(a.shape[0], 1)
    return _length(a[first] - a[second], p)


# fmt: off
ROWS: dict[str, Any] = {
    "_mse_loss":              _loss(lambda a, b: jnp.square(a - b)),
    "_smooth_l1_loss":        _loss(_smooth),
    "_huber_loss":            _loss(_huber),
    "_binary_cross_entropy":  _loss(_bce),
    "_binary_cross_entropy_with_logits": _loss(_bce_logits),
    "_soft_margin_loss":      _loss(lambda a, b: jax.nn.softplus(-a * b)),
    "_nll_loss":              _nll_loss,
    "_nll_weights":           lambda a, target, weight, ignore_index:
                                  _classes(a, target, weight, ignore_index)[1],
    "_multi_margin_loss":     _multi_margin,
    "_native_batch_norm":     _batch_norm,
    "_native_batch_norm.eval": _batch_norm_eval,
    "_native_layer_norm":     _layer_norm,
    "_native_group_norm":     _group_norm,
    "_running_mean":          _running(jnp.mean),
    "_running_var":           _running(lambda a, dims: jnp.var(a, dims, ddof=1)),
    "renorm":                 _renorm,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_cdist":                 lambda a, b, p: _length(a[..., :, None, :] - b[..., None, :, :], p),
    "pdist":                  _pdist,
}
# fmt: on
