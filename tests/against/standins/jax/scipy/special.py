"""`jax.scipy.special`: SciPy's."""

from __future__ import annotations

from typing import Any

import scipy.special

from ..arrays import arrays, like


def __getattr__(name: str) -> Any:
    return like(scipy.special, name)


@arrays
def bessel_jn(a: Any, v: int) -> Any:
    return tuple(scipy.special.jv(order, a) for order in range(v + 1))
