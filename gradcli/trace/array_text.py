"""Arrays and their dtypes as NumPy and JAX write them; NumPy itself does the writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, GradcliError
from gradcli.graph import Node
from gradcli.rule.dtypes import Array, DType
from gradcli.rule.rule import Elementwise
from gradcli.rule.signature import Signature
from gradcli.trace.contexts import Context, Managed
from gradcli.trace.libraries import JAX, NUMPY, Library, named_dtype

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# NumPy's own defaults: the process that gradcli runs in may have set others
OPTIONS: dict[str, Any] = {
    "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False,
    "linewidth": 75, "nanstr": "nan", "infstr": "inf", "sign": "-", "formatter": None,
    "legacy": False,
}  # fmt: skip
_SET = Signature(
    "set_printoptions(precision: int = None, threshold: number = None, edgeitems: int = None, "
    "linewidth: int = None, suppress: bool = None, nanstr: str = None, infstr: str = None, "
    "sign: str = None, floatmode: str = None)"
)
_PREFIX = "Array("


def set_options(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Change how arrays are written from here on, as `np.set_printoptions` does."""
    given = {k: v for k, v in _SET.bind(args, keywords).items() if v is not None}
    if any(not 0 <= v < 1000 for k, v in given.items() if k in ("precision", "edgeitems")):
        raise ArgumentFault("precision and edgeitems are numbers from 0 to 999")
    try:
        with np.printoptions(**OPTIONS | given):
            tracer.array_options = {**tracer.array_options, **given}
    except (ValueError, TypeError) as error:
        raise ArgumentFault(str(error)) from None


class _PrintOptions(Managed):
    """What `np.printoptions` gives: options that hold for a block."""

    def __init__(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.args, self.keywords = args, keywords

    def context(self, tracer: Tracer) -> Context:
        """Return the context that it is for one block."""
        return _Options(tracer, self)


class _Options:
    def __init__(self, tracer: Tracer, given: _PrintOptions) -> None:
        self.tracer, self.given, self.before = tracer, given, tracer.array_options

    def enter(self) -> None:
        self.before = self.tracer.array_options
        set_options(self.tracer, self.given.args, self.given.keywords)

    def leave(self, error: GradcliError | None) -> bool:  # noqa: ARG002 -- as all contexts
        self.tracer.array_options = self.before
        return False


_STRING = Signature(
    "array2string(a, max_line_width: int = None, precision: int = None, "
    "suppress_small: bool = None, separator: str = ' ', prefix: str = '', "
    "threshold: int = None, edgeitems: int = None, sign: str = None, floatmode: str = None)"
)


def _array2string(tracer: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """Return an array as `np.array2string` writes it."""
    given = _STRING.bind(args, keywords)
    value = np.asarray(given.pop("a").value)
    with np.printoptions(**OPTIONS | tracer.array_options):
        return np.array2string(value, **{k: v for k, v in given.items() if v is not None})


FUNCTIONS = {
    "set_printoptions": set_options,
    "printoptions": lambda tracer, args, keywords: _PrintOptions(args, keywords),
    "array2string": _array2string,
}


def array_text(tracer: Tracer, x: Node, library: Library, *, quoted: bool) -> str:
    """Return an array of NumPy or JAX as `str` gives it; as `repr` does where `quoted`."""
    value = _shown(tracer, x, library)
    with np.printoptions(**OPTIONS | tracer.array_options):
        if not quoted:
            return str(value)
        if library is JAX:
            return _jax_repr(np.asarray(value), is_weak(tracer, x))
        return repr(value)


def array_format(tracer: Tracer, x: Node, library: Library, form: str) -> str:
    """Return an array as an f-string has it.

    Raises: TypeError and ValueError, as Python does, where it has no such format.
    """
    value = _shown(tracer, x, library)
    with np.printoptions(**OPTIONS | tracer.array_options):
        return format(value[()] if not value.ndim else value, form)


def _shown(tracer: Tracer, x: Node, library: Library) -> Any:
    """Return an array of the dtype that it has there, or the scalar that NumPy has instead."""
    value: Array = np.asarray(x.value)
    if library is JAX:
        return value.astype(named_dtype(tracer, value.dtype, library, "dtype"))
    value = np.array(value, np.dtype(value.dtype.str) if value.dtype.metadata else None)
    return value[()] if not value.ndim and is_scalar(tracer, x) else value


def is_scalar(tracer: Tracer, x: Node) -> bool:
    """Say whether a value without dimensions is a scalar of NumPy's, and no array.

    Operations give scalars; what makes an array, and what looks at one in another shape, an array.
    """
    graph, row = x.graph, x.id
    while (op := graph.ops[row]) is not None:
        if op.label in ("select", "index") or not (op.view or op.label in ("to", "clone")):
            return True
        row = graph.inputs[row][0]
        if graph.metas[row].shape:
            return False
    return row in tracer.scalars


def is_weak(tracer: Tracer, x: Node) -> bool:
    """Say whether a value of JAX's has its dtype only because Python's numbers were its source."""
    if x.dtype.kind == "b":
        return False
    graph, pending = x.graph, [x.id]
    seen = set(pending)
    while pending:
        row = pending.pop()
        op = graph.ops[row]
        if op is None:
            if row not in graph.notes.weak:
                return False
        elif not (isinstance(op.derivative, Elementwise) or op.view):
            return False
        for i in graph.inputs[row]:
            if i >= 0 and i not in seen:
                seen.add(i)
                pending.append(i)
    return True


def _jax_repr(value: Array, weak: bool) -> str:
    """Return an array as JAX's `repr` has it, after `ArrayImpl.__repr__` of JAX 0.10."""
    width = np.get_printoptions()["linewidth"]
    dtype = f"dtype={value.dtype.name}{', weak_type=True' if weak else ''}"
    if value.size:
        text = np.array2string(
            value, prefix=_PREFIX, suffix=",", separator=", ", max_line_width=width
        )
    else:
        text = f"[], shape={value.shape}"
    last = len(text) - text.rfind("\n") + 1
    gap = " " * len(_PREFIX) if last + len(dtype) + 2 > width else " "
    return f"{_PREFIX}{text},{gap}{dtype})"


def dtype_text(dtype: DType, library: Library | None, *, quoted: bool) -> str:
    """Return a dtype as its library writes it: `torch.float32`, `float32`, `dtype('float32')`.

    `library` is whose it is where it has no mark.
    """
    mark: Any = dtype.metadata or {}
    name = mark.get("library") or (library and library.name)
    if name not in (NUMPY.name, JAX.name):
        return f"torch.{dtype.name}"
    if mark.get("kind", "class") == "class":
        return f"<class '{'jax.numpy' if name == JAX.name else 'numpy'}.{dtype.name}'>"
    return f"dtype('{dtype.name}')" if quoted else dtype.name
