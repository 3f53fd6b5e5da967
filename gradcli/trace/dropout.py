"""Draws from the file's generator: dropout, normal, bernoulli. They are functions, not rows."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.graph import Node
from gradcli.ops.shape.shapes import squeeze_dim, unsqueeze
from gradcli.rule.dtypes import FLOAT32, SCALAR_NAMES, Array, is_differentiable
from gradcli.rule.meta import broadcast, dense_strides
from gradcli.rule.nesting import check_arguments
from gradcli.rule.signature import Signature
from gradcli.trace.draws import generator_of

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

SELU_FLOOR = 1.7580993408473766  # -(the least value of selu), which alpha dropout drops to


def dropped(tracer: Tracer, a: Node, p: float, *, feature: bool, alpha: bool) -> Any:
    """Return a tensor with elements, or whole channels, dropped and the rest scaled.

    Source: the steps of ATen's `_dropout_impl` in PyTorch 2.13.
    """
    dtype = a.dtype if is_differentiable(a.dtype) else a.default_dtype
    if p == 1 and not alpha:
        return a * tracer.graph.leaf(np.zeros((), dtype))
    shape = (*a.shape[:2], *(1,) * (len(a.shape) - 2)) if feature else a.shape
    strides = None if feature else dense_strides(shape, (a,))
    kept = _in_memory_order(tracer, shape, strides, 1 - p).astype(dtype)
    if not alpha:
        wide = FLOAT32 if dtype.itemsize == 2 else dtype  # a half is divided as a float
        return a * tracer.graph.leaf((kept / np.asarray(1 - p, wide)).astype(dtype))
    scale = 1 / sqrt((SELU_FLOOR**2 * p + 1) * (1 - p)) if p < 1 else 0.0
    shift = (kept - 1) * (SELU_FLOOR * scale) + SELU_FLOOR * scale * p
    leaf = tracer.graph.leaf
    return a * leaf(np.asarray(kept * scale, dtype)) + leaf(np.asarray(shift, dtype))


def _dropout(
    name: str, *, training: bool = True, feature: bool = False, alpha: bool = False, rank: int = -1
) -> Any:
    """Make the function; `rank` is that of a sample, to which a batch of one is put in front."""
    signature = Signature(
        f"{name}(input, p: real = 0.5, training: bool = {training}, inplace: bool = False)"
    )

    def run(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        a, p, active, _ = signature.bind(args, keywords).values()
        if not 0 <= p <= 1:
            raise ArgumentFault(f"dropout probability has to be between 0 and 1, but got {p}")
        if not isinstance(a, Node):
            raise ArgumentFault(f"{name}(): argument 'input' must be a Tensor")
        if feature and active and p and len(a.shape) < 2:
            raise ArgumentFault("Feature dropout requires at least 2 dimensions in the input")
        alone = rank == len(a.shape)
        a = unsqueeze(a, dim=0) if alone else a
        if p and active and 0 not in a.shape:
            a = dropped(tracer, a, p, feature=feature, alpha=alpha)
        return squeeze_dim(a, dim=(0,)) if alone else a

    return run


def _in_memory_order(
    tracer: Tracer, shape: tuple[int, ...], strides: tuple[int, ...] | None, p: float
) -> Array:
    """Draw for each element of a tensor, in the order in which they lie in its memory."""
    if strides is None:
        return tracer.generator.bernoulli(np.full(shape, p))
    order = sorted(range(len(shape)), key=lambda k: -strides[k])
    drawn = tracer.generator.bernoulli(np.full([shape[k] for k in order], p))
    return np.transpose(drawn, np.argsort(order))


def dropper(tracer: Tracer) -> Callable[[Node, float], Any]:
    """Return what drops elements of a tensor inside of an operation that does so in training."""
    return lambda a, p: FUNCTIONS["dropout"](tracer, (a, p), {})


RRELU = Signature(
    "rrelu(input, lower: number = 0.125, upper: number = 0.3333333333333333, "
    "training: bool = False, inplace: bool = False)"
)


def _rrelu(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Draw the slopes of a leaky relu in training."""
    from gradcli.ops.pointwise.activations import rrelu

    a, lower, upper, training, _ = RRELU.bind(args, keywords).values()
    return rrelu(a, lower, upper, training, tracer.generator)


NORMAL = Signature(
    "normal(mean: array|real, std: array|real = 1.0, size: sizes = None, generator: any = None)"
)


def _normal(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Draw from normal distributions of some means and deviations."""
    from gradcli.ops.shape.masks import normal_

    mean, std, size, generator = NORMAL.bind(args, keywords).values()
    nodes = [x for x in (mean, std) if isinstance(x, Node)]
    for x in nodes:
        if not is_differentiable(x.dtype):
            raise DtypeFault(
                f"\"normal_kernel_cpu\" not implemented for '{SCALAR_NAMES[x.dtype.name]}'",
                hint="means and deviations are floating point numbers: x.double()",
            )
    shape = size or ()
    for x in nodes:
        shape = broadcast(shape, x.shape)
    values = [x.value if isinstance(x, Node) else x for x in (mean, std)]
    dtype = nodes[0].dtype if nodes else tracer.graph.default_dtype
    tracer.afford(shape, dtype)
    drawn = generator_of(tracer, generator).normal(values[0], values[1], shape, dtype)
    return normal_(mean, std, tracer.graph.leaf(drawn)) if nodes else tracer.graph.leaf(drawn)


def bernoulli(tracer: Tracer, input: Node, p: float | None, generator: Any = None) -> Node:
    """Draw 1 with the probability of each element (or `p`), else 0.

    Raises: ArgumentFault for probabilities that require a gradient, which would be 0.
    """
    check_arguments((p,))
    if p is None and input.requires_grad:
        raise ArgumentFault(
            "bernoulli() has no derivative by its probabilities", hint="bernoulli(p.detach())"
        )
    chance = input.value if p is None else np.full(input.shape, float(p))
    drawn = generator_of(tracer, generator).bernoulli(chance)
    return tracer.graph.leaf(drawn.astype(input.dtype))


def _bernoulli(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Node:
    input, p, generator = BERNOULLI.bind(args, keywords).values()
    if not isinstance(input, Node):
        raise ArgumentFault("bernoulli(): argument 'input' must be a Tensor")
    return bernoulli(tracer, input, p, generator)


BERNOULLI = Signature("bernoulli(input: any, p: real = None, generator: any = None)")

FUNCTIONS: dict[str, Any] = {
    "bernoulli": _bernoulli,
    "normal": _normal,
    "rrelu": _rrelu,
    "dropout": _dropout("dropout"),
    "dropout1d": _dropout("dropout1d", feature=True, rank=2),
    "dropout2d": _dropout("dropout2d", feature=True),
    "dropout3d": _dropout("dropout3d", feature=True, rank=4),
    "alpha_dropout": _dropout("alpha_dropout", training=False, alpha=True),
    "feature_alpha_dropout": _dropout(
        "feature_alpha_dropout", training=False, feature=True, alpha=True
    ),
}
