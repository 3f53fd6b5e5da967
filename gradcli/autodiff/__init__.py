"""Reverse and forward mode over the tape; matrices of derivatives are in a module of their own."""

from gradcli.autodiff.forward import behind, push, tangent, tangent_values
from gradcli.autodiff.reverse import (
    GRAD_COPY,
    backward,
    fit,
    gradient_values,
    gradients,
    pull,
    pull_values,
    reachable,
    seed,
    towards,
)
from gradcli.autodiff.saved import free_saved, saved_rows, saw_uncounted

__all__ = [
    "GRAD_COPY",
    "backward",
    "behind",
    "fit",
    "free_saved",
    "gradient_values",
    "gradients",
    "pull",
    "pull_values",
    "push",
    "reachable",
    "saved_rows",
    "saw_uncounted",
    "seed",
    "tangent",
    "tangent_values",
    "towards",
]
