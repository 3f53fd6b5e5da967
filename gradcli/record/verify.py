"""Gradients of opaque rows, held against differences of the real function while a program runs.

A step h along a random direction v: (f(x + hv) - f(x - hv)) / 2h is the derivative's product with
v, and its product with what arrives in backward is that of the gradients with v.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from gradcli.record.listing import Opaque
from gradcli.rule.dtypes import Array

COUNT = 4  # directions: parts that are wrong may cancel along one
GAP = 0.02  # relative: differences of float32 are good to 1e-3
STEP = 5e-3  # relative to the largest element: the third root of a rounding of float32


class Directions:
    """What differences say of an opaque row: `change` along the `directions` of its inputs."""

    def __init__(self, change: Array, directions: dict[str, Array]) -> None:
        self.change, self.directions = change, directions

    def judged(self, row: Opaque, cotangent: Array | None) -> str:
        """Return a sentence where the row's gradient is not what differences give, else ""."""
        if cotangent is None or not row.gradients:
            return ""
        pairs = [(row.gradients.get(n), v) for n, v in self.directions.items()]
        found = sum(float(np.vdot(g, v).real) for g, v in pairs if g is not None)
        expected = float(np.vdot(cotangent, self.change).real)
        size = sum(float(np.vdot(np.abs(g), np.abs(v))) for g, v in pairs if g is not None)
        if abs(found - expected) <= GAP * max(size, abs(expected)):
            return ""
        return (
            f"{row.text}, {row.place.at}: along a random direction its gradient gives "
            f"{found:.4g}, differences {expected:.4g}."
        )


class Again(NamedTuple):
    """A call that can be made again: with the state of the random numbers that it began with."""

    function: Callable[..., Any]
    args: Any
    keywords: dict[str, Any]
    state: torch.Tensor

    @classmethod
    def of(cls, function: Callable[..., Any], args: Any, keywords: dict[str, Any]) -> Again:
        """Return a call that is about to be made."""
        return cls(function, args, keywords, torch.get_rng_state())


def directions(again: Again, inputs: dict[str, torch.Tensor], place: int) -> list[Directions]:
    """Return how a result of a call moves along random directions.

    `place` is the result's among those of the call, which is made twice more for each: in double
    precision, where it takes that, so that the step is too small to cross many kinks.
    """
    moved = {n: x for n, x in inputs.items() if x.requires_grad}
    state = torch.get_rng_state()
    try:
        try:
            return [_along(again, moved, place, torch.float64, 1e-6, i) for i in range(COUNT)]
        except (RuntimeError, TypeError, ValueError):  # it is of one precision
            return [_along(again, moved, place, None, STEP, i) for i in range(COUNT)]
    finally:
        torch.set_rng_state(state)


def _along(
    again: Again, moved: dict[str, torch.Tensor], place: int, dtype: Any, step: float, seed: int
) -> Directions:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        ways = {n: torch.randn(x.shape, generator=generator).to(x.dtype) for n, x in moved.items()}
        h = step * max([1e-3, *(float(x.abs().max()) for x in moved.values() if x.numel())])
        results = []
        for sign in (1, -1):
            at = {id(x): x.detach().to(dtype or x.dtype) + sign * h * ways[n]
                  for n, x in moved.items()}  # fmt: skip
            torch.set_rng_state(again.state)
            found = again.function(*_at(again.args, at, dtype), **_at(again.keywords, at, dtype))
            results.append((found if isinstance(found, tuple | list) else (found,))[place])
        change = (results[0].double() - results[1].double()) / (2 * h)
    return Directions(change.numpy(), {n: v.double().numpy() for n, v in ways.items()})


def _at(value: Any, at: dict[int, torch.Tensor], dtype: Any) -> Any:
    """Return arguments with their tensors moved, and the others in the same precision."""
    if isinstance(value, torch.Tensor):
        plain = value if dtype is None or not value.is_floating_point() else value.to(dtype)
        return at.get(id(value), plain)
    if isinstance(value, dict):
        return {key: _at(x, at, dtype) for key, x in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_at(x, at, dtype) for x in value)
    return value
