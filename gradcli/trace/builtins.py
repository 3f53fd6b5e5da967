"""What a file can call besides the table of operations: Python's own functions and PyTorch's."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, GradcliError, LimitFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.ops import Row
from gradcli.ops.dtypes import DTYPES, promote
from gradcli.ops.dtypes import SYNONYMS as DTYPE_SYNONYMS
from gradcli.ops.meta import broadcast
from gradcli.ops.rule import number
from gradcli.ops.signature import SYNONYMS
from gradcli.trace import derivatives, dropout, running
from gradcli.trace.creation import CREATION, parameter
from gradcli.trace.values import (
    Function,
    Namespace,
    Results,
    as_node,
    described,
    is_numeric_list,
    results_of,
    to_array,
)

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]

CONSTANTS: dict[str, Any] = {"pi": float(np.pi), "e": float(np.e), "inf": float("inf"),
                             "nan": float("nan")}  # fmt: skip

# ---- rows ----------------------------------------------------------------------------------


def row_function(row: Row, name: str, preset: Keywords | None = None) -> Function:
    """Return an operation of the table as a function of a file."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        try:
            if not _any_node(args) and not _any_node(tuple(keywords.values())):
                return _on_numbers(row, tracer, args, keywords)
            given = {SYNONYMS.get(word, word) for word in keywords}
            unset = {k: v for k, v in (preset or {}).items() if k not in given}
            return results_of(row.call(args, unset | keywords))
        except (AttributeError, TypeError, IndexError, ValueError):
            _refuse_numbers(row, name, args, keywords)
            raise

    return Function(name, run)


def _refuse_numbers(row: Row, name: str, args: Args, keywords: Keywords) -> None:
    """Say that a number stands in a tensor's place, where an operation stumbled over one."""
    for word, value in row.signature.bind(args, keywords).items():
        if word in row.signature.tensors and number(value):
            raise ArgumentFault(
                f"{name}(): argument '{word}' must be a Tensor, not {type(value).__name__}",
                hint=f"tensor({value}) makes a tensor of a number",
            ) from None


def _any_node(values: Args) -> bool:
    return any(
        isinstance(x, Node) or (isinstance(x, tuple | list | Results) and _any_node(tuple(x)))
        for x in values
    )


def _on_numbers(row: Row, tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """Compute `exp(2.0)` as a number; lists, as NumPy takes them, become tensors."""
    if args and is_numeric_list(args[0]):
        first = as_node(tracer.graph, args[0])
        return results_of(row.call((first, *args[1:]), keywords))
    with np.errstate(all="ignore"):
        result = row.call(tuple(np.asarray(x) if number(x) else x for x in args), keywords)
    if isinstance(result, np.ndarray | np.generic):
        return result.item() if result.size == 1 else tracer.graph.leaf(np.asarray(result))
    return result


# ---- Python's functions --------------------------------------------------------------------


def _plain(args: Args, keywords: Keywords) -> bool:
    """Say whether Python's sum, max, … are called on a Python sequence or on numbers."""
    return not keywords.get("dim") and isinstance(args[0], tuple | list | range | int | float)


def _sum(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if not args:
        return ROWS["sum"].call(args, keywords)
    if _plain(args, keywords) and not is_numeric_list(args[0]):
        total: Any = args[1] if len(args) > 1 else 0
        for item in args[0]:
            total = tracer.binary("+", total, item)
        return total
    if _plain(args, keywords):
        return sum(_leaves(args[0]))
    return row_function(ROWS["sum"], "sum").run(tracer, args, keywords)


def _leaves(data: Any) -> list[Any]:
    if any(isinstance(x, list) for x in data):
        raise ArgumentFault(
            "sum of a list of lists", hint="bind it to a name first: x = [[1., 2.]]"
        )
    return list(data)


def _extremum(name: str, pick: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        items = list(args[0]) if len(args) == 1 and isinstance(args[0], tuple | list) else args
        if items and all(number(x) for x in items):
            return pick(items)
        if isinstance(items, list) and _any_node(tuple(items)):
            row = ROWS["maximum" if name == "max" else "minimum"]
            return reduce(lambda a, b: row.call((a, b), {}), items)
        return row_function(ROWS[name], name).run(tracer, args, keywords)

    return run


def _len(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    x = _only(args, "len")
    if isinstance(x, Node):
        if not x.shape:
            raise ArgumentFault("len() of a 0-d tensor")
        return x.shape[0]
    if isinstance(x, tuple | list | range | str | Results | dict):
        return len(x)
    raise ArgumentFault(f"{described(x)} has no length")


def _only(args: Args, name: str) -> Any:
    if len(args) != 1:
        raise ArgumentFault(f"{name}() takes one argument ({len(args)} given)")
    return args[0]


def _first(args: Args, name: str, signature: str) -> Any:
    if not args:
        raise ArgumentFault(f"{name}() needs an argument", hint=f"the signature is `{signature}`")
    return args[0]


def _range(tracer: Tracer, args: Args, keywords: Keywords) -> range:
    hint = "the signature is `range(stop)` or `range(start, stop, step=1)`"
    for x in args:
        if not isinstance(x, int) and not (isinstance(x, Node) and x.is_index):
            raise ArgumentFault(f"range() takes integers, not {described(x)}", hint=hint)
    if not 1 <= len(args) <= 3 or keywords:
        raise ArgumentFault(f"range() takes one to three integers ({len(args)} given)", hint=hint)
    if len(args) == 3 and not args[2].__index__():
        raise ArgumentFault("the step of range() must not be zero")
    found = range(*(x.__index__() for x in args))
    steps = abs(found.stop - found.start) // abs(found.step)
    if steps > tracer.graph.limits.nodes:
        raise LimitFault(
            f"range() of {steps:,} steps: more than the limit of {tracer.graph.limits.nodes:,}",
            hint="allow more with --max-nodes",
        )
    return found


def _cast(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args:
            return kind()
        x = _only(args, kind.__name__)
        if isinstance(x, Node):
            if x.requires_grad and kind is float:
                tracer.notice(
                    "Converting a tensor with requires_grad=True to a scalar may lead to "
                    "unexpected behavior.\nConsider using tensor.detach() first."
                )
            x = item(tracer, x)
        try:
            return kind(x)
        except (TypeError, ValueError, OverflowError):
            what = repr(x) if isinstance(x, str | int | float | complex) else described(x)
            raise ArgumentFault(f"{kind.__name__}() cannot convert {what}") from None

    return run


def item(tracer: Tracer, x: Node) -> Any:
    """Return the only element of a tensor as a Python number."""
    count = int(np.prod(x.shape))
    if count != 1:
        raise ArgumentFault(f"a Tensor with {count} elements cannot be converted to Scalar")
    return x.value.item()


def _zip(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    return list(zip(*(tracer.iterate(x) for x in args), strict=False))


def _enumerate(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    first = _first(args, "enumerate", "enumerate(items, start=0)")
    start: Any = keywords.get("start", args[1] if len(args) > 1 else 0)
    if not isinstance(start, int):
        raise ArgumentFault(f"enumerate() starts at an integer, not at {described(start)}")
    return list(enumerate(tracer.iterate(first), start))


def _sequence(kind: Any) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        return kind(tracer.iterate(args[0])) if args else kind()

    return run


def _reversed(tracer: Tracer, args: Args, keywords: Keywords) -> list[Any]:
    return list(tracer.iterate(_only(args, "reversed")))[::-1]


def _round(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if args and isinstance(args[0], int | float):
        return round(*args)
    return row_function(ROWS["round"], "round").run(tracer, args, keywords)


# ---- PyTorch's functions that are no operations --------------------------------------------


def _allclose(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    """Say whether |a - b| ≤ atol + rtol·|b| everywhere."""
    a, b, rtol, atol, equal_nan = close_arguments(args, keywords)
    left, right = as_node(tracer.graph, a), as_node(tracer.graph, b)
    broadcast(left.shape, right.shape)
    with np.errstate(all="ignore"):
        return bool(np.allclose(left.value, right.value, rtol, atol, equal_nan))


def close_arguments(args: Args, keywords: Keywords) -> tuple[Any, Any, float, float, bool]:
    """Return both sides of an `allclose` and its tolerances."""
    names = ("input", "other", "rtol", "atol", "equal_nan")
    given = dict(zip(names, args, strict=False)) | keywords
    signature = "allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)"
    if "input" not in given or "other" not in given or set(given) - set(names):
        raise ArgumentFault("allclose() takes two tensors", hint=f"the signature is `{signature}`")
    tolerances = given.get("rtol", 1e-5), given.get("atol", 1e-8)
    for tolerance in tolerances:
        if not isinstance(tolerance, int | float):
            raise ArgumentFault(f"a tolerance is a number, not {described(tolerance)}")
    return (given["input"], given["other"], *map(float, tolerances),
            bool(given.get("equal_nan", False)))  # fmt: skip


def _equal(tracer: Tracer, args: Args, keywords: Keywords) -> bool:
    if len(args) != 2:
        raise ArgumentFault(f"equal() takes two tensors ({len(args)} given)")
    a, b = (as_node(tracer.graph, x).value for x in args)
    return bool(np.array_equal(a, b))


def _result_type(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    if len(args) != 2:
        raise ArgumentFault(f"result_type() takes two tensors or numbers ({len(args)} given)")
    return promote(args, tracer.graph.default_dtype)


def _manual_seed(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    seed = _only(args, "manual_seed")
    if not isinstance(seed, int):
        raise ArgumentFault(f"a seed is an integer, not {described(seed)}")
    tracer.generator.manual_seed(seed)


def _set_default_dtype(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    dtype = _only(args, "set_default_dtype")
    if getattr(dtype, "kind", "") != "f":
        raise ArgumentFault(
            "only floating-point types are supported as the default type",
            hint="float64, float32 or float16",
        )
    tracer.graph.default_dtype = dtype


def _load(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    name = _only(args, "load")
    if not isinstance(name, str):
        raise ArgumentFault("load() takes a file's name", hint='load("points.npz")["x"]')
    try:
        found = tracer.read(name)
    except GradcliError as error:
        error.hint = error.hint or "files are looked for beside the expression file"
        raise error.at(tracer.source, tracer.graph.span) from None
    return found if isinstance(found, dict) else tracer.graph.leaf(found)


def _backward(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    first = _first(args, "backward", "backward(tensors, grad_tensors=None, retain_graph=None)")
    tensors = first if isinstance(first, tuple | list) else (first,)
    for x in tensors:
        tracer.backward(x, *args[1:], **keywords)


def _print(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    for word in keywords:
        if word not in ("sep", "end", "flush"):
            raise ArgumentFault(
                f"print() got an unexpected keyword argument '{word}'",
                hint="the signature is `print(…, sep=' ', end='\\n')`",
            )
    separator, end = keywords.get("sep"), keywords.get("end")
    text = (" " if separator is None else str(separator)).join(tracer.text(x) for x in args)
    tracer.write(text + ("\n" if end is None else str(end)))


def _nothing(tracer: Tracer, args: Args, keywords: Keywords) -> None:
    """`set_printoptions`, …: what changes nothing here."""


# ---- the tables ----------------------------------------------------------------------------

PYTHON: dict[str, Any] = {
    "sum": _sum, "max": _extremum("max", max), "min": _extremum("min", min), "len": _len,
    "range": _range, "float": _cast(float), "int": _cast(int), "bool": _cast(bool),
    "str": lambda tracer, args, keywords: tracer.text(_only(args, "str")),
    "zip": _zip, "enumerate": _enumerate, "list": _sequence(list), "tuple": _sequence(tuple),
    "reversed": _reversed, "round": _round, "print": _print,
}  # fmt: skip

OTHERS: dict[str, Any] = {
    **CREATION,
    **derivatives.FUNCTIONS,
    **dropout.FUNCTIONS,
    **{name: running.tracked(name, row_function(ROWS[name], name).run)
       for name in running.TRACKED},
    "unfold": row_function(ROWS["nn.functional.unfold"], "unfold").run,  # x.unfold is another one
    "param": parameter, "nn.Parameter": parameter, "Parameter": parameter,
    "allclose": _allclose, "equal": _equal, "array_equal": _equal, "result_type": _result_type,
    "manual_seed": _manual_seed, "set_default_dtype": _set_default_dtype, "load": _load,
    "autograd.backward": _backward, "set_printoptions": _nothing, "random.seed": _manual_seed,
}  # fmt: skip

# NumPy's functions that differ from PyTorch's of the same name: the row, and arguments preset
NUMPY: dict[str, tuple[str, Keywords]] = {
    "max": ("amax", {}), "min": ("amin", {}), "std": ("std", {"correction": 0}),
    "var": ("var", {"correction": 0}), "dot": ("matmul", {}),
    "repeat": ("repeat_interleave", {}), "split": ("tensor_split", {}),
    "meshgrid": ("meshgrid", {"indexing": "xy"}), "nonzero": ("nonzero", {"as_tuple": True}),
    **{name: (f"np.{name}", {}) for name in ("transpose", "cumsum", "cumprod", "sort", "median",
                                             "nanmedian", "percentile", "take", "pad", "flip",
                                             "roll")},
}  # fmt: skip

MODULES = {
    "torch": "", "numpy": "np", "np": "np", "jax": "jax", "jax.numpy": "np", "jnp": "np",
    "math": "", "F": "", "nn": "nn", "torch.nn": "nn", "torch.nn.functional": "",
    "nn.functional": "", "jax.nn": "", "jax.scipy.special": "", "scipy.special": "",
    "special": "", "torch.special": "", "linalg": "linalg", "torch.linalg": "linalg",
    "np.linalg": "linalg", "numpy.linalg": "linalg", "numpy.fft": "fft",
    "numpy.random": "random", "jax.numpy.linalg": "linalg", "jax.numpy.fft": "fft",
    "jnp.linalg": "linalg", "jnp.fft": "fft", "fft": "fft", "torch.fft": "fft", "np.fft": "fft",
    "torch.autograd": "autograd", "autograd": "autograd",
    "torch.autograd.functional": "", "autograd.functional": "", "torch.func": "func",
    "func": "func", "np.random": "random", "torch.random": "random",
}  # fmt: skip

DTYPE_NAMES = {**{name: name for name in DTYPES}, **DTYPE_SYNONYMS}


def numpy_function(name: str) -> Function:
    """Return a function of NumPy that differs from PyTorch's of the same name."""
    row, preset = NUMPY[name]
    return row_function(ROWS[row], name, preset)


def member(module: Namespace, name: str) -> Any:
    """Return what a module has under a name, None where it has nothing."""
    path = f"{module.path}.{name}" if module.path else name
    if path in MODULES:
        return Namespace(path)
    prefix = MODULES.get(module.path, module.path)
    if prefix == "np":
        if name in NUMPY:
            return numpy_function(name)
        prefix = ""
    return lookup(f"{prefix}.{name}" if prefix else name, bare=False) or (
        lookup(name, bare=False) if prefix in ("linalg", "func", "jax", "nn", "random") else None
    )


def lookup(name: str, *, bare: bool = True) -> Any:
    """Return the function, dtype, constant or module of a name, None where there is none.

    A bare name may be Python's own; behind a prefix it is the library's.
    """
    if bare and name in PYTHON:
        return Function(name, PYTHON[name])
    if name in OTHERS:
        return Function(name, OTHERS[name])
    if name in ROWS:
        return row_function(ROWS[name], name)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in DTYPE_NAMES and not (bare and name in ("int", "float", "bool")):
        return DTYPES[DTYPE_NAMES[name]]
    if name in ("no_grad", "enable_grad", "inference_mode"):
        return Function(name, lambda tracer, args, keywords: Function(name, _nothing))
    return Namespace(name) if name in MODULES and bare else None


def names() -> set[str]:
    """Return every name that `lookup` knows, for suggestions."""
    return {*PYTHON, *OTHERS, *ROWS, *CONSTANTS, *DTYPE_NAMES, *MODULES}


__all__ = ["close_arguments", "item", "lookup", "member", "names", "to_array"]
