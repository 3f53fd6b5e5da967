"""NumPy's functions, also under the names jax.numpy and autograd.numpy.

Where NumPy and PyTorch take the same arguments, a row of the table serves as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.rule.meta import dim_index
from gradcli.rule.rule import concrete
from gradcli.rule.signature import Signature
from gradcli.trace.calls import Args, Keywords, row_function
from gradcli.trace.creation import CREATION
from gradcli.trace.forms import Form, as_floats, dims_of, form_function, row_of, with_tensors
from gradcli.trace.standard import member as standard_member
from gradcli.trace.values import Function, check_size, has_tensors, is_numeric_list, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# ---- reductions ----------------------------------------------------------------------------


def _reduced(name: str, *, floats: bool = False) -> Form:
    def reduce(a: Any, axis: Any, keepdims: bool) -> Any:
        axis = dims_of(axis)
        dims = tuple(range(len(a.shape))) if axis is None and keepdims else axis
        a = as_floats(a) if floats else a
        return row_of(name, a) if dims is None else row_of(name, a, dim=dims, keepdim=keepdims)

    return "(a, axis: dims = None, keepdims: bool = False)", reduce


def _total(name: str) -> Form:
    def total(a: Any, axis: Any, dtype: Any, keepdims: bool) -> Any:
        a = as_floats(a) if name == "mean" else a
        return row_of(name, a, dim=dims_of(axis), keepdim=keepdims, dtype=dtype)

    return "(a, axis: dims = None, dtype: dtype = None, keepdims: bool = False)", total


def _spread(name: str) -> Form:
    def spread(a: Any, axis: Any, ddof: Any, keepdims: bool, correction: Any) -> Any:
        correction = ddof if correction is None else correction
        return row_of(
            name, as_floats(a), dim=dims_of(axis), correction=correction, keepdim=keepdims
        )

    return (
        "(a, axis: dims = None, ddof: number = 0, keepdims: bool = False, "
        "correction: number = None)", spread,
    )  # fmt: skip


def _count_nonzero(a: Any, axis: Any, keepdims: bool) -> Any:
    return row_of("sum", row_of("ne", a, 0), dim=dims_of(axis), keepdim=keepdims)


def _heaviside(x1: Any, x2: Any) -> Any:
    """Return 0, 1 or x2; at nan, NumPy has nan and PyTorch 0."""
    found, unknown = row_of("heaviside", x1, x2), row_of("isnan", x1)
    return row_of("where", unknown, x1, found) if np.any(concrete(unknown)) else found


# ---- shapes and elements -------------------------------------------------------------------


def _argsort(a: Any, axis: Any, kind: str | None, stable: bool | None) -> Any:
    a, axis = (row_of("ravel", a), 0) if axis is None else (a, axis)
    return row_of("argsort", a, dim=axis, stable=bool(stable) or kind in ("stable", "mergesort"))


def _joined(tensors: Any, axis: Any) -> Any:
    if axis is None:
        return row_of("cat", [row_of("reshape", x, (-1,)) for x in tensors])
    return row_of("cat", tensors, dim=axis)


def _expand_dims(a: Any, axis: Any) -> Any:
    rank = len(a.shape) + len(axis)
    places = [dim_index(d, rank) for d in axis]
    if len(set(places)) < len(places):
        raise ArgumentFault("repeated axis in `axis`")
    for d in sorted(places):
        a = row_of("unsqueeze", a, d)
    return a


def _at_least(name: str) -> Callable[..., Any]:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if keywords or not args:
            raise ArgumentFault(f"{name}() takes arrays", hint=f"the signature is `{name}(*arys)`")
        found = tuple(row_of(name, tracer.tensor(x)) for x in args)
        return found if len(found) > 1 else found[0]

    return run


def _ndindex(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """Return an iterator over the indices of a shape, as tuples."""
    shape = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
    if keywords or not all(hasattr(n, "__index__") for n in shape):
        raise ArgumentFault("ndindex() takes the sizes of a shape", hint="ndindex(*x.shape)")
    product = standard_member("itertools", "product")
    return product.run(tracer, tuple(range(n.__index__()) for n in shape), {})


def _lexsort(keys: Any, axis: int) -> Any:
    """Return the order by the last key first; equal ones keep their order."""
    if axis != -1 or any(len(key.shape) != 1 for key in keys):
        raise ArgumentFault("lexsort() sorts by keys of one dimension here")
    order = None
    for key in keys:
        key = key if order is None else row_of("take", key, order)
        step = row_of("argsort", key, dim=0, stable=True)
        order = step if order is None else row_of("take", order, step)
    return order


def _vectorize(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
    """Return a function that calls another one for each element: `np.vectorize(f)`."""
    if len(args) != 1 or keywords:
        raise ArgumentFault("vectorize() takes a function, and no options here")
    function = args[0]

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        arrays = [tracer.tensor(x) for x in args]
        if keywords or not arrays or any(x.requires_grad for x in arrays):
            raise ArgumentFault(
                "a vectorized function takes arrays, and no gradient passes through it",
                hint="compute with whole arrays",
            )
        values = np.broadcast_arrays(*(np.asarray(x.value) for x in arrays))
        check_size(values[0].size)
        numbers = (np.ravel(x).tolist() for x in values)
        found = [tracer.call(function, x, {}) for x in zip(*numbers, strict=True)]
        if not found:
            raise ArgumentFault("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        made = np.asarray([to_array(x) for x in found], to_array(found[0]).dtype)
        return tracer.graph.leaf(made.reshape(values[0].shape))

    return Function("vectorize", run)


def _select(condlist: Any, choicelist: Any, default: Any) -> Any:
    if not isinstance(choicelist, tuple | list):
        raise ArgumentFault("select() argument 'choicelist' must be a list of arrays")
    if len(condlist) != len(choicelist):
        raise ArgumentFault("list of cases must be same length as list of conditions")
    found = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        found = row_of("where", condition, choice, found)
    return found


def _take_along_axis(arr: Any, indices: Any, axis: Any) -> Any:
    return row_of("take_along_dim", arr, indices, dim=axis)


def _diff(a: Any, n: int, axis: int, prepend: Any, append: Any) -> Any:
    axis = dim_index(axis, len(a.shape))
    ends = [
        row_of("broadcast_to", x, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))
        if x is not None and not x.shape else x
        for x in (prepend, append)
    ]  # fmt: skip
    return row_of("diff", a, n=n, dim=axis, prepend=ends[0], append=ends[1])


def _searchsorted(a: Any, v: Any, side: str, sorter: Any) -> Any:
    a, sorter = (a, None) if sorter is None else (row_of("take", a, sorter), None)
    return row_of("searchsorted", a, v, side=side)


def _array_equal(a1: Any, a2: Any, equal_nan: bool) -> bool:
    left, right = a1.value, a2.value
    both = equal_nan and left.dtype.kind in "fc" and right.dtype.kind in "fc"
    return bool(np.array_equal(left, right, equal_nan=both))


def _nan_to_num(x: Any, copy: bool, nan: Any, posinf: Any, neginf: Any) -> Any:
    return row_of("nan_to_num", x, nan=nan, posinf=posinf, neginf=neginf)


def _imag(val: Any) -> Any:
    return row_of("imag", val) if val.dtype.kind == "c" else row_of("zeros_like", val)


# ---- products and statistics ---------------------------------------------------------------


def _dot(a: Any, b: Any) -> Any:
    if not a.shape or not b.shape:
        return row_of("mul", a, b)
    if len(b.shape) < 3:
        return row_of("matmul", a, b)
    return row_of("tensordot", a, b, dims=([len(a.shape) - 1], [len(b.shape) - 2]))


def _flat(name: str) -> Callable[..., Any]:
    return lambda a, b: row_of(name, row_of("reshape", a, (-1,)), row_of("reshape", b, (-1,)))


def _inner(a: Any, b: Any) -> Any:
    return row_of("inner", a, b) if a.shape and b.shape else row_of("mul", a, b)


def _cross(a: Any, b: Any, axis: int) -> Any:
    return row_of("linalg.cross", *row_of("broadcast_tensors", a, b), dim=axis)


def _trace(offset: int, axis1: int, axis2: int) -> Callable[..., Any]:
    return lambda a, offset=offset, axis1=axis1, axis2=axis2: (
        row_of("trace", a)
        if len(a.shape) == 2 and not offset and {axis1, axis2} in ({0, 1}, {-1, -2})
        else row_of("sum", row_of("diagonal", a, offset, axis1, axis2), -1)
    )


def _average(a: Any, axis: Any, weights: Any, returned: bool, keepdims: bool) -> Any:
    a = as_floats(a)
    if weights is None:
        weights = row_of("ones_like", a)
    elif weights.shape != a.shape:
        if not isinstance(axis, int) or weights.shape != (a.shape[axis],):
            raise ArgumentFault(
                f"weights of shape {list(weights.shape)} do not fit {list(a.shape)} along {axis}"
            )
        after = len(a.shape) - 1 - dim_index(axis, len(a.shape))
        weights = row_of("reshape", weights, (-1, *(1,) * after))
    weights = row_of("broadcast_to", weights, a.shape)
    total = row_of("sum", as_floats(weights), dim=dims_of(axis), keepdim=keepdims)
    found = row_of("sum", a * weights, dim=axis, keepdim=keepdims) / total
    return (found, total) if returned else found


def _observations(m: Any, y: Any, rowvar: bool) -> Any:
    """Return variables by rows, those of `y` below those of `m`."""
    parts = [as_floats(row_of("atleast_2d", x)) for x in (m, y) if x is not None]
    parts = [x if rowvar or x.shape[0] == 1 else row_of("t", x) for x in parts]
    alone = len(parts) == 1 and len(m.shape) < 2
    return m if alone else parts[0] if len(parts) == 1 else row_of("cat", parts)


def _cov(m: Any, y: Any, rowvar: bool, bias: bool, ddof: Any, fweights: Any, aweights: Any) -> Any:
    rows = _observations(m, y, rowvar)
    correction = int(not bias) if ddof is None else ddof
    return row_of("cov", rows, correction=correction, fweights=fweights, aweights=aweights)


def _corrcoef(x: Any, y: Any, rowvar: bool) -> Any:
    return row_of("corrcoef", _observations(x, y, rowvar))


def _norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    return row_of("linalg.norm", as_floats(x), ord, dim=axis, keepdim=keepdims)


def _qr(a: Any, mode: str) -> Any:
    found = row_of("linalg.qr", a, mode=mode)
    return found[1] if mode == "r" else found


def _lstsq(a: Any, b: Any, rcond: Any) -> Any:
    """Return the solution, the squared residuals of a full rank, the rank, singular values."""
    solution, _, rank, _ = row_of("linalg.lstsq", a, b, rcond=rcond)
    if len(a.shape) != 2:
        raise ArgumentFault(f"lstsq() takes a matrix, not a tensor of shape {list(a.shape)}")
    rows, columns = a.shape
    residuals = a.constant(np.zeros(0, a.dtype))
    if rows > columns == int(rank.value):
        squares = row_of("abs", b - row_of("matmul", a, solution)) ** 2
        residuals = row_of("atleast_1d", row_of("sum", squares, dim=0))
    return solution, residuals, rank, row_of("linalg.svdvals", a)


def _svd(a: Any, full_matrices: bool, compute_uv: bool) -> Any:
    if not compute_uv:
        return row_of("linalg.svdvals", a)
    return row_of("linalg.svd", a, full_matrices)


# ---- arrays --------------------------------------------------------------------------------


def _eye(tracer: Tracer, rows: int, columns: int | None, k: int, dtype: Any) -> Any:
    columns = rows if columns is None else columns
    tracer.afford((rows, columns))
    return np.eye(rows, columns, k, dtype or tracer.graph.default_dtype)


def _arange(tracer: Tracer, start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    if start is None and stop is None:
        raise ArgumentFault("arange() requires stop to be specified.")
    start, stop = (0, start) if stop is None else (start or 0, stop)
    if stop <= start if step > 0 else stop >= start:
        return CREATION["empty"](tracer, (0,), {"dtype": dtype or np.result_type(start, step)})
    return CREATION["arange"](tracer, (start, stop, step), {"dtype": dtype})


def _triangle(name: str) -> Callable[..., Any]:
    def make(tracer: Tracer, n: int, k: int, m: int | None) -> Any:
        return row_of("unbind", CREATION[name](tracer, (n, n if m is None else m, k), {}))

    return make


def _full(tracer: Tracer, shape: Any, fill_value: Any, dtype: Any) -> Any:
    if not isinstance(fill_value, Node):
        return CREATION["full"](tracer, (shape, fill_value), {"dtype": dtype})
    tracer.afford(shape)
    found = row_of("broadcast_to", fill_value, shape)
    return found if dtype is None else row_of("to", found, dtype)


def _full_like(tracer: Tracer, a: Any, fill_value: Any, dtype: Any) -> Any:
    a = tracer.tensor(a)
    return _full(tracer, a.shape, fill_value, dtype or a.dtype)


def _points(name: str) -> Callable[..., Any]:
    def make(tracer: Tracer, start: Any, stop: Any, num: int, endpoint: bool, *rest: Any) -> Any:
        *base, dtype = rest
        last = stop if endpoint or not num else start + (stop - start) * (num - 1) / num
        keywords = {"dtype": dtype} | ({"base": base[0]} if base else {})
        return CREATION[name](tracer, (start, last, num), keywords)

    return make


def _array(tracer: Tracer, data: Any, dtype: Any, copy: Any) -> Any:
    """Make an array; one of tensors is a stack of them, through which gradients pass."""
    if not has_tensors(data):
        return CREATION["array"](tracer, (data,), {"dtype": dtype})
    found = _stacked(tracer, data)
    return found if dtype is None else row_of("to", found, dtype)


def array_of(tracer: Tracer, data: Any) -> Any:
    """Return the array that a list or a tuple stands for where NumPy wants one."""
    return _array(tracer, data, None, None)


def _stacked(tracer: Tracer, data: Any) -> Any:
    if isinstance(data, Node):
        return data
    if not has_tensors(data):
        return tracer.tensor(data)
    items = [_stacked(tracer, x) for x in data]
    if len({x.shape for x in items}) > 1:
        raise ArgumentFault(
            "an array is made of parts of one shape", hint=f"shapes: {[[*x.shape] for x in items]}"
        )
    return row_of("stack", items)


# ---- the tables ----------------------------------------------------------------------------

_POINTS = (
    "(start: number, stop: number, num: int = 50, endpoint: bool = True{}, dtype: dtype = None)"
)

FORMS: dict[str, Form] = {
    **{name: _reduced(name) for name in ("amax", "amin", "any", "all")},
    "max": _reduced("amax"), "min": _reduced("amin"), "nanmean": _reduced("nanmean", floats=True),
    **{name: _total(name) for name in ("sum", "prod", "mean", "nansum")},
    "std": _spread("std"), "var": _spread("var"),
    "count_nonzero": ("(a, axis: dims = None, keepdims: bool = False)", _count_nonzero),
    "heaviside": ("(x1, x2)", _heaviside),
    "argsort": ("(a, axis: int? = -1, kind: str = None, stable: bool = None)", _argsort),
    "concatenate": ("(arrays: tensors, axis: int? = 0)", _joined),
    "expand_dims": ("(a, axis: dims)", _expand_dims),
    "lexsort": ("(keys: tensors, axis: int = -1)", _lexsort),
    "copy": ("(a)", lambda a: row_of("clone", a)),
    "select": ("(condlist: tensors, choicelist: any, default: any = 0)", _select),
    "take_along_axis": ("(arr, indices, axis: int? = -1)", _take_along_axis),
    "diff": ("(a, n: int = 1, axis: int = -1, prepend = None, append = None)", _diff),
    "searchsorted": ("(a, v, side: str = 'left', sorter = None)", _searchsorted),
    "array_equal": ("(a1, a2, equal_nan: bool = False)", _array_equal),
    "nan_to_num": (
        "(x, copy: bool = True, nan: number = 0.0, posinf: number = None, neginf: number = None)",
        _nan_to_num,
    ),
    "imag": ("(val)", _imag),
    "dot": ("(a, b)", _dot), "inner": ("(a, b)", _inner), "outer": ("(a, b)", _flat("outer")),
    "vdot": ("(a, b)", _flat("vdot")), "kron": ("(a, b)", lambda a, b: row_of("kron", a, b)),
    "cross": ("(a, b, axis: int = -1)", _cross),
    "linalg.cross": ("(x1, x2, axis: int = -1)", _cross),
    "trace": ("(a, offset: int = 0, axis1: int = 0, axis2: int = 1)", _trace(0, 0, 1)),
    "linalg.trace": ("(x, offset: int = 0)", lambda x, offset: _trace(0, -2, -1)(x, offset)),
    "average": (
        "(a, axis: any = None, weights = None, returned: bool = False, keepdims: bool = False)",
        _average,
    ),
    "cov": (
        "(m, y = None, rowvar: bool = True, bias: bool = False, ddof: number = None, "
        "fweights = None, aweights = None)", _cov,
    ),
    "corrcoef": ("(x, y = None, rowvar: bool = True)", _corrcoef),
    "linalg.norm": ("(x, ord: any = None, axis: dims = None, keepdims: bool = False)", _norm),
    "linalg.lstsq": ("(a, b, rcond: number = None)", _lstsq),
    "linalg.qr": ("(a, mode: str = 'reduced')", _qr),
    "linalg.svd": ("(a, full_matrices: bool = True, compute_uv: bool = True)", _svd),
}  # fmt: skip
FORMS["concat"] = FORMS["concatenate"]

MAKERS: dict[str, Form] = {
    **{
        name: ("(n: int, k: int = 0, m: int = None)", _triangle(name))
        for name in ("tril_indices", "triu_indices")
    },
    "full": ("(shape: sizes, fill_value: any, dtype: dtype = None)", _full),
    "full_like": ("(a: any, fill_value: any, dtype: dtype = None)", _full_like),
    "eye": ("(N: int, M: int = None, k: int = 0, dtype: dtype = None)", _eye),
    "arange": (
        "(start: real = None, stop: real = None, step: real = 1, dtype: dtype = None)",
        _arange,
    ),
    "linspace": (_POINTS.format(""), _points("linspace")),
    "logspace": (_POINTS.format(", base: number = 10.0"), _points("logspace")),
    "array": ("(object: any, dtype: dtype = None, copy: any = None)", _array),
    "asarray": ("(a: any, dtype: dtype = None, copy: any = None)", _array),
}

# rows as they are, with NumPy's defaults
PRESET: dict[str, tuple[str, Keywords]] = {
    "equal": ("eq", {}), "repeat": ("repeat_interleave", {}), "split": ("tensor_split", {}),
    "meshgrid": ("meshgrid", {"indexing": "xy"}), "nonzero": ("nonzero", {"as_tuple": True}),
    **{name: (f"np.{name}", {}) for name in ("transpose", "cumsum", "cumprod", "sort", "median",
                                             "nanmedian", "percentile", "take", "pad", "flip",
                                             "roll")},
}  # fmt: skip

ONE_BY_ONE = {"einsum", "meshgrid"}  # rows that take tensors one by one

FUNCTIONS = {"atleast_1d": _at_least("atleast_1d"), "atleast_2d": _at_least("atleast_2d"),
             "atleast_3d": _at_least("atleast_3d"), "ndindex": _ndindex,
             "vectorize": _vectorize}  # fmt: skip

ABSENT = {"put"}  # what changes an array in place in NumPy, and makes another one in PyTorch


def numpy_function(name: str) -> Function | None:
    """Return a function as NumPy has it, None where the table has nothing of that name."""
    if name in ABSENT:
        return None
    if name in FUNCTIONS:
        return Function(name, FUNCTIONS[name])
    if name in FORMS:
        return form_function(name, *FORMS[name])
    if name in MAKERS:
        return _maker(name, *MAKERS[name])
    row, preset = PRESET.get(name, (name, {}))
    if row not in ROWS:
        return None
    signature, function = ROWS[row].signature, row_function(ROWS[row], name, preset, lenient=True)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if row in ONE_BY_ONE:
            arrays = (tracer.tensor(x) if is_numeric_list(x) else x for x in args)
            return function.run(tracer, tuple(arrays), keywords)
        return function.run(tracer, *with_tensors(tracer, signature, args, keywords))

    return Function(name, run)


def _maker(name: str, text: str, make: Callable[..., Any]) -> Function:
    signature = Signature(name + text)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        made = make(tracer, *signature.bind(args, keywords).values())
        return made if isinstance(made, Node | tuple) else tracer.graph.leaf(made)

    return Function(name, run)
