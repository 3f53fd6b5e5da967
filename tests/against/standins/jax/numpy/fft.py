"""`jax.numpy.fft`: NumPy's."""

from typing import Any

import numpy as np

from ..arrays import like


def __getattr__(name: str) -> Any:
    return like(np.fft, name)
