"""NumPy's, SciPy's and JAX's functions of PyTorch's tensors, in PyTorch's own.

Most have PyTorch's name, with `axis` and `keepdims` for `dim` and `keepdim`. What differs stands
in a table; a name that is neither is refused, and so are `lstsq`, `cov` of two arrays and `pad` in
other modes. Functions of numbers and arrays alone are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from gradcli.ops import FUNCTIONS
from gradcli.rule.dtypes import DTYPES

Names = dict[str, Any]

SAME = {
    "absolute": "abs", "power": "pow", "mod": "remainder", "equal": "eq",
    "conjugate": "conj", "rint": "round", "fabs": "abs", "degrees": "rad2deg",
    "radians": "deg2rad", "amax": "amax", "amin": "amin", "invert": "bitwise_not",
    "concat": "concatenate", "expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma",
    "stop_gradient": "detach", "permute_dims": "permute", "swapaxes": "swapaxes",
}  # fmt: skip
BINARY = (
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "heaviside",
    "nextafter",
    "matmul",
)  # of PyTorch's, not of numbers
WORDS = {"axis": "dim", "keepdims": "keepdim", "ddof": "correction", "axes": "dim"}


def numpy_names(torch: Any) -> Names:
    """Return by name what differs in NumPy: functions of tensors."""

    def flat(a: Any, axis: Any) -> tuple[Any, int]:
        return (a.reshape(-1), 0) if axis is None else (a, axis)

    def dims(a: Any, axis: Any) -> tuple[int, ...]:
        found = range(a.dim()) if axis is None else axis
        return (found,) if isinstance(found, int) else tuple(found)

    def floats(a: Any) -> Any:
        moving = a.is_floating_point() or a.is_complex()
        return a if moving else a.to(torch.get_default_dtype())

    def extreme(name: str) -> Any:
        return lambda a, axis=None, keepdims=False: getattr(torch, name)(
            a, dims(a, axis), keepdim=keepdims
        )

    def spread(name: str) -> Any:
        return lambda a, axis=None, ddof=0, keepdims=False: getattr(torch, name)(
            floats(a), dims(a, axis), correction=ddof, keepdim=keepdims
        )

    def total(name: str) -> Any:
        return lambda a, axis=None, keepdims=False: getattr(torch, name)(
            floats(a), dims(a, axis), keepdim=keepdims
        )

    def along(name: str) -> Any:
        def run(a: Any, axis: Any = None) -> Any:
            a, axis = flat(a, axis)
            return getattr(torch, name)(a, axis)

        return run

    def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear") -> Any:
        q = torch.as_tensor(q, dtype=a.dtype) if not isinstance(q, torch.Tensor) else q
        return torch.quantile(a, q, dim=axis, interpolation=method)

    def join(arrays: Any, axis: Any = 0) -> Any:
        parts = [torch.as_tensor(x) for x in arrays]
        return torch.cat([x.reshape(-1) for x in parts] if axis is None else parts, axis or 0)

    def dot(a: Any, b: Any) -> Any:
        return torch.matmul(a, b) if a.dim() and b.dim() else a * b

    def expand(a: Any, axis: Any) -> Any:
        places = (axis,) if isinstance(axis, int) else axis
        for d in sorted(p % (a.dim() + len(places)) for p in places):
            a = a.unsqueeze(d)
        return a

    def average(a: Any, axis: Any = None, weights: Any = None) -> Any:
        weights = torch.ones_like(a) if weights is None else weights
        return torch.sum(a * weights, dims(a, axis)) / torch.sum(weights, dims(weights, axis))

    def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
        return torch.linalg.norm(floats(x), ord, dim=axis, keepdim=keepdims)

    def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
        return torch.linalg.svd(a, full_matrices) if compute_uv else torch.linalg.svdvals(a)

    def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        if a.dim() == 2 and not offset and {axis1, axis2} in ({0, 1}, {-1, -2}):
            return torch.trace(a)
        return torch.diagonal(a, offset, axis1, axis2).sum(-1)

    def take(a: Any, indices: Any, axis: Any = None) -> Any:
        at = torch.as_tensor(indices)
        if axis is None:
            return torch.take(a, at)
        found = torch.index_select(a, axis, at.reshape(-1))
        return found.unflatten(axis, at.shape) if at.dim() > 1 else found

    def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
        found = default
        for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
            found = torch.where(condition, choice, found)
        return found

    def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
        pairs = np.broadcast_to(np.asarray(pad_width), (array.dim(), 2)).tolist()
        widths = [width for pair in pairs[::-1] for width in pair]
        if mode != "constant":
            raise AttributeError(f"`pad` with mode {mode!r} is not stated in PyTorch's functions")
        return torch.nn.functional.pad(array, widths, value=constant_values)

    def binary(name: str) -> Any:
        def run(x1: Any, x2: Any) -> Any:
            return getattr(torch, name)(*(torch.as_tensor(x) for x in (x1, x2)))

        return run

    def cov(
        m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None
    ) -> Any:
        rows = m if rowvar or m.dim() < 2 else m.T
        if y is not None:
            raise AttributeError("`cov` of two arrays is not stated in PyTorch's functions")
        return torch.cov(rows, correction=int(not bias) if ddof is None else ddof)

    def lstsq(*_: Any, **__: Any) -> Any:
        raise AttributeError("`linalg.lstsq` gives other results in PyTorch: use torch.linalg's")

    def logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return torch.logsumexp(floats(a), dims(a, axis), keepdim=keepdims)

    def softmax(name: str) -> Any:
        def run(x: Any, axis: Any = None) -> Any:
            x, axis, shape = *flat(x, axis), x.shape
            return getattr(torch, name)(x, axis).reshape(shape)

        return run

    def array(data: Any, dtype: Any = None) -> Any:
        if isinstance(data, list | tuple):
            return torch.stack([array(x, dtype) for x in data])
        return torch.as_tensor(data, dtype=dtype)

    return {
        "max": extreme("amax"), "min": extreme("amin"), "std": spread("std"),
        "var": spread("var"), "mean": total("mean"), "nanmean": total("nanmean"),
        "array": array, "asarray": array, "concatenate": join, "hstack": torch.hstack,
        "cumsum": along("cumsum"), "cumprod": along("cumprod"),
        "sort": lambda a, axis=-1: torch.sort(*flat(a, axis)).values,
        "argsort": lambda a, axis=-1: torch.argsort(*flat(a, axis)),
        "median": lambda a, axis=None: quantile(a, 0.5, axis),
        "percentile": lambda a, q, axis=None, method="linear": quantile(
            a, torch.as_tensor(q, dtype=a.dtype) / 100, axis, method
        ),
        "quantile": quantile,
        "transpose": lambda a, axes=None: a.permute(axes or tuple(range(a.dim()))[::-1]),
        "flip": lambda a, axis=None: torch.flip(a, dims(a, axis)),
        "roll": lambda a, shift, axis=None: torch.roll(a, shift, axis),
        "take": take, "select": select, "pad": pad,
        "tile": lambda a, reps: torch.tile(a, (reps,) if isinstance(reps, int) else reps),
        **{name: binary(name) for name in BINARY},
        "repeat": lambda a, repeats, axis=None: torch.repeat_interleave(
            *flat(a, axis)[:1], repeats, dim=flat(a, axis)[1]
        ),
        "split": lambda ary, indices_or_sections, axis=0: torch.tensor_split(
            ary, indices_or_sections, axis
        ),
        "meshgrid": lambda *xi, indexing="xy": torch.meshgrid(*xi, indexing=indexing),
        "nonzero": lambda a: torch.nonzero(a, as_tuple=True),
        "count_nonzero": lambda a, axis=None: torch.sum(a != 0, dims(a, axis)),
        "expand_dims": expand, "dot": dot, "average": average,
        "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1)),
        "vdot": lambda a, b: torch.vdot(a.reshape(-1), b.reshape(-1)),
        "trace": trace,
        "cross": lambda a, b, axis=-1: torch.linalg.cross(a, b, dim=axis),
        "take_along_axis": lambda arr, indices, axis=-1: torch.take_along_dim(
            arr, indices, dim=axis
        ),
        "cov": cov,
        "corrcoef": lambda x, rowvar=True: torch.corrcoef(x if rowvar or x.dim() < 2 else x.T),
        "array_equal": lambda a1, a2: torch.equal(torch.as_tensor(a1), torch.as_tensor(a2)),
        "linalg.trace": lambda x, offset=0: trace(x, offset, -2, -1),
        "linalg.lstsq": lstsq,
        "linalg.norm": norm, "linalg.svd": svd, "linalg.inv": torch.linalg.inv,
        "linalg.qr": lambda a, mode="reduced": (
            torch.linalg.qr(a).R if mode == "r" else torch.linalg.qr(a, mode)
        ),
        "logsumexp": logsumexp, "softmax": softmax("softmax"),
        "log_softmax": softmax("log_softmax"),
    }  # fmt: skip


def member_of(torch: Any, path: str, name: str, *, arrays: bool) -> Any:
    """Return what a module of NumPy, SciPy, JAX or HIPS autograd has: of tensors, PyTorch's.

    `arrays` leaves what is made of no tensor an array; otherwise it is a tensor as well, as in a
    file that differentiates. Raises: AttributeError where neither library has it.
    """
    library, _, inner = path.partition(".")
    if library in ("jax", "autograd") and name in TRANSFORMS:
        return TRANSFORMS[name](torch)
    inner = inner.removeprefix("numpy").removeprefix("scipy").removeprefix(".")
    inner = inner if inner in ("linalg", "fft") else ""
    whole = f"{inner}.{name}" if inner else name
    plain = _plain(inner, name)
    if plain is not None and not callable(plain):
        return plain
    if isinstance(plain, type):
        return plain
    return _of_tensors(torch, whole, plain, arrays=arrays)


def _transform(name: str) -> Callable[[Any], Any]:
    """Return how torch.func's transformation is made one that takes numbers, as JAX's does."""

    def make(torch: Any) -> Any:
        def transform(f: Any, *options: Any, **more: Any) -> Any:
            run = getattr(torch.func, name)(f, *options, **more)
            return lambda *args: run(*(_as_tensor(torch, x) for x in args))

        return transform

    return make


def _as_tensor(torch: Any, x: Any) -> Any:
    number = isinstance(x, float) or (isinstance(x, list) and _is_numeric(x))
    return torch.tensor(x) if number else x


def _is_numeric(items: list[Any]) -> bool:
    return all(_is_numeric(x) if isinstance(x, list) else isinstance(x, float) for x in items)


def _value_and_grad(torch: Any) -> Any:
    def transform(f: Any, argnums: Any = 0, **more: Any) -> Any:
        found = _transform("grad_and_value")(torch)(f, argnums, **more)
        return lambda *args: found(*args)[::-1]

    return transform


def _elementwise_grad(torch: Any) -> Any:
    return lambda f: _transform("grad")(torch)(lambda x: f(x).sum())


# methods of arrays that tensors do not have, or not with these arguments
METHODS = frozenset((
    "astype", "copy", "dot", "std", "var", "mean", "sum", "prod", "max", "min", "cumsum",
    "cumprod", "transpose", "repeat", "take", "argsort", "trace", "swapaxes", "clip",
))  # fmt: skip
TRANSFORMS: Mapping[str, Callable[[Any], Any]] = {
    **{name: _transform(name) for name in ("grad", "vmap", "hessian", "jacfwd", "jacrev")},
    "vjp": lambda torch: torch.func.vjp,
    "jvp": lambda torch: torch.func.jvp,
    "jacobian": _transform("jacrev"),
    "jit": lambda _: lambda f: f,
    "value_and_grad": _value_and_grad,
    "elementwise_grad": _elementwise_grad,
}


def _plain(inner: str, name: str) -> Any:
    """Return NumPy's function, or SciPy's where it is installed; None where there is none."""
    found: Any = getattr(np, inner) if inner else np
    if hasattr(found, name) and not isinstance(getattr(found, name), ModuleType):
        return getattr(found, name)
    try:
        return getattr(import_module("scipy.special"), name, None)
    except ImportError:
        return None


def _of_tensors(torch: Any, name: str, plain: Any, *, arrays: bool) -> Callable[..., Any]:
    """Return a function that takes tensors by PyTorch, and what is none by NumPy itself.

    Raises, when it is called: AttributeError where that has nothing for it.
    """
    stated = numpy_names(torch).get(name)
    row = getattr(FUNCTIONS.get(name), "name", "")
    found = _found(torch, SAME.get(name, name)) or _found(torch, row)

    def called(*args: Any, **keywords: Any) -> Any:
        of_numbers = not _has_tensor(torch, (*args, *keywords.values()))
        if plain is not None and of_numbers:
            made = plain(*args, **_types(keywords))
            sized = "dtype" in keywords or name in DTYPES
            return made if arrays else _tensors(torch, made, sized)
        args = tuple(dtype_of(torch, x) for x in args)
        keywords = {word: dtype_of(torch, x) for word, x in keywords.items()}
        if stated is not None:
            return stated(*args, **keywords)
        if found is None:
            raise AttributeError(f"`{name}` of a tensor is not stated in PyTorch's functions")
        return found(*args, **{WORDS.get(word, word): x for word, x in keywords.items()})

    return called


def dtype_of(torch: Any, x: Any) -> Any:
    """Return PyTorch's dtype for one of NumPy's or Python's, anything else as it is."""
    return getattr(torch, np.dtype(x).name) if isinstance(x, type) else x


def method_of(torch: Any, x: Any, name: str) -> Any:
    """Return a method of an array, where the array is a tensor here."""
    if not isinstance(x, torch.Tensor):
        return getattr(x, name)
    if name == "numpy":
        return lambda: x
    if name == "astype":
        return lambda dtype: x.to(dtype_of(torch, dtype))
    if name == "copy":
        return x.clone
    stated = _of_tensors(torch, name, None, arrays=False)
    return lambda *args, **keywords: stated(x, *args, **keywords)


def _types(keywords: Names) -> Names:
    """Return keywords with NumPy's dtypes for PyTorch's."""
    return {
        word: str(x).removeprefix("torch.") if word == "dtype" and x is not None else x
        for word, x in keywords.items()
    }


def _tensors(torch: Any, made: Any, sized: bool) -> Any:
    """Return arrays as tensors, those of a tuple or list too.

    Doubles that are not `sized`, by a dtype that is stated, are of the default one.
    """
    if isinstance(made, tuple | list):
        return type(made)(_tensors(torch, x, sized) for x in made)
    if not isinstance(made, np.ndarray | np.generic):
        return made
    tensor = torch.as_tensor(made)
    narrow = tensor.dtype == torch.float64 and not sized
    return tensor.to(torch.get_default_dtype()) if narrow else tensor


def _has_tensor(torch: Any, values: Any) -> bool:
    return any(
        isinstance(x, torch.Tensor) or (isinstance(x, list | tuple) and _has_tensor(torch, x))
        for x in values
    )


def _found(torch: Any, name: str) -> Any:
    """Return PyTorch's function of a name, None where it has none."""
    for home in (torch, torch.special, torch.nn.functional, torch.Tensor):
        found: Any = home
        for part in name.split("."):
            found = getattr(found, part, None)
        if callable(found):
            return found
    return None
