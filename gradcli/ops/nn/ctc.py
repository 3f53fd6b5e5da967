"""Connectionist temporal classification: labels of a sequence, over all their alignments.

A lattice has a state for each label and for the blanks between and around them. A path stays in
its state, goes on to the next one, or skips a blank between two labels that differ.

Source: Graves, Fernández, Gomez and Schmidhuber, Connectionist Temporal Classification (ICML
2006): the forward variables are equations 6 and 7, the loss is equation 8, and the gradient is
minus the share of the paths that read a label at a frame, from equations 14 and 15.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.nn.losses import check_reduction, reduced
from gradcli.ops.pointwise.elementwise import (
    clamp_min_number,
    eq,
    exp,
    gt,
    logical_and,
    logical_not,
    logical_or,
    lt,
    where,
)
from gradcli.ops.shape.indexing import gather, gather_backward, select
from gradcli.ops.shape.layout import pad_constant
from gradcli.ops.shape.shapes import (
    expand,
    reshape,
    squeeze_dim,
    stack,
    sum_,
    unsqueeze,
    zeros_like,
)
from gradcli.rule.dtypes import INT64, SCALAR_NAMES
from gradcli.rule.meta import Meta
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import INF, Derivative, concrete

_STEPS = range(3)  # by how many states a path goes on from one frame to the next
_CHECKED = "(while checking arguments for ctc_loss_allocate_outputs)"

# ---- what is read from the targets ---------------------------------------------------------


def _labels(targets: Any, lengths: Any, blank: int, states: int) -> Any:
    """Return the label of each state, blank behind the end: (sequences, states)."""
    lengths = np.reshape(lengths, -1)
    flat = np.reshape(targets, -1).astype(np.int64)
    wide = targets.ndim == 2
    starts = np.arange(len(lengths)) * targets.shape[1] if wide else np.cumsum(lengths) - lengths
    at = np.arange(states // 2)
    places = starts[:, None] + at
    inside = (at < lengths[:, None]) & (places < flat.size)
    labels = np.full((len(lengths), states), blank)
    labels[:, 1::2][inside] = flat[places[inside]]
    return labels


def _check_lengths(a: Any, targets: Any, input_lengths: Any, lengths: Any) -> None:
    """Refuse, in PyTorch's words, lengths that do not fit the tensors."""
    frames = a.shape[0]
    for name, values in (("target_lengths", lengths), ("input_lengths", input_lengths)):
        if (least := int(np.min(values))) < 0:
            raise ArgumentFault(
                f"Expected {name} to have value at least 0, but got value {least} {_CHECKED}"
            )
    longest, size = int(np.max(lengths)), targets.shape[-1]
    if targets.ndim == 1 and (total := int(np.sum(lengths))) != size:
        raise ShapeFault(
            f"Expected tensor to have size {total} at dimension 0, but got size {size} for "
            f"argument #2 'targets' {_CHECKED}",
            hint="targets of one dimension are all targets one after the other",
        )
    if targets.ndim == 2 and longest > size:
        raise ShapeFault(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {size} "
            f"for argument #2 'targets' {_CHECKED}"
        )
    if (most := int(np.max(input_lengths))) > frames:
        raise ArgumentFault(
            f"Expected input_lengths to have value at most {frames}, but got value {most} "
            f"{_CHECKED}"
        )


def _check_labels(labels: Any, classes: int) -> None:
    """Refuse labels that are no class: PyTorch reads other memory for them."""
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ArgumentFault(f"Target {int(bad.flat[0])} is out of bounds.",
                            hint=f"targets are class indices from 0 to {classes - 1}")  # fmt: skip


# ---- forward functions ---------------------------------------------------------------------


def _shift(x: Any, steps: int, fill: float) -> Any:
    """Return states moved on along the last dimension."""
    result = np.full_like(x, fill)
    result[..., steps:] = x[..., : x.shape[-1] - steps]
    return result


def _alphas(a: Any, labels: Any) -> Any:
    """Return the log-probability of all paths to each state at each frame."""
    y = np.full_like(a, -INF)
    y[0, :, :2] = a[0, :, :2]
    barrier = np.where(labels == _shift(labels, 2, -1), -INF, 0).astype(a.dtype)
    for before, now, emission in zip(y[:-1], y[1:], a[1:], strict=True):
        on = np.logaddexp(before, _shift(before, 1, -INF))
        now[:] = np.logaddexp(on, _shift(before, 2, -INF) + barrier) + emission
    return y


def _recurrence(a: Any, weights: Any, reverse: bool) -> Any:
    """Return a with, at each frame, the weighted states of the frame before added; or after."""
    y, size = a.copy(), a.shape[-1]
    for t in range(len(y) - 2, -1, -1) if reverse else range(1, len(y)):
        for k in _STEPS:
            if reverse:
                y[t, :, : size - k] += (weights[k, t + 1] * y[t + 1])[:, k:]
            else:
                y[t, :, k:] += weights[k, t, :, k:] * y[t - 1, :, : size - k]
    return y


def _ctc(
    a: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, states: int,
    zero_infinity: bool,
) -> Any:  # fmt: skip
    _check_lengths(a, targets, input_lengths, target_lengths)
    labels = _labels(targets, target_lengths, blank, states)
    _check_labels(labels, a.shape[2])
    frames, ends = np.reshape(input_lengths, -1), 2 * np.reshape(target_lengths, -1)
    emissions = np.take_along_axis(a, np.broadcast_to(labels, (len(a), *labels.shape)), 2)
    alphas, batch = _alphas(emissions, labels), np.arange(len(labels))
    last = alphas[np.maximum(frames, 1) - 1, batch]
    before = np.where(ends > 0, last[batch, ends - 1], -INF)
    paths = np.logaddexp(last[batch, ends], before.astype(a.dtype))
    nothing = np.where(ends > 0, -INF, 0).astype(a.dtype)  # no frames: the empty path, or none
    return -np.where(frames > 0, paths, nothing)


# ---- rules ---------------------------------------------------------------------------------


def _moved(x: Any, steps: int, fill: float = 0.0) -> Any:
    """Return what lies a frame and some states before."""
    return pad_constant(x, pad=(steps, -steps, 0, 0, 1, -1), value=fill)


def _moved_back(x: Any, steps: int) -> Any:
    return pad_constant(x, pad=(-steps, steps, 0, 0, -1, 1), value=0.0)


def _shares(alphas: Any, a: Any, labels: Any) -> Any:
    """Return which part of the paths to a state comes from each of those before it."""
    reached = gt(alphas, -INF)
    differ = logical_not(eq(labels, pad_constant(labels, pad=(2, -2), value=-1)))
    parts = []
    for k in _STEPS:
        allowed = logical_and(reached, differ) if k == 2 else reached
        parts.append(exp(where(allowed, _moved(alphas, k, -INF) + (a - alphas), -INF)))
    return stack(*parts, dim=0)


def _alphas_rule(g: Any, y: Any, a: Any, labels: Any) -> Any:
    back = recurrence(g, _shares(y, a, labels), reverse=True)
    return where(gt(y, -INF), back, 0.0)


def _alphas_tangent(ts: Any, y: Any, a: Any, labels: Any) -> Any:
    moved = where(gt(y, -INF), ts[0], 0.0)
    return recurrence(moved, _shares(y, a, labels), reverse=False)


def _weights_rule(g: Any, y: Any, a: Any, weights: Any, reverse: bool) -> Any:
    other = recurrence(g, weights, reverse=not reverse)
    on, back = (other, y) if reverse else (y, other)  # a weight joins what flows on and back
    return stack(*(back * _moved(on, k) for k in _STEPS), dim=0)


def _recurrence_tangent(ts: Any, y: Any, a: Any, weights: Any, reverse: bool) -> Any:
    moved = zeros_like(a) if ts[0] is None else ts[0]
    if ts[1] is not None:
        for k in _STEPS:
            share = select(ts[1], dim=0, index=k)
            moved = moved + (_moved_back(share * y, k) if reverse else share * _moved(y, k))
    return recurrence(moved, weights, reverse=reverse)


class _Lattice(NamedTuple):
    """All paths of some targets: arrays over frames, sequences and states."""

    index: Any  # the label of each state
    reached: Any  # where a path leads
    shares: Any  # of the paths to a state, by where they come from
    ends: Any  # the share of the paths that end in a state
    occupancy: Any  # the share of the paths that are in a state; 0 where there is no path


def _lattice(
    a: Any, targets: Any, frames: Any, lengths: Any, loss: Any, blank: int, states: int
) -> _Lattice:
    count, batch, _ = a.shape
    labels = ctc_labels(targets, lengths, blank=blank, states=states)
    index = expand(labels, size=(count, batch, states))
    emissions = gather(a, index, dim=2)
    alphas = ctc_alphas(emissions, labels)
    reached = gt(alphas, -INF)
    shares = _shares(alphas, emissions, labels)
    last = 2 * reshape(lengths, (1, batch, 1))
    at = np.arange(states)
    closing = logical_or(eq(last, at), eq(last - 1, at))
    at_end = eq(reshape(frames, (1, batch, 1)) - 1, np.arange(count)[:, None, None])
    final = logical_and(logical_and(closing, at_end), reached)
    ends = exp(where(final, alphas + reshape(loss, (1, batch, 1)), -INF))
    return _Lattice(index, reached, shares, ends, recurrence(ends, shares, reverse=True))


def _by_class(x: Any, index: Any, a: Any, frames: Any, loss: Any, zero_infinity: bool) -> Any:
    """Add states up to their labels; NaN at the frames of a sequence that no path explains."""
    total = gather_backward(x, index, dim=2, size=a.shape)
    if zero_infinity:
        return total
    each = (1, a.shape[1], 1)
    running = lt(np.arange(a.shape[0])[:, None, None], reshape(frames, each))
    lost = logical_and(running, eq(reshape(loss, each), INF))
    return where(lost, float("nan"), total)


def _posterior(
    a: Any, targets: Any, frames: Any, lengths: Any, loss: Any, zero_infinity: bool, **attrs: Any
) -> Any:
    lattice = _lattice(a, targets, frames, lengths, loss, **attrs)
    return _by_class(lattice.occupancy, lattice.index, a, frames, loss, zero_infinity)


def _posterior_moved(
    t: Any, a: Any, targets: Any, frames: Any, lengths: Any, loss: Any, zero_infinity: bool,
    **attrs: Any,
) -> Any:  # fmt: skip
    """Apply the Jacobian, the Hessian of a likelihood: it serves cotangents and tangents."""
    lattice = _lattice(a, targets, frames, lengths, loss, **attrs)
    moved = gather(t, lattice.index, dim=2)
    paths = recurrence(where(lattice.reached, moved, 0.0), lattice.shares, reverse=False)
    total = lattice.ends * paths
    for k in _STEPS:
        share = select(lattice.shares, dim=0, index=k) * (_moved(paths, k) + moved - paths)
        total = total + _moved_back(share * lattice.occupancy, k)
    total = recurrence(total, lattice.shares, reverse=True)
    return _by_class(total, lattice.index, a, frames, loss, zero_infinity)


def _posterior_tangent(
    ts: Any, y: Any, a: Any, targets: Any, frames: Any, lengths: Any, loss: Any, **attrs: Any
) -> Any:
    moved = zeros_like(y)
    if ts[0] is not None:
        moved = _posterior_moved(ts[0], a, targets, frames, lengths, loss, **attrs)
    return moved if ts[4] is None else moved + y * reshape(ts[4], (1, a.shape[1], 1))


def _ctc_rule(g: Any, y: Any, a: Any, targets: Any, frames: Any, lengths: Any, **attrs: Any) -> Any:
    shares = ctc_posterior(a, targets, frames, lengths, y, **attrs)
    return 0 - reshape(g, (1, a.shape[1], 1)) * shares  # 0, not -0, where there is no share


def _ctc_tangent(
    ts: Any, y: Any, a: Any, targets: Any, frames: Any, lengths: Any, **attrs: Any
) -> Any:
    return -sum_(ts[0] * ctc_posterior(a, targets, frames, lengths, y, **attrs), dim=(0, 2))


# fmt: off
ctc_labels = primitive(Derivative,
    "_ctc_labels(targets, target_lengths, blank: int, states: int)", "",
    _labels, lambda targets, lengths, blank, states: Meta((prod(lengths.shape), states), INT64),
    doc="The label of each state of a ctc_loss: blanks between and around those of the target")
recurrence = primitive(Derivative,
    "_ctc_recurrence(input, weights, reverse: bool)", "CtcRecurrenceBackward0",
    _recurrence, lambda a, weights, reverse: Meta(a.shape, a.dtype),
    lambda g, y, a, weights, reverse: recurrence(g, weights, reverse=not reverse),
    _weights_rule, tangent=_recurrence_tangent,
    doc="y[t] = input[t] + the weighted states of y[t - 1], each also one and two states on")
ctc_alphas = primitive(Derivative,
    "_ctc_alphas(input, labels)", "CtcAlphasBackward0",
    _alphas, lambda a, labels: Meta(a.shape, a.dtype),
    _alphas_rule, tangent=_alphas_tangent,
    doc="Log-probability of all paths of a ctc_loss to each state at each frame")
ctc_posterior = primitive(Derivative,
    "_ctc_posterior(log_probs, targets, input_lengths, target_lengths, loss, blank: int, "
    "states: int, zero_infinity: bool)", "CtcLossBackwardBackward0",
    _posterior, lambda a, *_, **__: Meta(a.shape, a.dtype),
    lambda g, y, *operands, **attrs: _posterior_moved(g, *operands, **attrs),
    None, None, None,
    lambda g, y, *_, **__: sum_(g * y, dim=(0, 2)), tangent=_posterior_tangent,
    doc="The share of the alignments of a ctc_loss that read a class at a frame")
ctc = primitive(Derivative,
    "_ctc_loss(log_probs, targets, input_lengths, target_lengths, blank: int, states: int, "
    "zero_infinity: bool)", "CtcLossBackward0",
    _ctc, lambda a, *_, **__: Meta((a.shape[1],), a.dtype),
    _ctc_rule, tangent=_ctc_tangent,
    doc="Negative log-likelihood of each sequence of labels, over all its alignments")
# fmt: on


# ---- what a file can call ------------------------------------------------------------------


def _check(a: Any, targets: Any, blank: int, **lengths: Any) -> None:
    if not prod(a.shape):
        raise ShapeFault("log_probs tensor must not be empty")
    if a.dtype.name not in ("float32", "float64"):
        name = SCALAR_NAMES.get(a.dtype.name, a.dtype.name)
        raise DtypeFault(f"\"ctc_loss_cpu\" not implemented for '{name}'",
                         hint="log_probs are float32 or float64, as of log_softmax")  # fmt: skip
    if len(a.shape) != 3:
        raise ShapeFault(
            f"Expected 3-dimensional tensor, but got {len(a.shape)}-dimensional tensor for "
            f"argument #1 'log_probs' {_CHECKED}",
            hint="log_probs are (frames, sequences, classes), or (frames, classes)",
        )
    if len(targets.shape) not in (1, 2):
        raise ShapeFault(
            f"Expected 1 to 2 dimensions, but got {len(targets.shape)}-dimensional tensor for "
            f"argument #2 'targets' {_CHECKED}",
            hint="targets are (sequences, labels), or all labels one after the other",
        )
    if not 0 <= blank < a.shape[2]:
        raise ArgumentFault("blank must be in label range",
                            hint=f"it is a class: 0 to {a.shape[2] - 1}")  # fmt: skip
    for name, given in lengths.items():
        if prod(given.shape) != a.shape[1]:
            raise ArgumentFault(f"{name} must be of size batch_size",
                                hint=f"one for each of {a.shape[1]} sequences")  # fmt: skip
    if len(targets.shape) == 2 and targets.shape[0] != a.shape[1]:
        raise ShapeFault(
            f"Expected tensor to have size {a.shape[1]} at dimension 0, but got size "
            f"{targets.shape[0]} for argument #2 'targets' {_CHECKED}"
        )


def _lengths(name: str, given: Any) -> Any:
    """Return lengths as a tensor of integers, from a tensor or from Python's integers."""
    if isinstance(given, tuple | list) and all(
        isinstance(n, int) and abs(n) < 1 << 62 for n in given
    ):
        given = np.asarray(given, np.int64)
    if not hasattr(given, "dtype"):
        kind = "dtype" if isinstance(given, np.dtype) else type(given).__name__
        raise ArgumentFault(
            f"ctc_loss(): argument '{name}' must be tuple of ints, not {kind}",
            hint="a length for each sequence: (5, 4), or tensor([5, 4])",
        )
    if given.dtype.kind not in "iu":
        raise DtypeFault(f"{name} must be integral")
    return given


def _ctc_loss(
    a: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, reduction: str,
    zero_infinity: bool,
) -> Any:  # fmt: skip
    check_reduction(reduction)
    frames = _lengths("input_lengths", input_lengths)
    lengths = _lengths("target_lengths", target_lengths)
    alone = len(a.shape) != 3
    a = unsqueeze(a, dim=1) if alone and a.shape else a
    _check(a, targets, blank, input_lengths=frames, target_lengths=lengths)
    # targets in a row have as many states as the longest of them needs, padded ones as there is
    longest = targets.shape[1] if len(targets.shape) == 2 else np.max(concrete(lengths), initial=1)
    losses = ctc(a, targets, frames, lengths, blank=blank, states=2 * max(int(longest), 1) + 1,
                 zero_infinity=zero_infinity)  # fmt: skip
    if zero_infinity:
        losses = where(eq(losses, INF), np.zeros((), a.dtype), losses)
    if reduction == "mean":
        losses = losses / clamp_min_number(lengths, min=1)
    if reduction == "none" and alone:
        return squeeze_dim(losses, dim=(0,))
    return reduced(losses, reduction)


# fmt: off
ctc_loss = composite(
    "ctc_loss(log_probs, targets, input_lengths: any, target_lengths: any, blank: int = 0, "
    "reduction: str = 'mean', zero_infinity: bool = False)", _ctc_loss,
    doc="Negative log-likelihood of labels without their alignment to frames, by log-probabilities",
    kink="the derivative, minus the shares of the alignments, where PyTorch adds exp(log_probs): "
    "behind log_softmax the two agree; NaN where no alignment is possible, 0 with zero_infinity; "
    "0 at a log-probability of -inf, where PyTorch gives NaN",
    examples="F.ctc_loss(log_softmax(T, 2), tensor([[1], [2], [1]]), (2, 2, 1), (1, 1, 1)); "
    "F.ctc_loss(log_softmax(A, 1), tensor([1, 2]), tensor(3), tensor(2), reduction='none'); "
    "F.ctc_loss(log_softmax(T, 2), tensor([1, 0, 1]), (2, 2, 1), (1, 0, 2), blank=2, "
    "reduction='sum', zero_infinity=True); "
    "F.ctc_loss(A.unsqueeze(1), tensor([[1]]), (3,), (1,), reduction='sum')")
# fmt: on
