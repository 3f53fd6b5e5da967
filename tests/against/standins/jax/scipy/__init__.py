"""`jax.scipy`."""

from . import linalg, ndimage, special

__all__ = ["linalg", "ndimage", "special"]
