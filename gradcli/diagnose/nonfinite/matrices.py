"""Matrices that are singular, not positive definite, or have equal eigenvalues."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.kinds import events_of
from gradcli.diagnose.nonfinite.measures import named, operands
from gradcli.diagnose.nonfinite.told import number
from gradcli.diagnose.subject import Subject
from gradcli.rule.dtypes import Array

DECOMPOSITIONS = {"eigh": 0, "eig": 0, "svd": 1}  # and which result has the values
SOLVERS = {"inv", "inverse", "solve", "inv_ex", "solve_ex", "tensorinv", "solve_triangular"}
DETERMINANTS = {"det", "slogdet", "logdet"}
OF_FULL_RANK = {"linalg.qr", "_lstsq", "linalg.svd", "_svd", "linalg.inv", "linalg.solve"}
JITTERS = "1e-8", "1e-6", "1e-4"
CLOSE = 1e-10  # relative to the largest: values that are no nearer are not equal
MOST = 500  # rows of a matrix whose values are looked at


# ---- equal eigenvalues ---------------------------------------------------------------------


def equal_values(subject: Subject, event: Event) -> str:
    """Say which two eigenvalues or singular values are equal."""
    graph, name = subject.graph, named(subject.graph, event.row)
    if event.stage == 0 or name not in DECOMPOSITIONS:
        return ""
    values = np.asarray(graph.value(event.row)[DECOMPOSITIONS[name]])
    what = "singular values" if name == "svd" else "eigenvalues"
    of = subject.label(operands(graph, event.row)[0])
    for place in np.ndindex(values.shape[:-1]):
        row = values[place]
        scale = float(np.abs(row).max(initial=0.0)) or 1.0
        order = np.argsort(row.real, kind="stable")
        for i, j in pairwise(map(int, order)):
            if abs(row[i] - row[j]) <= CLOSE * scale:
                i, j = sorted((i, j))
                matrix = f" of matrix {list(place)}" if place else ""
                return (
                    f"The {what} {i} and {j} of `{of}`{matrix} are both "
                    f"{number(complex(row[i]))}. The derivatives of their vectors divide by the "
                    f"difference, 0."
                )
        if name == "svd" and abs(row[-1]) <= CLOSE * scale:
            return (
                f"Singular value {len(row) - 1} of `{of}` is {number(complex(row[-1]))}: the "
                "derivatives of its vectors divide by it."
            )
    return ""


# ---- singular matrices ---------------------------------------------------------------------


def _matrix(subject: Subject, row: int) -> int:
    return operands(subject.graph, row)[0]


def facts(matrix: Array) -> str:
    """Return in words how far from full rank a matrix is, "" where that is not known."""
    if matrix.ndim != 2 or max(matrix.shape) > MOST or not np.isfinite(matrix).all():
        return ""
    values = np.linalg.svd(matrix.astype(complex), compute_uv=False)
    rank, size = int((values > 1e-13 * values[0]).sum()) if values.size else 0, len(values)
    if rank == size:
        return f"its condition number is {values[0] / values[-1]:.2g}"
    return f"its rank is {rank} of {size}, its least singular value {values[-1]:.2g}"


def _worst(matrices: Array) -> tuple[Array, str]:
    """Return the matrix of a batch that is nearest to a singular one, and which it is."""
    if matrices.ndim == 2:
        return matrices, ""
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    least = [np.linalg.svd(m, compute_uv=False)[-1] if np.isfinite(m).all() else 0.0 for m in flat]
    k = int(np.argmin(least))
    place = np.unravel_index(k, matrices.shape[:-2])
    return flat[k], f"matrix {list(map(int, place))} of "


def singular(subject: Subject, event: Event) -> str:
    """Say of which matrix the determinant or inverse is taken though it is singular."""
    graph, row = subject.graph, event.row
    name = named(graph, row)
    if event.stage == 0 and name == "log" and event.value.real == -np.inf:
        return _log_det(subject, event)
    if name not in DETERMINANTS | SOLVERS | {"cholesky", "matrix_exp", "lu_factor", "lu"}:
        return ""
    of = _matrix(subject, row)
    matrix, which = _worst(subject.value(of))
    if name == "matrix_exp":
        largest = float(np.abs(np.linalg.eigvals(matrix)).max()) if matrix.size else 0.0
        return (
            f"The matrix exponential of {which}`{subject.label(of)}` overflows: its largest "
            f"eigenvalue is {largest:.6g} in size, and exp of that is too large."
        )
    known = facts(matrix)
    if not known.startswith("its rank"):
        return ""
    result = "its log determinant is log(0) = -inf" if name in DETERMINANTS else "it has no inverse"
    if event.stage == 1:
        result = "the derivative needs its inverse, which does not exist"
    return f"{_sentence(which, subject.label(of))} is singular ({known}): {result}."


def _sentence(which: str, label: str) -> str:
    return f"M{which[1:]}`{label}`" if which else f"`{label}`"


def _det(subject: Subject, row: int) -> int | None:
    """Return the determinant of which a row is the logarithm."""
    graph = subject.graph
    at = operands(graph, row)[0]
    while named(graph, at) in ("abs", "clamp_min") and operands(graph, at):
        at = operands(graph, at)[0]
    return at if named(graph, at) == "det" else None


def _log_det(subject: Subject, event: Event) -> str:
    if (at := _det(subject, event.row)) is None:
        return ""
    of = _matrix(subject, at)
    matrix, which = _worst(subject.value(of))
    known = facts(matrix)
    sign, log = np.linalg.slogdet(matrix)
    if known.startswith("its rank"):
        return (
            f"The determinant of {which}`{subject.label(of)}` is 0 ({known}), and log(0) is -inf."
        )
    return (
        f"The determinant of {which}`{subject.label(of)}` is {sign:g}e{log / np.log(10):.0f}, too "
        f"small for a number: it becomes 0, and log(0) is -inf. Its logarithm is {log:.6g}."
    )


def determinants(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose slogdet for log(det), and a small number on the diagonal."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written = pieces.piece(subject, event.row)
    if written is None:
        return
    at = _det(subject, event.row) if named(subject.graph, event.row) == "log" else None
    inner = None if at is None else pieces.piece(subject, at)
    if inner is not None and inner.operands:
        of = pieces.text(subject, inner.operands[0])
        for name, end in ("logdet", ""), ("linalg.slogdet", "[1]"):
            if name == "logdet" and pieces.is_numpy(subject):
                continue
            yield Rewrite((Edit(written.span, f"{subject.function(name)}({of}){end}"),),
                          "sums logarithms of the pivots, which do not underflow")  # fmt: skip
        written = inner
    yield from jittered(subject, written)


def jittered(subject: Subject, written: pieces.Piece) -> Iterator[Rewrite]:
    """Propose a small number on the diagonal of the matrix that an operation takes."""
    if not written.operands:
        return
    of = written.operands[0]
    text = pieces.factor(subject, of)
    eye = subject.function("eye")
    is_method = of.span.start == written.span.start
    for small in JITTERS:
        new = f"{text} + {small} * {eye}({text}.shape[-1])"
        new = f"({new})" if is_method else new
        yield Rewrite((pieces.replaced(of, new),), f"adds {small} to the diagonal")


# ---- errors that end the run ---------------------------------------------------------------


def refused_matrix(subject: Subject) -> Iterator[Sighting]:
    """Yield the matrix at which a factorisation or an inverse has ended the run."""
    fault = subject.fault
    if fault is None or fault.span is None:
        return
    graph = subject.graph
    rows = [r for r in range(len(graph)) if graph.notes.spans[r] == fault.span and graph.ops[r]]
    for row in rows:
        name = named(graph, row)
        if name in SOLVERS | {"cholesky", "cholesky_ex", "lu_factor", "lu", "cholesky_inverse"}:
            of = _matrix(subject, row)
            if of not in set(subject.rows):
                return
            matrix, which = _worst(subject.value(of))
            yield Sighting(
                _refused(subject, name, of, matrix, which), row=row, span=fault.span,
                moment=(0, row), key="refused matrix",
            )  # fmt: skip
            return


def _refused(subject: Subject, name: str, of: int, matrix: Array, which: str) -> str:
    label = subject.label(of)
    if name.startswith("cholesky"):
        values = np.linalg.eigvalsh((matrix + matrix.conj().T) / 2)
        return (
            f"The run ends here: {which}`{label}` is not positive definite. Its least "
            f"eigenvalue is {values[0]:.3g}, its largest {values[-1]:.3g}."
        )
    return f"The run ends here: {which}`{label}` is singular ({facts(matrix)})."


def refused_rewrites(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose a small number on the diagonal."""
    assert sighting.row is not None, "it has a row"
    written = pieces.piece(subject, sighting.row)
    if written is not None:
        yield from jittered(subject, written)


def deficient(subject: Subject) -> Iterator[Sighting]:
    """Yield decompositions of matrices without full rank whose gradients are made of rounding."""
    if subject.root is None:
        return
    graph, begun = subject.graph, {e.row for e in events_of(subject).found}
    rows = [i for i, op in enumerate(graph.ops) if op is not None and op.name in OF_FULL_RANK]
    for row in rows:
        if row in begun or not _is_differentiated(subject, row):
            continue
        of = _matrix(subject, row)
        known = facts(subject.value(of))
        if known.startswith("its rank"):
            yield Sighting(
                f"`{subject.label(of)}` has not full rank ({known}): "
                f"`{subject.text(row)}` divides by what is 0 up to rounding, and its gradients "
                "are made of rounding errors.",
                row=row, moment=(0, row), key=("event", subject.span(row)),
            )  # fmt: skip


def _is_differentiated(subject: Subject, row: int) -> bool:
    """Say whether a gradient arrives at a factor: of svd, at the vectors."""
    for flow in subject.flows:
        parts = flow.cotangents.get(row)
        parts = parts if isinstance(parts, list) else [parts]
        if named(subject.graph, row) == "svd":
            parts = [g for k, g in enumerate(parts) if k != DECOMPOSITIONS["svd"]]
        if any(g is not None and np.any(g) for g in parts):
            return True
    return False
