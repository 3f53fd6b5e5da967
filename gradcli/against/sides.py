"""The same file run by PyTorch or JAX, and what it finds there beside what gradcli finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from gradcli.errors import InputFault
from gradcli.rule.dtypes import Array
from gradcli.session import Session

RELATIVE = {"float64": 1e-9, "complex128": 1e-9, "float16": 1e-2, "bfloat16": 5e-2}
SLACK = 64  # units in the last place of the largest number on the way, that rounding may take
ROUNDING = "rounding alone, of larger numbers that cancel"
COARSE = 1e-3  # other floating dtypes; integers and booleans are to be equal


@dataclass(frozen=True)
class Library:
    """What is compared with: its name, how it is installed, and the module that runs a file in it.

    That module has `comparisons(session, library)`, whose second argument is the library itself.
    """

    name: str
    command: str
    module: str


LIBRARIES: Mapping[str, Library] = {
    "torch": Library("PyTorch", "pip install torch==2.13.0", "gradcli.against.torch"),
    "jax": Library("JAX", "pip install 'jax[cpu]'", "gradcli.against.jax"),
}


@dataclass(frozen=True)
class Side:
    """What is known of a tensor on one side; `grad` is None where there is none."""

    value: Array
    grad: Array | None
    dtype: str
    grad_fn: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A named tensor on both sides, and in what they differ: nothing where `differs` is empty.

    `reasons` say from where on they differ, as far as that is known.
    """

    name: str
    ours: Side
    theirs: Side
    value_error: float
    grad_error: float | None
    differs: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unstated:
    """What could not be compared: the operation that the library lacks, its line, and why."""

    name: str
    op: str
    line: int
    why: str


@dataclass(frozen=True)
class Comparisons:
    """What was found of a file: its tensors, of what the gradients are, and what was left out."""

    library: str
    tensors: tuple[Comparison, ...]
    gradients: str
    unstated: tuple[Unstated, ...] = ()

    @property
    def status(self) -> int:
        """Exit status: 0 all the same, 1 something differs, 3 something could not be compared."""
        if any(c.differs for c in self.tensors):
            return 1
        return 3 if self.unstated or not self.tensors else 0


def against(session: Session, library: str) -> Comparisons:
    """Compare the named tensors of a run with those of the same file in another library.

    Raises: InputFault where the library is missing, the file is not one to run as Python, or
    nothing of it can be stated there; ArgumentFault where it does not run there.
    """
    known = LIBRARIES.get(library)
    if known is None:
        raise InputFault(
            f"--against {library}: not a library to compare with", hint=" or ".join(LIBRARIES)
        )
    try:
        imported = import_module(library)
    except ImportError:
        raise InputFault(
            f"--against {library}: {known.name} is not installed",
            hint=f"install it: {known.command}",
        ) from None
    except Exception as error:  # parts of it that do not fit each other, say
        raise InputFault(
            f"--against {library}: {known.name} cannot be imported: {error}",
            hint=f"install it again: {known.command}",
        ) from None
    found: Comparisons = import_module(known.module).comparisons(session, imported)
    return found


def compared(name: str, ours: Side, theirs: Side, reasons: Iterable[str] = ()) -> Comparison:
    """Return in what two sides differ."""
    differs = []
    if ours.value.shape != theirs.value.shape:
        differs.append("shape")
    if ours.dtype != theirs.dtype:
        differs.append("dtype")
    if ours.grad_fn != theirs.grad_fn:
        differs.append("grad_fn")
    value_error = distance(ours.value, theirs.value)
    if not value_error <= room(ours.dtype):
        differs.append("value")
    grad_error = None
    if ours.grad is not None and theirs.grad is not None:
        grad_error = distance(ours.grad, theirs.grad)
    if (ours.grad is None) != (theirs.grad is None) or not (grad_error or 0.0) <= room(ours.dtype):
        differs.append("gradient")
    return Comparison(name, ours, theirs, value_error, grad_error, tuple(differs), tuple(reasons))


def room(dtype: str) -> float:
    """Return how far values of a dtype may lie apart, relative to the largest."""
    if dtype.startswith(("bool", "int", "uint")):
        return 0.0
    return RELATIVE.get(dtype, COARSE)


def distance(a: Array, b: Array) -> float:
    """Return the largest difference, relative to the largest value; nan equals nan."""
    if a.shape != b.shape:
        return float("inf")
    if not a.size:
        return 0.0
    x, y = (z.astype(np.complex128 if z.dtype.kind == "c" else np.float64) for z in (a, b))
    with np.errstate(all="ignore"):
        gap = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    finite = np.abs(y[np.isfinite(y)])
    return float(np.nan_to_num(gap, nan=np.inf).max() / (finite.max(initial=0) or 1.0))


def is_rounding(a: Array, b: Array, dtype: str, numbers: Iterable[Any]) -> bool:
    """Say whether two arrays differ by no more than the rounding of the numbers they come from.

    What cancels has an error as large as that of what was added up: it is measured by the largest.
    """
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        gap = np.max(np.abs(np.subtract(a, b, dtype=np.complex128)), initial=0)
        return bool(gap <= unit(dtype) * max(map(largest, numbers), default=0.0))


def unit(dtype: str) -> float:
    """Return what rounding may take of a number of 1 in a dtype; nothing in an exact one."""
    if dtype == "bfloat16":
        return SLACK * 2.0**-7
    return SLACK * float(np.finfo(dtype).eps) if dtype[0] in "fc" else 0.0


def largest(x: Any) -> float:
    """Return the largest finite magnitude of an array, or of several; 0 where there is none."""
    if isinstance(x, tuple | list):
        return max((largest(part) for part in x if part is not None), default=0.0)
    if x is None:
        return 0.0
    sizes: Array = np.abs(np.asarray(x, np.complex128))
    return float(np.max(sizes[np.isfinite(sizes)], initial=0.0))


def furthest(a: Array | None, b: Array | None) -> tuple[tuple[int, ...], str, str] | None:
    """Return where two arrays are the furthest apart, and both elements, to 6 digits.

    None stands for arrays that have no such place: one is missing, empty, or of another shape.
    """
    if a is None or b is None or a.shape != b.shape or not a.size:
        return None
    x, y = (np.asarray(z, np.complex128) for z in (a, b))
    with np.errstate(all="ignore"):
        gap = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    place = np.unravel_index(int(np.argmax(np.nan_to_num(gap, nan=np.inf))), a.shape)
    at = tuple(int(i) for i in place)
    return at, f"{a[at]:.6g}", f"{b[at]:.6g}"


def root_of(session: Session) -> str:
    """Return what a file's gradients are of, as a person says it."""
    graph, source, id = session.graph, session.source, session.root
    if id is None:
        return ""
    name = graph.notes.title(id) or source.snippet(graph.notes.spans[id])
    return f"`{name}` (line {source.line_of(graph.notes.spans[id])})"
