"""Whose values a file computes with: what a library makes of floats, and whose a tensor is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from gradcli.graph import Node
from gradcli.ops import FUNCTIONS
from gradcli.rule.dtypes import DTYPES, FLOAT32, FLOAT64, DType, to_complex
from gradcli.syntax import tree
from gradcli.trace.values import Function, Namespace, Results, as_node, to_array

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Library(NamedTuple):
    """A library: the dtype that its functions make of Python floats, and its rank.

    Where values of two libraries meet, the result is that of the one with the higher rank.
    """

    name: str
    default_dtype: DType
    rank: int


NUMPY = Library("numpy", FLOAT64, 0)  # HIPS autograd computes with NumPy's arrays
JAX = Library("jax", FLOAT32, 1)
TORCH = Library("torch", FLOAT32, 2)

LIBRARIES = {"numpy": NUMPY, "np": NUMPY, "autograd": NUMPY, "jax": JAX, "jnp": JAX,
             "torch": TORCH}  # fmt: skip
NARROW = {"float64": "float32", "int64": "int32", "complex128": "complex64"}  # JAX's without x64


# ---- of a file -----------------------------------------------------------------------------


def libraries_of(program: tree.Program) -> frozenset[Library]:
    """Return the libraries that a file's own lines import."""
    roots = (s.module.partition(".")[0] for s in program.statements if isinstance(s, tree.Import))
    return frozenset(LIBRARIES[root] for root in roots if root in LIBRARIES)


def chief(libraries: frozenset[Library]) -> Library | None:
    """Return the library whose conventions bare names follow, None where there is none."""
    return max(libraries, key=lambda library: library.rank, default=None)


def default_of(library: Library | None) -> DType:
    """Return the dtype of a file's floats: a file that imports no library has float64."""
    return FLOAT64 if library is None else library.default_dtype


def is_narrow(tracer: Tracer) -> bool:
    """Say whether JAX has no types of 64 bits, as it has none until `jax_enable_x64` is set."""
    return tracer.graph.default_dtype == FLOAT32


# ---- of a function -------------------------------------------------------------------------


def owned(tracer: Tracer, module: Namespace, found: Any) -> Any:
    """Return a module's member as that of its library, in a file that imports others besides.

    Its functions make floats of the library's dtype, and what they return is the library's.
    """
    library = LIBRARIES.get(module.path.partition(".")[0])
    if library is None:
        return found
    if isinstance(found, np.dtype):
        return named_dtype(tracer, found, library, "class")
    if not tracer.mixed or library is TORCH or not isinstance(found, Function):
        return found  # PyTorch is first in rank: its results follow from their operands

    def run(tr: Tracer, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if library is JAX and is_narrow(tr):
            args, keywords = _narrowed(args), {k: _narrowed(x) for k, x in keywords.items()}
        with _default(tr, library):
            made = found.run(tr, args, keywords)
            if (
                isinstance(made, Node)
                and any(made is x for x in args)
                and library_of(tr, made) is not library
            ):
                made = FUNCTIONS["clone"].call((made,), {})  # the operand stays another's
        for x in made if isinstance(made, (tuple, list, Results)) else (made,):
            if isinstance(x, Node):
                claim(tr, x, library)
        return made

    return Function(found.name, run)


def _narrowed(value: Any) -> Any:
    """Return NumPy's doubles as JAX takes them."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_narrowed, value))
    if isinstance(value, Node) and value.dtype in (FLOAT64, np.complex128):
        narrow = FLOAT32 if value.dtype == FLOAT64 else to_complex(FLOAT32)
        return FUNCTIONS["to"].call((value, narrow), {})
    return value


@contextmanager
def _default(tracer: Tracer, library: Library) -> Iterator[None]:
    """Let floats be the library's for a while, unless the run states what they are."""
    graph, before = tracer.graph, tracer.graph.default_dtype
    if tracer.options.default_dtype is None and library is NUMPY:
        graph.default_dtype = FLOAT64
    try:
        yield
    finally:
        graph.default_dtype = before


# ---- of a value ----------------------------------------------------------------------------


def claim(tracer: Tracer, x: Node, library: Library) -> None:
    """Take note that a tensor is a library's, whatever its operands were."""
    tracer.mixed = tracer.mixed or library is not tracer.library
    tracer.graph.notes.makers[x.id] = library


def has_arrays(library: Library | None) -> TypeGuard[Library]:
    """Say whether a library's values are arrays like NumPy's."""
    return library is NUMPY or library is JAX


def is_number_of(tracer: Tracer, x: Node, key: Any) -> bool:
    """Say whether an index that leaves no dimensions takes a scalar out of an array of NumPy's."""
    keys = key if isinstance(key, tuple) else (key,)
    return not any(k is Ellipsis for k in keys) and library_of(tracer, x) is NUMPY


def cast_by(tracer: Tracer, dtype: DType, value: Any) -> Node:
    """Return what calling a dtype gives: `np.float64(3.0)` is a scalar of NumPy's."""
    node = as_node(tracer.graph, to_array(value, dtype=DTYPES[dtype.name]))
    mark: Any = dtype.metadata or {}
    library = LIBRARIES.get(mark.get("library", ""))
    if library is not None and tracer.mixed:
        claim(tracer, node, library)
    if library is NUMPY and not node.shape:
        tracer.scalars.add(node.id)
    return node


def library_of(tracer: Tracer, x: Node) -> Library | None:
    """Return the library whose value a tensor is, None in a file that imports none.

    In a file that imports several it is that of the function that has made it, else the first in
    rank of those of its operands; this is looked up when it is asked for, and costs a run nothing.
    """
    if not tracer.mixed:
        return tracer.library
    graph, pending = tracer.graph, [x.id]
    storage = getattr(x, "storage", None)
    if storage is not None and storage.library is not None:
        return storage.library  # type: ignore[no-any-return]
    found: dict[int, Library | None] = graph.notes.makers
    while pending:
        row = pending[-1]
        before = graph.notes.written.get(row)  # what is written in place stays its owner's
        parents = [i for i in graph.inputs[row] if i >= 0] if before is None else [before]
        if row in found or not parents:
            found.setdefault(row, tracer.library)
            pending.pop()
        elif unknown := [i for i in parents if i not in found]:
            pending.extend(unknown)
        else:
            found[row] = max((found[i] for i in parents), key=_rank)
    return found[x.id]


def _rank(library: Library | None) -> int:
    return TORCH.rank if library is None else library.rank


def named_dtype(tracer: Tracer, dtype: DType, library: Library | None, kind: str) -> DType:
    """Return a dtype that knows whose it is, for its text: a `class`, or what an array has.

    PyTorch's have no mark.
    """
    if library is None or library is TORCH:
        return dtype
    if library is JAX and is_narrow(tracer) and dtype.name in NARROW:
        dtype = np.dtype(NARROW[dtype.name])
    return np.dtype(dtype, metadata={"library": library.name, "kind": kind})
