"""`jax.random`: keys, which are arrays of two words, and what is drawn with them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.random import threefry, xla
from gradcli.rule.dtypes import DTYPES, FLOAT32, INT64, Array, DType
from gradcli.rule.rule import number
from gradcli.rule.signature import Signature
from gradcli.trace.libraries import is_narrow
from gradcli.trace.sentences import fault
from gradcli.trace.values import Function, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
Draw = Callable[..., Any]

# ---- what is given -------------------------------------------------------------------------


def _key(value: Any) -> Array:
    """Return the two words of a key."""
    if not isinstance(value, Node) or value.dtype != threefry.WORD or value.shape[-1:] != (2,):
        raise ArgumentFault(
            f"unexpected PRNG key: {described(value)}", hint="write key = jax.random.key(0)"
        )
    if len(value.shape) > 1:
        raise ArgumentFault(
            f"a single key is taken, and not an array of {value.shape[:-1]} keys",
            hint="use jax.vmap for several",
        )
    words: Array = value.value
    return words


def _shape(tracer: Tracer, value: Any) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, tuple | list) else None
    if sizes is None or not all(type(n) is int and n >= 0 for n in sizes):
        said = "Shapes must be 1D sequences of concrete values of integer type, got "
        raise fault(TypeError(said + tracer.text(value)))
    tracer.afford(sizes)
    return sizes


def _values(tracer: Tracer, value: Any, name: str) -> Array:
    """Return the values of an argument that numbers are drawn by.

    Raises: ArgumentFault where a gradient by it is wanted, which a draw has none of here.
    """
    node = tracer.tensor(value)
    if node.requires_grad:
        raise ArgumentFault(
            f"`{name}` of a random draw has no gradient here",
            hint="draw standard numbers, and scale and shift them: low + (high - low) * u",
        )
    found: Array = node.value
    return found


def _floating(tracer: Tracer, dtype: Any, name: str) -> DType:
    found: DType = tracer.graph.default_dtype if dtype is None else _dtype(tracer, dtype)
    if found.name not in ("float32", "float64"):
        raise ArgumentFault(
            f"{name}() draws float32 and float64 here, and no {found.name}",
            hint="draw float32, and convert with .astype",
        )
    return found


def _dtype(tracer: Tracer, dtype: Any) -> DType:
    name = np.dtype(getattr(dtype, "name", dtype)).name
    narrow = {"float64": "float32", "int64": "int32"} if is_narrow(tracer) else {}
    found: DType = np.dtype(narrow.get(name, name))
    return found


def _leaf(tracer: Tracer, values: Array) -> Node:
    """Return drawn values as a tensor; whole numbers of JAX's default are int64 on the tape."""
    if values.dtype == np.int32:
        values = values.astype(INT64)
    return tracer.graph.leaf(np.asarray(values))


# ---- keys ----------------------------------------------------------------------------------


def _made(tracer: Tracer, seed: Any, impl: Any) -> Node:
    if impl not in (None, "threefry2x32"):
        raise ArgumentFault("keys are of threefry2x32 here", hint="leave impl out")
    value = seed.value.item() if isinstance(seed, Node) and not seed.shape else seed
    if type(value) is not int:
        raise fault(TypeError(f"PRNG key seed must be an integer; got {tracer.text(seed)}"))
    if not -(2**63) <= value < 2**64:
        raise fault(OverflowError(f"Python int {value} too large to convert to int64"))
    return tracer.graph.leaf(threefry.key_of(value & 0xFFFFFFFF if is_narrow(tracer) else value))


def _split(tracer: Tracer, key: Any, num: Any) -> Node:
    shape = (num,) if type(num) is int else num
    return tracer.graph.leaf(threefry.split(_key(key), _shape(tracer, shape)))


def _fold_in(tracer: Tracer, key: Any, data: Any) -> Node:
    value = data.value.item() if isinstance(data, Node) and not data.shape else data
    if type(value) is not int:
        raise fault(TypeError(f"fold_in accepts an integer, not {tracer.text(data)}"))
    if not 0 <= value < 2**32 and not isinstance(data, Node):
        raise fault(OverflowError(f"Python integer {value} out of bounds for uint32"))
    return tracer.graph.leaf(threefry.fold_in(_key(key), value))


def _itself(tracer: Tracer, key: Any) -> Any:
    _key(key)
    return key


# ---- numbers -------------------------------------------------------------------------------


def _bits(tracer: Tracer, key: Any, shape: Any, dtype: Any) -> Node:
    width = 32 if dtype is None else _dtype(tracer, dtype).itemsize * 8
    return tracer.graph.leaf(threefry.bits(_key(key), width, _shape(tracer, shape)))


def _uniform(tracer: Tracer, key: Any, shape: Any, dtype: Any, minval: Any, maxval: Any) -> Node:
    low, high = (_values(tracer, x, n) for x, n in ((minval, "minval"), (maxval, "maxval")))
    kind = _floating(tracer, dtype, "uniform")
    return _leaf(tracer, threefry.uniform(_key(key), _shape(tracer, shape), kind, low, high))


def _normal(tracer: Tracer, key: Any, shape: Any, dtype: Any) -> Node:
    kind = _floating(tracer, dtype, "normal")
    u = threefry.symmetric(_key(key), _shape(tracer, shape), kind)
    narrow = kind == FLOAT32
    found = xla.inverse_erf(u) if narrow else ROWS["erfinv"].call((_leaf(tracer, u),), {}).value
    return _leaf(tracer, np.asarray(kind.type(np.sqrt(2)) * found))


def _by(name: str, values: Callable[[Array, tuple[int, ...], DType], Array]) -> Draw:
    """Return a distribution without parameters, of floats."""

    def draw(tracer: Tracer, key: Any, shape: Any, dtype: Any) -> Node:
        kind = _floating(tracer, dtype, name)
        return _leaf(tracer, values(_key(key), _shape(tracer, shape), kind))

    return draw


def _exponential(key: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    return np.negative(xla.log1p(-threefry.uniform(key, shape, dtype)))


def _gumbel(key: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    tiny = float(np.finfo(dtype).tiny)
    return np.negative(xla.log(-xla.log(threefry.uniform(key, shape, dtype, tiny))))


def _laplace(key: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    low = -1 + float(np.finfo(dtype).epsneg)
    u = threefry.uniform(key, shape, dtype, low)
    return np.asarray(np.sign(u) * xla.log1p(-np.abs(u)))


def _rademacher(tracer: Tracer, key: Any, shape: Any, dtype: Any) -> Node:
    u = threefry.uniform(_key(key), _shape(tracer, shape), tracer.graph.default_dtype)
    kind = INT64 if dtype is None else _dtype(tracer, dtype)
    return _leaf(tracer, np.where(u < 0.5, 1, -1).astype(kind))


def _randint(tracer: Tracer, key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Node:
    kind = _dtype(tracer, INT64 if dtype is None else dtype)
    if kind.kind not in "iu" or kind.name not in DTYPES:
        raise fault(TypeError(f"randint only accepts integer dtypes, got {kind.name}"))
    bounds = [_values(tracer, x, n) for x, n in ((minval, "minval"), (maxval, "maxval"))]
    drawn = np.dtype(np.int32) if kind.itemsize < 4 else kind
    if kind.itemsize < 4:
        info = np.iinfo(kind)
        ends = (info.max, info.max + 1)
        bounds = [np.clip(x, info.min, end) for x, end in zip(bounds, ends, strict=True)]
    low, high = bounds
    values = threefry.integers(_key(key), _shape(tracer, shape), low, high, drawn)
    return _leaf(tracer, values.astype(kind))


def _bernoulli(tracer: Tracer, key: Any, p: Any, shape: Any, mode: str) -> Node:
    if mode != "low":
        raise ArgumentFault("bernoulli() has the mode 'low' here")
    chance = _values(tracer, p, "p")
    if chance.dtype.kind != "f":
        said = "bernoulli probability `p` must have a floating dtype, got "
        raise fault(TypeError(said + chance.dtype.name))
    size = chance.shape if shape is None else _shape(tracer, shape)
    kind = _floating(tracer, None if number(p) else chance.dtype, "bernoulli")
    return _leaf(tracer, threefry.uniform(_key(key), size, kind) < chance.astype(kind))


def _axis(axis: Any, ndim: int) -> int:
    if type(axis) is not int or not -ndim <= axis < ndim:
        raise ArgumentFault(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return axis % ndim


def _rows(x: Node, indices: Array, axis: int) -> Any:
    """Return what lies at some places along an axis; the shape of the places takes its place."""
    flat = x.graph.leaf(indices.reshape(-1).astype(INT64))
    taken = ROWS["index_select"].call((x, axis, flat), {})
    return ROWS["reshape"].call(
        (taken, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])), {}
    )


def _permutation(tracer: Tracer, key: Any, x: Any, axis: Any, independent: bool) -> Any:
    if independent:
        raise ArgumentFault("permutation() of each row by itself is not here")
    if type(x) is int:
        tracer.afford((max(x, 0),))
        return _leaf(tracer, threefry.order(_key(key), max(x, 0)).astype(INT64))
    rows = tracer.tensor(x)
    along = _axis(axis, len(rows.shape))
    return _rows(rows, threefry.order(_key(key), rows.shape[along]), along)


def _choice(tracer: Tracer, key: Any, a: Any, shape: Any, replace: bool, p: Any, axis: Any) -> Any:
    counted = type(a) is int
    items = None if counted else tracer.tensor(a)
    along = 0 if items is None else _axis(axis, len(items.shape))
    n = a if items is None else items.shape[along]
    size = _shape(tracer, shape)
    count = prod(size)
    if n <= 0:
        raise fault(ValueError("a must be greater than 0 unless no samples are taken"))
    tracer.afford((n,))
    if not replace and count > n:
        said = f"Cannot take a larger sample (size {count}) than population (size {n})"
        raise fault(ValueError(f"{said} when 'replace=False'"))
    if p is not None:
        index = _weighted(_key(key), _values(tracer, p, "p"), n, size, replace)
    elif replace:
        kind = _dtype(tracer, INT64)
        index = threefry.integers(_key(key), size, np.asarray(0), np.asarray(n), kind)
    else:
        index = threefry.order(_key(key), n)[:count].reshape(size)
    return _leaf(tracer, index.astype(INT64)) if items is None else _rows(items, index, along)


def _weighted(key: Array, p: Array, n: int, size: tuple[int, ...], replace: bool) -> Array:
    """Return indices drawn with probabilities, whose sums are added up as JAX adds them."""
    if p.shape != (n,):
        said = "p must be None or a 1D vector with the same size as a.shape[axis]."
        raise fault(ValueError(f"{said} p has shape {p.shape} and a.shape[axis] is {n}."))
    if replace:
        sums = np.cumsum(p)
        drawn = sums[-1] * (1 - threefry.uniform(key, size, p.dtype))
        return np.asarray(np.searchsorted(sums, drawn))
    with np.errstate(divide="ignore"):
        score = _gumbel(key, (n,), p.dtype) + np.where(p > 0, xla.log(p), -np.inf)
    best: Array = np.argsort(-score, kind="stable")[: prod(size)]
    return best.reshape(size)


def _categorical(tracer: Tracer, key: Any, logits: Any, axis: Any, shape: Any) -> Node:
    values = _values(tracer, logits, "logits")
    along = _axis(axis, values.ndim) - values.ndim
    batch = tuple(np.delete(values.shape, along).tolist())
    size = batch if shape is None else _shape(tracer, shape)
    ahead = size[: len(size) - len(batch)]
    if size[len(ahead) :] != batch:
        raise ArgumentFault(f"categorical(): {size} does not end with the batch's shape {batch}")
    tracer.afford((*ahead, *values.shape))
    drawn = _gumbel(_key(key), (*ahead, *values.shape), values.dtype) + values
    return _leaf(tracer, np.asarray(np.argmax(drawn, axis=along), INT64))


_FLOATS = "(key: any, shape: any = (), dtype: any = None)"
DRAWS: dict[str, Draw] = {
    "key(seed: any, impl: any = None)": _made, "PRNGKey(seed: any, impl: any = None)": _made,
    "split(key: any, num: any = 2)": _split, "fold_in(key: any, data: any)": _fold_in,
    "key_data(key: any)": _itself, "clone(key: any)": _itself,
    f"bits{_FLOATS}": _bits,
    f"uniform{_FLOATS[:-1]}, minval: any = 0.0, maxval: any = 1.0)": _uniform,
    f"normal{_FLOATS}": _normal,
    f"exponential{_FLOATS}": _by("exponential", _exponential),
    f"gumbel{_FLOATS}": _by("gumbel", _gumbel), f"laplace{_FLOATS}": _by("laplace", _laplace),
    f"rademacher{_FLOATS}": _rademacher,
    "randint(key: any, shape: any, minval: any, maxval: any, dtype: any = None)": _randint,
    "bernoulli(key: any, p: any = 0.5, shape: any = None, mode: any = 'low')": _bernoulli,
    "permutation(key: any, x: any, axis: any = 0, independent: any = False)": _permutation,
    "choice(key: any, a: any, shape: any = (), replace: bool = True, p: any = None, "
    "axis: any = 0)": _choice,
    "categorical(key: any, logits: any, axis: any = -1, shape: any = None)": _categorical,
}  # fmt: skip
FUNCTIONS = {Signature(text).name: (Signature(text), draw) for text, draw in DRAWS.items()}


def member(name: str) -> Function | None:
    """Return what `jax.random` has under a name, None where it has nothing here."""
    if name not in FUNCTIONS:
        return None
    signature, draw = FUNCTIONS[name]

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return draw(tracer, **signature.bind(args, keywords))

    return Function(name, run)
