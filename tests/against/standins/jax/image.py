"""`jax.image`: images in another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import arrays


@arrays
def scale_and_translate(
    image: Any, shape: Any, dims: Any, scale: Any, translation: Any, method: str, antialias: bool
) -> Any:
    """Sample an image linearly between the centres of its elements; outside there are none."""
    assert (method, antialias) == ("linear", False), "nothing else is asked for"
    for dim, factor, shift in zip(dims, scale, translation, strict=True):
        size = image.shape[dim]
        at = (np.arange(shape[dim]) + 0.5 - shift) / factor - 0.5
        weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))
        total = weights.sum(1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        weights[(at < -0.5) | (at > size - 0.5)] = 0
        image = np.moveaxis(np.moveaxis(image, dim, -1) @ weights.T, -1, dim)
    return image
