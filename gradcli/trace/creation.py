"""Functions that make tensors out of numbers: leaves of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.graph import Node
from gradcli.ops.shape.shapes import detach
from gradcli.rule.dtypes import (
    INT64,
    Array,
    DType,
    is_floating,
    number_dtype,
    promote_types,
    to_complex,
)
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace.storage import Tensor
from gradcli.trace.values import to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Maker = Callable[..., Array]
OPTIONS = ", dtype: dtype = None, requires_grad: bool = False, device: any = None"
TITLE = ", name: str = None"  # what people know the tensor by, where the file cannot: fc1.weight


def made(text: str, make: Maker, more: str = "") -> Any:
    """Return a function of a file from a signature and what makes the array."""
    signature = Signature(text[:-1] + OPTIONS + more + ")")

    def run(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Node:
        bound = signature.bind(args, keywords)
        requires, dtype = bound.pop("requires_grad"), bound.pop("dtype")
        bound.pop("device")
        if isinstance(bound.get("size"), tuple):
            if signature.name == "zeros" and min(bound["size"], default=0) < 0:
                raise ArgumentFault("zeros: Dimension size must be non-negative.")
            tracer.afford(bound["size"], dtype or tracer.graph.default_dtype)
        title = bound.pop("name", None)
        array = make(tracer, dtype, **bound)
        leaf = tracer.graph.leaf(array, requires) if title is None else _titled(
            tracer, title, array, requires)  # fmt: skip
        if dtype is None and number(bound.get("data", bound.get("fill_value"))):
            tracer.graph.notes.weak.add(leaf.id)
        if isinstance(bound.get("data"), Node):
            tracer.graph.notes.sources[leaf.id] = bound["data"].id
        return leaf

    return run


def _titled(tracer: Tracer, title: str, array: Array, requires: bool) -> Node:
    """Return a leaf under the name that people know it by, with what they gave for that name."""
    options = tracer.options
    binding = options.bindings.get(title)
    if binding is not None:
        array = to_array(binding.value, tracer.graph.default_dtype)
        requires = requires or binding.parameter
    leaf = tracer.graph.leaf(array, requires or title in options.wrt)
    tracer.graph.notes.titles[leaf.id] = title
    return leaf


def _tensor(tracer: Tracer, dtype: DType | None, data: Any, pin_memory: Any = None) -> Array:
    if isinstance(data, Node):
        tracer.notice(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach()."
            "clone() or sourceTensor.detach().clone().requires_grad_(True), rather than "
            "torch.tensor(sourceTensor)."
        )
    return to_array(data, tracer.graph.default_dtype, dtype)


def _array(tracer: Tracer, dtype: DType | None, data: Any) -> Array:
    return to_array(data, tracer.graph.default_dtype, dtype)


def _filled(value: float) -> Maker:
    def make(tracer: Tracer, dtype: DType | None, size: tuple[int, ...]) -> Array:
        return np.full(size, value, dtype or tracer.graph.default_dtype)

    return make


def cast(value: Any, dtype: DType) -> Array:
    """Return a number in a dtype, as PyTorch converts it.

    Raises: ArgumentFault, in PyTorch's words, where the dtype does not hold it.
    """
    try:
        with np.errstate(all="raise", under="ignore"):
            if dtype.kind not in "cb" and isinstance(value, complex) and value.imag:
                raise OverflowError
            if dtype.kind in "iu":  # an unsigned one takes negatives, as PyTorch's
                most = int(np.iinfo(dtype).max)
                if not -most - (dtype.kind == "i") <= value.real <= most:
                    raise OverflowError
            real = isinstance(value, complex) and dtype.kind not in "cb"
            return np.asarray(value.real if real else value).astype(dtype)
    except (OverflowError, FloatingPointError):
        raise ArgumentFault(
            f"value cannot be converted to type {dtype.name} without overflow"
        ) from None


def _full(tracer: Tracer, dtype: DType | None, size: tuple[int, ...], fill_value: Any) -> Array:
    found = number_dtype(fill_value, tracer.graph.default_dtype)
    return np.full(size, cast(fill_value, dtype or found))


def _eye(tracer: Tracer, dtype: DType | None, n: int, m: int | None) -> Array:
    for name, size in (("n", n), ("m", n if m is None else m)):
        if size < 0:
            raise ArgumentFault(f"{name} must be greater or equal to 0, got {size}")
    tracer.afford((n, n if m is None else m))
    return np.eye(n, m, dtype=dtype or tracer.graph.default_dtype)


def _arange(tracer: Tracer, dtype: DType | None, start: Any, end: Any, step: Any) -> Array:
    if start is None and end is None:
        raise ArgumentFault("arange() missing argument 'end'", hint="arange(3) gives 0, 1 and 2")
    start, end = (0, start) if end is None else (start or 0, end)
    if dtype is not None and dtype.kind in "iu" and np.isfinite([start, end, step]).all():
        start, end, step = int(start), int(end), int(step)
    if not step:
        raise ArgumentFault("step must be nonzero")
    if step - step != 0:
        raise ArgumentFault(f"arange() takes a step that is finite, not {step}")
    if not all(x - x == 0 for x in (start, end)):
        raise ArgumentFault(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise ArgumentFault("upper bound and lower bound inconsistent with step sign")
    found = INT64
    for x in (start, end, step):
        found = promote_types(found, number_dtype(x, tracer.graph.default_dtype))
    count = int(np.ceil((end - start) / step))
    tracer.afford((count,))
    values: Array = start + step * np.arange(count)
    return values.astype(dtype or found)


def _spaced(
    tracer: Tracer, name: str, dtype: DType | None, ends: tuple[Any, ...], steps: int
) -> DType:
    """Return the dtype of points between two ends: complex where one of them is."""
    if steps < 0:
        raise ArgumentFault("number of steps must be non-negative")
    tracer.afford((steps,))
    found = tracer.graph.default_dtype
    if any(isinstance(x, complex) for x in ends):
        found = to_complex(found)
        if dtype is not None and dtype.kind != "c":
            raise DtypeFault(
                f"torch.{name}(): inferred dtype {found.name} can't be safely cast to passed "
                f"dtype {dtype.name}"
            )
    return dtype or found


def _linspace(tracer: Tracer, dtype: DType | None, start: Any, end: Any, steps: int) -> Array:
    found = _spaced(tracer, "linspace", dtype, (start, end), steps)
    return np.linspace(start, end, steps).astype(found)


def _logspace(
    tracer: Tracer, dtype: DType | None, start: Any, end: Any, steps: int, base: Any
) -> Array:
    found = _spaced(tracer, "logspace", dtype, (start, end, base), steps)
    return np.logspace(start, end, steps, base=base).astype(found)


def tensor_shape(x: Any) -> tuple[int, ...]:
    """Return the shape of a tensor. Raises ArgumentFault for anything else."""
    if not isinstance(x, Node):
        raise ArgumentFault(
            f"argument 'input' must be a Tensor, not {type(x).__name__}",
            hint=f"tensor({x}) makes a tensor of a number",
        )
    return x.shape


def _like(value: float) -> Maker:
    def make(tracer: Tracer, dtype: DType | None, input: Any) -> Array:
        return np.full(tensor_shape(input), value, dtype or input.dtype)

    return make


def _full_like(tracer: Tracer, dtype: DType | None, input: Any, fill_value: Any) -> Array:
    return np.full(tensor_shape(input), cast(fill_value, dtype or input.dtype))


def _frequencies(half: bool) -> Maker:
    def make(tracer: Tracer, dtype: DType | None, n: int, d: float) -> Array:
        tracer.afford((n,))
        if not n or not d:
            raise ArgumentFault(f"{'rfft' if half else 'fft'}freq(): n and d are not 0")
        made = np.fft.rfftfreq(n, d) if half else np.fft.fftfreq(n, d)
        return made.astype(dtype or tracer.graph.default_dtype)

    return make


def _scalar_tensor(tracer: Tracer, dtype: DType | None, s: Any) -> Array:
    return cast(s, dtype or tracer.graph.default_dtype)


def _triangle(name: str) -> Maker:
    """Make the indices of a triangle of a matrix, row by row: shape (2, count)."""

    def make(tracer: Tracer, dtype: DType | None, row: int, col: int, offset: int) -> Array:
        for what, size in (("row", row), ("col", col)):
            if size < 0:
                raise ArgumentFault(f"{what} must be non-negative, got{size}")
        tracer.afford((row, col))
        indices = np.tril_indices if name == "tril" else np.triu_indices
        return np.stack(indices(row, offset, col)).astype(dtype or INT64)

    return make


def _window(shape: Callable[..., Any]) -> Maker:
    """Make a window of values over -1 … 1; a periodic one is a longer one without its end."""

    def make(
        tracer: Tracer, dtype: DType | None, window_length: int, periodic: bool, **form: Any
    ) -> Array:
        if window_length < 0:
            raise ArgumentFault("window_length must be non-negative")
        tracer.afford((window_length,))
        found = dtype or tracer.graph.default_dtype
        if found.kind not in "f" and not is_floating(found):
            raise ArgumentFault("a window is of floating point numbers", hint="dtype=float64")
        if window_length < 2:
            return np.ones(window_length, found)
        steps = window_length - (not periodic)
        return np.asarray(shape(2 * np.arange(window_length) / steps - 1, **form)).astype(found)

    return make


def _kaiser(x: Array, beta: float) -> Array:
    return np.asarray(np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta))


_LENGTH = "_window(window_length: int, periodic: bool = True"

CREATION: dict[str, Any] = {
    "scalar_tensor": made("scalar_tensor(s: number)", _scalar_tensor),
    "tril_indices": made("tril_indices(row: int, col: int, offset: int = 0)", _triangle("tril")),
    "triu_indices": made("triu_indices(row: int, col: int, offset: int = 0)", _triangle("triu")),
    "hann_window": made(f"hann{_LENGTH})", _window(lambda x: 0.5 + 0.5 * np.cos(np.pi * x))),
    "hamming_window": made(
        f"hamming{_LENGTH}, alpha: number = 0.54, beta: number = 0.46)",
        _window(lambda x, alpha, beta: alpha + beta * np.cos(np.pi * x)),
    ),
    "blackman_window": made(
        f"blackman{_LENGTH})",
        _window(lambda x: 0.42 + 0.5 * np.cos(np.pi * x) + 0.08 * np.cos(2 * np.pi * x)),
    ),
    "bartlett_window": made(f"bartlett{_LENGTH})", _window(lambda x: 1 - np.abs(x))),
    "kaiser_window": made(f"kaiser{_LENGTH}, beta: number = 12.0)", _window(_kaiser)),
    "tensor": made("tensor(data: any, pin_memory: any = None)", _tensor, TITLE),
    "as_tensor": made("as_tensor(data: any)", _array),
    "array": made("array(data: any)", _array),
    "asarray": made("asarray(data: any)", _array),
    "from_numpy": made("from_numpy(data: any)", _array),
    "param": made("param(data: any)", _array, TITLE),
    "zeros": made("zeros(size: sizes)", _filled(0)),
    "ones": made("ones(size: sizes)", _filled(1)),
    "empty": made("empty(size: sizes)", _filled(0)),
    "full": made("full(size: sizes, fill_value: number)", _full),
    "eye": made("eye(n: int, m: int = None)", _eye),
    "arange": made("arange(start: real = None, end: real = None, step: real = 1)", _arange),
    "linspace": made("linspace(start: number, end: number, steps: int)", _linspace),
    "logspace": made(
        "logspace(start: number, end: number, steps: int, base: number = 10.0)", _logspace
    ),
    "fft.fftfreq": made("fftfreq(n: int, d: real = 1.0)", _frequencies(half=False)),
    "fft.rfftfreq": made("rfftfreq(n: int, d: real = 1.0)", _frequencies(half=True)),
    "zeros_like": made("zeros_like(input)", _like(0)),
    "ones_like": made("ones_like(input)", _like(1)),
    "empty_like": made("empty_like(input)", _like(0)),
    "full_like": made("full_like(input, fill_value: number)", _full_like),
}


PARAMETER = Signature("Parameter(data: any = None, requires_grad: bool = True)")


def module_parameter(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor:
    """`nn.Parameter(data)`: a leaf in the memory of a tensor, which modules count among theirs."""
    data, requires_grad = PARAMETER.bind(args, keywords).values()
    if isinstance(data, Tensor):
        found = detach(data)
        if requires_grad:
            tracer.set_requires_grad(found, True)
    else:
        given = (0,) if data is None else data
        made = CREATION["empty" if data is None else "param"]
        found = made(tracer, (given,), {"requires_grad": requires_grad})
    found.is_parameter = True
    return found  # type: ignore[no-any-return]


BUFFER = Signature("Buffer(data: any = None, persistent: bool = True)")


def module_buffer(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Tensor:
    """`nn.Buffer(data)`: a tensor that modules count among their buffers."""
    data, persistent = BUFFER.bind(args, keywords).values()
    empty = CREATION["empty"]
    found = detach(data) if isinstance(data, Tensor) else empty(tracer, (0,), {})
    found.persists = persistent
    return found  # type: ignore[no-any-return]


def parameter(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Node:
    """`param(data)`, `nn.Parameter(data)`: a leaf that requires a gradient."""
    keywords = {"requires_grad": True} | keywords
    return CREATION["param"](tracer, args, keywords)  # type: ignore[no-any-return]
