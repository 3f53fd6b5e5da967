"""`torch.nn.init`: functions that fill tensors in place, for which autograd is off."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.random import Generator, initial
from gradcli.rule.dtypes import Array
from gradcli.rule.signature import Signature
from gradcli.trace.draws import fill, generator_of, laid_out, normal_like
from gradcli.trace.values import described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]


def _uniform(g: Generator, x: Node, a: float, b: float) -> Array:
    return laid_out(x, lambda shape: g.uniform(a, b, shape, x.dtype))


def _normal(g: Generator, x: Node, mean: float, std: float) -> Array:
    return normal_like(g, x, mean, std, x.dtype)


def _xavier(g: Generator, x: Node, gain: float, *, uniform: bool) -> Array:
    std = initial.xavier_std(x.shape, gain)
    return _uniform(g, x, -sqrt(3.0) * std, sqrt(3.0) * std) if uniform else _normal(g, x, 0.0, std)


def _kaiming(
    g: Generator, x: Node, a: float, mode: str, nonlinearity: str, *, uniform: bool
) -> Array:
    if 0 in x.shape:
        x.graph.warn("Initializing zero-element tensors is a no-op")
        return np.zeros(x.shape)
    std = initial.kaiming_std(x.shape, a, mode, nonlinearity)
    return _uniform(g, x, -sqrt(3.0) * std, sqrt(3.0) * std) if uniform else _normal(g, x, 0.0, std)


def _truncated(g: Generator, x: Node, mean: float, std: float, a: float, b: float) -> Array:
    if mean < a - 2 * std or mean > b + 2 * std:
        x.graph.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect."
        )
    share = initial.below(mean, std, b) - initial.below(mean, std, a)
    drawn = _rejected if share > 0.3 else _accepted
    return drawn(g, x, mean, std, a, b)


def _rejected(g: Generator, x: Node, mean: float, std: float, a: float, b: float) -> Array:
    """Draw normal numbers again where they lie outside."""
    low, high = np.asarray(a, x.dtype), np.asarray(b, x.dtype)
    found = normal_like(g, x, mean, std, x.dtype)
    while (outside := (found < low) | (found > high)).any():
        x.graph.spend()
        found = np.where(outside, normal_like(g, x, mean, std, x.dtype, fresh=True), found)
    return found


def _accepted(g: Generator, x: Node, mean: float, std: float, a: float, b: float) -> Array:
    """Draw uniform numbers, and again those that are too many for their density."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    found, pending = np.zeros(x.shape, x.dtype), np.ones(x.shape, bool)
    while pending.any():
        x.graph.spend()
        drawn = _uniform(g, x, a, b)
        found = np.where(pending, drawn, found)
        density = ((drawn - x.dtype.type(mean)) / x.dtype.type(std)) ** 2 * x.dtype.type(-0.5)
        with np.errstate(divide="ignore"):
            pending &= np.log(_uniform(g, x, 0.0, 1.0)) > density - x.dtype.type(peak)
    return found


def _eye(g: Generator, x: Node) -> Array:
    if len(x.shape) != 2:
        raise ArgumentFault("Only tensors with 2 dimensions are supported")
    return np.eye(*x.shape)


_KAIMING = "(tensor: array, a: real = 0, mode: str = 'fan_in', nonlinearity: str = 'leaky_relu'"
_FILLS: dict[str, Callable[..., Array]] = {
    "uniform_(tensor: array, a: real = 0.0, b: real = 1.0": _uniform,
    "normal_(tensor: array, mean: real = 0.0, std: real = 1.0": _normal,
    "trunc_normal_(tensor: array, mean: real = 0.0, std: real = 1.0, a: real = -2.0, "
    "b: real = 2.0": _truncated,
    "constant_(tensor: array, val: real": lambda g, x, val: np.full(x.shape, val),
    "ones_(tensor: array": lambda g, x: np.ones(x.shape),
    "zeros_(tensor: array": lambda g, x: np.zeros(x.shape),
    "eye_(tensor: array": _eye,
    "dirac_(tensor: array, groups: int = 1": lambda g, x, groups: initial.dirac(x.shape, groups),
    "xavier_uniform_(tensor: array, gain: real = 1.0":
        lambda g, x, gain: _xavier(g, x, gain, uniform=True),
    "xavier_normal_(tensor: array, gain: real = 1.0":
        lambda g, x, gain: _xavier(g, x, gain, uniform=False),
    f"kaiming_uniform_{_KAIMING}": lambda g, x, *how: _kaiming(g, x, *how, uniform=True),
    f"kaiming_normal_{_KAIMING}": lambda g, x, *how: _kaiming(g, x, *how, uniform=False),
    "orthogonal_(tensor: array, gain: real = 1":
        lambda g, x, gain: initial.orthogonal(g, x.shape, x.dtype, gain),
    "sparse_(tensor: array, sparsity: real, std: real = 0.01":
        lambda g, x, *how: initial.sparse(g, x.shape, x.dtype, *how),
}  # fmt: skip
_DRAWN = "uniform normal orthogonal sparse"  # those that take a generator


def _filling(text: str, values: Callable[..., Array]) -> Any:
    name = text.partition("(")[0]
    drawn = any(word in name for word in _DRAWN.split())
    signature = Signature(f"{text}, generator: any = None)" if drawn else f"{text})")

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        bound = signature.bind(args, keywords)
        source = generator_of(tracer, bound.pop("generator", None))
        x, *given = bound.values()
        with tracer.graph.settings(tracer.graph.origin, False):
            return fill(tracer, x, lambda: values(source, x, *given))

    return run


GAIN = Signature("calculate_gain(nonlinearity: str, param: any = None)")


def _gain(tracer: Tracer, args: Args, keywords: Keywords) -> float:
    nonlinearity, param = GAIN.bind(args, keywords).values()
    if nonlinearity == "leaky_relu" and not (param is None or type(param) in (int, float)):
        raise ArgumentFault(f"negative_slope {described(param)} not a valid number")
    return initial.gain(nonlinearity, param)


FUNCTIONS: dict[str, Any] = {
    f"init.{text.partition('(')[0]}": _filling(text, values) for text, values in _FILLS.items()
} | {"init.calculate_gain": _gain}
