"""What JAX calls special functions and activations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as special


def _bessel(order: int) -> Any:
    """Return the Bessel function of the first kind; JAX has those of all orders at once."""
    return lambda a: special.bessel_jn(jnp.asarray(a), v=1)[order]


def _logit(a: Any, eps: float | None) -> Any:
    return special.logit(a if eps is None else jnp.clip(a, eps, 1 - eps))


def _polygamma(a: Any, n: int) -> Any:
    return special.digamma(a) if n == 0 else special.polygamma(n, a)


def _elu(a: Any, alpha: float, scale: float, input_scale: float) -> Any:
    if input_scale == 1:
        return scale * jax.nn.elu(a, alpha)
    below = jnp.expm1(jnp.where(a > 0, 0, a) * input_scale)
    return scale * jnp.where(a > 0, a, alpha * below)


def _softshrink(a: Any, lambd: float) -> Any:
    return jnp.where(a > lambd, a - lambd, jnp.where(a < -lambd, a + lambd, 0))


# fmt: off
ROWS: dict[str, Any] = {
    "erf":                    special.erf,
    "erfc":                   special.erfc,
    "erfinv":                 special.erfinv,
    "ndtri":                  special.ndtri,
    "log_ndtr":               special.log_ndtr,
    "lgamma":                 special.gammaln,
    "digamma":                special.digamma,
    "_polygamma":             _polygamma,
    "multigammaln":           lambda a, p: special.multigammaln(a, p),
    "gammainc":               special.gammainc,
    "gammaincc":              special.gammaincc,
    "zeta":                   special.zeta,
    "i0":                     special.i0,
    "i0e":                    special.i0e,
    "i1":                     special.i1,
    "i1e":                    special.i1e,
    "modified_bessel_i0":     special.i0,
    "modified_bessel_i1":     special.i1,
    "bessel_j0":              _bessel(0),
    "bessel_j1":              _bessel(1),
    "spherical_bessel_j0":    lambda a: jnp.sinc(a / jnp.pi),
    "sinc":                   jnp.sinc,
    "logit":                  _logit,
    "xlogy":                  special.xlogy,
    "xlog1py":                special.xlog1py,
    "entr":                   special.entr,
    # activations
    "relu":                   jax.nn.relu,
    "sigmoid":                jax.nn.sigmoid,
    "logsigmoid":             jax.nn.log_sigmoid,
    "threshold":              lambda a, threshold, value: jnp.where(a > threshold, a, value),
    "leaky_relu":             lambda a, negative_slope: jax.nn.leaky_relu(a, negative_slope),
    "_prelu_kernel":          lambda a, w: jnp.where(a > 0, a, w * a),
    "_rrelu":                 lambda a, slope: jax.nn.leaky_relu(a, slope),
    "_rrelu.noise":           lambda a, noise: jnp.where(a > 0, a, a * noise),
    "elu":                    _elu,
    "celu":                   lambda a, alpha: jax.nn.celu(a, alpha),
    "hardtanh":               lambda a, min_val, max_val: jnp.clip(a, min_val, max_val),
    "hardsigmoid":            jax.nn.hard_sigmoid,
    "hardswish":              jax.nn.hard_swish,
    "hardshrink":             lambda a, lambd: jnp.where(jnp.abs(a) > lambd, a, 0),
    "softshrink":             _softshrink,
    "softplus":               lambda a, beta, threshold: jax.nn.softplus(a * beta) / beta,
    "gelu":                   lambda a, approximate: jax.nn.gelu(a, approximate == "tanh"),
    "silu":                   jax.nn.silu,
    "mish":                   jax.nn.mish,
    "glu":                    lambda a, dim: jax.nn.glu(a, dim),
}
# fmt: on
# what only later releases of JAX have
ROWS |= {name: getattr(special, name) for name in ("erfcx",) if hasattr(special, name)}
