"""`jax.scipy.ndimage`: SciPy's, which has another word for zeros outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from ..arrays import arrays


@arrays
def map_coordinates(image: Any, at: list[Any], order: int, mode: str) -> Any:
    mode = "grid-constant" if mode == "constant" else mode
    points = np.broadcast_arrays(*map(np.asarray, at))
    return scipy.ndimage.map_coordinates(image, points, order=order, mode=mode)
