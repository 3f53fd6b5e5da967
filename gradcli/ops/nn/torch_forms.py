"""Functions of `torch` that take other arguments than those of `nn.functional` of the same name.

A name without `torch.` is that of nn.functional; `native_…` are ATen's own, which return what
their derivatives save too.
"""

from __future__ import annotations

from math import prod
from typing import Any

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.nn.ctc import ctc_loss
from gradcli.ops.nn.losses import binary_cross_entropy_with_logits, kl_div, poisson_nll_loss
from gradcli.ops.nn.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from gradcli.ops.nn.normalisation import (
    aten_batch_norm,
    check_groups,
    group_norm,
    instance_norm,
    layer_norm,
)
from gradcli.ops.pointwise.elementwise import rsqrt
from gradcli.ops.pointwise.scalars import add_number
from gradcli.ops.reduce.reductions import var
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.masks import embedding
from gradcli.ops.shape.shapes import detach, mean, reshape
from gradcli.rule.meta import Shape, dim_index, shown
from gradcli.rule.rows import composite
from gradcli.rule.rule import Composite

REDUCTIONS = {1: "mean", 2: "sum"}  # ATen's numbers; every other one is none


def _by_number(row: Composite) -> Composite:
    """Return a loss of nn.functional whose reduction is a number, as ATen has it."""
    name, _, arguments = row.signature.text.partition("(")
    arguments = arguments.replace("reduction: str = 'mean'", "reduction: int = 0")

    def expand(*given: Any) -> Any:
        names = [p.name for p in row.signature.parameters]
        place = names.index("reduction")
        reduction = REDUCTIONS.get(given[place], "none")
        return row(*given[:place], reduction, *given[place + 1 :])

    return composite(
        f"torch.{name}({arguments}", expand, doc=f"{row.doc} (reduction: 1 mean, 2 sum)"
    )


# ---- normalisations ------------------------------------------------------------------------


def _statistics(a: Any, shape: Shape, dims: Shape, eps: float, keep: bool) -> tuple[Any, Any]:
    """Return means and 1 / deviations of groups, which have no gradient."""
    grouped = reshape(detach(a), shape)
    spread = var(grouped, dim=dims, correction=0, keepdim=keep)
    return mean(grouped, dim=dims, keepdim=keep), rsqrt(add_number(spread, other=eps))


def _native_layer_norm(a: Any, normalized_shape: Shape, w: Any, b: Any, eps: float) -> Any:
    y = layer_norm(a, normalized_shape, w, b, eps)
    dims = tuple(range(len(a.shape) - len(normalized_shape), len(a.shape)))
    return (y, *_statistics(a, a.shape, dims, eps, keep=True))


def _native_group_norm(
    a: Any, w: Any, b: Any, n: int, c: int, size: int, group: int, eps: float
) -> Any:
    check_groups(a.shape, c, group, weight=w, bias=b)
    if n * c * size != prod(a.shape):
        raise ArgumentFault(
            "Expected X.numel() == N * C * HxW to be true, but got false.",
            hint=f"{n} * {c} * {size} is not the count of the elements of {list(a.shape)}",
        )
    if (n, c) != a.shape[:2]:
        raise ArgumentFault(
            f"native_group_norm(): N and C are {n} and {c}, and the input's shape is "
            f"{list(a.shape)}"
        )
    y = group_norm(a, group, w, b, eps)
    return (y, *_statistics(a, (n, group, c * size // group), (2,), eps, keep=False))


def _native_batch_norm(
    a: Any, w: Any, b: Any, centre: Any, spread: Any, training: bool, momentum: float, eps: float
) -> Any:
    dim_index(1, len(a.shape))  # that of the channels
    if training and not prod(a.shape):
        raise ShapeFault(
            f"input tensor must have at least one element, but got input_sizes = {shown(a.shape)}"
        )
    y = aten_batch_norm(a, centre, spread, w, b, training, momentum, eps)
    if not training:
        nothing = slice_(reshape(detach(a), (-1,)), dim=0, start=0, end=0, step=1)
        return y, nothing, nothing
    dims = tuple(d for d in range(len(a.shape)) if d != 1)
    return (y, *_statistics(a, a.shape, dims, eps, keep=False))


# fmt: off
native_layer_norm = composite(
    "native_layer_norm(input, normalized_shape: sizes, weight: tensor?, bias: tensor?, "
    "eps: real)", _native_layer_norm, refuses="bool integer complex", alike="input weight bias",
    doc="layer_norm, the means and 1 / the deviations",
    examples="native_layer_norm(M, (3,), v, v, 1e-5)[0]")
native_group_norm = composite(
    "native_group_norm(input, weight: tensor?, bias: tensor?, N: int, C: int, HxW: int, "
    "group: int, eps: real)", _native_group_norm,
    refuses="bool integer complex", alike="input weight bias",
    doc="group_norm, the means and 1 / the deviations",
    examples="native_group_norm(T, v, v, 2, 3, 3, 3, 1e-5)[0]")
native_batch_norm = composite(
    "native_batch_norm(input, weight: tensor?, bias: tensor?, running_mean: tensor?, "
    "running_var: tensor?, training: bool, momentum: real, eps: real)", _native_batch_norm,
    refuses="bool integer complex", alike="input weight bias running_mean running_var",
    doc="batch_norm, the means and 1 / the deviations of a batch in training",
    examples="native_batch_norm(T, v, v, None, None, True, 0.1, 1e-5)[0]")
torch_batch_norm = composite(
    "torch.batch_norm(input, weight: tensor?, bias: tensor?, running_mean: tensor?, "
    "running_var: tensor?, training: bool, momentum: number, eps: number, cudnn_enabled: bool)",
    lambda a, w, b, centre, spread, training, momentum, eps, _:
        aten_batch_norm(a, centre, spread, w, b, training, momentum, eps),
    doc="batch_norm, with its arguments in ATen's order")
torch_instance_norm = composite(
    "torch.instance_norm(input, weight: tensor?, bias: tensor?, running_mean: tensor?, "
    "running_var: tensor?, use_input_stats: bool, momentum: number, eps: number, "
    "cudnn_enabled: bool)",
    lambda a, w, b, centre, spread, own, momentum, eps, _:
        instance_norm(a, centre, spread, w, b, own, momentum, eps),
    doc="instance_norm, with its arguments in ATen's order")
torch_layer_norm = composite(
    "torch.layer_norm(input, normalized_shape: sizes, weight = None, bias = None, "
    "eps: number = 1e-5, cudnn_enable: bool = True)",
    lambda a, shape, w, b, eps, _: layer_norm(a, shape, w, b, eps),
    doc="layer_norm, with ATen's arguments")
torch_group_norm = composite(
    "torch.group_norm(input, num_groups: int, weight = None, bias = None, eps: number = 1e-5, "
    "cudnn_enabled: bool = True)",
    lambda a, groups, w, b, eps, _: group_norm(a, groups, w, b, eps),
    doc="group_norm, with ATen's arguments")
torch_embedding = composite(
    "torch.embedding(weight, indices: index, padding_idx: int = -1, "
    "scale_grad_by_freq: bool = False, sparse: bool = False)",
    lambda weight, indices, padding, scale, _:
        embedding(indices, weight, padding if padding in range(*weight.shape[:1] or (0,)) else None,
                  None, 2.0, scale, False),
    doc="embedding, with the table before the indices")
torch_poisson_nll_loss = composite(
    "torch.poisson_nll_loss(input, target, log_input: bool, full: bool, eps: number, "
    "reduction: int)",
    lambda a, b, log_input, full, eps, reduction:
        poisson_nll_loss(a, b, log_input, full, eps, REDUCTIONS.get(reduction, "none")),
    doc=f"{poisson_nll_loss.doc} (reduction: 1 mean, 2 sum)")
torch_with_logits = composite(
    "torch.binary_cross_entropy_with_logits(input, target, weight = None, pos_weight = None, "
    "reduction: int = 0)",
    lambda a, b, weight, pos_weight, reduction: binary_cross_entropy_with_logits(
        a, b, weight, REDUCTIONS.get(reduction, "none"), pos_weight),
    doc=f"{binary_cross_entropy_with_logits.doc} (reduction: 1 mean, 2 sum)")
# fmt: on

torch_kl_div = _by_number(kl_div)
torch_hinge_embedding_loss = _by_number(hinge_embedding_loss)
torch_cosine_embedding_loss = _by_number(cosine_embedding_loss)
torch_margin_ranking_loss = _by_number(margin_ranking_loss)
torch_triplet_margin_loss = _by_number(triplet_margin_loss)
torch_ctc_loss = _by_number(ctc_loss)
