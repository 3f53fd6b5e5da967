"""Convolutions and the windows they slide over, bilinear maps, shuffles of pixels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.layout import pad_constant
from gradcli.ops.shape.shapes import conj, expand, reshape, squeeze_dim, sum_, unsqueeze
from gradcli.rule.costs import elements
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import Meta, Shape, of_operand, shown
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Derivative, Multilinear

# ---- windows, on arrays --------------------------------------------------------------------


def reach(kernel: Shape, dilation: Shape) -> Shape:
    """Return how many elements a kernel covers along each dimension."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def window_counts(size: Shape, kernel: Shape, stride: Shape, pad: Shape, dilation: Shape) -> Shape:
    """Return how many windows there are along each dimension."""
    covered = reach(kernel, dilation)
    return tuple(
        (n + 2 * p - c) // s + 1 for n, c, s, p in zip(size, covered, stride, pad, strict=True)
    )


def _places(offset: Shape, counts: Shape, stride: Shape, dilation: Shape) -> Any:
    """Return the slices at which one element of the kernel lies in each window."""
    every = zip(offset, counts, stride, dilation, strict=True)
    found: list[Any] = [slice(o * d, o * d + s * (n - 1) + 1, s) for o, n, s, d in every]
    return (..., *found)


def windows(a: Any, kernel: Shape, stride: Shape, pad: Shape, dilation: Shape) -> Any:
    """Return the windows of an array of shape (N, C, *size): (N, C, *kernel, *counts)."""
    size = a.shape[2:]
    counts = window_counts(size, kernel, stride, pad, dilation)
    padded = np.pad(a, ((0, 0), (0, 0), *((p, p) for p in pad)))
    result = np.empty((*a.shape[:2], *kernel, *counts), a.dtype)
    for offset in np.ndindex(*kernel):
        result[(slice(None), slice(None), *offset)] = padded[
            _places(offset, counts, stride, dilation)
        ]
    return result


def from_windows(w: Any, size: Shape, stride: Shape, pad: Shape, dilation: Shape) -> Any:
    """Add windows up where they came from: the transpose of `windows`."""
    rank = len(size)
    kernel, counts = w.shape[2 : 2 + rank], w.shape[2 + rank :]
    covered = reach(kernel, dilation)
    room = tuple(
        max(n + 2 * p, s * (m - 1) + c)
        for n, p, s, m, c in zip(size, pad, stride, counts, covered, strict=True)
    )
    result = np.zeros((*w.shape[:2], *room), w.dtype)
    for offset in np.ndindex(*kernel):
        result[_places(offset, counts, stride, dilation)] += w[(slice(None), slice(None), *offset)]
    inside: list[Any] = [slice(p, p + n) for p, n in zip(pad, size, strict=True)]
    return result[(..., *inside)]


# ---- convolution ---------------------------------------------------------------------------
# The three maps below are the partial derivatives of one trilinear form of an image x, a kernel w
# and a cotangent g, so the derivatives of each are the other two. Their arrays are (N, groups,
# channels · kernel, windows) for windows and (groups, outputs, channels · kernel) for kernels.


def _correlate(x: Any, w: Any, stride: Shape, pad: Shape, dilation: Shape, groups: int) -> Any:
    columns = windows(x, w.shape[2:], stride, pad, dilation)
    counts = columns.shape[len(w.shape) :]
    flat = columns.reshape(x.shape[0], groups, prod(w.shape[1:]), prod(counts))
    kernels = w.reshape(groups, w.shape[0] // groups, prod(w.shape[1:]))
    return np.matmul(kernels, flat).reshape(x.shape[0], w.shape[0], *counts)


def _spread_back(
    g: Any, w: Any, size: Shape, stride: Shape, pad: Shape, dilation: Shape, groups: int
) -> Any:
    kernels = w.reshape(groups, w.shape[0] // groups, prod(w.shape[1:]))
    flat = g.reshape(g.shape[0], groups, w.shape[0] // groups, prod(g.shape[2:]))
    columns = np.matmul(kernels.swapaxes(1, 2), flat)
    shape = (g.shape[0], groups * w.shape[1], *w.shape[2:], *g.shape[2:])
    return from_windows(columns.reshape(shape), size, stride, pad, dilation)


def _kernel_of(
    g: Any, x: Any, kernel: Shape, stride: Shape, pad: Shape, dilation: Shape, groups: int
) -> Any:
    channels, counts = x.shape[1] // groups, g.shape[2:]
    columns = windows(x, kernel, stride, pad, dilation)[(..., *map(slice, counts))]
    flat = columns.reshape(x.shape[0], groups, channels * prod(kernel), prod(counts))
    outputs = g.reshape(g.shape[0], groups, g.shape[1] // groups, prod(counts))
    total = np.einsum("ngop,ngcp->goc", outputs, flat)
    return total.reshape(g.shape[1], channels, *kernel)


def _convolution(
    a: Any, w: Any, bias: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int,
) -> Any:  # fmt: skip
    if transposed:
        size = _transposed_size(a, w, stride, padding, dilation, output_padding)
        y = _spread_back(a, w, size, stride, padding, dilation, groups)
    else:
        y = _correlate(a, w, stride, padding, dilation, groups)
    return y if bias is None else y + np.reshape(bias, (-1, *(1,) * len(stride)))


def _windows(a: Any, w: Any, transposed: bool, meta: Meta) -> int:
    """Return the elements of all windows, or of what they are spread to."""
    if transposed:
        return elements(a) * int(prod(w.shape[1:]))
    return prod((meta.shape[0], *meta.shape[2:], int(a.shape[1]), *map(int, w.shape[2:])))


def _convolution_memory(a: Any, w: Any, bias: Any, transposed: bool, **attrs: Any) -> int:
    meta = _convolution_meta(a, w, bias, transposed=transposed, **attrs)
    return int(2 * a.dtype.itemsize * _windows(a, w, transposed, meta))


def _convolution_work(a: Any, w: Any, bias: Any, transposed: bool, **attrs: Any) -> int:
    meta = _convolution_meta(a, w, bias, transposed=transposed, **attrs)
    channels = 1 if transposed else w.shape[0] // attrs["groups"]
    return int(_windows(a, w, transposed, meta) * (1 + channels // 10))


def _transposed_size(
    a: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape, output_padding: Shape
) -> Shape:
    covered = reach(w.shape[2:], dilation)
    every = zip(a.shape[2:], stride, padding, covered, output_padding, strict=True)
    return tuple((n - 1) * s - 2 * p + c + o for n, s, p, c, o in every)


def _convolution_meta(
    a: Any, w: Any, bias: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int,
) -> Meta:  # fmt: skip
    rank = len(a.shape) - 2
    _check_ranks(a, w)
    for name, values in (
        ("stride", stride), ("padding", padding), ("dilation", dilation),
        ("output_padding", output_padding),
    ):  # fmt: skip
        if len(values) != rank:
            raise ArgumentFault(_settings_text(name, values, rank))
    if min(output_padding) < 0:
        raise ArgumentFault("negative output_padding is not supported")
    _check_convolution(a, w, bias, stride, padding, dilation, transposed, groups)
    if transposed:
        size = _transposed_size(a, w, stride, padding, dilation, output_padding)
        if min(size, default=1) < 1:
            given, found = (" x ".join(map(str, x)) for x in (a.shape[2:], size))
            raise ShapeFault(
                f"Given input size per channel: ({given}). Calculated output size per channel: "
                f"({found}). Output size is too small"
            )
        return Meta((a.shape[0], w.shape[1] * groups, *size), a.dtype)
    counts = window_counts(a.shape[2:], w.shape[2:], stride, padding, dilation)
    return Meta((a.shape[0], w.shape[0], *counts), a.dtype)


def _input_rule(
    g: Any, a: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int,
) -> Any:  # fmt: skip
    more = output_padding
    if not transposed:
        least = _transposed_size(g, w, stride, padding, dilation, (0,) * len(stride))
        more = tuple(n - m for n, m in zip(a.shape[2:], least, strict=True))
    back = convolution(g, conj(w), None, stride=stride, padding=padding, dilation=dilation,
                       transposed=not transposed, output_padding=more, groups=groups)  # fmt: skip
    return _cut(back, a.shape)


def _cut(a: Any, shape: Shape) -> Any:
    """Leave out the windows for which a large output_padding made room."""
    for dim, n in enumerate(shape):
        if a.shape[dim] != n:
            a = slice_(a, dim=dim, start=0, end=n, step=1)
    return a


def _weight_rule(
    g: Any, a: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int,
) -> Any:  # fmt: skip
    small, large = (conj(a), g) if transposed else (g, conj(a))
    return kernel_of(small, large, kernel=w.shape[2:], stride=stride, padding=padding,
                     dilation=dilation, groups=groups)  # fmt: skip


def _bias_rule(g: Any, *_: Any) -> Any:
    return sum_(g, dim=tuple(d for d in range(len(g.shape)) if d != 1))


def _convolution_tangent(ts: Any, y: Any, a: Any, w: Any, bias: Any, **attrs: Any) -> Any:
    parts = []
    if ts[0] is not None:
        parts.append(convolution(ts[0], w, None, **attrs))
    if ts[1] is not None:
        parts.append(convolution(a, ts[1], None, **attrs))
    if ts[2] is not None:
        spread = reshape(ts[2], (ts[2].shape[0], *(1,) * (len(y.shape) - 2)))
        parts.append(expand(spread, size=y.shape))
    return sum(parts[1:], parts[0])


def _kernel_input_rule(
    gw: Any, y: Any, g: Any, x: Any, kernel: Shape, stride: Shape, padding: Shape,
    dilation: Shape, groups: int,
) -> Any:  # fmt: skip
    zeros = (0,) * len(kernel)
    least = _transposed_size(g, gw, stride, padding, dilation, zeros)
    more = tuple(n - m for n, m in zip(x.shape[2:], least, strict=True))
    return convolution(conj(g), gw, None, stride=stride, padding=padding, dilation=dilation,
                       transposed=True, output_padding=more, groups=groups)  # fmt: skip


def _kernel_output_rule(
    gw: Any, y: Any, g: Any, x: Any, kernel: Shape, stride: Shape, padding: Shape,
    dilation: Shape, groups: int,
) -> Any:  # fmt: skip
    zeros = (0,) * len(kernel)
    out = convolution(conj(x), gw, None, stride=stride, padding=padding, dilation=dilation,
                      transposed=False, output_padding=zeros, groups=groups)  # fmt: skip
    return _cut(out, g.shape)


_WINDOW = (
    "stride: sizes, padding: sizes, dilation: sizes, transposed: bool, output_padding: sizes, "
    "groups: int"
)

# fmt: off
input_backward = pullback(f"_convolution_backward.input(grad, input, weight, {_WINDOW})",
    "ConvolutionBackwardBackward0", _input_rule, of_operand)
weight_backward = pullback(f"_convolution_backward.weight(grad, input, weight, {_WINDOW})",
    "ConvolutionBackwardBackward0", _weight_rule, lambda g, a, w, **_: Meta(w.shape, w.dtype))
bias_backward = pullback("_convolution_backward.bias(grad, input, weight, bias)",
    "ConvolutionBackwardBackward0", _bias_rule, lambda g, a, w, bias: Meta(bias.shape, bias.dtype),
    fixed="bias")
convolution = primitive(Derivative,
    "convolution(input, weight, bias = None, stride: sizes = (), padding: sizes = (), "
    "dilation: sizes = (), transposed: bool = False, output_padding: sizes = (), "
    "groups: int = 1)", "ConvolutionBackward0", _convolution, _convolution_meta,
    lambda g, y, a, w, bias, **attrs: input_backward(g, a, w, **attrs),
    lambda g, y, a, w, bias, **attrs: weight_backward(g, a, w, **attrs),
    lambda g, y, a, w, bias, **attrs: bias_backward(g, a, w, bias),
    tangent=_convolution_tangent, saves="input weight",
    memory=_convolution_memory, work=_convolution_work,
    doc="Sums over a kernel at every window; transposed, its transpose")
kernel_of = primitive(Multilinear,
    "_convolution_weight(grad, input, kernel: sizes, stride: sizes, padding: sizes, "
    "dilation: sizes, groups: int)", "ConvolutionBackwardBackward0",
    lambda g, x, kernel, stride, padding, dilation, groups:
        _kernel_of(g, x, kernel, stride, padding, dilation, groups),
    lambda g, x, kernel, groups, **_:
        Meta((g.shape[1], x.shape[1] // groups, *kernel), g.dtype),
    _kernel_output_rule, _kernel_input_rule,
    doc="The kernel's cotangent in a convolution")
# fmt: on


# ---- what a file can call ------------------------------------------------------------------


def _settings_text(name: str, values: Shape, rank: int) -> str:
    return (
        f"expected {name} to be a single integer value or a list of {rank} values to match "
        f"the convolution dimensions, but got {name}={shown(values)}"
    )


def _check_ranks(a: Any, w: Any) -> None:
    """Refuse an input and a weight of unlike ranks, in PyTorch's words."""
    if len(w.shape) < 3:
        raise ShapeFault("weight should have at least three dimensions")
    if len(a.shape) != len(w.shape):
        raise ShapeFault(
            f"Expected {len(w.shape)}-dimensional input for {len(w.shape)}-dimensional weight "
            f"{shown(w.shape)}, but got {len(a.shape)}-dimensional input of size {shown(a.shape)} "
            "instead"
        )


def per_dim(name: str, value: Any, rank: int) -> Shape:
    """Return one integer for each dimension; a single one stands for all.

    Raises: ArgumentFault, in PyTorch's words, where there are too few or too many.
    """
    values = (value,) if isinstance(value, int) else tuple(value)
    if len(values) not in (1, rank):
        raise ArgumentFault(_settings_text(name, values, rank))
    return values * rank if len(values) == 1 else values


def batched(a: Any, rank: int, name: str) -> tuple[Any, bool]:
    """Return the input with a batch dimension, and whether it was missing.

    Raises: ShapeFault, in PyTorch's words, where it is neither one sample nor a batch.
    """
    if len(a.shape) not in (rank + 1, rank + 2):
        raise ShapeFault(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {shown(a.shape)}"
        )
    return (unsqueeze(a, dim=0), True) if len(a.shape) == rank + 1 else (a, False)


def _check_convolution(
    a: Any, w: Any, bias: Any, stride: Shape, pad: Shape, dilation: Shape, transposed: bool,
    groups: int,
) -> None:  # fmt: skip
    _check_ranks(a, w)
    for name, values in (("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            raise ArgumentFault(
                "non-positive stride is not supported"
                if name == "stride"
                else f"dilation should be greater than zero, but got {shown(dilation)}"
            )
    if min(pad) < 0:
        raise ArgumentFault("negative padding is not supported")
    if groups <= 0:
        raise ArgumentFault("non-positive groups is not supported")
    if a.dtype != w.dtype:
        first, second = (SCALAR_NAMES.get(x.dtype.name, x.dtype.name) for x in (a, w))
        raise DtypeFault(
            f"expected scalar type {first} but found {second}",
            hint=f"convert one of them: .to({a.dtype.name})",
        )
    if w.shape[0] < groups:
        raise ShapeFault(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {shown(w.shape)} instead"
        )
    if w.shape[0] % groups:
        raise ShapeFault(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{shown(w.shape)}] instead"
        )
    channels = w.shape[0] if transposed else w.shape[1] * groups
    if a.shape[1] != channels:
        verb = "transposed=1, weight" if transposed else f"groups={groups}, weight"
        raise ShapeFault(
            f"Given {verb} of size {shown(w.shape)}, expected input{shown(a.shape)} to have "
            f"{channels} channels, but got {a.shape[1]} channels instead"
        )
    outputs = w.shape[1] * groups if transposed else w.shape[0]
    if bias is not None and bias.shape != (outputs,):
        raise ShapeFault(
            f"Given weight of size {shown(w.shape)}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {shown(bias.shape)} instead"
        )
    covered = reach(w.shape[2:], dilation)
    padded = tuple(n + 2 * p for n, p in zip(a.shape[2:], pad, strict=True))
    if not transposed and any(n < c for n, c in zip(padded, covered, strict=True)):
        sizes = (f"({' x '.join(map(str, x))})" for x in (padded, covered))
        raise ShapeFault(
            "Calculated padded input size per channel: {}. Kernel size: {}. Kernel size can't be "
            "greater than actual input size".format(*sizes)
        )


def _same_padding(a: Any, w: Any, stride: Shape, dilation: Shape) -> tuple[Any, Shape]:
    """Return the input padded on the right where the padding is odd, and the even padding."""
    if any(s != 1 for s in stride):
        raise ArgumentFault("padding='same' is not supported for strided convolutions")
    total = tuple(c - 1 for c in reach(w.shape[2:], dilation))
    if any(n % 2 for n in total):
        more = tuple(x for n in reversed(total) for x in (0, n % 2))
        a = pad_constant(a, pad=more, value=0)
    return a, tuple(n // 2 for n in total)


def _conv(rank: int) -> Any:
    name = f"conv{rank}d"

    def expand(
        a: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
    ) -> Any:
        x, alone = batched(a, rank, name)
        stride, dilation = per_dim("stride", stride, rank), per_dim("dilation", dilation, rank)
        if padding == "same":
            _check_ranks(x, w)
            x, pad = _same_padding(x, w, stride, dilation)
        elif isinstance(padding, str):
            if padding != "valid":
                raise ArgumentFault(f"Invalid padding string: '{padding}'")
            pad = (0,) * rank
        else:
            pad = per_dim("padding", padding, rank)
        y = convolution(x, w, bias, stride=stride, padding=pad, dilation=dilation,
                        transposed=False, output_padding=(0,) * rank, groups=groups)  # fmt: skip
        return squeeze_dim(y, dim=(0,)) if alone else y

    return composite(
        f"{name}(input, weight, bias = None, stride: dims = 1, padding: str|axes = 0, "
        "dilation: dims = 1, groups: int = 1)",
        expand,
        refuses="input weight bias: bool",
        alike="input weight bias",
        doc=f"Sums over a kernel at every window of {rank} dimensions",
        examples=_CONV_EXAMPLES[rank],
    )


def _conv_transpose(rank: int) -> Any:
    name = f"conv_transpose{rank}d"

    def expand(
        a: Any, w: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
        dilation: Any,
    ) -> Any:  # fmt: skip
        x, alone = batched(a, rank, name)
        stride, dilation = per_dim("stride", stride, rank), per_dim("dilation", dilation, rank)
        pad = per_dim("padding", padding, rank)
        more = per_dim("output_padding", output_padding, rank)
        _check_convolution(x, w, bias, stride, pad, dilation, True, groups)
        if any(o >= max(s, d) for o, s, d in zip(more, stride, dilation, strict=True)):
            raise ArgumentFault(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding={shown(more)} stride={shown(stride)} dilation={shown(dilation)}"
            )
        y = convolution(x, w, bias, stride=stride, padding=pad, dilation=dilation,
                        transposed=True, output_padding=more, groups=groups)  # fmt: skip
        return squeeze_dim(y, dim=(0,)) if alone else y

    return composite(
        f"{name}(input, weight, bias = None, stride: dims = 1, padding: dims = 0, "
        "output_padding: dims = 0, groups: int = 1, dilation: dims = 1)",
        expand,
        refuses="input weight: bool",
        alike="input weight",
        doc=f"The transpose of conv{rank}d: a kernel added up at every window",
        examples=_TRANSPOSE_EXAMPLES[rank],
    )


_CONV_EXAMPLES = {
    1: "F.conv1d(T, T[:, :, :2], v[:2], padding=1); "
    "F.conv1d(T, reshape(v, (3, 1, 1)), groups=3, stride=2)",
    2: "F.conv2d(T, reshape(T[:, :, :2], (3, 2, 2, 1)), v); "
    "F.conv2d(T, reshape(A[:2, :2], (1, 2, 2, 1)), padding='same', dilation=2)",
    3: "F.conv3d(reshape(T, (1, 2, 3, 3, 1)), reshape(A[:, :2], (1, 2, 3, 1, 1)), padding=1)",
}
_TRANSPOSE_EXAMPLES = {
    1: "F.conv_transpose1d(T, reshape(T, (3, 2, 3)), v[:2], stride=2, output_padding=1)",
    2: "F.conv_transpose2d(T, reshape(A[:2, :2], (2, 1, 2, 1)), stride=2, padding=1)",
    3: "F.conv_transpose3d(reshape(T, (1, 2, 3, 3, 1)), reshape(M[:, :2], (2, 1, 2, 1, 1)))",
}

conv1d, conv2d, conv3d = _conv(1), _conv(2), _conv(3)
conv_transpose1d, conv_transpose2d, conv_transpose3d = map(_conv_transpose, (1, 2, 3))
