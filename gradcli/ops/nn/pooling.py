"""Pooling over windows, as a file calls it; and responses normalised over channels."""

from __future__ import annotations

from math import prod
from typing import Any

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.nn.windows import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    count_windows,
    max_pool,
)
from gradcli.ops.pointwise.elementwise import abs_, relu, sign
from gradcli.ops.shape.layout import pad_constant
from gradcli.ops.shape.shapes import mean, squeeze_dim, unsqueeze, view
from gradcli.rule.meta import Shape, shown
from gradcli.rule.rows import composite
from gradcli.rule.rule import Composite


def _check_rank(a: Any, rank: int, name: str) -> None:
    if len(a.shape) in (rank + 1, rank + 2):
        _check_sizes(a, rank, name)
        return
    ranks = f"{rank + 1}D or {rank + 2}D"
    if name == "max_pool1d":
        message = (
            f"max_pool1d: Expected {ranks} (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{shown(a.shape)}"
        )
    elif rank == 1:
        message = (
            f"Expected 2 to 3 dimensions, but got {len(a.shape)}-dimensional tensor for argument "
            f"#1 'self' (while checking arguments for {name})"
        )
    elif name.startswith("adaptive"):
        colon = ":" if "max" in name else ""
        message = f"{name}(): Expected {ranks} tensor, but got{colon} {shown(a.shape)}"
    else:
        message = f"non-empty {ranks} (batch mode) tensor expected for input"
    raise ShapeFault(message)


def _check_sizes(a: Any, rank: int, name: str) -> None:
    """Refuse what is empty, except for an empty batch, as PyTorch does."""
    first = len(a.shape) - rank - (0 if name.startswith("adaptive") else 1)
    empty = next((d for d in range(first, len(a.shape)) if not a.shape[d]), None)
    if empty is None:
        return
    if name.startswith("adaptive"):
        raise ShapeFault(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {shown(a.shape)} with dimension {empty} being empty"
        )
    raise ShapeFault(
        f"Expected {rank + 1}D or {rank + 2}D (batch mode) tensor with optional 0 dim batch size "
        f"for input, but got:{shown(a.shape)}"
    )


def each(name: str, field: str, value: Any, rank: int) -> Shape:
    """Return one integer for each dimension; a single one stands for all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    if len(values) not in (1, rank):
        omitted = "be omitted, " if field == "stride" else "be "
        many = ("one int", "two ints", "three ints")[rank - 1]
        raise ArgumentFault(
            f"{name}: {field} must either {omitted}a single int, or a tuple of {many}"
        )
    return values * rank if len(values) == 1 else values


def _check_windows(
    a: Any, kernel: Shape, stride: Shape, pad: Shape, dilation: Shape, ceil: bool
) -> None:
    rank = len(kernel)
    for k, s, p, d in zip(kernel, stride, pad, dilation, strict=True):
        if k <= 0:
            raise ArgumentFault("kernel size should be greater than zero")
        if s <= 0:
            raise ArgumentFault("stride should not be zero" if not s else
                                f"stride should be greater than zero, but got {s}")  # fmt: skip
        if d <= 0:
            raise ArgumentFault(
                "dilation should be greater than zero, but got "
                + (f"dilationH: {dilation[-2]} dilationW: {dilation[-1]}" if rank > 1 else str(d))
            )
        if p < 0:
            raise ArgumentFault(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise ArgumentFault(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )
    sizes = a.shape[-rank:]
    counts = tuple(
        count_windows(*part, ceil)
        for part in zip(sizes, kernel, stride, pad, dilation, strict=True)
    )
    if min(counts) < 1:
        channels = a.shape[-rank - 1]
        given, found = ("x".join(map(str, (channels, *x))) for x in (sizes, counts))
        raise ShapeFault(
            f"Given input size: ({given}). Calculated output size: ({found}). Output size is too "
            "small"
        )


def _in_two(rank: int, values: Shape, own: int) -> Shape:
    """Return settings of a pooling over one dimension as one over two, as PyTorch runs it."""
    return (own, *values) if rank == 1 else values


def _on_two(rank: int, pool: Any, a: Any) -> Any:
    """Run a pooling; one over a single dimension with another of size 1 put in before it."""
    if rank != 1:
        return pool(a)
    result = pool(unsqueeze(a, dim=-2))
    if isinstance(result, tuple):
        return tuple(squeeze_dim(x, dim=(-2,)) for x in result)
    return squeeze_dim(result, dim=(-2,))


def _max_pool(rank: int) -> Composite:
    name = f"max_pool{rank}d"

    def expand(
        a: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
        return_indices: bool,
    ) -> Any:  # fmt: skip
        _check_rank(a, rank, name)
        kernel = each(name, "kernel_size", kernel_size, rank)
        step = each(name, "stride", stride, rank) if stride else kernel
        pad, wide = each(name, "padding", padding, rank), each(name, "dilation", dilation, rank)
        _check_windows(a, kernel, step, pad, wide, ceil_mode)
        found = _on_two(rank, lambda x: max_pool(
            x, kernel_size=_in_two(rank, kernel, 1), stride=_in_two(rank, step, 1),
            padding=_in_two(rank, pad, 0), dilation=_in_two(rank, wide, 1),
            ceil_mode=ceil_mode), a)  # fmt: skip
        return found if return_indices else found[0]

    return composite(
        f"{name}(input, kernel_size: dims, stride: dims = None, padding: dims = 0, "
        "dilation: dims = 1, ceil_mode: bool = False, return_indices: bool = False)",
        expand,
        refuses="bool integer complex" if rank == 1 else "bool complex",
        doc=f"Largest element of each window of {rank} dimensions",
        kink="a tie goes to the first",
        examples=_MAX_EXAMPLES[rank],
    )


def _avg_pool(rank: int) -> Composite:
    name = f"avg_pool{rank}d"

    def expand(
        a: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Any:  # fmt: skip
        _check_rank(a, rank, name)
        kernel = each(name, "kernel_size", kernel_size, rank)
        step = each(name, "stride", stride, rank) if stride else kernel
        pad = each(name, "padding", padding, rank)
        if divisor_override == 0:
            raise ArgumentFault("divisor must be not zero")
        _check_windows(a, kernel, step, pad, (1,) * rank, ceil_mode)
        return _on_two(rank, lambda x: avg_pool(
            x, kernel_size=_in_two(rank, kernel, 1), stride=_in_two(rank, step, 1),
            padding=_in_two(rank, pad, 0), ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override), a)  # fmt: skip

    divisor = "" if rank == 1 else ", divisor_override: int = None"
    return composite(
        f"{name}(input, kernel_size: dims, stride: dims = None, padding: dims = 0, "
        f"ceil_mode: bool = False, count_include_pad: bool = True{divisor})",
        expand,
        refuses="bool complex",
        doc=f"Mean of each window of {rank} dimensions",
        examples=_AVG_EXAMPLES[rank],
    )


def _asked(a: Any, output_size: Any, rank: int) -> Shape:
    """Return the sizes asked for; None keeps the input's."""
    if output_size is None:
        raise ArgumentFault(f"adaptive pooling: output_size must be {rank} integers, not None")
    wanted = (output_size,) * rank if isinstance(output_size, int) else tuple(output_size)
    if len(wanted) == 1:
        wanted *= rank
    if len(wanted) != rank:
        raise ArgumentFault(f"adaptive pooling: output_size must be {rank} integers")
    if any(n is not None and n < 0 for n in wanted):
        raise ArgumentFault(
            "adaptive pooling: elements of output_size must be greater than or equal to 0, but "
            f"got {shown(wanted)}"
        )
    sizes = a.shape[len(a.shape) - rank :]
    return tuple(n if m is None else int(m) for n, m in zip(sizes, wanted, strict=True))


def _adaptive_avg(rank: int) -> Composite:
    def run(a: Any, wanted: Shape) -> Any:
        if all(n == 1 for n in wanted):
            return mean(a, dim=tuple(range(-len(wanted), 0)), keepdim=True)
        return adaptive_avg_pool(a, output_size=wanted)

    def expand(a: Any, output_size: Any) -> Any:
        _check_rank(a, rank, f"adaptive_avg_pool{rank}d")
        wanted = _in_two(rank, _asked(a, output_size, rank), 1)
        return _on_two(rank, lambda x: run(x, wanted), a)

    return composite(
        f"adaptive_avg_pool{rank}d(input, output_size: outputs)",
        expand,
        refuses="bool integer complex",
        doc="Means of as many windows as asked for",
        examples=_ADAPTIVE_EXAMPLES[rank].format(f"adaptive_avg_pool{rank}d"),
    )


def _adaptive_max(rank: int) -> Composite:
    def expand(a: Any, output_size: Any, return_indices: bool) -> Any:
        _check_rank(a, rank, f"adaptive_max_pool{rank}d")
        wanted = _in_two(rank, _asked(a, output_size, rank), 1)
        found = _on_two(rank, lambda x: adaptive_max_pool(x, output_size=wanted), a)
        return found if return_indices else found[0]

    return composite(
        f"adaptive_max_pool{rank}d(input, output_size: outputs, return_indices: bool = False)",
        expand,
        refuses="bool integer complex",
        doc="Largest elements of as many windows as asked for",
        kink="a tie goes to the first",
        examples=_ADAPTIVE_EXAMPLES[rank].format(f"adaptive_max_pool{rank}d"),
    )


def _lp_pool(rank: int) -> Composite:
    name = f"lp_pool{rank}d"

    def expand(a: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
        kernel = each(name, "kernel_size", kernel_size, rank)
        if norm_type == 0:
            raise ArgumentFault(f"{name}(): norm_type 0 divides by zero")
        if abs(norm_type) == float("inf"):
            up = norm_type > 0
            size = abs_(a) if up else -abs_(a)
            found = MAX_POOLS[rank](size, kernel, stride, 0, 1, ceil_mode, False)
            return found if up else -found
        y = AVG_POOLS[rank](a**norm_type, kernel, stride, 0, ceil_mode)
        return ((sign(y) * relu(abs_(y))) * prod(kernel)) ** (1.0 / norm_type)

    return composite(
        f"{name}(input, norm_type: real, kernel_size: dims, stride: dims = None, "
        "ceil_mode: bool = False)",
        expand,
        refuses="complex",
        doc="Norm of each window",
        kink="undefined where a window's sum of powers is 0",
        examples=_LP_EXAMPLES[rank],
    )


def _local_response(a: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    rank = len(a.shape)
    if rank < 3:
        raise ShapeFault(
            f"Expected 3D or higher dimensionality                          input (got {rank} "
            "dimensions)"
        )
    if not prod(a.shape):
        return a
    before, after = size // 2, (size - 1) // 2
    power = a * a
    if rank == 3:
        power = pad_constant(unsqueeze(power, dim=1), pad=(0, 0, before, after), value=0)
        power = squeeze_dim(AVG_POOLS[2](power, (size, 1), 1), dim=(1,))
    else:
        power = view(power, shape=(a.shape[0], 1, *a.shape[1:3], -1))
        power = pad_constant(power, pad=(0, 0, 0, 0, before, after), value=0)
        power = squeeze_dim(AVG_POOLS[3](power, (size, 1, 1), 1), dim=(1,))
        power = view(power, shape=a.shape)
    return a / (power * alpha + k) ** beta


_MAX_EXAMPLES = {
    1: "F.max_pool1d(T, 2); F.max_pool1d(T, 2, stride=1, padding=1)",
    2: "F.max_pool2d(T, 2); F.max_pool2d(T, (2, 1), 1, ceil_mode=True)",
    3: "F.max_pool3d(reshape(T, (1, 2, 3, 3)), (1, 2, 2), stride=1)",
}
_AVG_EXAMPLES = {
    1: "F.avg_pool1d(T, 2); F.avg_pool1d(T, 2, 1, padding=1, count_include_pad=False)",
    2: "F.avg_pool2d(T, 2); F.avg_pool2d(T, 2, ceil_mode=True, divisor_override=3)",
    3: "F.avg_pool3d(reshape(T, (1, 2, 3, 3)), (1, 2, 2), stride=1)",
}
_ADAPTIVE_EXAMPLES = {
    1: "F.{0}(T, 2)",
    2: "F.{0}(T, 2); F.{0}(T, (1, None))",
    3: "F.{0}(reshape(T, (1, 2, 3, 3)), (1, 2, 2))",
}
_LP_EXAMPLES = {
    1: "F.lp_pool1d(T*T + 1, 3.0, 2)",
    2: "F.lp_pool2d(T, 2.0, 2, stride=1)",
    3: "F.lp_pool3d(reshape(T, (1, 2, 3, 3)), 2.0, (1, 2, 2))",
}

MAX_POOLS = {rank: _max_pool(rank) for rank in (1, 2, 3)}
AVG_POOLS = {rank: _avg_pool(rank) for rank in (1, 2, 3)}

max_pool1d, max_pool2d, max_pool3d = MAX_POOLS.values()
avg_pool1d, avg_pool2d, avg_pool3d = AVG_POOLS.values()
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_adaptive_avg, (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_adaptive_max, (1, 2, 3))
lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))

local_response_norm = composite(
    "local_response_norm(input, size: int, alpha: number = 1e-4, beta: real = 0.75, "
    "k: number = 1.0)",
    _local_response,
    refuses="bool complex",
    doc="Divided by a power of the mean square over neighbouring channels",
    examples="F.local_response_norm(T, 2, alpha=0.5)",
)
