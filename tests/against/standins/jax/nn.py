"""`jax.nn`: activations from their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from .arrays import arrays, like

softmax = like(scipy.special, "softmax")
log_softmax = like(scipy.special, "log_softmax")
logsumexp = like(scipy.special, "logsumexp")
sigmoid = like(scipy.special, "expit")
log_sigmoid = like(scipy.special, "log_expit")
relu = arrays(lambda a: np.maximum(a, 0))
softplus = arrays(lambda a: np.logaddexp(a, 0))
silu = arrays(lambda a: a * scipy.special.expit(a))
mish = arrays(lambda a: a * np.tanh(np.logaddexp(a, 0)))
leaky_relu = arrays(lambda a, slope: np.where(a >= 0, a, slope * a))
elu = arrays(lambda a, alpha: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0))))
celu = arrays(lambda a, alpha: np.maximum(a, 0) + alpha * np.expm1(np.minimum(a, 0) / alpha))
hard_sigmoid = arrays(lambda a: np.clip(a + 3, 0, 6) / 6)
hard_swish = arrays(lambda a: a * np.clip(a + 3, 0, 6) / 6)


@arrays
def gelu(a: Any, approximate: bool) -> Any:
    if approximate:
        return a / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
    return a / 2 * (1 + scipy.special.erf(a / np.sqrt(2)))


@arrays
def glu(a: Any, axis: int) -> Any:
    first, second = np.split(a, 2, axis)
    return first * scipy.special.expit(second)


@arrays
def one_hot(a: Any, classes: int, dtype: Any) -> Any:
    return (a[..., None] == np.arange(classes)).astype(dtype)
